//! Orders: what the buyer bought, how far it has come, and what the shop notes about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ConversationId, LineItemId, MessageId, OrderId, ProductId, ReturnId, SkuId, Timestamp, UserId},
    logistics::Package,
    money::{Currency, Money},
    page::PageSize,
    returns::ReturnStatus,
};

/// How far an order has come. Forward only, in this order; `CANCELLED` from any status before `IN_TRANSIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Not paid for.
    Unpaid,
    /// Paid, and still changeable by the buyer.
    OnHold,
    /// To be shipped.
    AwaitingShipment,
    /// Some of its packages are on their way to the carrier.
    PartiallyShipping,
    /// Packed, the carrier has not come.
    AwaitingCollection,
    /// With the carrier.
    InTransit,
    /// With the buyer.
    Delivered,
    /// Nothing more will happen.
    Completed,
    /// Will not be delivered.
    #[serde(alias = "CANCEL")]
    Cancelled,
}

impl OrderStatus {
    /// All of them, in the order in which they follow each other.
    pub const ALL: [Self; 9] = [
        Self::Unpaid,
        Self::OnHold,
        Self::AwaitingShipment,
        Self::PartiallyShipping,
        Self::AwaitingCollection,
        Self::InTransit,
        Self::Delivered,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Whether an order may go from here to `next`; staying is allowed.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Cancelled, _) => next == Self::Cancelled,
            (_, Self::Cancelled) => self < Self::InTransit,
            _ => self <= next,
        }
    }
}

/// Who cancelled an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationInitiator {
    /// The shop.
    Seller,
    /// The buyer.
    Buyer,
    /// A deadline.
    System,
}

/// One order, with all that its detail page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// As the shop names it.
    pub id: OrderId,
    /// How far it has come.
    pub status: OrderStatus,
    /// When it was placed.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_time: Option<Timestamp>,
    /// When the last of it came to the buyer: the time to return it runs from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_time: Option<Timestamp>,
    /// What the buyer wrote when ordering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_message: Option<String>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_initiator: Option<CancellationInitiator>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_time: Option<Timestamp>,
    /// How it is paid, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method_name: Option<String>,
    /// Paid in cash on delivery.
    #[serde(default)]
    pub is_cod: bool,
    /// The price.
    pub payment: Payment,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_address: Option<RecipientAddress>,
    /// As the buyer chose: `Standard`, `Express`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_option_name: Option<String>,
    /// The carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_provider: Option<String>,
    /// The carrier's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// What was bought.
    pub line_items: Vec<LineItem>,
    /// By when something must happen.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// The nearest of them that is ahead; where none is, the first that has passed. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<Reminder>,
    /// What the shop is expected to do, the most urgent first. Made by the server, for the shop's own people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_actions: Vec<PendingAction>,
    /// The shop's note: one record for the workbench and the order management page. Never told to the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_note: Option<SellerNote>,
    /// Its parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// Its returns and refunds, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<ReturnState>,
    /// Where its pages are. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<OrderLinks>,
}

/// What is paid for an order. `total_amount` = `sub_total` + `shipping_fee` + `tax`; the discounts are in `sub_total`
/// and `shipping_fee` already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    /// Of every amount here.
    pub currency: Currency,
    /// The items, after discounts.
    pub sub_total: Money,
    /// Delivery, after discounts.
    pub shipping_fee: Money,
    /// Delivery before discounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_shipping_fee: Option<Money>,
    /// Given by the shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_discount: Option<Money>,
    /// Given by the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_discount: Option<Money>,
    /// Tax that is not in the prices.
    pub tax: Money,
    /// What the buyer pays.
    pub total_amount: Money,
}

/// Where an order goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecipientAddress {
    /// Who receives it.
    pub name: String,
    /// Where to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// In one piece.
    pub full_address: String,
    /// Of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The country, ISO 3166.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
}

