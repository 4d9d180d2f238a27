//! Products: what the shop sells, each in one or several variants (SKUs).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ClientMessageId, ClientOrderId, ConversationId, CouponId, ProductId, SkuId, Timestamp},
    message::Sent,
    money::{Currency, Money},
    order::RecipientAddress,
    page::PageSize,
};

/// Whether a product is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProductStatus {
    /// Not finished.
    Draft,
    /// Being reviewed.
    Pending,
    /// Not accepted.
    Failed,
    /// Sold: "live".
    Activate,
    /// Taken off by the shop.
    SellerDeactivated,
    /// Taken off by the platform.
    PlatformDeactivated,
    /// Held.
    Freeze,
    /// Gone.
    Deleted,
}

/// What a variant costs, each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuPrice {
    /// Of every amount here.
    pub currency: Currency,
    /// To be paid.
    pub sale_price: Money,
    /// Before discounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_price: Option<Money>,
}

/// A variant of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sku {
    /// As the shop names it; unique in the shop.
    pub id: SkuId,
    /// The shop's own number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_sku: Option<String>,
    /// `Black / M`; empty where there is but one.
    #[serde(default)]
    pub name: String,
    /// What it costs.
    pub price: SkuPrice,
    /// How many there are to sell.
    pub inventory: u32,
    /// How many of it can be bought in one order at most; absent: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// Whether it is sold.
    pub status: ProductStatus,
}

/// From the cheapest to the dearest variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceRange {
    /// The cheapest.
    pub min: Money,
    /// The dearest.
    pub max: Money,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// As the shop names it.
    pub id: ProductId,
    /// Its name.
    pub title: String,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_image: Option<String>,
    /// For its detail page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// By which alternatives are found: the shop's own category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether it is sold.
    pub status: ProductStatus,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Its variants.
    pub skus: Vec<Sku>,
    /// Over the variants that are sold. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_range: Option<PriceRange>,
    /// Over the variants that are sold. Made by the server.
    #[serde(default)]
    pub stock: u64,
    /// Its detail page. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// By what products are searched; by all of these when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProductSearchBy {
    /// The product's name.
    Title,
    /// The product's id.
    ProductId,
    /// The shop's own number of a variant.
    SellerSku,
}

/// `workbench.products.list`: the shop's live products, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsListParams {
    /// Parts of words, in any case, with or without accents; every word must be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub query: Option<String>,
    /// Where to look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ProductSearchBy>,
    /// Only those that can be bought now (`true`), or cannot (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_stock: Option<bool>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductsListResult {
    /// Newest first.
    pub products: Vec<Product>,
    /// Empty at the end.
    pub next_page_token: String,
}

/// Names a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductParams {
    /// Which.
    pub product_id: ProductId,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductResult {
    /// With all its variants.
    pub product: Product,
}

/// `workbench.products.alternatives`: live products in stock that may be offered instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlternativesResult {
    /// The nearest first: of the same category, of a similar name, of a similar price.
    pub products: Vec<Product>,
}

/// `workbench.products.send_card`: one or several products, a message each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsSendCardParams {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try. Of several products the second has `/2` after it, the third `/3`.
    pub client_message_id: ClientMessageId,
    /// Which, in this order.
    #[schemars(length(min = 1, max = 10))]
    pub product_ids: Vec<ProductId>,
}

/// The answer to a send of several cards: that of the first, and all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentCards {
    /// The first message.
    pub message_id: crate::ids::MessageId,
    /// Its place.
    pub seq: crate::ids::Seq,
    /// When the server took it.
    pub create_time: Timestamp,
    /// Every message, in order.
    pub sent: Vec<Sent>,
}

/// `buyer.orders.place`: twice with one `client_order_id` is one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPlaceParams {
    /// The same for every try of this order.
    pub client_order_id: ClientOrderId,
    /// Which variant.
    pub sku_id: SkuId,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: u32,
    /// A coupon that the caller has claimed; it is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<CouponId>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_address: Option<RecipientAddress>,
    /// For the shop, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub buyer_message: Option<String>,
}
