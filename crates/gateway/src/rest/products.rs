//! Products with their variants, and what there is of each.

use axum::http::Method;
use deskwire_protocol::{
    ErrorObject, ShopId,
    ids::{ProductId, SkuId},
    order::Editor,
    page::PageSize,
    product::{
        Product, ProductParams, ProductResult, ProductSearchBy, ProductStatus, ProductsListResult, Sku,
    },
};
use deskwire_store::ApiScope::{ProductsRead, ProductsWrite};
use deskwire_workbench::{PageOf, ShopProducts, Workbench};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    input::{Body, InBody, Query},
    orders::MANY,
    output::{Outcome, Shown},
    refusal::Refusal,
    shape::Shape,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new((Method::GET, "/products"), "products.list", ProductsRead, "The shop's products, newest first.", list),
        Endpoint::new(
            (Method::POST, "/products"),
            "products.put_many",
            ProductsWrite,
            "Writes many products.",
            put_many::<Product>,
        )
        .described(MANY),
        Endpoint::new(
            (Method::GET, "/products/{product_id}"),
            "products.get",
            ProductsRead,
            "A product with its variants.",
            get,
        ),
        Endpoint::new(
            (Method::PUT, "/products/{product_id}"),
            "products.put",
            ProductsWrite,
            "Writes a product with its variants.",
            put_one::<Product>,
        )
        .described(
            "A variant belongs to one product. Written again with the `update_time` that stands, its `inventory` stays as \
             it is: what was sold meanwhile is not put back.",
        ),
        Endpoint::new((Method::GET, "/skus/{sku_id}"), "skus.get", ProductsRead, "A variant.", get_sku),
        Endpoint::new(
            (Method::PUT, "/skus/{sku_id}/inventory"),
            "skus.put_inventory",
            ProductsWrite,
            "Says how many there are of a variant.",
            put_inventory,
        ),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Products"))
    .collect()
}

impl Document for Product {
    type Id = ProductId;
    const ID: &'static str = "id";
    const PLURAL: &'static str = "products";
    fn id(&self) -> &ProductId {
        &self.id
    }
    fn example() -> Value {
        examples::product()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        workbench.put_products(shop_id, editor, documents).await
    }
}

/// Which products.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Parts of words, in any case, with or without accents; every word must be found.
    #[serde(default)]
    #[schemars(length(max = 200))]
    query: Option<String>,
    /// Where to look for it; everywhere when not said.
    #[serde(default)]
    by: Option<ProductSearchBy>,
    /// Only these; `ACTIVATE` are those that are sold.
    #[serde(default)]
    status: Option<ProductStatus>,
    /// Only those that can be bought now (`true`), or cannot (`false`).
    #[serde(default)]
    in_stock: Option<bool>,
    /// Products of a page.
    #[serde(default)]
    page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: Option<String>,
}

async fn list(
    call: Call,
    (): (),
    Query(query): Query<ListQuery>,
) -> Result<Shown<ProductsListResult>, Refusal> {
    let ListQuery { query: text, by, status, in_stock, page_size, page_token } = query;
    let which = ShopProducts { text, by, status, in_stock };
    let page = PageOf { size: page_size, token: page_token };
    let (products, next_page_token) = call.workbench().shop_products(call.caller(), which, page).await?;
    Ok(Shown(ProductsListResult { products, next_page_token }))
}

async fn get(call: Call, product_id: ProductId, (): ()) -> Result<Shown<ProductResult>, Refusal> {
    Ok(Shown(call.workbench().products_get(call.caller(), ProductParams { product_id }).await?))
}

/// A variant.
#[derive(Debug, Serialize, JsonSchema)]
struct SkuResult {
    /// Of which product.
    product_id: ProductId,
    /// As it stands.
    sku: Sku,
}

async fn get_sku(call: Call, sku_id: SkuId, (): ()) -> Result<Shown<SkuResult>, Refusal> {
    let (product_id, sku) = call.workbench().shop_sku(call.caller(), &sku_id).await?;
    Ok(Shown(SkuResult { product_id, sku }))
}

/// What there is.
#[derive(Debug, Deserialize, JsonSchema)]
struct InventoryPut {
    /// How many there are to sell.
    inventory: u32,
}

impl InBody for InventoryPut {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "inventory": 12 })
    }
}

async fn put_inventory(call: Call, sku_id: SkuId, Body(put): Body<InventoryPut>) -> Result<Outcome, Refusal> {
    let (shop_id, editor) = (call.bearer.shop_id(), call.caller().editor());
    let written = call.workbench().put_inventory(shop_id, &editor, &sku_id, put.inventory).await?;
    Ok(Outcome::of(&sku_id, written))
}
