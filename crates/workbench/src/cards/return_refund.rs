//! The returns/refunds request card: an invitation to ask for a return or refund of an order; once asked for, how far
//! the request has come.

use deskwire_protocol::{
    Timestamp,
    card::{ActionName, Card, CardAction, CardItem, CardKind, CardStatus, Tone},
    order::Order,
    returns::{IneligibleCode, Return, ReturnReason, ReturnRole, ReturnStatus, ReturnType},
};
use serde_json::json;

use super::{
    Rendering,
    draft::{self, Draft},
    first_after, order,
    text::{self, ITEM_CHARS, SENTENCE_CHARS, WORD_CHARS},
};
use crate::locale::Speech;

/// Whether anything of an order can be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// Something can; until then, where there is an end.
    Open {
        /// Not any more from then on.
        until: Option<Timestamp>,
    },
    /// Nothing can.
    Closed {
        /// Why.
        why: IneligibleCode,
        /// Something can from then on, as when a parcel counts as overdue.
        opens: Option<Timestamp>,
    },
}

/// An order that may be returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returnable<'a> {
    /// Which.
    pub(crate) order: &'a Order,
    /// The request that the card stands for; none before there is one.
    pub(crate) request: Option<&'a Return>,
    /// Whether anything (else) of it can be.
    pub(crate) window: Window,
}

/// The invitation or the request, as the buyer may see it.
pub(crate) fn render(subject: Returnable<'_>, rendering: &Rendering<'_>) -> Card {
    let Returnable { order, request, .. } = subject;
    let speech = rendering.speech;
    let window = standing(subject.window, rendering.now);
    let (title, status) = match request {
        None => (speech.return_or_refund(), invitation(window, speech)),
        Some(request) => (named(request.return_type, speech), requested(request, speech)),
    };
    let mut card = Draft::new(CardKind::ReturnRefund, order.id.as_str(), title, status);
    card.subtitle = text::line(order.id.as_str(), ITEM_CHARS).map(|id| speech.order(&id));

    if let Some(request) = request {
        fields(&mut card, request, rendering);
        card.items = returned(request, order);
    } else {
        if let Window::Open { until: Some(until) } = window {
            card.field(speech.request_by(), rendering.deadline(until));
        }
        card.items = order.line_items.iter().map(order::thing).collect();
    }
    card.image = card.items.iter().find_map(|item| item.image.clone());

    card.actions.push(CardAction {
        action: ActionName::RequestReturn,
        label: speech.do_request_return(),
        url: Some(rendering.links.return_request(rendering.shop_id, &order.id)),
        method: Some("buyer.returns.submit".into()),
        params: Some(json!({ "order_id": order.id })),
        enabled: may_request(request, window),
    });
    let return_id = request.map(|request| &request.return_id);
    let page = rendering.links.returns(rendering.shop_id, &order.id, return_id);
    card.page(ActionName::Open, speech.do_open(), page);
    card.finish(rendering)
}

/// When the card next looks different though nothing was asked or answered: when the time to ask ends or
/// begins.
pub(crate) fn next_change(subject: Returnable<'_>, now: Timestamp) -> Option<Timestamp> {
    if subject.request.is_some_and(|request| !request.return_status.is_void()) {
        return None;
    }
    match subject.window {
        Window::Open { until: at } | Window::Closed { opens: at, .. } => first_after(now, [at]),
    }
}

/// A request that runs is the one that the card stands for; after one that came to nothing another may be made.
fn may_request(request: Option<&Return>, window: Window) -> bool {
    let open = matches!(window, Window::Open { .. });
    open && request.is_none_or(|request| request.return_status.is_void())
}

fn standing(window: Window, now: Timestamp) -> Window {
    match window {
        Window::Open { until: Some(until) } if until <= now => {
            Window::Closed { why: IneligibleCode::WindowClosed, opens: None }
        }
        Window::Closed { opens: Some(opens), .. } if opens <= now => Window::Open { until: None },
        Window::Open { .. } | Window::Closed { .. } => window,
    }
}

fn invitation(window: Window, speech: &Speech) -> CardStatus {
    let why = match window {
        Window::Open { .. } => return draft::status("ELIGIBLE", speech.return_open(), Tone::Info),
        Window::Closed { why, .. } => why,
    };
    let label = match why {
        IneligibleCode::NotPaid => speech.return_not_paid(),
        IneligibleCode::NotShipped => speech.return_not_shipped(),
        IneligibleCode::NotDelivered => speech.return_not_delivered(),
        IneligibleCode::OrderCancelled => speech.return_order_cancelled(),
        IneligibleCode::WindowClosed => speech.return_window_closed(),
        IneligibleCode::AlreadyRequested => speech.return_already_requested(),
    };
    draft::status(why, label, Tone::Neutral)
}

fn named(return_type: ReturnType, speech: &Speech) -> String {
    match return_type {
        ReturnType::Refund => speech.refund(),
        ReturnType::ReturnAndRefund => speech.return_and_refund(),
        ReturnType::Replacement => speech.replacement(),
    }
}

