//! Returns, refunds and replacements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ClientReturnId, LineItemId, OrderId, ReturnId, SkuId, Timestamp, UserId},
    money::{Currency, Money},
    page::PageSize,
};

/// What the buyer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnType {
    /// The money; the goods stay.
    Refund,
    /// The money for the goods.
    ReturnAndRefund,
    /// Other goods for the goods.
    Replacement,
}

/// How far a return has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnStatus {
    /// The shop has to answer.
    ReturnOrRefundRequestPending,
    /// The shop said no.
    RefundOrReturnRequestReject,
    /// The buyer has to send the goods back.
    AwaitingBuyerShip,
    /// They are on their way to the shop.
    BuyerShippedItem,
    /// The shop did not accept them.
    RejectReceivePackage,
    /// Accepted; the money is on its way.
    ReturnOrRefundRequestSuccess,
    /// The buyer thought better of it.
    ReturnOrRefundRequestCancel,
    /// The money is with the buyer.
    ReturnOrRefundRequestComplete,
    /// The buyer has to answer.
    AwaitingBuyerResponse,
    /// The shop has to answer.
    ReplacementRequestPending,
    /// The shop said no.
    ReplacementRequestReject,
    /// There was none to replace it with: the money went back.
    ReplacementRequestRefundSuccess,
    /// The buyer thought better of it.
    ReplacementRequestCancel,
    /// The other goods are with the buyer.
    ReplacementRequestComplete,
}

impl ReturnStatus {
    /// The first status of a return of this type.
    #[must_use]
    pub const fn first(return_type: ReturnType) -> Self {
        match return_type {
            ReturnType::Refund | ReturnType::ReturnAndRefund => Self::ReturnOrRefundRequestPending,
            ReturnType::Replacement => Self::ReplacementRequestPending,
        }
    }

    /// The shop has to answer.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::ReturnOrRefundRequestPending | Self::ReplacementRequestPending)
    }

    /// Nothing more will happen, and the items may be returned again.
    #[must_use]
    pub const fn is_void(self) -> bool {
        matches!(
            self,
            Self::RefundOrReturnRequestReject
                | Self::RejectReceivePackage
                | Self::ReturnOrRefundRequestCancel
                | Self::ReplacementRequestReject
                | Self::ReplacementRequestCancel
        )
    }

    /// Whether a return of this type may go from here to `next`; staying is allowed.
    #[must_use]
    pub fn may_become(self, next: Self, return_type: ReturnType) -> bool {
        use ReturnStatus::{
            AwaitingBuyerResponse, AwaitingBuyerShip, BuyerShippedItem, RefundOrReturnRequestReject,
            RejectReceivePackage, ReplacementRequestCancel, ReplacementRequestComplete,
            ReplacementRequestPending, ReplacementRequestRefundSuccess, ReplacementRequestReject,
            ReturnOrRefundRequestCancel, ReturnOrRefundRequestComplete, ReturnOrRefundRequestPending,
            ReturnOrRefundRequestSuccess,
        };
        let after: &[Self] = match (self, return_type) {
            (ReturnOrRefundRequestPending, ReturnType::Refund) => &[
                RefundOrReturnRequestReject,
                AwaitingBuyerResponse,
                ReturnOrRefundRequestSuccess,
                ReturnOrRefundRequestCancel,
            ],
            (ReturnOrRefundRequestPending, ReturnType::ReturnAndRefund) => &[
                RefundOrReturnRequestReject,
                AwaitingBuyerResponse,
                AwaitingBuyerShip,
                ReturnOrRefundRequestCancel,
            ],
            (AwaitingBuyerResponse, _) => {
                &[ReturnOrRefundRequestPending, RefundOrReturnRequestReject, ReturnOrRefundRequestCancel]
            }
            (AwaitingBuyerShip, ReturnType::ReturnAndRefund) => {
                &[BuyerShippedItem, ReturnOrRefundRequestCancel]
            }
            (BuyerShippedItem, ReturnType::ReturnAndRefund) => {
                &[RejectReceivePackage, ReturnOrRefundRequestSuccess]
            }
            (ReturnOrRefundRequestSuccess, _) => &[ReturnOrRefundRequestComplete],
            (ReplacementRequestPending, ReturnType::Replacement) => &[
                ReplacementRequestReject,
                ReplacementRequestRefundSuccess,
                ReplacementRequestCancel,
                ReplacementRequestComplete,
            ],
            _ => &[],
        };
        self == next || after.contains(&next)
    }
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReason {
    /// No longer wanted.
    NoNeed,
    /// Not as described.
    NotMatchDescription,
    /// Something is missing.
    MissingProduct,
    /// Broken on the way.
    Damaged,
    /// Does not work.
    Defective,
    /// Something else came.
    WrongProduct,
    /// Nothing came.
    NotReceived,
}

/// Who did a step of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnRole {
    /// The buyer.
    Buyer,
    /// The shop.
    Seller,
    /// The platform's staff.
    Operator,
    /// A deadline.
    System,
}

