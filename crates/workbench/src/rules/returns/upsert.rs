//! Returns as the shop's systems write them. Every step stays: a record once written is not taken away.

use deskwire_protocol::{
    Timestamp,
    money::Money,
    order::Order,
    returns::{RefundAmount, Return, ReturnRecord, ReturnRole, ReturnStatus, ReturnType},
    text::TEXT_CHARS,
};

use super::{ReturnTimes, next_actions};
use crate::{
    error::WorkbenchError,
    rules::{
        amounts, fields,
        orders::{LINE_ITEMS, NAME_CHARS},
        write::{Write, differing},
    },
};

/// The most steps of a return.
const RECORDS: usize = 200;

/// What comes of a return that the shop's systems wrote for this order, which has these other returns. A new status
/// without a record gets one.
pub(crate) fn upsert(
    order: &Order,
    others: &[&Return],
    stored: Option<&Return>,
    incoming: Return,
    times: &ReturnTimes,
    now: Timestamp,
) -> Result<Write<Return>, WorkbenchError> {
    let mut request = incoming;
    check(order, others, &request, now)?;
    if let Some(stored) = stored {
        for (field, stays) in [
            ("order_id", request.order_id == stored.order_id),
            ("return_type", request.return_type == stored.return_type),
            ("create_time", request.create_time == stored.create_time),
        ] {
            if !stays {
                return Err(WorkbenchError::invalid(field, "must stay as it was first written"));
            }
        }
        if request.update_time < stored.update_time {
            return Ok(Write::Stale);
        }
        if !stored.return_status.may_become(request.return_status, request.return_type) {
            return Err(WorkbenchError::invalid("return_status", "must not follow the one that stands"));
        }
    }
    request.records = records(stored, &request)?;
    if !request.return_status.is_pending() {
        request.seller_next_action_response.clear();
    } else if request.seller_next_action_response.is_empty() {
        let known = stored.map(|stored| &stored.seller_next_action_response);
        request.seller_next_action_response = match known {
            Some(known) if !known.is_empty() => known.clone(),
            Some(_) | None => {
                next_actions(request.return_status, request.update_time.plus(times.answer_within))
            }
        };
    }
    Ok(Write::of(stored, request, changed_fields))
}

/// The known steps and the new ones, each once, oldest first; at the end one that leads to the status as it is.
fn records(stored: Option<&Return>, request: &Return) -> Result<Vec<ReturnRecord>, WorkbenchError> {
    let mut records: Vec<ReturnRecord> = stored.map_or_else(Vec::new, |stored| stored.records.clone());
    for record in &request.records {
        if !records.contains(record) {
            records.push(record.clone());
        }
    }
    records.sort_by_key(|record| record.create_time);
    if records.iter().all(|record| record.event != request.return_status)
        || is_back(stored, request, &records)
    {
        records.push(ReturnRecord {
            event: request.return_status,
            role: if stored.is_none() { request.role } else { ReturnRole::Seller },
            description: if stored.is_none() { "Requested." } else { "Updated by the shop." }.into(),
            note: None,
            reason_text: None,
            images: Vec::new(),
            create_time: request.update_time,
        });
    }
    fields::count("records", records.len(), 0, RECORDS)?;
    Ok(records)
}

/// Whether the status is one that was there before, as when the buyer has answered, and no new record says so.
fn is_back(stored: Option<&Return>, request: &Return, records: &[ReturnRecord]) -> bool {
    stored.is_some_and(|stored| {
        stored.return_status != request.return_status && records.len() == stored.records.len()
    })
}

fn check(order: &Order, others: &[&Return], request: &Return, now: Timestamp) -> Result<(), WorkbenchError> {
    // What is void holds nothing, and takes nothing.
    let stands = |other: &&Return| !request.return_status.is_void() && !other.return_status.is_void();
    let standing: Vec<&Return> = others.iter().copied().filter(stands).collect();
    fields::absent("link", request.link.as_ref(), "it is made by the server")?;
    if request.order_id != order.id {
        return Err(WorkbenchError::invalid("order_id", "must be the order's id"));
    }
    if !belongs(request.return_status, request.return_type) {
        return Err(WorkbenchError::invalid("return_status", "does not belong to this `return_type`"));
    }
    fields::made_and_changed(request.create_time, request.update_time, now)?;
    fields::optional_text("return_reason_text", request.return_reason_text.as_ref(), TEXT_CHARS)?;
    fields::optional_text("return_tracking_number", request.return_tracking_number.as_ref(), NAME_CHARS)?;
    check_amount(order, &standing, &request.refund_amount)?;
    check_items(order, &standing, request)?;
    check_records(&request.records, now)?;
    for (place, next) in request.seller_next_action_response.iter().enumerate() {
        fields::time(&format!("seller_next_action_response[{place}].deadline"), next.deadline)?;
    }
    fields::count("seller_next_action_response", request.seller_next_action_response.len(), 0, 2)
}

