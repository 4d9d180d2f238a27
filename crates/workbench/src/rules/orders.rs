//! Orders as the shop's systems write them: whether the document holds together, and what it changes. The parts that
//! come from elsewhere (note, parcels, returns, reminder, pending actions, links) are no part of it.

use deskwire_protocol::{
    Timestamp,
    order::{Deadlines, LineItem, Order, OrderStatus, Payment, RecipientAddress},
    text::TEXT_CHARS,
};

use super::{
    amounts, fields,
    write::{Write, differing},
};
use crate::error::WorkbenchError;

/// The most line items of an order.
pub(crate) const LINE_ITEMS: usize = 200;

/// The longest name of a product, in characters.
pub(crate) const PRODUCT_NAME_CHARS: usize = 500;

/// The longest reason, in characters.
const REASON_CHARS: usize = 500;

/// The longest short name (of a carrier, a way to pay, a variant), in characters.
pub(crate) const NAME_CHARS: usize = 200;

/// What comes of an order that the shop's systems wrote.
pub(crate) fn upsert(
    stored: Option<&Order>,
    incoming: Order,
    now: Timestamp,
) -> Result<Write<Order>, WorkbenchError> {
    check(&incoming, now)?;
    let Some(stored) = stored else { return Ok(Write::Created(incoming)) };
    if incoming.user_id != stored.user_id {
        return Err(WorkbenchError::invalid("user_id", "must stay: an order never changes its buyer"));
    }
    if incoming.create_time != stored.create_time {
        return Err(WorkbenchError::invalid("create_time", "must stay as it was first written"));
    }
    if incoming.payment.currency != stored.payment.currency {
        return Err(WorkbenchError::invalid("payment.currency", "must stay as it was first written"));
    }
    if incoming.update_time < stored.update_time {
        return Ok(Write::Stale);
    }
    check_status(stored.status, incoming.status)?;
    Ok(Write::of(Some(stored), incoming, changed_fields))
}

/// The status goes forward only.
fn check_status(stored: OrderStatus, next: OrderStatus) -> Result<(), WorkbenchError> {
    if stored.may_become(next) {
        return Ok(());
    }
    let problem = if stored == OrderStatus::Cancelled {
        "must stay CANCELLED"
    } else if next == OrderStatus::Cancelled {
        "must not become CANCELLED: the order has been shipped"
    } else {
        "must not go back to an earlier status"
    };
    Err(WorkbenchError::invalid("status", problem))
}

/// Whether an order holds together by itself.
pub(crate) fn check(order: &Order, now: Timestamp) -> Result<(), WorkbenchError> {
    check_derived(order)?;
    fields::made_and_changed(order.create_time, order.update_time, now)?;
    for (field, time) in [
        ("paid_time", order.paid_time),
        ("delivery_time", order.delivery_time),
        ("cancel_time", order.cancel_time),
    ] {
        if let Some(time) = time {
            fields::past(field, time, now)?;
        }
    }
    check_deadlines(&order.deadlines)?;
    for (field, text, limit) in [
        ("buyer_message", &order.buyer_message, TEXT_CHARS),
        ("cancel_reason", &order.cancel_reason, REASON_CHARS),
        ("payment_method_name", &order.payment_method_name, NAME_CHARS),
        ("delivery_option_name", &order.delivery_option_name, NAME_CHARS),
        ("shipping_provider", &order.shipping_provider, NAME_CHARS),
        ("tracking_number", &order.tracking_number, NAME_CHARS),
    ] {
        fields::optional_text(field, text.as_ref(), limit)?;
    }
    if let Some(address) = &order.recipient_address {
        check_address(address)?;
    }
    check_payment(&order.payment)?;
    check_line_items(&order.line_items, &order.payment)
}