/// One thing that was bought, so many times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineItem {
    /// Within the order.
    pub id: LineItemId,
    /// Which product.
    pub product_id: ProductId,
    /// As it was called then.
    pub product_name: String,
    /// Which variant.
    pub sku_id: SkuId,
    /// As it was called then: `Black / M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku_name: Option<String>,
    /// The shop's own number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_sku: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku_image: Option<String>,
    /// Before discounts, each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_price: Option<Money>,
    /// Paid, each.
    pub sale_price: Money,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: u32,
}

/// By when something must happen, or else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deadlines {
    /// Paid by then, or it is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_due_time: Option<Timestamp>,
    /// Shipped by then, or it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_due_time: Option<Timestamp>,
    /// Handed to the carrier by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection_due_time: Option<Timestamp>,
    /// Delivered by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_due_time: Option<Timestamp>,
    /// Shipped by then, or it is cancelled by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_order_sla_time: Option<Timestamp>,
}

/// Which deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeadlineKind {
    /// `payment_due_time`.
    PaymentDue,
    /// `shipping_due_time`.
    ShippingDue,
    /// `collection_due_time`.
    CollectionDue,
    /// `delivery_due_time`.
    DeliveryDue,
    /// `cancel_order_sla_time`.
    CancelOrderSla,
    /// The shop's answer to a request for a return; only in `deadline.near`.
    ReturnAnswerDue,
}

/// What the shop is expected to do about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PendingAction {
    /// It is cancelled by itself within 24 hours.
    #[serde(rename = "AUTO_CANCELLING_WITHIN_24_HOURS")]
    AutoCancelling,
    /// It should have been shipped.
    ShippingOverdue,
    /// It is to be shipped within 24 hours.
    #[serde(rename = "SHIP_WITHIN_24_HOURS")]
    ShipWithin24Hours,
    /// The buyer wants it cancelled: `cancellation_initiator` is `BUYER`, and it is not cancelled yet.
    CancellationRequested,
    /// The buyer asked for a return, a refund or a replacement, and the shop has not answered.
    #[serde(rename = "RETURN_OR_REFUND_REQUESTED")]
    ReturnRequested,
}

/// What happens when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Consequence {
    /// The order is cancelled by itself.
    AutoCancelled,
    /// It counts as shipped late.
    ShippingOverdue,
    /// It counts as collected late.
    CollectionOverdue,
    /// It counts as delivered late.
    DeliveryOverdue,
    /// The request is approved by itself.
    AutoApproved,
}

/// A deadline of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reminder {
    /// Which.
    pub kind: DeadlineKind,
    /// When; count down to it.
    pub due_time: Timestamp,
    /// What happens then.
    pub consequence: Consequence,
    /// It has passed.
    pub overdue: bool,
}

impl Order {
    /// The nearest deadline that is ahead; where none is, the first that has passed: it stands until the order goes on.
    #[must_use]
    pub fn nearest_deadline(&self, now: Timestamp) -> Option<Reminder> {
        self.deadlines_at(now).min_by_key(|reminder| (reminder.overdue, reminder.due_time))
    }

    /// The deadlines that matter in the order's status, those that have passed too.
    pub fn deadlines_at(&self, now: Timestamp) -> impl Iterator<Item = Reminder> + use<> {
        use OrderStatus::{
            AwaitingCollection, AwaitingShipment, InTransit, OnHold, PartiallyShipping, Unpaid,
        };
        const TO_SHIP: &[OrderStatus] = &[OnHold, AwaitingShipment, PartiallyShipping];
        const TO_COLLECT: &[OrderStatus] = &[OnHold, AwaitingShipment, PartiallyShipping, AwaitingCollection];
        const TO_DELIVER: &[OrderStatus] =
            &[OnHold, AwaitingShipment, PartiallyShipping, AwaitingCollection, InTransit];
        let Deadlines {
            payment_due_time,
            shipping_due_time,
            collection_due_time,
            delivery_due_time,
            cancel_order_sla_time,
        } = self.deadlines;
        let status = self.status;
        [
            (DeadlineKind::PaymentDue, payment_due_time, Consequence::AutoCancelled, &[Unpaid][..]),
            (DeadlineKind::CancelOrderSla, cancel_order_sla_time, Consequence::AutoCancelled, TO_SHIP),
            (DeadlineKind::ShippingDue, shipping_due_time, Consequence::ShippingOverdue, TO_SHIP),
            (DeadlineKind::CollectionDue, collection_due_time, Consequence::CollectionOverdue, TO_COLLECT),
            (DeadlineKind::DeliveryDue, delivery_due_time, Consequence::DeliveryOverdue, TO_DELIVER),
        ]
        .into_iter()
        .filter(move |(.., while_in)| while_in.contains(&status))
        .filter_map(move |(kind, due_time, consequence, _)| {
            due_time.map(|due_time| Reminder { kind, due_time, consequence, overdue: due_time <= now })
        })
    }
}

