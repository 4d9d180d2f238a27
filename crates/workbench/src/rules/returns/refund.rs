//! What goes back to the buyer: the items' exact share of what was paid, so that parts add up to the whole.
//!
//! The share of all items that go back is reckoned on the whole and rounded down once; what earlier requests hold of it
//! is taken off. So no cent is lost or made by returning in parts, whatever was rejected in between. The delivery goes
//! back with the last item.

use std::collections::HashMap;

use deskwire_protocol::{
    ids::LineItemId,
    money::Money,
    order::Order,
    returns::{RefundAmount, Return, ReturnStatus, ReturnType},
};

use crate::{error::WorkbenchError, rules::amounts};

const FIELD: &str = "refund_amount";

/// What goes back for these items of an order, beside what its other requests hold already.
pub(crate) fn refund_amount<'a>(
    order: &Order,
    others: &'a [Return],
    items: impl IntoIterator<Item = (&'a LineItemId, u32)>,
) -> Result<RefundAmount, WorkbenchError> {
    let refunding: Vec<_> = others.iter().filter(|request| gives_money_back(request)).collect();
    let mut quantities: HashMap<&LineItemId, u32> = HashMap::new();
    let held = refunding
        .iter()
        .flat_map(|request| &request.return_line_items)
        .map(|item| (&item.order_line_item_id, item.quantity));
    for (id, quantity) in held.chain(items) {
        let sum = quantities.entry(id).or_default();
        *sum = sum.saturating_add(quantity);
    }
    let (part, whole) = weights(order, &quantities);
    let payment = &order.payment;
    let share = |paid: Money, of_one: fn(&RefundAmount) -> Money| -> Result<Money, WorkbenchError> {
        let together = amounts::share(FIELD, paid, part, whole)?;
        let held = amounts::sum(
            FIELD,
            payment.currency,
            refunding.iter().map(|request| of_one(&request.refund_amount)),
        )?;
        Ok(less(together, held))
    };
    let refund_subtotal = share(payment.sub_total, |amount| amount.refund_subtotal)?;
    let refund_tax = share(payment.tax, |amount| amount.refund_tax)?;
    let refund_shipping_fee = if part >= whole {
        share(payment.shipping_fee, |amount| amount.refund_shipping_fee)?
    } else {
        Money::new(0, payment.currency)
    };
    let refund_total =
        amounts::sum(FIELD, payment.currency, [refund_subtotal, refund_shipping_fee, refund_tax])?;
    Ok(RefundAmount {
        currency: payment.currency,
        refund_subtotal,
        refund_shipping_fee,
        refund_tax,
        refund_total,
    })
}

/// Nothing goes back.
pub(super) fn nothing(order: &Order) -> RefundAmount {
    let nothing = Money::new(0, order.payment.currency);
    RefundAmount {
        currency: order.payment.currency,
        refund_subtotal: nothing,
        refund_shipping_fee: nothing,
        refund_tax: nothing,
        refund_total: nothing,
    }
}

fn less(one: Money, other: Money) -> Money {
    Money { minor: one.minor.saturating_sub(other.minor).max(0), ..one }
}

/// Whether a request holds money of its order. A replacement does only where there was none to replace it with.
fn gives_money_back(request: &Return) -> bool {
    match request.return_type {
        ReturnType::Refund | ReturnType::ReturnAndRefund => !request.return_status.is_void(),
        ReturnType::Replacement => request.return_status == ReturnStatus::ReplacementRequestRefundSuccess,
    }
}

