//! The things of a shop, as examples show them.

use serde_json::{Value, json};

use super::CONVERSATION;

const DAY: i64 = 86_400_000;
const NOW: i64 = 1_764_000_000_000;

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// An order without what is kept beside it.
pub(super) fn order() -> Value {
    json!({
        "id": "o-1",
        "status": "AWAITING_SHIPMENT",
        "create_time": 1_763_990_000_000_i64,
        "update_time": 1_763_990_000_000_i64,
        "user_id": "b-1",
        "is_cod": false,
        "payment": {
            "currency": "EUR", "sub_total": money("25.00"), "shipping_fee": money("3.50"), "tax": money("0.00"),
            "total_amount": money("28.50"),
        },
        "line_items": [{
            "id": "1", "product_id": "p-1", "product_name": "Linen shirt", "sku_id": "p-1-m", "sku_name": "M",
            "sale_price": money("12.50"), "quantity": 2,
        }],
        "deadlines": { "shipping_due_time": 1_764_080_000_000_i64 },
        "seller_note": note(),
    })
}

fn note() -> Value {
    json!({
        "text": "Gift wrap.", "version": 1, "update_time": 1_763_995_000_000_i64,
        "editor": { "kind": "AGENT", "id": "a-1", "name": "Grace" },
    })
}

/// As `get` answers it.
fn whole_order() -> Value {
    let mut order = order();
    order["reminder"] = json!({
        "kind": "SHIPPING_DUE", "due_time": 1_764_080_000_000_i64, "consequence": "SHIPPING_OVERDUE",
        "overdue": false,
    });
    order["pending_actions"] = json!(["SHIP_WITHIN_24_HOURS"]);
    order["packages"] = json!([package()]);
    order["links"] = json!({
        "detail": "/shops/demo/orders/o-1", "tracking": "/shops/demo/orders/o-1/tracking",
        "returns": "/shops/demo/orders/o-1/returns",
    });
    order
}

/// As the buyer gets it: without the shop's note, and what is expected of the shop.
fn own_order() -> Value {
    let mut order = whole_order();
    if let Some(order) = order.as_object_mut() {
        order.remove("seller_note");
        order.remove("pending_actions");
    }
    order
}

fn package() -> Value {
    json!({
        "id": "pk-1", "order_id": "o-1", "status": "PROCESSING", "update_time": NOW,
        "shipping_provider": "Acme Post", "tracking_number": "AP123456789",
        "delivery_option_name": "Standard", "predict_delivery_time_min": NOW + 2 * DAY,
        "predict_delivery_time_max": NOW + 4 * DAY, "postal_code": "10115",
        "line_items": [{ "id": "1", "quantity": 2 }],
        "tracking": [{
            "code": "INFO_RECEIVED", "description": "The carrier knows of the parcel.", "location": "Berlin",
            "update_time": NOW,
        }],
    })
}

fn product() -> Value {
    json!({
        "id": "p-1", "title": "Linen shirt", "category": "shirts", "status": "ACTIVATE", "update_time": NOW,
        "skus": [{
            "id": "p-1-m", "seller_sku": "LS-M", "name": "M",
            "price": { "currency": "EUR", "sale_price": money("12.50"), "original_price": money("15.00") },
            "inventory": 7, "status": "ACTIVATE",
        }],
        "price_range": { "min": money("12.50"), "max": money("12.50") },
        "stock": 7,
        "link": "/shops/demo/products/p-1",
    })
}

fn coupon() -> Value {
    json!({
        "id": "c-1", "title": "Five off", "status": "ONGOING", "display_type": "REGULAR",
        "discount": { "type": "AMOUNT_OFF", "reduction_amount": money("5.00") },
        "threshold": { "type": "MIN_SPEND", "min_spend": money("20.00") },
        "product_scope": "FULL_SHOP",
        "claim_duration": { "start_time": NOW - DAY, "end_time": NOW + 30 * DAY },
        "redemption_duration": { "type": "RELATIVE", "relative_days": 7 },
        "usage_limits": { "total_claim_limit": 100, "single_buyer_claim_limit": 1 },
        "claimed_count": 1, "redeemed_count": 0, "remaining": 99,
        "create_time": NOW - DAY, "update_time": NOW - DAY, "version": 1,
        "link": "/shops/demo/coupons/c-1",
    })
}

fn coupon_terms() -> Value {
    let coupon = coupon();
    let mut terms = json!({ "client_coupon_id": "cc-1" });
    for field in ["title", "discount", "threshold", "claim_duration", "redemption_duration", "usage_limits"] {
        terms[field] = coupon[field].clone();
    }
    terms
}

fn claim() -> Value {
    json!({
        "coupon": coupon(),
        "claim": {
            "coupon_id": "c-1", "number": 1, "claim_time": NOW, "start_time": NOW, "end_time": NOW + 7 * DAY,
        },
    })
}

