//! The order card: which order it is, how far it has come, and what must happen by when.

use deskwire_protocol::{
    Timestamp,
    card::{ActionName, Card, CardAction, CardItem, CardKind, CardStatus, Tone},
    money::Money,
    order::{CancellationInitiator, DeadlineKind, LineItem, Order, OrderStatus, Payment, Reminder},
    returns::ReturnStatus,
};
use serde_json::json;

use super::{
    Rendering,
    draft::{self, Draft},
    return_refund,
    text::{self, ITEM_CHARS, SENTENCE_CHARS, WORD_CHARS},
};
use crate::locale::Speech;

/// An order with its parcels and returns, as the buyer may see it.
pub(crate) fn render(order: &Order, rendering: &Rendering<'_>) -> Card {
    let speech = rendering.speech;
    let reminder = order.nearest_deadline(rendering.now);
    let title = speech.order(&text::line(order.id.as_str(), ITEM_CHARS).unwrap_or_default());
    let late = order.deadlines_at(rendering.now).any(|deadline| deadline.overdue);
    let mut card = Draft::new(CardKind::Order, order.id.as_str(), title, status(order, late, speech));
    card.subtitle = first_and_more(&order.line_items, speech);
    card.image = order.line_items.iter().find_map(|item| text::image(item.sku_image.as_ref()));

    if let Some((label, value)) = reminder.and_then(|reminder| told(reminder, rendering)) {
        card.field(label, value);
    }
    if order.status == OrderStatus::Cancelled {
        card.optional_field(speech.cancelled_on(), cancellation(order, rendering));
        let reason = text::optional_line(order.cancel_reason.as_ref(), SENTENCE_CHARS);
        card.optional_field(speech.cancel_reason(), reason);
    }
    card.optional_field(speech.return_or_refund(), latest_return(order, speech));
    card.field(speech.placed(), rendering.moment(order.create_time));
    amounts(&mut card, &order.payment, speech);
    let by_method = text::optional_line(order.payment_method_name.as_ref(), WORD_CHARS);
    let on_delivery = order.is_cod.then(|| speech.cash_on_delivery());
    card.optional_field(speech.payment_method(), by_method.or(on_delivery));
    let carrier = text::optional_line(order.shipping_provider.as_ref(), WORD_CHARS);
    card.optional_field(speech.carrier(), carrier);
    let tracking_number = text::optional_line(order.tracking_number.as_ref(), WORD_CHARS);
    card.optional_field(speech.tracking_id(), tracking_number);
    let message = text::optional_line(order.buyer_message.as_ref(), SENTENCE_CHARS);
    card.optional_field(speech.buyer_message(), message);

    card.items = order.line_items.iter().map(|item| bought(item, speech)).collect();
    card.actions.push(CardAction {
        action: ActionName::Confirm,
        label: speech.do_confirm(),
        url: None,
        method: Some("card.act".into()),
        params: Some(json!({ "action": ActionName::Confirm })),
        enabled: !rendering.acted(ActionName::Confirm),
    });
    let page = rendering.links.order_detail(rendering.shop_id, &order.id);
    card.page(ActionName::Open, speech.do_open(), page);
    if !order.packages.is_empty() {
        card.actions.push(track(order, rendering));
    }
    card.finish(rendering)
}

/// When the card next looks different though the order has not changed: when its nearest deadline passes.
pub(crate) fn next_change(order: &Order, now: Timestamp) -> Option<Timestamp> {
    order.nearest_deadline(now).filter(|reminder| !reminder.overdue).map(|reminder| reminder.due_time)
}

/// The button that shows an order's parcels.
pub(super) fn track(order: &Order, rendering: &Rendering<'_>) -> CardAction {
    CardAction {
        action: ActionName::Track,
        label: rendering.speech.do_track(),
        url: Some(rendering.links.tracking(rendering.shop_id, &order.id)),
        method: Some("buyer.logistics.get".into()),
        params: Some(json!({ "order_id": order.id })),
        enabled: true,
    }
}

/// The name of a line item; its id where it has none.
pub(super) fn name(item: &LineItem) -> String {
    text::line(&item.product_name, ITEM_CHARS)
        .or_else(|| text::line(item.product_id.as_str(), ITEM_CHARS))
        .unwrap_or_default()
}

/// A line item without its price.
pub(super) fn thing(item: &LineItem) -> CardItem {
    CardItem {
        image: text::image(item.sku_image.as_ref()),
        detail: text::optional_line(item.sku_name.as_ref(), WORD_CHARS),
        quantity: Some(item.quantity),
        ..draft::item(name(item))
    }
}

