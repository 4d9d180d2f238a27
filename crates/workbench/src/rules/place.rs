//! A buyer orders a product: the price as it is now, stock and coupon taken with it, or nothing at all.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp, UserId,
    card::NotSendableCode,
    coupon::{Claim, Coupon},
    ids::{LineItemId, OrderId},
    money::Money,
    order::{Deadlines, LineItem, Order, OrderStatus, Payment},
    product::{OrderPlaceParams, Product, ProductStatus, Sku},
};

use super::{
    amounts,
    coupons::{Redeemed, redeem},
    fields::{self, said},
    orders::check_address,
    products::{InventoryChange, change_inventory},
    refusal::refused,
};
use crate::error::WorkbenchError;

/// The longest message of a buyer to the shop with an order, in characters.
const BUYER_MESSAGE_CHARS: usize = 500;

/// What was loaded to decide an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wares<'a> {
    /// The product that the variant is of.
    pub(crate) product: &'a Product,
    /// The coupon that the buyer names, where there is one, and all that this buyer has of it.
    pub(crate) coupon: Option<(&'a Coupon, &'a [Claim])>,
}

/// Ids for a new order.
#[derive(Debug, Clone)]
pub(crate) struct NewOrder {
    pub(crate) order_id: OrderId,
    pub(crate) line_item_id: LineItemId,
    /// So long the buyer has to pay.
    pub(crate) payment_window: Duration,
}

/// An order, and what it takes: all of it is written, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The order.
    pub(crate) order: Order,
    /// With less in stock.
    pub(crate) product: Product,
    /// The coupon with one use more, and the claim that is used up.
    pub(crate) redeemed: Option<(Coupon, Claim)>,
}

/// Decides an order. A repeat by the same `client_order_id` is for the caller to find: it gets what the first one made.
pub(crate) fn place(
    params: &OrderPlaceParams,
    buyer_id: &UserId,
    wares: Wares<'_>,
    new: NewOrder,
    now: Timestamp,
) -> Result<Placed, WorkbenchError> {
    fields::quantity("quantity", params.quantity)?;
    fields::optional_text("buyer_message", params.buyer_message.as_ref(), BUYER_MESSAGE_CHARS)?;
    if let Some(address) = &params.recipient_address {
        check_address(address)?;
    }
    let sku = sku(params, wares.product)?;
    let product = take(params, wares.product, sku)?;
    let price = amounts::times("quantity", sku.price.sale_price, params.quantity)?;
    let redeemed = match (&params.coupon_id, wares.coupon) {
        (None, _) => None,
        (Some(coupon_id), Some((coupon, claims))) if coupon.id == *coupon_id => {
            Some(redeem(coupon, claims, &new.order_id, &wares.product.id, price, now)?)
        }
        // A coupon that no one has claimed, another's, or none at all: which of them is not told.
        (Some(_), Some(_) | None) => return Err(WorkbenchError::invalid("coupon_id", "was not claimed")),
    };
    let discount = redeemed.as_ref().map(|redeemed| redeemed.discount);
    let order = order(params, buyer_id, wares.product, sku, payment(price, discount)?, new, now);
    let redeemed = redeemed.map(|Redeemed { coupon, claim, discount: _ }| (coupon, claim));
    Ok(Placed { order, product, redeemed })
}

/// The variant, where it is sold.
fn sku<'a>(params: &OrderPlaceParams, product: &'a Product) -> Result<&'a Sku, WorkbenchError> {
    let sku = product.skus.iter().find(|sku| sku.id == params.sku_id).ok_or(WorkbenchError::NotFound)?;
    for status in [product.status, sku.status] {
        match status {
            ProductStatus::Activate => {}
            ProductStatus::SellerDeactivated | ProductStatus::PlatformDeactivated | ProductStatus::Freeze => {
                return Err(refused(NotSendableCode::NotLive));
            }
            // What was never sold, or is gone, does not exist for buyers.
            ProductStatus::Draft
            | ProductStatus::Pending
            | ProductStatus::Failed
            | ProductStatus::Deleted => {
                return Err(WorkbenchError::NotFound);
            }
        }
    }
    Ok(sku)
}

/// The product with so many less of the variant.
fn take(params: &OrderPlaceParams, product: &Product, sku: &Sku) -> Result<Product, WorkbenchError> {
    if sku.inventory == 0 {
        return Err(refused(NotSendableCode::OutOfStock));
    }
    if let Some(most) = sku.quantity
        && params.quantity > most
    {
        return Err(WorkbenchError::limit(most, "of this variant in one order"));
    }
    change_inventory(product, &sku.id, InventoryChange::Take(params.quantity))
}

