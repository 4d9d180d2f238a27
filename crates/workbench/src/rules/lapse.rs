//! An order placed here that was not paid in time: cancelled, and what it took is given back. Orders that the shop's own
//! systems wrote are theirs to cancel; where they cancel one that was placed here, it gives back the same.

use deskwire_protocol::{
    Timestamp,
    coupon::{Claim, Coupon},
    order::{CancellationInitiator, LineItem, Order, OrderStatus},
    product::Product,
};

use super::{
    coupons::give_back,
    products::{InventoryChange, change_inventory},
};
use crate::error::WorkbenchError;

/// A lapsed order, and what it gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lapsed {
    /// Cancelled by the system.
    pub(crate) order: Order,
    /// With more in stock, where the shop still has the product and its variant.
    pub(crate) product: Option<Product>,
    /// The coupon with one use less, and the claim that can be used again.
    pub(crate) given_back: Option<(Coupon, Claim)>,
}

/// Cancels an order placed here whose time to pay is over; `None` while it is not, or once it was paid or cancelled.
/// `used` is the coupon that was used on it, with the claim.
pub(crate) fn lapse(
    order: &Order,
    product: Option<&Product>,
    used: Option<(&Coupon, &Claim)>,
    now: Timestamp,
) -> Result<Option<Lapsed>, WorkbenchError> {
    let is_over = order.deadlines.payment_due_time.is_some_and(|due_time| due_time <= now);
    if order.status != OrderStatus::Unpaid || !is_over {
        return Ok(None);
    }
    let mut stocked = product.cloned();
    for item in &order.line_items {
        let Some(product) = &stocked else { break };
        stocked = Some(put_back(product, item)?);
    }
    let given_back = used
        .filter(|(_, claim)| claim.order_id.as_ref() == Some(&order.id))
        .map(|(coupon, claim)| give_back(coupon, claim));
    let order = Order {
        status: OrderStatus::Cancelled,
        cancel_reason: Some("Not paid in time".into()),
        cancellation_initiator: Some(CancellationInitiator::System),
        cancel_time: Some(now),
        update_time: order.update_time.max(now),
        ..order.clone()
    };
    Ok(Some(Lapsed { order, product: stocked, given_back }))
}

/// The product with the pieces of a line item in stock again. The shop may have taken the variant away meanwhile, or
/// have counted as many as can be counted.
pub(crate) fn put_back(product: &Product, item: &LineItem) -> Result<Product, WorkbenchError> {
    match product.skus.iter().find(|sku| sku.id == item.sku_id) {
        Some(sku) => {
            let back = item.quantity.min(u32::MAX - sku.inventory);
            change_inventory(product, &item.sku_id, InventoryChange::Add(back))
        }
        None => Ok(product.clone()),
    }
}

/// An order placed here keeps until when it has to be paid, while it is not and its document says nothing else: it would
/// hold what it took for ever.
pub(crate) fn keep_due_time(stored: &Order, incoming: &mut Order) {
    let due_time = &mut incoming.deadlines.payment_due_time;
    if incoming.status == OrderStatus::Unpaid && due_time.is_none() {
        *due_time = stored.deadlines.payment_due_time;
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ids::{ClientOrderId, LineItemId, OrderId, SkuId},
        product::OrderPlaceParams,
    };

    use super::*;
    use crate::rules::{
        coupons::{Claimed, claim},
        place::{NewOrder, Placed, Wares, place},
        samples::{DAY, NOW, buyer, coupon, product, sku},
    };

    #[test]
    fn what_an_unpaid_order_took_is_given_back_once() {
        let shirt = product("p-1", "Linen shirt", vec![sku("s-1", 1000, 3)]);
        let Ok(Claimed::New { coupon, claim }) = claim(&coupon(), &[], &buyer("b-1"), 1, NOW) else {
            panic!("not claimed")
        };
        let params = OrderPlaceParams {
            client_order_id: ClientOrderId::new("x").unwrap(),
            sku_id: SkuId::new("s-1").unwrap(),
            quantity: 2,
            coupon_id: Some(coupon.id.clone()),
            recipient_address: None,
            buyer_message: None,
        };
        let new = NewOrder {
            order_id: OrderId::new("o-9").unwrap(),
            line_item_id: LineItemId::new("1").unwrap(),
            payment_window: DAY,
        };
        let claims = [claim.clone()];
        let wares = Wares { product: &shirt, coupon: Some((coupon.as_ref(), &claims)) };
        let Placed { order, product, redeemed } = place(&params, &buyer("b-1"), wares, new, NOW).unwrap();
        let (used_coupon, used_claim) = redeemed.unwrap();
        let used = Some((&used_coupon, &used_claim));

        let due = NOW.plus(DAY);
        assert_eq!(lapse(&order, Some(&product), used, due.minus(DAY / 2)).unwrap(), None);
        let lapsed = lapse(&order, Some(&product), used, due).unwrap().unwrap();
        assert_eq!(lapsed.product, Some(shirt));
        assert_eq!(lapsed.given_back, Some((*coupon, claim)));
        assert!(order.status.may_become(lapsed.order.status));
        assert_eq!(lapsed.order.cancellation_initiator, Some(CancellationInitiator::System));
        assert_eq!(lapse(&lapsed.order, None, None, due.plus(DAY)).unwrap(), None, "once");
    }
}
