//! Products: the shop's live ones for the agent, any live one by id for the buyer.

use std::collections::HashMap;

use deskwire_protocol::{
    ShopId,
    ids::ProductId,
    product::{
        AlternativesResult, Product, ProductParams, ProductResult, ProductSearchBy, ProductStatus,
        ProductsListParams, ProductsListResult,
    },
};
use deskwire_store::{ProductQuery, ProductRecord, Scope, Side};

use crate::{
    Caller, Workbench, WorkbenchError,
    page::{cut, read},
    rules::{
        fields::{QUERY_CHARS, sought},
        products::{alternatives, on_sale, price_range},
    },
};

/// So many alternatives are offered.
const ALTERNATIVES: usize = 5;
/// And chosen from so many at most for each way to look for them.
const CANDIDATES: u32 = 100;

impl Workbench {
    /// `workbench.products.list`.
    pub async fn products_list(
        &self,
        caller: &Caller,
        params: ProductsListParams,
    ) -> Result<ProductsListResult, WorkbenchError> {
        let ProductsListParams { query, by, in_stock, page_size, page_token } = params;
        sought("query", query.as_ref(), QUERY_CHARS)?;
        let query = ProductQuery {
            text: query,
            by,
            status: Some(ProductStatus::Activate),
            in_stock,
            category: None,
            before: read(page_token.as_ref())?,
        };
        let records = self.store().find_products(&caller.scope.shop_id, &query, page_size.get() + 1).await?;
        let (records, next_page_token) =
            cut(records, page_size.get(), |record| record.product_no.to_string());
        let products =
            records.into_iter().map(|record| self.complete_product(&caller.scope.shop_id, record)).collect();
        Ok(ProductsListResult { products, next_page_token })
    }

    /// `workbench.products.get` and `buyer.products.get`. A buyer sees only what is sold: no variants that
    /// are not, and not the shop's own numbers.
    pub async fn products_get(
        &self,
        caller: &Caller,
        params: ProductParams,
    ) -> Result<ProductResult, WorkbenchError> {
        let record = self.product_record(&caller.scope, &params.product_id).await?;
        let product = self.complete_product(&caller.scope.shop_id, record);
        Ok(ProductResult {
            product: match caller.scope.side() {
                Side::Shop => product,
                Side::Buyer => on_sale(product),
            },
        })
    }

    /// `workbench.products.alternatives`: what is in stock and nearest to a product.
    pub async fn products_alternatives(
        &self,
        caller: &Caller,
        params: ProductParams,
    ) -> Result<AlternativesResult, WorkbenchError> {
        let record = self.product_record(&caller.scope, &params.product_id).await?;
        let products = self.alternatives_to(&caller.scope.shop_id, &record.product).await?;
        Ok(AlternativesResult { products })
    }

    /// Looked for among the newest of its category and, where those are few, the newest of the shop that share a word of
    /// its name, then any.
    pub(crate) async fn alternatives_to(
        &self,
        shop_id: &ShopId,
        product: &Product,
    ) -> Result<Vec<Product>, WorkbenchError> {
        let in_stock = ProductQuery {
            status: Some(ProductStatus::Activate),
            in_stock: Some(true),
            ..ProductQuery::default()
        };
        let mut candidates: HashMap<ProductId, ProductRecord> = HashMap::new();
        let longest_word = product.title.split_whitespace().max_by_key(|word| word.chars().count());
        let queries = [
            product
                .category
                .clone()
                .map(|category| ProductQuery { category: Some(category), ..in_stock.clone() }),
            longest_word.map(|word| ProductQuery {
                text: Some(word.to_owned()),
                by: Some(ProductSearchBy::Title),
                ..in_stock.clone()
            }),
            Some(in_stock.clone()),
        ];
        for query in queries.into_iter().flatten() {
            // The product itself may be among them.
            if candidates.len() > ALTERNATIVES {
                break;
            }
            let found = self.store().find_products(shop_id, &query, CANDIDATES).await?;
            candidates.extend(found.into_iter().map(|record| (record.product.id.clone(), record)));
        }
        let ranked = alternatives(product, candidates.values().map(|record| &record.product), ALTERNATIVES);
        let ranked: Vec<ProductId> = ranked.into_iter().map(|product| product.id.clone()).collect();
        Ok(ranked
            .iter()
            .filter_map(|id| candidates.remove(id))
            .map(|record| self.complete_product(shop_id, record))
            .collect())
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
        product.link = Some(self.config().links.product_detail(shop_id, &product.id));
        product
    }
}