/// Replacements have statuses of their own.
fn belongs(status: ReturnStatus, return_type: ReturnType) -> bool {
    let of_goods_back = match status {
        ReturnStatus::AwaitingBuyerShip
        | ReturnStatus::BuyerShippedItem
        | ReturnStatus::RejectReceivePackage => return return_type == ReturnType::ReturnAndRefund,
        ReturnStatus::ReturnOrRefundRequestPending
        | ReturnStatus::RefundOrReturnRequestReject
        | ReturnStatus::ReturnOrRefundRequestSuccess
        | ReturnStatus::ReturnOrRefundRequestCancel
        | ReturnStatus::ReturnOrRefundRequestComplete
        | ReturnStatus::AwaitingBuyerResponse => true,
        ReturnStatus::ReplacementRequestPending
        | ReturnStatus::ReplacementRequestReject
        | ReturnStatus::ReplacementRequestRefundSuccess
        | ReturnStatus::ReplacementRequestCancel
        | ReturnStatus::ReplacementRequestComplete => false,
    };
    of_goods_back == (return_type != ReturnType::Replacement)
}

fn check_amount(order: &Order, others: &[&Return], amount: &RefundAmount) -> Result<(), WorkbenchError> {
    let currency = order.payment.currency;
    if amount.currency != currency {
        return Err(WorkbenchError::invalid(
            "refund_amount.currency",
            format_args!("must be {currency}, as of the order"),
        ));
    }
    let RefundAmount { currency: _, refund_subtotal, refund_shipping_fee, refund_tax, refund_total } = amount;
    for (name, part) in [
        ("refund_subtotal", refund_subtotal),
        ("refund_shipping_fee", refund_shipping_fee),
        ("refund_tax", refund_tax),
        ("refund_total", refund_total),
    ] {
        amounts::check(&format!("refund_amount.{name}"), *part, currency)?;
    }
    let field = "refund_amount.refund_total";
    let sum = amounts::sum(field, currency, [*refund_subtotal, *refund_shipping_fee, *refund_tax])?;
    if sum != *refund_total {
        return Err(WorkbenchError::invalid(
            field,
            format_args!("must be the sum of the other amounts, which is {}", sum.amount()),
        ));
    }
    let paid = order.payment.total_amount;
    let held =
        others.iter().fold(0, |sum: i64, other| sum.saturating_add(other.refund_amount.refund_total.minor));
    let left = Money { minor: paid.minor.saturating_sub(held).max(0), ..paid };
    if refund_total.minor > left.minor {
        let problem = format_args!("must be at most {left}, what was paid less what other returns give back");
        return Err(WorkbenchError::invalid(field, problem));
    }
    Ok(())
}

fn check_items(order: &Order, others: &[&Return], request: &Return) -> Result<(), WorkbenchError> {
    let items = &request.return_line_items;
    fields::count("return_line_items", items.len(), 1, LINE_ITEMS)?;
    let path = |place: usize, name: &str| format!("return_line_items[{place}].{name}");
    fields::unique(items.iter().map(|item| &item.order_line_item_id), |place| {
        path(place, "order_line_item_id")
    })?;
    for (place, item) in items.iter().enumerate() {
        let bought = order.line_items.iter().find(|bought| bought.id == item.order_line_item_id);
        let Some(bought) = bought else {
            return Err(WorkbenchError::invalid(
                path(place, "order_line_item_id"),
                "must be one of the order's line items",
            ));
        };
        fields::quantity(&path(place, "quantity"), item.quantity)?;
        let held = others
            .iter()
            .flat_map(|other| &other.return_line_items)
            .filter(|held| held.order_line_item_id == item.order_line_item_id)
            .fold(0, |sum: u32, held| sum.saturating_add(held.quantity));
        let left = bought.quantity.saturating_sub(held);
        if item.quantity > left {
            return Err(WorkbenchError::invalid(
                path(place, "quantity"),
                format_args!("must be at most {left}, as many as were bought and no other return has"),
            ));
        }
    }
    Ok(())
}