fn bought(item: &LineItem, speech: &Speech) -> CardItem {
    let price = speech.money(item.sale_price);
    let price = if item.quantity > 1 { speech.price_each(&price) } else { price };
    CardItem { price: Some(price), ..thing(item) }
}

fn first_and_more(items: &[LineItem], speech: &Speech) -> Option<String> {
    let (first, others) = items.split_first()?;
    let name = name(first);
    match u64::try_from(others.len()).unwrap_or(u64::MAX) {
        0 => Some(name),
        more => Some(speech.name_and_more(&name, more)),
    }
}

fn status(order: &Order, late: bool, speech: &Speech) -> CardStatus {
    let (label, tone) = match order.status {
        OrderStatus::Unpaid => (speech.order_unpaid(), Tone::Warning),
        OrderStatus::OnHold => (speech.order_on_hold(), Tone::Neutral),
        OrderStatus::AwaitingShipment => (speech.order_awaiting_shipment(), Tone::Neutral),
        OrderStatus::PartiallyShipping => (speech.order_partially_shipping(), Tone::Info),
        OrderStatus::AwaitingCollection => (speech.order_awaiting_collection(), Tone::Info),
        OrderStatus::InTransit => (speech.order_in_transit(), Tone::Info),
        OrderStatus::Delivered => (speech.order_delivered(), Tone::Success),
        OrderStatus::Completed => (speech.order_completed(), Tone::Success),
        OrderStatus::Cancelled => (speech.order_cancelled(), Tone::Danger),
    };
    draft::status(order.status, label, if late { Tone::Warning } else { tone })
}

/// A deadline: what it is for, and when. That of a return is on its own card.
fn told(reminder: Reminder, rendering: &Rendering<'_>) -> Option<(String, String)> {
    let speech = rendering.speech;
    let time = rendering.deadline(reminder.due_time);
    if reminder.overdue {
        let label = match reminder.kind {
            DeadlineKind::PaymentDue => speech.payment_was_due(),
            DeadlineKind::ShippingDue | DeadlineKind::CancelOrderSla => speech.shipping_was_due(),
            DeadlineKind::CollectionDue => speech.hand_over_was_due(),
            DeadlineKind::DeliveryDue => speech.arrival_was_due(),
            DeadlineKind::ReturnAnswerDue => return None,
        };
        return Some((label, time));
    }
    Some(match reminder.kind {
        DeadlineKind::PaymentDue => (speech.pay_by(), speech.or_cancelled(&time)),
        DeadlineKind::CancelOrderSla => (speech.ship_by(), speech.or_cancelled(&time)),
        DeadlineKind::ShippingDue => (speech.ship_by(), time),
        DeadlineKind::CollectionDue => (speech.hand_over_by(), time),
        DeadlineKind::DeliveryDue => (speech.arrive_by(), time),
        DeadlineKind::ReturnAnswerDue => return None,
    })
}

fn cancellation(order: &Order, rendering: &Rendering<'_>) -> Option<String> {
    let speech = rendering.speech;
    let time = rendering.moment(order.cancel_time?);
    Some(match order.cancellation_initiator {
        Some(CancellationInitiator::Seller) => speech.cancelled_by_seller(&time),
        Some(CancellationInitiator::Buyer) => speech.cancelled_by_buyer(&time),
        Some(CancellationInitiator::System) => speech.cancelled_by_itself(&time),
        None => time,
    })
}

fn latest_return(order: &Order, speech: &Speech) -> Option<String> {
    let status: ReturnStatus = order.returns.first()?.return_status;
    Some(return_refund::word(status, speech))
}

/// What is paid, and what of it was let off; nothing is said of what is zero, except of the total.
fn amounts(card: &mut Draft, payment: &Payment, speech: &Speech) {
    card.field(speech.total(), speech.money(payment.total_amount));
    if payment.sub_total != payment.total_amount {
        card.field(speech.sub_total(), speech.money(payment.sub_total));
    }
    let fee = payment.shipping_fee;
    let before = payment.original_shipping_fee.filter(|before| before.minor > fee.minor);
    if let Some(before) = before {
        let value = speech.price_before(&speech.money(fee), &speech.money(before));
        card.field(speech.shipping_fee(), value);
    } else if fee.minor != 0 {
        card.field(speech.shipping_fee(), speech.money(fee));
    }
    if payment.tax.minor != 0 {
        card.field(speech.tax(), speech.money(payment.tax));
    }
    let discounts = [payment.seller_discount, payment.platform_discount];
    let discount = discounts.into_iter().flatten().fold(0_i64, |sum, given| sum.saturating_add(given.minor));
    if discount != 0 {
        let discount = Money::new(discount, payment.total_amount.currency);
        card.field(speech.discount(), speech.money(discount));
    }
}
