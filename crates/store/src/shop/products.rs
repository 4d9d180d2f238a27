//! Products. Every query starts from the shop.

use deskwire_protocol::{
    ShopId,
    ids::{ProductId, SkuId},
    product::{ProductSearchBy, ProductStatus},
};
use sea_orm::QueryResult;

use super::{
    document,
    record::ProductRecord,
    search::{self, Index},
};
use crate::{Store, StoreError, row, sql::ROWS};

/// What a product `t` is read with.
pub(super) const PRODUCT: &str = "t.product_no, t.stock, t.version, t.document";

/// Which products, newest first.
#[derive(Debug, Clone, Default)]
pub struct ProductQuery {
    /// Words that must all be found.
    pub text: Option<String>,
    /// Where; everywhere when not said.
    pub by: Option<ProductSearchBy>,
    /// Only these.
    pub status: Option<ProductStatus>,
    /// Only those of which something (nothing) is left.
    pub in_stock: Option<bool>,
    /// Only of this category.
    pub category: Option<String>,
    /// Only those before this one.
    pub before: Option<i64>,
}

pub(super) fn product(row: &QueryResult) -> Result<ProductRecord, StoreError> {
    let stock: i64 = row::get(row, "stock")?;
    Ok(ProductRecord {
        product: document::read(row, "product")?,
        stock: u64::try_from(stock).map_err(|_| StoreError::corrupt("product", "stock is negative"))?,
        product_no: row::get(row, "product_no")?,
        version: row::get(row, "version")?,
    })
}

fn index(by: Option<ProductSearchBy>) -> Index {
    let (columns, column): (&'static [&'static str], _) = match by {
        None => (&["title", "product_id", "seller_sku"], "everything"),
        Some(ProductSearchBy::Title) => (&["title"], "title"),
        Some(ProductSearchBy::ProductId) => (&["product_id"], "product_id"),
        Some(ProductSearchBy::SellerSku) => (&["seller_sku"], "seller_sku"),
    };
    Index { table: "product", columns, column }
}

impl Store {
    /// Products by id; those that the shop does not have are left out.
    pub async fn products(
        &self,
        shop_id: &ShopId,
        ids: &[ProductId],
    ) -> Result<Vec<ProductRecord>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS) {
            let mut params = self.params();
            let list = params.list(ids.iter().map(|id| id.as_str().into()));
            let sql = format!(
                "SELECT {PRODUCT} FROM product t WHERE t.product_id IN ({list}) AND t.shop_id = {}",
                params.push(shop_id.as_str())
            );
            for row in self.rows(sql, params).await? {
                found.push(product(&row)?);
            }
        }
        Ok(found)
    }

    /// The product that has this variant.
    pub async fn product_of_sku(
        &self,
        shop_id: &ShopId,
        id: &SkuId,
    ) -> Result<Option<ProductRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {PRODUCT} FROM sku k JOIN product t ON t.shop_id = k.shop_id AND t.product_id = k.product_id
             WHERE k.shop_id = {} AND k.sku_id = {}",
            params.push(shop_id.as_str()),
            params.push(id.as_str())
        );
        self.rows(sql, params).await?.first().map(product).transpose()
    }

    /// Products of the shop, newest first.
    pub async fn find_products(
        &self,
        shop_id: &ShopId,
        query: &ProductQuery,
        limit: u32,
    ) -> Result<Vec<ProductRecord>, StoreError> {
        let mut params = self.params();
        let words = query.text.as_deref().map_or_else(Vec::new, search::words);
        let Some(mut from) = self.searched(&mut params, index(query.by), shop_id, &words).await? else {
            return Ok(Vec::new());
        };
        if let Some(status) = &query.status {
            from += &format!(" AND t.status = {}", params.push(row::wire_word(status)?));
        }
        if let Some(category) = &query.category {
            from += &format!(" AND t.category = {}", params.push(category.as_str()));
        }
        match query.in_stock {
            Some(true) => from += " AND t.stock > 0",
            Some(false) => from += " AND t.stock = 0",
            None => {}
        }
        // The order of the table that leads, so that reading stops after a page.
        let number =
            if words.is_empty() { "t.product_no" } else { self.search_number("s.rowid", "s.product_no") };
        if let Some(before) = query.before {
            from += &format!(" AND {number} < {}", params.push(before));
        }
        let sql = format!("SELECT {PRODUCT} FROM {from} ORDER BY {number} DESC LIMIT {limit}");
        self.rows(sql, params).await?.iter().map(product).collect()
    }
}