fn check_records(records: &[ReturnRecord], now: Timestamp) -> Result<(), WorkbenchError> {
    fields::count("records", records.len(), 0, RECORDS)?;
    for (place, record) in records.iter().enumerate() {
        let path = |name: &str| format!("records[{place}].{name}");
        fields::past(&path("create_time"), record.create_time, now)?;
        fields::optional_text(&path("description"), Some(&record.description), TEXT_CHARS)?;
        fields::optional_text(&path("note"), record.note.as_ref(), TEXT_CHARS)?;
        fields::optional_text(&path("reason_text"), record.reason_text.as_ref(), TEXT_CHARS)?;
        fields::count(&path("images"), record.images.len(), 0, 9)?;
        for (at, address) in record.images.iter().enumerate() {
            fields::image(&path(&format!("images[{at}]")), Some(address))?;
        }
    }
    Ok(())
}

/// The wire's names of the fields in which two returns differ.
pub(crate) fn changed_fields(old: &Return, new: &Return) -> Vec<&'static str> {
    differing!(
        Return,
        old,
        new,
        [
            order_id,
            return_type,
            return_status,
            return_reason,
            return_reason_text,
            role,
            create_time,
            update_time,
            refund_amount,
            return_tracking_number,
            return_line_items,
            records,
            seller_next_action_response,
        ],
        ignoring [return_id, link]
    )
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ids::LineItemId, order::OrderStatus, returns::ReturnLineItem};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{
        returns::tests::{ALL, request},
        samples::{DAY, NOW, field_of, money, order},
    };

    fn item() -> ReturnLineItem {
        let order = order(OrderStatus::Delivered);
        ReturnLineItem {
            order_line_item_id: order.line_items[0].id.clone(),
            sku_id: order.line_items[0].sku_id.clone(),
            product_name: "Linen shirt".into(),
            quantity: 1,
        }
    }

    fn written(return_type: ReturnType) -> Return {
        request(&order(OrderStatus::Delivered), return_type, vec![item()])
    }

    fn write(stored: Option<&Return>, incoming: Return) -> Result<Write<Return>, WorkbenchError> {
        beside(&[], stored, incoming)
    }

    fn beside(
        others: &[&Return],
        stored: Option<&Return>,
        incoming: Return,
    ) -> Result<Write<Return>, WorkbenchError> {
        upsert(&order(OrderStatus::Delivered), others, stored, incoming, &ReturnTimes::default(), NOW)
    }

    #[test]
    fn what_another_return_holds_cannot_go_back_again_until_that_is_void() {
        let all = |quantity| {
            let mut request = written(ReturnType::Refund);
            request.return_line_items[0].quantity = quantity;
            request
        };
        let mut first = write(None, all(1)).unwrap().document().unwrap();
        assert_eq!(field_of(beside(&[&first], None, all(2))), "return_line_items[0].quantity");
        assert!(beside(&[&first], None, all(1)).is_ok(), "there are two");
        assert!(beside(&[], Some(&first), all(1)).is_ok(), "itself is no other");

        let mut paying = all(1);
        paying.refund_amount.refund_subtotal = money(1);
        paying.refund_amount.refund_total = money(1);
        let paid = order(OrderStatus::Delivered).payment.total_amount;
        first.refund_amount.refund_total = paid;
        assert_eq!(field_of(beside(&[&first], None, paying.clone())), "refund_amount.refund_total");
        first.return_status = ReturnStatus::RefundOrReturnRequestReject;
        assert!(beside(&[&first], None, paying).is_ok());
        assert!(beside(&[&first], None, all(2)).is_ok());
    }

    #[test]
    fn the_same_again_changes_nothing_and_the_older_is_left_out() {
        let stored = write(None, written(ReturnType::Refund)).unwrap().document().unwrap();
        assert_eq!(write(Some(&stored), written(ReturnType::Refund)).unwrap(), Write::Unchanged);
        let later = Return { update_time: NOW, ..stored };
        assert_eq!(write(Some(&later), written(ReturnType::Refund)).unwrap(), Write::Stale);
    }

    #[test]
    fn a_step_gets_a_record_and_the_deadline_goes_with_the_answer() {
        let mut bare = written(ReturnType::ReturnAndRefund);
        bare.records.clear();
        bare.seller_next_action_response.clear();
        let stored = write(None, bare.clone()).unwrap().document().unwrap();
        assert_eq!((stored.records.len(), stored.seller_next_action_response.len()), (1, 2));

        let next = Return { return_status: ReturnStatus::AwaitingBuyerShip, update_time: NOW, ..bare };
        let after = write(Some(&stored), next).unwrap().document().unwrap();
        assert_eq!((after.records.len(), after.seller_next_action_response.len()), (2, 0));
        assert_eq!(after.records[1].event, ReturnStatus::AwaitingBuyerShip);
        assert_eq!(after.records[0], stored.records[0], "what was is kept");
    }

    #[test]
    fn a_request_asked_about_and_pending_again_has_a_record_of_each() {
        let mut stored = write(None, written(ReturnType::Refund)).unwrap().document().unwrap();
        for (status, steps) in
            [(ReturnStatus::AwaitingBuyerResponse, 2), (ReturnStatus::ReturnOrRefundRequestPending, 3)]
        {
            let next = Return {
                return_status: status,
                update_time: stored.update_time.plus(DAY / 8),
                records: Vec::new(),
                ..stored.clone()
            };
            stored = write(Some(&stored), next).unwrap().document().unwrap();
            assert_eq!(stored.records.len(), steps);
        }
        assert_eq!(stored.seller_next_action_response.len(), 2);
    }

    #[test]
    fn amounts_items_and_status_fit_the_order_and_the_type() {
        let refused = |change: fn(&mut Return)| {
            let mut request = written(ReturnType::Refund);
            change(&mut request);
            field_of(write(None, request))
        };
        assert_eq!(
            refused(|request| request.refund_amount.refund_total = money(1)),
            "refund_amount.refund_total"
        );
        assert_eq!(
            refused(|request| {
                request.refund_amount.refund_subtotal = money(3191);
                request.refund_amount.refund_total = money(3191);
            }),
            "refund_amount.refund_total"
        );
        assert_eq!(
            refused(|request| request.refund_amount.currency = "BRL".parse().unwrap()),
            "refund_amount.currency"
        );
        assert_eq!(
            refused(|request| request.return_line_items[0].quantity = 3),
            "return_line_items[0].quantity"
        );
        assert_eq!(
            refused(|request| {
                request.return_line_items[0].order_line_item_id = LineItemId::new("x").unwrap();
            }),
            "return_line_items[0].order_line_item_id"
        );
        assert_eq!(
            refused(|request| request.return_status = ReturnStatus::ReplacementRequestPending),
            "return_status"
        );
        assert_eq!(
            refused(|request| request.return_status = ReturnStatus::AwaitingBuyerShip),
            "return_status"
        );
        assert_eq!(refused(|request| request.link = Some("/r".into())), "link");
    }

    #[test]
    fn what_a_return_is_about_stays() {
        let stored = write(None, written(ReturnType::Refund)).unwrap().document().unwrap();
        let other = Return { return_type: ReturnType::ReturnAndRefund, ..written(ReturnType::Refund) };
        assert_eq!(field_of(write(Some(&stored), other)), "return_type");
    }

    proptest! {
        /// Whatever is written, in whatever order: a request never leaves an end, and all its steps are allowed ones.
        #[test]
        fn a_status_never_goes_back(
            return_type in prop::sample::select(vec![
                ReturnType::Refund, ReturnType::ReturnAndRefund, ReturnType::Replacement,
            ]),
            statuses in prop::collection::vec(prop::sample::select(ALL.to_vec()), 1..25),
        ) {
            let mut stored = write(None, written(return_type)).unwrap().document().unwrap();
            for (step, return_status) in statuses.into_iter().enumerate() {
                let update_time = stored.update_time.plus(std::time::Duration::from_secs(step as u64));
                let next = Return { return_status, update_time, records: Vec::new(), ..stored.clone() };
                if let Ok(Write::Changed { document, .. }) = write(Some(&stored), next) {
                    prop_assert!(stored.return_status.may_become(document.return_status, return_type));
                    prop_assert!(!stored.return_status.is_void() || document.return_status == stored.return_status);
                    prop_assert!(document.records.starts_with(&stored.records));
                    prop_assert_eq!(document.records.last().unwrap().event, document.return_status);
                    prop_assert_eq!(
                        document.return_status.is_pending(),
                        !document.seller_next_action_response.is_empty()
                    );
                    stored = document;
                }
            }
        }
    }
}