fn return_request() -> Value {
    json!({
        "return_id": "r-1", "order_id": "o-1", "return_type": "RETURN_AND_REFUND",
        "return_status": "RETURN_OR_REFUND_REQUEST_PENDING", "return_reason": "damaged",
        "return_reason_text": "A seam is open.", "role": "BUYER", "create_time": NOW, "update_time": NOW,
        "refund_amount": {
            "currency": "EUR", "refund_subtotal": money("12.50"), "refund_shipping_fee": money("0.00"),
            "refund_tax": money("0.00"), "refund_total": money("12.50"),
        },
        "return_line_items": [{
            "order_line_item_id": "1", "sku_id": "p-1-m", "product_name": "Linen shirt", "quantity": 1,
        }],
        "records": [{
            "event": "RETURN_OR_REFUND_REQUEST_PENDING", "role": "BUYER",
            "description": "The buyer asked for a return.", "reason_text": "A seam is open.", "create_time": NOW,
        }],
        "seller_next_action_response": [
            { "action": "APPROVE", "deadline": NOW + 2 * DAY },
            { "action": "REJECT", "deadline": NOW + 2 * DAY },
        ],
        "link": "/shops/demo/orders/o-1/returns",
    })
}

fn eligibility() -> Value {
    let ways = json!([
        { "request_type": "REFUND", "eligible": true, "available_reason_names": ["damaged", "not_received"] },
        {
            "request_type": "REPLACEMENT", "eligible": false, "ineligible_code": "NOT_DELIVERED",
            "ineligible_reason": "The order is not delivered yet.",
        },
    ]);
    json!({
        "order_id": "o-1",
        "eligibility": ways,
        "line_items": [{ "order_line_item_id": "1", "sku_id": "p-1-m", "quantity": 2, "eligibility": ways }],
    })
}

fn card() -> Value {
    json!({
        "kind": "COUPON", "ref": "c-1", "revision": 0, "title": "Five off", "subtitle": "€5.00 off",
        "status": { "code": "ONGOING", "label": "Ready to claim", "tone": "INFO" },
        "fields": [{ "label": "Minimum spend", "value": "€20.00" }],
        "actions": [{
            "action": "CLAIM", "label": "Claim", "method": "buyer.coupons.claim",
            "params": { "coupon_id": "c-1", "number": 1 }, "enabled": true,
        }],
        "text": "Five off\n€5.00 off\nMinimum spend: €20.00",
        "locale": "en",
    })
}

fn sent() -> Value {
    json!({ "message_id": format!("{CONVERSATION}-18"), "seq": 18, "create_time": NOW + 18 })
}

fn send(field: &str, thing: Value) -> Value {
    let mut params = json!({ "conversation_id": CONVERSATION, "client_message_id": "m-18" });
    params[field] = thing;
    params
}

/// Params and result of a method, as this file has them.
pub(super) type Call = (Value, Value);

pub(super) fn card_act() -> Call {
    let params = json!({
        "conversation_id": CONVERSATION, "message_id": format!("{CONVERSATION}-18"), "action": "CLAIM",
        "params": { "number": 1 },
    });
    (params, json!({ "act_time": NOW, "result": claim() }))
}

pub(super) fn buyer_orders_list() -> Call {
    (
        json!({ "status": "AWAITING_SHIPMENT" }),
        json!({ "orders": [own_order()], "next_page_token": "", "total_count": 1 }),
    )
}

pub(super) fn buyer_order() -> Call {
    (json!({ "order_id": "o-1" }), json!({ "order": own_order() }))
}

pub(super) fn orders_place() -> Call {
    let params = json!({ "client_order_id": "x-1", "sku_id": "p-1-m", "quantity": 2, "coupon_id": "c-1" });
    (params, json!({ "order": own_order() }))
}

pub(super) fn logistics() -> Call {
    let result =
        json!({ "order_id": "o-1", "packages": [package()], "link": "/shops/demo/orders/o-1/tracking" });
    (json!({ "order_id": "o-1" }), result)
}

pub(super) fn returns_eligibility() -> Call {
    (json!({ "order_id": "o-1" }), eligibility())
}

pub(super) fn returns_submit() -> Call {
    let params = json!({
        "client_return_id": "y-1", "order_id": "o-1", "return_type": "RETURN_AND_REFUND",
        "return_reason": "damaged", "return_reason_text": "A seam is open.",
        "items": [{ "order_line_item_id": "1", "quantity": 1 }],
    });
    (params, json!({ "return": return_request() }))
}

pub(super) fn buyer_returns_list() -> Call {
    (json!({ "order_id": "o-1" }), json!({ "returns": [return_request()], "next_page_token": "" }))
}

