//! One document of each kind, as it could be sent: for the `OpenAPI` document and its page. A test sends them all, in this
//! order.

use serde_json::{Value, json};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

pub(super) fn order() -> Value {
    json!({
        "id": "576461413038785752",
        "status": "IN_TRANSIT",
        "create_time": 1_763_990_000_000_i64,
        "update_time": 1_764_000_000_000_i64,
        "user_id": "b-1",
        "paid_time": 1_763_990_100_000_i64,
        "buyer_message": "Please ring twice.",
        "payment_method_name": "Card",
        "payment": {
            "currency": "EUR", "sub_total": money("25.00"), "shipping_fee": money("3.50"), "tax": money("0.00"),
            "total_amount": money("28.50"),
        },
        "recipient_address": {
            "name": "Ana Souza", "full_address": "12 Harbour Street, Porto", "postal_code": "4000-001", "region_code": "PT",
        },
        "line_items": [{
            "id": "1", "product_id": "p-100", "product_name": "Linen shirt", "sku_id": "p-100-m", "sku_name": "M",
            "seller_sku": "LS-M", "sale_price": money("12.50"), "quantity": 2,
        }],
        "deadlines": { "delivery_due_time": 1_764_500_000_000_i64 },
    })
}

pub(super) fn package() -> Value {
    json!({
        "id": "pk-1",
        "order_id": "576461413038785752",
        "status": "FULFILLING",
        "update_time": 1_764_000_000_000_i64,
        "shipping_provider": "Atlantic Post",
        "tracking_number": "AP123456789PT",
        "predict_delivery_time_max": 1_764_400_000_000_i64,
        "line_items": [{ "id": "1", "quantity": 2 }],
    })
}

pub(super) fn tracking() -> Value {
    json!({ "events": [{
        "code": "IN_TRANSIT", "description": "Left the sorting centre", "location": "Porto",
        "update_time": 1_764_000_500_000_i64,
    }] })
}

pub(super) fn return_request() -> Value {
    json!({
        "return_id": "ret-1",
        "order_id": "576461413038785752",
        "return_type": "REFUND",
        "return_status": "RETURN_OR_REFUND_REQUEST_PENDING",
        "return_reason": "damaged",
        "return_reason_text": "A seam is open.",
        "role": "BUYER",
        "create_time": 1_764_000_600_000_i64,
        "update_time": 1_764_000_600_000_i64,
        "refund_amount": {
            "currency": "EUR", "refund_subtotal": money("12.50"), "refund_shipping_fee": money("0.00"),
            "refund_tax": money("0.00"), "refund_total": money("12.50"),
        },
        "return_line_items": [{
            "order_line_item_id": "1", "sku_id": "p-100-m", "product_name": "Linen shirt", "quantity": 1,
        }],
    })
}

pub(super) fn product() -> Value {
    json!({
        "id": "p-100",
        "title": "Linen shirt",
        "description": "Washed linen, made to last.",
        "category": "shirts",
        "status": "ACTIVATE",
        "update_time": 1_763_990_000_000_i64,
        "skus": [{
            "id": "p-100-m", "seller_sku": "LS-M", "name": "M", "inventory": 12, "status": "ACTIVATE",
            "price": { "currency": "EUR", "sale_price": money("12.50"), "original_price": money("15.00") },
        }],
    })
}

pub(super) fn coupon() -> Value {
    json!({
        "id": "cpn-1",
        "title": "5 off 30",
        "status": "ONGOING",
        "display_type": "REGULAR",
        "discount": { "type": "AMOUNT_OFF", "reduction_amount": money("5.00") },
        "threshold": { "type": "MIN_SPEND", "min_spend": money("30.00") },
        "claim_duration": { "start_time": 1_764_000_000_000_i64, "end_time": 1_924_902_000_000_i64 },
        "redemption_duration": { "type": "RELATIVE", "relative_days": 30 },
        "usage_limits": { "total_claim_limit": 1_000, "single_buyer_claim_limit": 1 },
        "create_time": 1_763_990_000_000_i64,
        "update_time": 1_763_990_000_000_i64,
    })
}

pub(super) fn buyer() -> Value {
    json!({ "user_id": "b-1", "name": "Ana Souza", "locale": "pt-BR" })
}

pub(super) fn agent() -> Value {
    json!({ "user_id": "a-1", "role": "AGENT", "name": "Grace", "locale": "en" })
}