fn requested(request: &Return, speech: &Speech) -> CardStatus {
    use ReturnStatus::{
        AwaitingBuyerResponse, AwaitingBuyerShip, BuyerShippedItem, RefundOrReturnRequestReject,
        RejectReceivePackage, ReplacementRequestCancel, ReplacementRequestComplete,
        ReplacementRequestPending, ReplacementRequestRefundSuccess, ReplacementRequestReject,
        ReturnOrRefundRequestCancel, ReturnOrRefundRequestComplete, ReturnOrRefundRequestPending,
        ReturnOrRefundRequestSuccess,
    };
    let tone = match request.return_status {
        ReturnOrRefundRequestPending | ReplacementRequestPending | BuyerShippedItem => Tone::Info,
        AwaitingBuyerShip | AwaitingBuyerResponse => Tone::Warning,
        RefundOrReturnRequestReject | RejectReceivePackage | ReplacementRequestReject => Tone::Danger,
        ReturnOrRefundRequestSuccess
        | ReturnOrRefundRequestComplete
        | ReplacementRequestRefundSuccess
        | ReplacementRequestComplete => Tone::Success,
        ReturnOrRefundRequestCancel | ReplacementRequestCancel => Tone::Neutral,
    };
    draft::status(request.return_status, word(request.return_status, speech), tone)
}

/// How far a request has come, in words.
pub(super) fn word(status: ReturnStatus, speech: &Speech) -> String {
    match status {
        ReturnStatus::ReturnOrRefundRequestPending | ReturnStatus::ReplacementRequestPending => {
            speech.request_pending()
        }
        ReturnStatus::RefundOrReturnRequestReject | ReturnStatus::ReplacementRequestReject => {
            speech.request_rejected()
        }
        ReturnStatus::AwaitingBuyerShip => speech.request_ship_back(),
        ReturnStatus::BuyerShippedItem => speech.request_shipped_back(),
        ReturnStatus::RejectReceivePackage => speech.request_parcel_rejected(),
        ReturnStatus::ReturnOrRefundRequestSuccess => speech.request_approved(),
        ReturnStatus::ReturnOrRefundRequestCancel | ReturnStatus::ReplacementRequestCancel => {
            speech.request_withdrawn()
        }
        ReturnStatus::ReturnOrRefundRequestComplete => speech.request_refunded(),
        ReturnStatus::AwaitingBuyerResponse => speech.request_awaiting_buyer(),
        ReturnStatus::ReplacementRequestRefundSuccess => speech.replacement_refunded(),
        ReturnStatus::ReplacementRequestComplete => speech.replacement_complete(),
    }
}

fn fields(card: &mut Draft, request: &Return, rendering: &Rendering<'_>) {
    let speech = rendering.speech;
    if request.return_status.is_pending() {
        let answer = request.seller_next_action_response.iter().map(|next| next.deadline).min();
        card.optional_field(speech.answer_by(), answer.map(|time| rendering.deadline(time)));
    }
    card.optional_field(speech.shop_answer(), shop_answer(request));
    if request.refund_amount.refund_total.minor != 0 {
        card.field(speech.refund_total(), speech.money(request.refund_amount.refund_total));
    }
    card.field(speech.request_reason(), reason(request.return_reason, speech));
    let own_words = text::optional_line(request.return_reason_text.as_ref(), SENTENCE_CHARS);
    card.optional_field(speech.buyer_message(), own_words);
    card.field(speech.requested_on(), rendering.moment(request.create_time));
    let tracking_number = text::optional_line(request.return_tracking_number.as_ref(), WORD_CHARS);
    card.optional_field(speech.return_tracking_id(), tracking_number);
}

/// The reason given with the last step, where the shop or the platform took it. Their notes are not for the buyer.
fn shop_answer(request: &Return) -> Option<String> {
    let last = request.records.last()?;
    match last.role {
        ReturnRole::Seller | ReturnRole::Operator => {
            text::optional_line(last.reason_text.as_ref(), SENTENCE_CHARS)
        }
        ReturnRole::Buyer | ReturnRole::System => None,
    }
}

fn reason(reason: ReturnReason, speech: &Speech) -> String {
    match reason {
        ReturnReason::NoNeed => speech.reason_no_need(),
        ReturnReason::NotMatchDescription => speech.reason_not_match_description(),
        ReturnReason::MissingProduct => speech.reason_missing_product(),
        ReturnReason::Damaged => speech.reason_damaged(),
        ReturnReason::Defective => speech.reason_defective(),
        ReturnReason::WrongProduct => speech.reason_wrong_product(),
        ReturnReason::NotReceived => speech.reason_not_received(),
    }
}

/// What is returned, with the pictures and variants of the order.
fn returned(request: &Return, order: &Order) -> Vec<CardItem> {
    let items = request.return_line_items.iter();
    items
        .map(|item| {
            let of_order = order.line_items.iter().find(|line| line.id == item.order_line_item_id);
            let title = text::line(&item.product_name, ITEM_CHARS)
                .or_else(|| of_order.map(order::name))
                .or_else(|| text::line(item.sku_id.as_str(), ITEM_CHARS));
            let thing = of_order.map_or_else(|| draft::item(String::new()), order::thing);
            CardItem { title: title.unwrap_or_default(), quantity: Some(item.quantity), ..thing }
        })
        .collect()
}
