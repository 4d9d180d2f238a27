//! Cards: an order, a parcel, a return, a product or a coupon in a conversation, rendered so that any client can draw
//! it without knowing the business. Data, never HTML.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ClientMessageId, ConversationId, CouponId, MessageId, OrderId, Timestamp};

/// What a card shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CardKind {
    /// An order.
    Order,
    /// A parcel of an order.
    Logistics,
    /// An order's returns and refunds: the invitation to request one, then the request itself.
    ReturnRefund,
    /// A product.
    Product,
    /// A coupon.
    Coupon,
}

/// How a status is to be felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Tone {
    /// As usual.
    Neutral,
    /// On its way.
    Info,
    /// Good.
    Success,
    /// Something has to be done.
    Warning,
    /// Gone wrong, or over.
    Danger,
}

/// The state of the thing, in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardStatus {
    /// For programs: the thing's own status.
    pub code: String,
    /// For people.
    pub label: String,
    /// How it is to be felt.
    pub tone: Tone,
}

/// A line of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardField {
    /// What.
    pub label: String,
    /// How much, when, where.
    pub value: String,
}

/// A thing among several on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardItem {
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its name.
    pub title: String,
    /// The variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
}

/// What a buyer can do on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionName {
    /// Look at the thing.
    Open,
    /// "This order is the one."
    Confirm,
    /// Look at the parcel's way.
    Track,
    /// Ask for a return or refund.
    RequestReturn,
    /// Buy the product.
    PlaceOrder,
    /// Have the coupon.
    Claim,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardAction {
    /// What it does; `card.act` tells that it was done.
    pub action: ActionName,
    /// What is written on it.
    pub label: String,
    /// A page that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A method that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What of the method's params is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// Whether it can be done now.
    pub enabled: bool,
}

/// Something that the buyer did on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardAct {
    /// What.
    pub action: ActionName,
    /// When, the first time.
    pub act_time: Timestamp,
}

/// A rendered card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// What it shows.
    pub kind: CardKind,
    /// The thing's id.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Counts renderings that differ, from 0 as sent.
    pub revision: u32,
    /// The thing's name.
    pub title: String,
    /// A second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The thing's state.
    pub status: CardStatus,
    /// Lines, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<CardField>,
    /// Things, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<CardItem>,
    /// Buttons, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<CardAction>,
    /// What the buyer did on it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<CardAct>,
    /// All of it in plain words, for clients that draw no cards.
    pub text: String,
    /// In which language: a BCP 47 tag.
    pub locale: String,
}

/// `card.act`: tells what the buyer did on a card; the agent sees it at once. Twice is once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardActParams {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// The card's message.
    pub message_id: MessageId,
    /// What.
    pub action: ActionName,
    /// With `CLAIM`, `PLACE_ORDER` and `REQUEST_RETURN`: the params of the button's method, beside those on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
}

/// The answer to `card.act`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CardActResult {
    /// When it was done, the first time.
    pub act_time: Timestamp,
    /// The answer of the button's method, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// `workbench.cards.check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardsCheckParams {
    /// For which conversation.
    pub conversation_id: ConversationId,
    /// Which kind.
    pub kind: CardKind,
    /// Ids of things: orders for `ORDER`, `LOGISTICS` and `RETURN_REFUND`, else products or coupons.
    #[schemars(length(min = 1, max = 20))]
    pub refs: Vec<String>,
}

/// Why a card cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotSendableCode {
    /// There is no such thing for this buyer in this shop.
    NotFound,
    /// The conversation is closed.
    ChatInactive,
    /// The order has no parcel yet.
    NoLogistics,
    /// Nothing of the order can be returned.
    NotEligible,
    /// The product is not live.
    NotLive,
    /// Nothing of the product is left.
    OutOfStock,
    /// The coupon has not begun.
    NotStarted,
    /// The coupon is over.
    Expired,
    /// The coupon was ended.
    Deactivated,
    /// All of the coupon are claimed.
    Exhausted,
    /// The buyer has all of it that a buyer may have.
    AlreadyClaimed,
}

/// What may be sent instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instead {
    /// Which kind.
    pub kind: CardKind,
    /// Of which thing.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its name.
    pub title: String,
}

/// Whether one card can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardCheck {
    /// Of which thing.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Whether it can.
    pub sendable: bool,
    /// Why not, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<NotSendableCode>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What may be sent instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instead: Vec<Instead>,
    /// The card as it would be sent, where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

/// The answer to `workbench.cards.check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardsCheckResult {
    /// One for each of `refs`, in order.
    pub checks: Vec<CardCheck>,
}

/// `send_card` of one thing: an order's card, its returns card, a coupon's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderSendCardParams {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try.
    pub client_message_id: ClientMessageId,
    /// Of which order.
    pub order_id: OrderId,
}

/// `workbench.coupons.send_card`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponSendCardParams {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try.
    pub client_message_id: ClientMessageId,
    /// Of which coupon.
    pub coupon_id: CouponId,
}

/// What of the shop has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThingKind {
    /// An order.
    Order,
    /// A note on an order.
    SellerNote,
    /// A parcel.
    Package,
    /// A return.
    Return,
    /// A product, or the stock of one of its variants.
    Product,
    /// A coupon, or how many of it are left.
    Coupon,
}

impl ThingKind {
    /// As written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "ORDER",
            Self::SellerNote => "SELLER_NOTE",
            Self::Package => "PACKAGE",
            Self::Return => "RETURN",
            Self::Product => "PRODUCT",
            Self::Coupon => "COUPON",
        }
    }
}