pub(super) fn product_get() -> Call {
    (json!({ "product_id": "p-1" }), json!({ "product": product() }))
}

pub(super) fn coupons_claim() -> Call {
    (json!({ "coupon_id": "c-1", "number": 1 }), claim())
}

pub(super) fn buyer_coupons_list() -> Call {
    (json!({ "page_size": 20 }), json!({ "claims": [claim()], "next_page_token": "" }))
}

pub(super) fn orders_list() -> Call {
    (
        json!({ "buyer_id": "b-1", "status": "AWAITING_SHIPMENT", "order_id": "o-", "page_size": 20 }),
        json!({ "orders": [whole_order()], "next_page_token": "", "total_count": 1 }),
    )
}

pub(super) fn order_get() -> Call {
    (json!({ "order_id": "o-1" }), json!({ "order": whole_order() }))
}

pub(super) fn note_get() -> Call {
    (json!({ "order_id": "o-1" }), json!({ "note": note() }))
}

pub(super) fn note_set() -> Call {
    (json!({ "order_id": "o-1", "text": "Gift wrap.", "version": 0 }), json!({ "note": note() }))
}

pub(super) fn note_history() -> Call {
    (json!({ "order_id": "o-1" }), json!({ "notes": [note()], "next_page_token": "" }))
}

pub(super) fn order_card() -> Call {
    (send("order_id", "o-1".into()), sent())
}

pub(super) fn logistics_card() -> Call {
    let mut params = send("order_id", "o-1".into());
    params["package_id"] = "pk-1".into();
    (params, sent())
}

pub(super) fn returns_list() -> Call {
    let params = json!({ "buyer_id": "b-1", "return_status": "RETURN_OR_REFUND_REQUEST_PENDING" });
    (params, json!({ "returns": [return_request()], "next_page_token": "" }))
}

pub(super) fn return_get() -> Call {
    (json!({ "return_id": "r-1" }), json!({ "return": return_request() }))
}

pub(super) fn return_answer() -> Call {
    (json!({ "return_id": "r-1", "reason_text": "It was worn." }), json!({ "return": return_request() }))
}

pub(super) fn products_list() -> Call {
    (
        json!({ "query": "lin shi", "by": "TITLE", "in_stock": true }),
        json!({ "products": [product()], "next_page_token": "" }),
    )
}

pub(super) fn alternatives() -> Call {
    (json!({ "product_id": "p-2" }), json!({ "products": [product()] }))
}

pub(super) fn product_cards() -> Call {
    let mut result = sent();
    result["sent"] = json!([sent()]);
    (send("product_ids", json!(["p-1"])), result)
}

pub(super) fn coupons_list() -> Call {
    (
        json!({ "query": "five", "display_type": "REGULAR" }),
        json!({ "coupons": [coupon()], "next_page_token": "" }),
    )
}

pub(super) fn coupon_get() -> Call {
    (json!({ "coupon_id": "c-1" }), json!({ "coupon": coupon() }))
}

pub(super) fn coupon_create() -> Call {
    (coupon_terms(), json!({ "coupon": coupon() }))
}

pub(super) fn coupon_update() -> Call {
    (json!({ "coupon_id": "c-1", "version": 1, "title": "Five off" }), json!({ "coupon": coupon() }))
}

pub(super) fn coupon_duplicate() -> Call {
    (json!({ "coupon_id": "c-0", "client_coupon_id": "cc-1" }), json!({ "coupon": coupon() }))
}

pub(super) fn coupon_issue() -> Call {
    let params = json!({
        "conversation_id": CONVERSATION, "client_coupon_id": "cc-2", "title": "Sorry!",
        "discount": { "type": "PERCENT_OFF", "percentage": "10", "max_discount": money("10.00") },
        "reason": "The parcel came late.", "order_id": "o-1", "valid_days": 30,
    });
    let mut issued = coupon();
    issued["display_type"] = "CHAT".into();
    issued["issue"] = json!({ "buyer_id": "b-1", "reason": "The parcel came late.", "order_id": "o-1" });
    (params, json!({ "coupon": issued }))
}

pub(super) fn coupon_card() -> Call {
    (send("coupon_id", "c-1".into()), sent())
}

pub(super) fn cards_check() -> Call {
    (
        json!({ "conversation_id": CONVERSATION, "kind": "COUPON", "refs": ["c-1", "c-9"] }),
        json!({ "checks": [
            { "ref": "c-1", "sendable": true, "card": card() },
            {
                "ref": "c-9", "sendable": false, "code": "EXPIRED", "reason": "the coupon is over",
                "instead": [{ "kind": "COUPON", "ref": "c-1", "title": "Five off" }],
            },
        ] }),
    )
}