/// What is to be paid. Delivery and tax are the shop's to add: here they are nothing.
fn payment(price: Money, discount: Option<Money>) -> Result<Payment, WorkbenchError> {
    let nothing = Money { minor: 0, ..price };
    let off = discount.unwrap_or(nothing);
    let sub_total = Money { minor: price.minor.saturating_sub(off.minor).max(0), ..price };
    Ok(Payment {
        currency: price.currency,
        sub_total,
        shipping_fee: nothing,
        original_shipping_fee: None,
        seller_discount: discount,
        platform_discount: None,
        tax: nothing,
        total_amount: amounts::sum("payment.total_amount", price.currency, [sub_total])?,
    })
}

fn order(
    params: &OrderPlaceParams,
    buyer_id: &UserId,
    product: &Product,
    sku: &Sku,
    payment: Payment,
    new: NewOrder,
    now: Timestamp,
) -> Order {
    // Where nothing is left to pay it counts as paid: it must not be cancelled for want of a payment.
    let is_free = payment.total_amount.minor == 0;
    Order {
        id: new.order_id,
        status: if is_free { OrderStatus::OnHold } else { OrderStatus::Unpaid },
        create_time: now,
        update_time: now,
        user_id: buyer_id.clone(),
        paid_time: is_free.then_some(now),
        delivery_time: None,
        buyer_message: said(params.buyer_message.as_ref()),
        cancel_reason: None,
        cancellation_initiator: None,
        cancel_time: None,
        payment_method_name: None,
        is_cod: false,
        payment,
        recipient_address: params.recipient_address.clone(),
        delivery_option_name: None,
        shipping_provider: None,
        tracking_number: None,
        line_items: vec![LineItem {
            id: new.line_item_id,
            product_id: product.id.clone(),
            product_name: product.title.clone(),
            sku_id: sku.id.clone(),
            sku_name: Some(sku.name.clone()).filter(|name| !name.is_empty()),
            seller_sku: sku.seller_sku.clone(),
            sku_image: product.main_image.clone(),
            original_price: sku.price.original_price,
            sale_price: sku.price.sale_price,
            quantity: params.quantity,
        }],
        deadlines: Deadlines {
            payment_due_time: (!is_free).then(|| now.plus(new.payment_window)),
            ..Deadlines::default()
        },
        reminder: None,
        pending_actions: Vec::new(),
        seller_note: None,
        packages: Vec::new(),
        returns: Vec::new(),
        links: None,
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::ids::{ClientOrderId, CouponId, SkuId};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{
        coupons::{Claimed, claim},
        orders,
        samples::{DAY, NOW, buyer, coupon, field_of, money, product, sku},
    };

    fn shirt(inventory: u32) -> Product {
        product("p-1", "Linen shirt", vec![sku("s-1", 1000, inventory), sku("s-2", i64::MAX, 9)])
    }

    fn params(quantity: u32, coupon_id: Option<&str>) -> OrderPlaceParams {
        OrderPlaceParams {
            client_order_id: ClientOrderId::new("x").unwrap(),
            sku_id: SkuId::new("s-1").unwrap(),
            quantity,
            coupon_id: coupon_id.map(|id| CouponId::new(id).unwrap()),
            recipient_address: None,
            buyer_message: Some("Ring twice.".into()),
        }
    }

    fn placed(
        product: &Product,
        params: &OrderPlaceParams,
        coupon: Option<(&Coupon, &[Claim])>,
    ) -> Result<Placed, WorkbenchError> {
        let new = NewOrder {
            order_id: OrderId::new("o-9").unwrap(),
            line_item_id: LineItemId::new("1").unwrap(),
            payment_window: DAY,
        };
        place(params, &buyer("b-1"), Wares { product, coupon }, new, NOW)
    }

    fn claimed(coupon: &Coupon) -> Claim {
        match claim(coupon, &[], &buyer("b-1"), 1, NOW).unwrap() {
            Claimed::New { claim, .. } | Claimed::Already(claim) => claim,
        }
    }

    #[test]
    fn an_order_takes_stock_and_adds_up() {
        let Placed { order, product, redeemed } = placed(&shirt(3), &params(2, None), None).unwrap();
        assert_eq!((order.status, order.payment.total_amount), (OrderStatus::Unpaid, money(2000)));
        assert_eq!(order.deadlines.payment_due_time, Some(NOW.plus(DAY)));
        assert_eq!((product.skus[0].inventory, redeemed), (1, None));
        assert_eq!(order.user_id, buyer("b-1"));
        orders::check(&order, NOW).unwrap();
    }

    #[test]
    fn two_buyers_and_the_last_item_make_one_order() {
        let first = placed(&shirt(1), &params(1, None), None).unwrap();
        assert!(matches!(
            placed(&first.product, &params(1, None), None),
            Err(WorkbenchError::NotSendable { code: NotSendableCode::OutOfStock, .. })
        ));
        assert!(matches!(
            placed(&shirt(1), &params(2, None), None),
            Err(WorkbenchError::LimitReached { limit: 1, .. })
        ));
    }

    #[test]
    fn only_what_is_sold_can_be_ordered_and_not_more_than_allowed() {
        let with = |change: &dyn Fn(&mut Product), params: &OrderPlaceParams| {
            let mut product = shirt(5);
            change(&mut product);
            placed(&product, params, None)
        };
        let one = params(1, None);
        assert!(matches!(
            with(&|product| product.status = ProductStatus::SellerDeactivated, &one),
            Err(WorkbenchError::NotSendable { code: NotSendableCode::NotLive, .. })
        ));
        assert!(matches!(
            with(&|product| product.skus[0].status = ProductStatus::Draft, &one),
            Err(WorkbenchError::NotFound)
        ));
        assert!(matches!(
            with(&|product| product.skus[0].quantity = Some(2), &params(3, None)),
            Err(WorkbenchError::LimitReached { limit: 2, .. })
        ));
        assert_eq!(field_of(with(&|_| {}, &params(0, None))), "quantity");
        let unknown = OrderPlaceParams { sku_id: SkuId::new("x").unwrap(), ..one.clone() };
        assert!(matches!(with(&|_| {}, &unknown), Err(WorkbenchError::NotFound)));
        let dear = OrderPlaceParams { sku_id: SkuId::new("s-2").unwrap(), ..params(2, None) };
        assert_eq!(field_of(with(&|_| {}, &dear)), "quantity", "a price that cannot be written");
        let long = OrderPlaceParams { buyer_message: Some("x".repeat(501)), ..one };
        assert_eq!(field_of(with(&|_| {}, &long)), "buyer_message");
    }

    #[test]
    fn a_coupon_is_used_with_the_order() {
        let coupon = coupon();
        let claims = [claimed(&coupon)];
        let done = placed(&shirt(3), &params(2, Some("c-1")), Some((&coupon, &claims))).unwrap();
        let payment = &done.order.payment;
        assert_eq!((payment.sub_total, payment.seller_discount), (money(1800), Some(money(200))));
        let (coupon, claim) = done.redeemed.unwrap();
        assert_eq!((coupon.redeemed_count, claim.order_id.as_ref()), (1, Some(&done.order.id)));
        orders::check(&done.order, NOW).unwrap();

        let again = placed(&shirt(3), &params(1, Some("c-1")), Some((&coupon, &[claim])));
        assert_eq!(field_of(again), "coupon_id");
        assert_eq!(field_of(placed(&shirt(3), &params(1, Some("c-1")), None)), "coupon_id");
        assert_eq!(
            field_of(placed(&shirt(3), &params(1, Some("c-2")), Some((&coupon, &claims)))),
            "coupon_id"
        );
        let unnamed = placed(&shirt(3), &params(1, None), Some((&coupon, &claims))).unwrap();
        assert_eq!(unnamed.redeemed, None, "a coupon is used only when the buyer says so");
    }

    #[test]
    fn what_costs_nothing_waits_for_no_payment() {
        let mut coupon = coupon();
        coupon.discount.reduction_amount = Some(money(5000));
        let claims = [claimed(&coupon)];
        let order = placed(&shirt(3), &params(1, Some("c-1")), Some((&coupon, &claims))).unwrap().order;
        assert_eq!((order.payment.total_amount, order.status), (money(0), OrderStatus::OnHold));
        assert_eq!((order.paid_time, order.deadlines.payment_due_time), (Some(NOW), None));
    }

    proptest! {
        #[test]
        fn stock_is_never_oversold(inventory in 0_u32..20, wanted in prop::collection::vec(1_u32..6, 0..30)) {
            let mut product = shirt(inventory);
            let mut sold = 0;
            for quantity in wanted {
                if let Ok(done) = placed(&product, &params(quantity, None), None) {
                    sold += quantity;
                    product = done.product;
                    prop_assert!(orders::check(&done.order, NOW).is_ok());
                }
                prop_assert_eq!(sold + product.skus[0].inventory, inventory);
            }
        }
    }
}