/// What goes back to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundAmount {
    /// Of every amount here.
    pub currency: Currency,
    /// For the items.
    pub refund_subtotal: Money,
    /// For the delivery.
    pub refund_shipping_fee: Money,
    /// Tax.
    pub refund_tax: Money,
    /// Of all.
    pub refund_total: Money,
}

/// How many of a line item are returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnLineItem {
    /// Of the order.
    pub order_line_item_id: LineItemId,
    /// Which variant.
    pub sku_id: SkuId,
    /// As it was called then.
    pub product_name: String,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: u32,
}

/// One step of a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnRecord {
    /// To which status it led.
    pub event: ReturnStatus,
    /// By whom.
    pub role: ReturnRole,
    /// What happened, in words.
    pub description: String,
    /// What the one who did it wrote for the shop. Buyers are not told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The reason given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<String>,
    /// Addresses of pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// When.
    pub create_time: Timestamp,
}

/// What the shop may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SellerAction {
    /// Say yes.
    Approve,
    /// Say no.
    Reject,
}

/// What the shop may do next, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SellerNextAction {
    /// What.
    pub action: SellerAction,
    /// The request is approved by itself then.
    pub deadline: Timestamp,
}

/// A return, refund or replacement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Return {
    /// Which.
    pub return_id: ReturnId,
    /// Of which order.
    pub order_id: OrderId,
    /// What the buyer wants.
    pub return_type: ReturnType,
    /// How far it has come.
    pub return_status: ReturnStatus,
    /// Why.
    pub return_reason: ReturnReason,
    /// Why, in the buyer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_reason_text: Option<String>,
    /// Who asked for it.
    pub role: ReturnRole,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// What goes back.
    pub refund_amount: RefundAmount,
    /// The carrier's number of the parcel back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_tracking_number: Option<String>,
    /// What is returned.
    pub return_line_items: Vec<ReturnLineItem>,
    /// Every step, oldest first.
    #[serde(default)]
    pub records: Vec<ReturnRecord>,
    /// What the shop may do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seller_next_action_response: Vec<SellerNextAction>,
    /// Its page. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Why something cannot be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IneligibleCode {
    /// Not paid: nothing to give back.
    NotPaid,
    /// Not shipped: cancel it instead.
    NotShipped,
    /// Not with the buyer yet.
    NotDelivered,
    /// Cancelled.
    OrderCancelled,
    /// Too long ago.
    WindowClosed,
    /// Everything is being returned already.
    AlreadyRequested,
}

/// Whether an order, or a variant of it, can be returned in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Eligibility {
    /// In which way.
    pub request_type: ReturnType,
    /// Whether it can.
    pub eligible: bool,
    /// Why not, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ineligible_code: Option<IneligibleCode>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ineligible_reason: Option<String>,
    /// The reasons that may be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub available_reason_names: Vec<ReturnReason>,
}

/// Whether a line item can be returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineItemEligibility {
    /// Of the order.
    pub order_line_item_id: LineItemId,
    /// Which variant.
    pub sku_id: SkuId,
    /// How many can still be returned.
    pub quantity: u32,
    /// By each way.
    pub eligibility: Vec<Eligibility>,
}

/// `workbench.returns.eligibility` and `buyer.returns.eligibility`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EligibilityResult {
    /// Of which order.
    pub order_id: OrderId,
    /// As a whole: by each way, whether anything can.
    pub eligibility: Vec<Eligibility>,
    /// Each of its items.
    pub line_items: Vec<LineItemEligibility>,
}

/// `workbench.returns.list`: newest change first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnsListParams {
    /// Only this buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// Only of this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_status: Option<ReturnStatus>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `buyer.returns.list`: the caller's own, newest change first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyerReturnsListParams {
    /// Only of this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnsListResult {
    /// Newest change first.
    pub returns: Vec<Return>,
    /// Empty at the end.
    pub next_page_token: String,
}

/// Names a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnParams {
    /// Which.
    pub return_id: ReturnId,
}

/// One return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnResult {
    /// With all its steps.
    #[serde(rename = "return")]
    pub request: Return,
}

/// `workbench.returns.approve` and `workbench.returns.reject`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnAnswerParams {
    /// Which.
    pub return_id: ReturnId,
    /// Why; the buyer sees it. Needed to reject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub reason_text: Option<String>,
}

/// What a buyer wants to return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnItem {
    /// Of the order.
    pub order_line_item_id: LineItemId,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: u32,
}

/// `buyer.returns.submit`: twice with one `client_return_id` is one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnSubmitParams {
    /// The same for every try of this request.
    pub client_return_id: ClientReturnId,
    /// Of which order.
    pub order_id: OrderId,
    /// What is wanted.
    pub return_type: ReturnType,
    /// Why.
    pub return_reason: ReturnReason,
    /// Why, in own words; at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub return_reason_text: Option<String>,
    /// What is returned.
    #[schemars(length(min = 1, max = 100))]
    pub items: Vec<ReturnItem>,
    /// Addresses of pictures (https), at most 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9))]
    pub images: Vec<String>,
}