/// The shop's note on an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SellerNote {
    /// What it says; empty when it was taken away.
    pub text: String,
    /// Counts up from 1; 0 where there never was a note.
    pub version: u32,
    /// Who wrote this version.
    pub editor: Editor,
    /// When.
    pub update_time: Timestamp,
}

/// Who changed something of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Editor {
    /// From where.
    pub kind: EditorKind,
    /// The agent, or the name of the API key.
    pub id: String,
    /// To be displayed.
    pub name: String,
}

/// From where something of the shop was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EditorKind {
    /// A buyer, from the buyer app.
    Buyer,
    /// An agent, from the workbench.
    Agent,
    /// The shop's own systems, by REST.
    Api,
    /// An import of files.
    Import,
    /// The server itself, as when a deadline passes.
    System,
}

/// A return or refund of an order, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnState {
    /// Which.
    pub return_id: ReturnId,
    /// How far it has come.
    pub return_status: ReturnStatus,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// Where an order's pages are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLinks {
    /// The order detail page.
    pub detail: String,
    /// Its tracking page.
    pub tracking: String,
    /// Its returns and refunds page.
    pub returns: String,
}

/// `workbench.orders.list`: a buyer's orders, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrdersListParams {
    /// Whose.
    pub buyer_id: UserId,
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<OrderStatus>,
    /// Only those whose id has this part, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `buyer.orders.list`: the caller's own orders, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyerOrdersListParams {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<OrderStatus>,
    /// Only those whose id has this part, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrdersListResult {
    /// Newest first.
    pub orders: Vec<Order>,
    /// Empty at the end.
    pub next_page_token: String,
    /// Of all pages.
    pub total_count: u64,
    /// The order management page. Buyers are not told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_link: Option<String>,
}

/// Names an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderParams {
    /// Which.
    pub order_id: OrderId,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderResult {
    /// With all that its detail page shows.
    pub order: Order,
}

/// `workbench.orders.note.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteSetParams {
    /// Of which order.
    pub order_id: OrderId,
    /// At most 2,000 characters; empty takes the note away.
    #[schemars(length(max = 2000))]
    pub text: String,
    /// The version that the editor has seen; 0 where there was none. Another one stands: `conflict`, with its text.
    pub version: u32,
}

/// The note of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteResult {
    /// Absent where there never was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<SellerNote>,
}

/// `workbench.orders.note.history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteHistoryParams {
    /// Of which order.
    pub order_id: OrderId,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// All versions of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteHistoryResult {
    /// Newest first.
    pub notes: Vec<SellerNote>,
    /// Empty at the end.
    pub next_page_token: String,
}

/// `workbench.orders`, an event: a buyer's orders, told without being asked when an agent attaches to the
/// conversation, and when the buyer writes the id of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkbenchOrders {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Whose.
    pub buyer_id: UserId,
    /// The message that names the orders, where one does; open the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Newest first; those that the message names, where one does.
    pub orders: Vec<Order>,
    /// For `workbench.orders.list`; empty where these are all.
    pub next_page_token: String,
}
