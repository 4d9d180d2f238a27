//! Products: the shop's live ones for the agent, any live one by id for the buyer.

use deskwire_protocol::{
    ShopId,
    ids::ProductId,
    product::{Product, ProductParams, ProductResult, ProductStatus, ProductsListParams, ProductsListResult},
};
use deskwire_store::{ProductQuery, ProductRecord, Scope, Side};

use crate::{
    Caller, Workbench, WorkbenchError,
    page::{cut, read},
    rules::products::price_range,
};

impl Workbench {
    /// `workbench.products.list`.
    pub async fn products_list(
        &self,
        caller: &Caller,
        params: ProductsListParams,
    ) -> Result<ProductsListResult, WorkbenchError> {
        let ProductsListParams { query, by, in_stock, page_size, page_token } = params;
        let query = ProductQuery {
            text: query,
            by,
            status: Some(ProductStatus::Activate),
            in_stock,
            category: None,
            before: read(page_token.as_ref())?,
        };
        let records = self.store().find_products(&caller.scope.shop_id, &query, page_size.get() + 1).await?;
        let (records, next_page_token) = cut(records, page_size.get(), |record| record.product_no.to_string());
        let products = records.into_iter().map(|record| self.complete_product(&caller.scope.shop_id, record)).collect();
        Ok(ProductsListResult { products, next_page_token })
    }

    /// `workbench.products.get` and `buyer.products.get`. A buyer sees only what is sold.
    pub async fn products_get(
        &self,
        caller: &Caller,
        params: ProductParams,
    ) -> Result<ProductResult, WorkbenchError> {
        let record = self.product_record(&caller.scope, &params.product_id).await?;
        Ok(ProductResult { product: self.complete_product(&caller.scope.shop_id, record) })
    }

    pub(crate) async fn product_record(
        &self,
        scope: &Scope,
        id: &ProductId,
    ) -> Result<ProductRecord, WorkbenchError> {
        let record = self.find_product(&scope.shop_id, id).await?.ok_or(WorkbenchError::NotFound)?;
        match (scope.side(), record.product.status) {
            (Side::Buyer, status) if status != ProductStatus::Activate => Err(WorkbenchError::NotFound),
            (Side::Buyer | Side::Shop, _) => Ok(record),
        }
    }

    pub(crate) async fn find_product(
        &self,
        shop_id: &ShopId,
        id: &ProductId,
    ) -> Result<Option<ProductRecord>, WorkbenchError> {
        Ok(self.store().products(shop_id, std::slice::from_ref(id)).await?.into_iter().next())
    }

    /// Adds what follows from the product.
    pub(crate) fn complete_product(&self, shop_id: &ShopId, record: ProductRecord) -> Product {
        let ProductRecord { mut product, stock, .. } = record;
        product.stock = stock;
        product.price_range = price_range(&product);
        product.link = Some(self.inner.config.links.product_detail(shop_id, &product.id));
        product
    }
}
