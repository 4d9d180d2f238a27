//! A shop and its things, as its systems write them, and a buyer and an agent in conversation.

use deskwire_tests::{Client, Server, Setting, User};
use serde_json::{Value, json};

pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "the server under test has the machine's clock")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub(crate) fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// An order of one shirt at 25.00, made two days ago.
pub(crate) fn order(id: &str, buyer: &str, status: &str) -> Value {
    let made = now() - 2 * DAY;
    json!({
        "id": id, "status": status, "create_time": made, "update_time": made, "user_id": buyer,
        "payment": {
            "currency": "EUR", "sub_total": money("25.00"), "shipping_fee": money("3.50"),
            "seller_discount": money("2.00"), "tax": money("1.00"), "total_amount": money("29.50"),
        },
        "payment_method_name": "Card", "buyer_message": "Please ring twice.",
        "recipient_address": {
            "name": "Ana Souza", "full_address": "Long Street 1, 10115 Berlin", "postal_code": "10115",
            "region_code": "DE",
        },
        "line_items": [{
            "id": "1", "product_id": "p-shirt", "product_name": "Linen shirt", "sku_id": "p-shirt-m", "sku_name": "M",
            "seller_sku": "LS-M", "sku_image": "https://img.example/shirt.png", "original_price": money("27.00"),
            "sale_price": money("25.00"), "quantity": 1,
        }],
    })
}

/// The same with other fields.
#[expect(clippy::needless_pass_by_value, reason = "called with what is written on the spot")]
pub(crate) fn with(mut document: Value, fields: Value) -> Value {
    for (field, value) in fields.as_object().unwrap() {
        document[field] = value.clone();
    }
    document
}

/// A delivered order, with which the buyer may do whatever buyers may.
pub(crate) fn delivered(id: &str, buyer: &str) -> Value {
    with(order(id, buyer, "DELIVERED"), json!({ "delivery_time": now() - DAY, "paid_time": now() - 2 * DAY }))
}

/// An order as the shop's systems write it: without what the server makes of it.
pub(crate) fn bare(order: &Value) -> Value {
    let mut order = order.clone();
    order.as_object_mut().unwrap().retain(|field, _| {
        !["reminder", "pending_actions", "seller_note", "packages", "returns", "links"]
            .contains(&field.as_str())
    });
    order
}

/// A parcel of an order, on its way.
pub(crate) fn package(id: &str, order: &str) -> Value {
    json!({
        "id": id, "order_id": order, "status": "FULFILLING", "update_time": now() - DAY,
        "shipping_provider": "Acme Post", "tracking_number": format!("AP-{id}"), "delivery_option_name": "Standard",
        "predict_delivery_time_min": now() + DAY, "predict_delivery_time_max": now() + 2 * DAY,
        "postal_code": "10115", "line_items": [{ "id": "1", "quantity": 1 }],
        "tracking": [
            { "code": "IN_TRANSIT", "description": "Left the depot", "location": "Leipzig", "update_time": now() - HOUR },
            { "code": "INFO_RECEIVED", "description": "Announced", "update_time": now() - DAY },
        ],
    })
}

pub(crate) fn product(id: &str, title: &str, inventory: u32) -> Value {
    json!({
        "id": id, "title": title, "main_image": "https://img.example/p.png", "category": "shirts",
        "status": "ACTIVATE", "update_time": now() - DAY,
        "skus": [
            {
                "id": format!("{id}-m"), "seller_sku": format!("SELL-{id}-M"), "name": "M",
                "price": { "currency": "EUR", "sale_price": money("25.00"), "original_price": money("27.00") },
                "inventory": inventory, "status": "ACTIVATE",
            },
            {
                "id": format!("{id}-l"), "seller_sku": format!("SELL-{id}-L"), "name": "L",
                "price": { "currency": "EUR", "sale_price": money("28.00") }, "inventory": inventory,
                "status": "ACTIVATE",
            },
        ],
    })
}

/// A regular coupon that can be claimed `limit` times.
pub(crate) fn coupon(id: &str, title: &str, limit: u32) -> Value {
    json!({
        "id": id, "title": title, "status": "ONGOING", "display_type": "REGULAR",
        "discount": { "type": "AMOUNT_OFF", "reduction_amount": money("5.00") },
        "threshold": { "type": "MIN_SPEND", "min_spend": money("20.00") }, "product_scope": "FULL_SHOP",
        "claim_duration": { "start_time": now() - DAY, "end_time": now() + 5 * DAY },
        "redemption_duration": { "type": "RELATIVE", "relative_days": 7 },
        "usage_limits": { "total_claim_limit": limit, "single_buyer_claim_limit": 1 },
        "create_time": now() - 2 * DAY, "update_time": now() - 2 * DAY,
    })
}

/// A buyer, Ana, and an agent, Bo, in Ana's conversation with a shop that has these things.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) ana: Client,
    pub(crate) bo: Client,
    pub(crate) here: String,
}

impl Scene {
    pub(crate) async fn set(setting: Setting, things: &[(&str, Vec<Value>)]) -> Self {
        let server = Server::start(setting).await;
        for (kind, documents) in things {
            server.import(User::SHOP, kind, documents).await;
        }
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        Self { server, ana, bo, here }
    }

    /// What the shop's own systems are answered.
    pub(crate) async fn rest(&self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let path = format!("/api/v1{path}");
        self.server.request(method, &path, &headers, &body.to_string()).await.json()
    }

    /// The rows of audit, oldest first: by whom, what was done, to what, what came of it, what is another.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let rows = "SELECT actor_kind || ' ' || actor_id || ' ' || action || ' ' || thing_kind || ' ' || thing_id || ' '
             || result || ' ' || COALESCE(detail, '') FROM audit ORDER BY audit_no";
        self.server.texts(rows).await.iter().map(|row| row.trim_end().to_owned()).collect()
    }

    /// Params of a card's sending.
    pub(crate) fn card(&self, field: &str, thing: impl Into<Value>) -> Value {
        let mut params = json!({ "conversation_id": self.here, "client_message_id": Client::fresh_id() });
        params[field] = thing.into();
        params
    }

    /// The agent sends a card; what the buyer got.
    pub(crate) async fn send_card(&mut self, method: &str, field: &str, thing: impl Into<Value>) -> Value {
        let params = self.card(field, thing);
        let sent = self.bo.call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"));
        let arrived = self.ana.push_where("message.created", |push| push["seq"] == sent["seq"]).await;
        arrived["message"].clone()
    }

    /// The next revision of a message that the buyer and the agent get, the same for both.
    pub(crate) async fn revised(&mut self, message: &Value, fits: impl Fn(&Value) -> bool) -> Value {
        let of_it = |push: &Value| {
            push["message"]["message_id"] == message["message_id"]
                && fits(&push["message"]["content"]["card"])
        };
        let ana = self.ana.push_where("message.revised", of_it).await;
        let bo = self.bo.push_where("message.revised", of_it).await;
        assert_eq!(ana["message"]["content"], bo["message"]["content"], "both sides see the same card");
        ana["message"].clone()
    }
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|thing| thing["id"].as_str().unwrap()).collect()
}

/// The action of a card.
pub(crate) fn action<'a>(card: &'a Value, name: &str) -> &'a Value {
    let actions = card["actions"].as_array().unwrap();
    actions.iter().find(|action| action["action"] == name).unwrap_or_else(|| panic!("no {name}: {card}"))
}