fn check_derived(order: &Order) -> Result<(), WorkbenchError> {
    let Order { reminder, pending_actions, seller_note, packages, returns, links, .. } = order;
    fields::absent("reminder", reminder.as_ref(), "it is made of `deadlines`")?;
    fields::absent("pending_actions", pending_actions.first(), "they are made by the server")?;
    fields::absent("links", links.as_ref(), "they are made by the server")?;
    fields::absent("seller_note", seller_note.as_ref(), "a note is written by itself, with its version")?;
    fields::absent("packages", packages.first(), "packages are written by themselves")?;
    fields::absent("returns", returns.first(), "returns are written by themselves")
}

fn check_deadlines(deadlines: &Deadlines) -> Result<(), WorkbenchError> {
    let Deadlines {
        payment_due_time,
        shipping_due_time,
        collection_due_time,
        delivery_due_time,
        cancel_order_sla_time,
    } = deadlines;
    for (name, time) in [
        ("payment_due_time", payment_due_time),
        ("shipping_due_time", shipping_due_time),
        ("collection_due_time", collection_due_time),
        ("delivery_due_time", delivery_due_time),
        ("cancel_order_sla_time", cancel_order_sla_time),
    ] {
        fields::optional_time(&format!("deadlines.{name}"), *time)?;
    }
    Ok(())
}

/// Whether an address can be printed on a parcel.
pub(crate) fn check_address(address: &RecipientAddress) -> Result<(), WorkbenchError> {
    let RecipientAddress { name, phone_number, full_address, postal_code, region_code } = address;
    fields::text("recipient_address.name", name, NAME_CHARS)?;
    fields::text("recipient_address.full_address", full_address, 1_000)?;
    fields::optional_text("recipient_address.phone_number", phone_number.as_ref(), 50)?;
    fields::optional_text("recipient_address.postal_code", postal_code.as_ref(), 20)?;
    let is_code =
        |code: &str| (2..=3).contains(&code.len()) && code.bytes().all(|letter| letter.is_ascii_uppercase());
    if region_code.as_ref().is_some_and(|code| !is_code(code)) {
        return Err(WorkbenchError::invalid(
            "recipient_address.region_code",
            "must be an ISO 3166 country code, as \"BR\"",
        ));
    }
    Ok(())
}

fn check_payment(payment: &Payment) -> Result<(), WorkbenchError> {
    let Payment {
        currency,
        sub_total,
        shipping_fee,
        original_shipping_fee,
        seller_discount,
        platform_discount,
        tax,
        total_amount,
    } = payment;
    for (name, amount) in [
        ("sub_total", sub_total),
        ("shipping_fee", shipping_fee),
        ("tax", tax),
        ("total_amount", total_amount),
    ] {
        amounts::check(&format!("payment.{name}"), *amount, *currency)?;
    }
    for (name, amount) in [
        ("original_shipping_fee", original_shipping_fee),
        ("seller_discount", seller_discount),
        ("platform_discount", platform_discount),
    ] {
        amounts::check_optional(&format!("payment.{name}"), *amount, *currency)?;
    }
    let total = amounts::sum("payment.total_amount", *currency, [*sub_total, *shipping_fee, *tax])?;
    if total != *total_amount {
        return Err(WorkbenchError::invalid(
            "payment.total_amount",
            format_args!("must be `sub_total` + `shipping_fee` + `tax`, which is {}", total.amount()),
        ));
    }
    Ok(())
}

fn check_line_items(items: &[LineItem], payment: &Payment) -> Result<(), WorkbenchError> {
    fields::count("line_items", items.len(), 1, LINE_ITEMS)?;
    fields::unique(items.iter().map(|item| &item.id), |place| format!("line_items[{place}].id"))?;
    let mut prices = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let path = |name: &str| format!("line_items[{place}].{name}");
        fields::quantity(&path("quantity"), item.quantity)?;
        fields::text(&path("product_name"), &item.product_name, PRODUCT_NAME_CHARS)?;
        fields::optional_text(&path("sku_name"), item.sku_name.as_ref(), NAME_CHARS)?;
        fields::optional_text(&path("seller_sku"), item.seller_sku.as_ref(), NAME_CHARS)?;
        fields::image(&path("sku_image"), item.sku_image.as_ref())?;
        amounts::check(&path("sale_price"), item.sale_price, payment.currency)?;
        amounts::check_optional(&path("original_price"), item.original_price, payment.currency)?;
        prices.push(amounts::times(&path("sale_price"), item.sale_price, item.quantity)?);
    }
    // Discounts on the whole order are in `sub_total`, not in the items, so that the two need not be equal.
    amounts::sum("line_items", payment.currency, prices)?;
    Ok(())
}

