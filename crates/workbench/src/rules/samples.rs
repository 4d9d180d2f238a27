//! Things of a shop to test rules on.

use deskwire_protocol::{
    Timestamp, UserId,
    coupon::{
        ClaimDuration, Coupon, CouponStatus, Discount, DiscountType, DisplayType, ProductScope,
        RedemptionDuration, RedemptionType, Threshold, UsageLimits,
    },
    ids::{LineItemId, OrderId, PackageId, ProductId, SkuId},
    logistics::{Package, PackageStatus, PackedItem},
    money::{Currency, Money},
    order::{Deadlines, LineItem, Order, OrderStatus, Payment},
    product::{Product, ProductStatus, Sku, SkuPrice},
};
use deskwire_store::OrderRecord;

use crate::error::WorkbenchError;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
pub(crate) const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// The field that an error names.
pub(crate) fn field_of<T: std::fmt::Debug>(result: Result<T, WorkbenchError>) -> String {
    match result {
        Err(WorkbenchError::Invalid { field, .. }) => field,
        other => panic!("not an invalid field: {other:?}"),
    }
}

pub(crate) fn eur() -> Currency {
    "EUR".parse().unwrap()
}

pub(crate) fn money(minor: i64) -> Money {
    Money::new(minor, eur())
}

pub(crate) fn buyer(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn payment(sub_total: i64, shipping_fee: i64, tax: i64) -> Payment {
    Payment {
        currency: eur(),
        sub_total: money(sub_total),
        shipping_fee: money(shipping_fee),
        original_shipping_fee: None,
        seller_discount: None,
        platform_discount: None,
        tax: money(tax),
        total_amount: money(sub_total + shipping_fee + tax),
    }
}

pub(crate) fn line_item(id: &str, sale_price: i64, quantity: u32) -> LineItem {
    LineItem {
        id: LineItemId::new(id).unwrap(),
        product_id: ProductId::new("p-1").unwrap(),
        product_name: "Linen shirt".into(),
        sku_id: SkuId::new(format!("sku-{id}")).unwrap(),
        sku_name: Some("Black / M".into()),
        seller_sku: None,
        sku_image: None,
        original_price: None,
        sale_price: money(sale_price),
        quantity,
    }
}

/// Of two line items: `l-1`, two of 10.00 each, and `l-2`, one of 5.00.
pub(crate) fn order(status: OrderStatus) -> Order {
    Order {
        id: OrderId::new("o-1").unwrap(),
        status,
        create_time: NOW.minus(DAY * 10),
        update_time: NOW.minus(DAY),
        user_id: buyer("b-1"),
        paid_time: None,
        delivery_time: None,
        buyer_message: None,
        cancel_reason: None,
        cancellation_initiator: None,
        cancel_time: None,
        payment_method_name: None,
        is_cod: false,
        payment: payment(2500, 400, 290),
        recipient_address: None,
        delivery_option_name: None,
        shipping_provider: None,
        tracking_number: None,
        line_items: vec![line_item("l-1", 1000, 2), line_item("l-2", 500, 1)],
        deadlines: Deadlines::default(),
        reminder: None,
        pending_actions: Vec::new(),
        seller_note: None,
        packages: Vec::new(),
        returns: Vec::new(),
        links: None,
    }
}

/// The same as it is kept.
pub(crate) fn order_record(status: OrderStatus) -> OrderRecord {
    OrderRecord {
        order: order(status),
        client_order_id: None,
        remind_time: None,
        lapse_time: None,
        note: None,
        version: 4,
    }
}

/// A package with all of `l-1`.
pub(crate) fn package(status: PackageStatus) -> Package {
    Package {
        id: PackageId::new("k-1").unwrap(),
        order_id: OrderId::new("o-1").unwrap(),
        status,
        update_time: NOW.minus(DAY),
        shipping_provider: None,
        tracking_number: None,
        delivery_option_name: None,
        predict_delivery_time_min: None,
        predict_delivery_time_max: None,
        postal_code: None,
        line_items: vec![PackedItem { id: LineItemId::new("l-1").unwrap(), quantity: 2 }],
        tracking: Vec::new(),
    }
}

pub(crate) fn sku(id: &str, sale_price: i64, inventory: u32) -> Sku {
    Sku {
        id: SkuId::new(id).unwrap(),
        seller_sku: None,
        name: "Black".into(),
        price: SkuPrice { currency: eur(), sale_price: money(sale_price), original_price: None },
        inventory,
        quantity: None,
        status: ProductStatus::Activate,
    }
}

pub(crate) fn product(id: &str, title: &str, skus: Vec<Sku>) -> Product {
    Product {
        id: ProductId::new(id).unwrap(),
        title: title.into(),
        main_image: None,
        description: None,
        category: None,
        status: ProductStatus::Activate,
        update_time: NOW.minus(DAY),
        skus,
        price_range: None,
        stock: 0,
        link: None,
    }
}

/// 2.00 off for everyone, once each, for five more days.
pub(crate) fn coupon() -> Coupon {
    Coupon {
        id: deskwire_protocol::ids::CouponId::new("c-1").unwrap(),
        title: "Welcome".into(),
        status: CouponStatus::Ongoing,
        display_type: DisplayType::Regular,
        discount: Discount {
            kind: DiscountType::AmountOff,
            reduction_amount: Some(money(200)),
            percentage: None,
            max_discount: None,
        },
        threshold: Threshold::default(),
        product_scope: ProductScope::FullShop,
        product_ids: Vec::new(),
        claim_duration: ClaimDuration { start_time: NOW.minus(DAY), end_time: NOW.plus(DAY * 5) },
        redemption_duration: RedemptionDuration {
            kind: RedemptionType::Relative,
            start_time: None,
            end_time: None,
            relative_days: Some(7),
        },
        usage_limits: UsageLimits {
            total_claim_limit: Some(10),
            single_buyer_claim_limit: 1,
            redemption_limit: None,
        },
        issue: None,
        claimed_count: 0,
        redeemed_count: 0,
        remaining: None,
        create_time: NOW.minus(DAY),
        update_time: NOW.minus(DAY),
        version: 1,
        link: None,
    }
}