/// The weight of these quantities, and of the whole order: by price, and by number where everything was free.
fn weights(order: &Order, quantities: &HashMap<&LineItemId, u32>) -> (i128, i128) {
    let weigh = |price: fn(i64) -> i128| {
        order.line_items.iter().fold((0_i128, 0_i128), |(part, whole), item| {
            let each = price(item.sale_price.minor.max(0));
            let quantity = quantities.get(&item.id).copied().unwrap_or(0).min(item.quantity);
            // At most 200 × 2^63 × 2^32: far below 2^127.
            (part + each * i128::from(quantity), whole + each * i128::from(item.quantity))
        })
    };
    let by_price = weigh(i128::from);
    if by_price.1 > 0 { by_price } else { weigh(|_| 1) }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ids::SkuId, order::OrderStatus, returns::ReturnLineItem};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{
        returns::tests::request,
        samples::{line_item, money, order, payment},
    };

    fn item(id: &str, quantity: u32) -> ReturnLineItem {
        ReturnLineItem {
            order_line_item_id: LineItemId::new(id).unwrap(),
            sku_id: SkuId::new(format!("sku-{id}")).unwrap(),
            product_name: "Linen shirt".into(),
            quantity,
        }
    }

    fn refund(order: &Order, others: &[Return], items: &[ReturnLineItem]) -> RefundAmount {
        let items = items.iter().map(|item| (&item.order_line_item_id, item.quantity));
        refund_amount(order, others, items).unwrap()
    }

    fn requested(order: &Order, others: &[Return], items: Vec<ReturnLineItem>) -> Return {
        let refund_amount = refund(order, others, &items);
        Return { refund_amount, ..request(order, ReturnType::Refund, items) }
    }

    #[test]
    fn a_part_goes_back_with_its_share_and_the_delivery_with_the_last() {
        // 25.00 of items, 4.00 of delivery, 2.90 of tax; `l-1` is 10.00 of it, twice.
        let order = order(OrderStatus::Delivered);
        let first = requested(&order, &[], vec![item("l-1", 1)]);
        let amount = &first.refund_amount;
        assert_eq!((amount.refund_subtotal, amount.refund_tax), (money(1000), money(116)));
        assert_eq!((amount.refund_shipping_fee, amount.refund_total), (money(0), money(1116)));
        let rest = refund(&order, &[first], &[item("l-1", 1), item("l-2", 1)]);
        assert_eq!(rest.refund_shipping_fee, money(400));
        assert_eq!(rest.refund_total, money(3190 - 1116));
    }

    #[test]
    fn a_discount_on_the_order_is_shared_out() {
        let mut order = order(OrderStatus::Delivered);
        order.payment = payment(1999, 0, 0);
        let first = refund(&order, &[], &[item("l-2", 1)]);
        assert_eq!(first.refund_total, money(399), "a fifth of 19.99, rounded down");
    }

    #[test]
    fn a_replacement_holds_no_money() {
        let order = order(OrderStatus::Delivered);
        let mut replaced = request(&order, ReturnType::Replacement, vec![item("l-1", 1)]);
        replaced.refund_amount = nothing(&order);
        let second = refund(&order, std::slice::from_ref(&replaced), &[item("l-1", 1)]);
        assert_eq!(second.refund_subtotal, money(1000));
        replaced.return_status = ReturnStatus::ReplacementRequestRefundSuccess;
        replaced.refund_amount = refund(&order, &[], &[item("l-1", 1)]);
        let rest = refund(&order, &[replaced], &[item("l-1", 1), item("l-2", 1)]);
        assert_eq!(rest.refund_total, money(3190 - 1116));
    }

    #[test]
    fn what_was_free_has_a_share_by_number() {
        let mut order = order(OrderStatus::Delivered);
        for item in &mut order.line_items {
            item.sale_price = money(0);
        }
        order.payment = payment(0, 300, 0);
        assert_eq!(refund(&order, &[], &[item("l-1", 2)]).refund_total, money(0));
        assert_eq!(refund(&order, &[], &[item("l-1", 2), item("l-2", 1)]).refund_total, money(300));
    }

    #[test]
    fn the_largest_amounts_are_reckoned_exactly() {
        let mut order = order(OrderStatus::Delivered);
        order.line_items = vec![line_item("l-1", i64::MAX / 3, 3)];
        order.payment = payment(i64::MAX, 0, 0);
        let first = requested(&order, &[], vec![item("l-1", 1)]);
        let rest = refund(&order, std::slice::from_ref(&first), &[item("l-1", 2)]);
        assert_eq!(first.refund_amount.refund_total.minor + rest.refund_total.minor, i64::MAX);
    }

    fn orders() -> impl Strategy<Value = Order> {
        let lines = prop::collection::vec((0_i64..5_000, 1_u32..5), 1..5);
        (lines, 0_i64..100_000, 0_i64..2_000, 0_i64..5_000).prop_map(|(lines, sub_total, shipping, tax)| {
            let mut order = order(OrderStatus::Delivered);
            order.line_items = lines
                .into_iter()
                .enumerate()
                .map(|(at, (price, quantity))| line_item(&format!("l-{at}"), price, quantity))
                .collect();
            order.payment = payment(sub_total, shipping, tax);
            order
        })
    }

    proptest! {
        /// Items go back one by one in any order; requests in between are rejected; in the end the rest goes back.
        #[test]
        fn partial_refunds_add_up_to_the_whole_exactly(
            order in orders(),
            steps in prop::collection::vec((0_usize..5, any::<bool>(), 0_usize..6), 0..14),
        ) {
            let mut requests: Vec<Return> = Vec::new();
            let left = |requests: &[Return], at: usize| {
                let line = &order.line_items[at];
                let held: u32 = requests
                    .iter()
                    .filter(|request| !request.return_status.is_void())
                    .flat_map(|request| &request.return_line_items)
                    .filter(|item| item.order_line_item_id == line.id)
                    .map(|item| item.quantity)
                    .sum();
                line.quantity - held
            };
            let total = |requests: &[Return]| -> i64 {
                requests
                    .iter()
                    .filter(|request| !request.return_status.is_void())
                    .map(|request| request.refund_amount.refund_total.minor)
                    .sum()
            };
            for (at, rejects, which) in steps {
                let at = at % order.line_items.len();
                if rejects && !requests.is_empty() {
                    let which = which % requests.len();
                    requests[which].return_status = ReturnStatus::RefundOrReturnRequestReject;
                } else if left(&requests, at) > 0 {
                    let next = requested(&order, &requests, vec![item(&format!("l-{at}"), 1)]);
                    prop_assert!(next.refund_amount.refund_total.minor >= 0);
                    requests.push(next);
                }
                prop_assert!(total(&requests) <= order.payment.total_amount.minor);
            }
            let rest: Vec<_> = (0..order.line_items.len())
                .filter_map(|at| {
                    let quantity = left(&requests, at);
                    (quantity > 0).then(|| item(&format!("l-{at}"), quantity))
                })
                .collect();
            // Where a delivery went back with what was rejected after all, it needs one more item to go back again.
            if !rest.is_empty() {
                requests.push(requested(&order, &requests, rest));
                prop_assert_eq!(total(&requests), order.payment.total_amount.minor);
            }
        }
    }
}