/// The wire's names of the fields in which two orders differ.
pub(crate) fn changed_fields(old: &Order, new: &Order) -> Vec<&'static str> {
    differing!(
        Order,
        old,
        new,
        [
            status,
            create_time,
            update_time,
            user_id,
            paid_time,
            delivery_time,
            buyer_message,
            cancel_reason,
            cancellation_initiator,
            cancel_time,
            payment_method_name,
            is_cod,
            payment,
            recipient_address,
            delivery_option_name,
            shipping_provider,
            tracking_number,
            line_items,
            deadlines,
        ],
        ignoring [id, reminder, pending_actions, seller_note, packages, returns, links]
    )
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{money::Money, order::SellerNote};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::samples::{DAY, NOW, buyer, field_of, money, order};

    fn refused(change: impl FnOnce(&mut Order)) -> String {
        let mut order = order(OrderStatus::AwaitingShipment);
        change(&mut order);
        field_of(upsert(None, order, NOW))
    }

    #[test]
    fn an_order_that_adds_up_is_taken() {
        let new = order(OrderStatus::AwaitingShipment);
        assert_eq!(upsert(None, new.clone(), NOW).unwrap(), Write::Created(new));
    }

    #[test]
    fn the_same_again_changes_nothing_and_the_older_is_left_out() {
        let stored = order(OrderStatus::InTransit);
        assert_eq!(upsert(Some(&stored), stored.clone(), NOW).unwrap(), Write::Unchanged);

        let mut older = order(OrderStatus::AwaitingShipment);
        older.update_time = stored.update_time.minus(DAY);
        assert_eq!(upsert(Some(&stored), older, NOW).unwrap(), Write::Stale, "though it would go back");

        let mut newer = order(OrderStatus::Delivered);
        newer.update_time = NOW;
        newer.delivery_time = Some(NOW);
        let Write::Changed { document, fields } = upsert(Some(&stored), newer.clone(), NOW).unwrap() else {
            panic!("not changed")
        };
        assert_eq!((document, fields), (newer, vec!["status", "update_time", "delivery_time"]));
    }

    #[test]
    fn buyer_time_and_currency_stay_as_first_written() {
        let stored = order(OrderStatus::InTransit);
        let mut other = stored.clone();
        other.user_id = buyer("b-2");
        assert_eq!(field_of(upsert(Some(&stored), other, NOW)), "user_id");
        let mut other = stored.clone();
        other.create_time = other.create_time.plus(DAY);
        assert_eq!(field_of(upsert(Some(&stored), other, NOW)), "create_time");
        let mut stored = stored;
        stored.payment.currency = "BRL".parse().unwrap();
        assert_eq!(field_of(upsert(Some(&stored), order(OrderStatus::InTransit), NOW)), "payment.currency");
    }

    #[test]
    fn a_total_that_does_not_add_up_is_refused() {
        assert_eq!(refused(|order| order.payment.total_amount.minor += 1), "payment.total_amount");
        assert_eq!(refused(|order| order.payment.sub_total = money(i64::MAX)), "payment.total_amount");
        assert_eq!(refused(|order| order.payment.tax = money(-1)), "payment.tax");
    }

    #[test]
    fn every_amount_is_in_one_currency() {
        let real = Money::new(1, "BRL".parse().unwrap());
        assert_eq!(refused(|order| order.payment.tax = real), "payment.tax");
        assert_eq!(refused(|order| order.payment.seller_discount = Some(real)), "payment.seller_discount");
        assert_eq!(refused(|order| order.line_items[1].sale_price = real), "line_items[1].sale_price");
        assert_eq!(
            refused(|order| order.line_items[0].original_price = Some(real)),
            "line_items[0].original_price"
        );
    }

    #[test]
    fn line_items_are_counted_and_told_apart() {
        assert_eq!(refused(|order| order.line_items.clear()), "line_items");
        assert_eq!(refused(|order| order.line_items[1].quantity = 0), "line_items[1].quantity");
        assert_eq!(
            refused(|order| order.line_items[1].id = order.line_items[0].id.clone()),
            "line_items[1].id"
        );
        assert_eq!(
            refused(|order| order.line_items[0].sale_price = money(i64::MAX)),
            "line_items[0].sale_price"
        );
        assert_eq!(
            refused(|order| {
                order.line_items[0].sale_price = money(i64::MAX / 2);
                order.line_items[1].sale_price = money(i64::MAX / 2);
            }),
            "line_items"
        );
        let many = |count: usize| {
            let mut order = order(OrderStatus::Unpaid);
            order.line_items =
                (0..count).map(|at| crate::rules::samples::line_item(&format!("l-{at}"), 1, 1)).collect();
            upsert(None, order, NOW)
        };
        assert!(many(200).is_ok());
        assert_eq!(field_of(many(201)), "line_items");
    }

    #[test]
    fn what_the_server_makes_is_not_written() {
        let note = SellerNote {
            text: String::new(),
            version: 1,
            editor: deskwire_protocol::order::Editor {
                kind: deskwire_protocol::order::EditorKind::Api,
                id: "erp".into(),
                name: "ERP".into(),
            },
            update_time: NOW,
        };
        assert_eq!(refused(|order| order.seller_note = Some(note)), "seller_note");
        let package = crate::rules::samples::package(deskwire_protocol::logistics::PackageStatus::ToFulfill);
        assert_eq!(refused(|order| order.packages.push(package)), "packages");
        assert_eq!(
            refused(|order| {
                order.deadlines.payment_due_time = Some(NOW);
                order.status = OrderStatus::Unpaid;
                order.reminder = order.nearest_deadline(NOW);
            }),
            "reminder"
        );
    }

    #[test]
    fn texts_and_times_are_bounded() {
        assert_eq!(refused(|order| order.buyer_message = Some("x".repeat(2_001))), "buyer_message");
        assert_eq!(
            refused(|order| order.line_items[0].product_name = " ".into()),
            "line_items[0].product_name"
        );
        assert_eq!(refused(|order| order.update_time = order.create_time.minus(DAY)), "update_time");
        assert_eq!(refused(|order| order.create_time = Timestamp::from_millis(-1)), "create_time");
        let never = Some(Timestamp::from_millis(i64::MAX));
        assert_eq!(refused(|order| order.deadlines.shipping_due_time = never), "deadlines.shipping_due_time");
        assert_eq!(refused(|order| order.paid_time = never), "paid_time");
        let address = |region: &str| RecipientAddress {
            name: "Ana".into(),
            phone_number: None,
            full_address: "Rua 1".into(),
            postal_code: None,
            region_code: Some(region.into()),
        };
        assert_eq!(
            refused(|order| order.recipient_address = Some(address("brazil"))),
            "recipient_address.region_code"
        );
    }

    fn status() -> impl Strategy<Value = OrderStatus> {
        prop::sample::select(OrderStatus::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn a_status_never_goes_back(writes in prop::collection::vec((status(), -3_i32..3), 1..30)) {
            let mut stored = order(OrderStatus::Unpaid);
            for (status, step) in writes {
                let mut incoming = order(status);
                incoming.update_time =
                    Timestamp::from_millis(stored.update_time.millis() + i64::from(step));
                let before = stored.clone();
                if let Ok(Some(document)) = upsert(Some(&stored), incoming, NOW).map(Write::document) {
                    stored = document;
                }
                prop_assert!(before.status <= stored.status, "{:?} to {:?}", before.status, stored.status);
                prop_assert!(before.update_time <= stored.update_time);
                if stored.status == OrderStatus::Cancelled && before.status != OrderStatus::Cancelled {
                    prop_assert!(before.status < OrderStatus::InTransit);
                }
            }
        }
    }
}
