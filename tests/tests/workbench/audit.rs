//! Who did what: each thing that anything changes has a row that says by whom, what came of it, and what is another.

use std::collections::BTreeSet;

use deskwire_protocol::MethodName;
use deskwire_tests::{User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, HOUR, Scene, bare, coupon, delivered, money, now, order, package, product, with};

/// Reads the rows of audit that are new.
struct Book {
    read: usize,
    done: BTreeSet<String>,
}

impl Book {
    async fn of(scene: &Scene) -> Self {
        let mut book = Self { read: 0, done: BTreeSet::new() };
        book.rows(scene).await;
        book
    }

    async fn rows(&mut self, scene: &Scene) -> Vec<String> {
        let rows = scene.audit().await;
        let new = rows[self.read..].to_vec();
        self.read = rows.len();
        new
    }

    /// A method is called twice by one who may: the first leaves these rows, the second none.
    async fn call(
        &mut self,
        scene: &mut Scene,
        method: &str,
        params: Value,
        rows: impl Fn(&Value) -> Vec<String>,
    ) -> Value {
        let mut first = Value::Null;
        for time in 0..2 {
            let client = if method.starts_with("workbench.") { &mut scene.bo } else { &mut scene.ana };
            let answer = client
                .call(method, params.clone())
                .await
                .unwrap_or_else(|error| panic!("{method}: {error:?}"));
            if time == 0 {
                first = answer;
            }
            let expected = if time == 0 { rows(&first) } else { Vec::new() };
            assert_eq!(self.rows(scene).await, expected, "{method}, time {time}");
        }
        self.done.insert(method.to_owned());
        first
    }

    /// The same for what the shop's systems write.
    async fn rest(
        &mut self,
        scene: &Scene,
        key: &str,
        request: (&str, &str),
        body: &Value,
        rows: &[String],
    ) -> Value {
        let (method, path) = request;
        let answer = scene.rest(key, method, path, body).await;
        assert_eq!(self.rows(scene).await, rows, "{method} {path}: {answer}");
        answer
    }
}

fn id<'a>(answer: &'a Value, thing: &str, field: &str) -> &'a str {
    answer[thing][field].as_str().unwrap_or_else(|| panic!("{answer}"))
}

everywhere! {
    async fn each_thing_that_a_method_changes_has_a_row_once(setting: Setting) {
        let orders = vec![delivered("o-1", "ana"), delivered("o-2", "ana"), order("o-3", "ana", "UNPAID")];
        let mut scene = Scene::set(setting, &[
            ("orders", orders), ("products", vec![product("p-1", "Linen shirt", 3)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ]).await;
        let mut book = Book::of(&scene).await;

        let note = json!({"order_id": "o-1", "text": "Fragile.", "version": 0});
        book.call(&mut scene, "workbench.orders.note.set", note, |_| {
            vec!["AGENT bo orders.note.set SELLER_NOTE o-1 CREATED version 1".into()]
        }).await;
        let mut requests = Vec::new();
        for order in ["o-1", "o-2"] {
            let request = json!({
                "client_return_id": order, "order_id": order, "return_type": "REFUND", "return_reason": "damaged",
                "items": [{"order_line_item_id": "1", "quantity": 1}],
            });
            let made = book.call(&mut scene, "buyer.returns.submit", request, |made| {
                vec![format!("BUYER ana returns.submit RETURN {} CREATED", id(made, "return", "return_id"))]
            }).await;
            requests.push(made["return"]["return_id"].clone());
        }
        for (place, method, status) in [
            (0, "approve", "RETURN_OR_REFUND_REQUEST_SUCCESS"), (1, "reject", "REFUND_OR_RETURN_REQUEST_REJECT"),
        ] {
            let answer = json!({"return_id": requests[place], "reason_text": "As told."});
            book.call(&mut scene, &format!("workbench.returns.{method}"), answer, |answered| vec![format!(
                "AGENT bo returns.{method} RETURN {} CHANGED return_status RETURN_OR_REFUND_REQUEST_PENDING>{status}, \
                 records, seller_next_action_response", id(answered, "return", "return_id")
            )]).await;
        }

        let terms = json!({
            "client_coupon_id": "made", "title": "Ten", "discount": {"type": "PERCENT_OFF", "percentage": "10"},
            "claim_duration": {"start_time": now() + DAY, "end_time": now() + 3 * DAY},
            "redemption_duration": {"type": "RELATIVE", "relative_days": 7}, "usage_limits": {"total_claim_limit": 5},
        });
        let row = |action: &str, rest: &str| {
            let (action, rest) = (action.to_owned(), rest.to_owned());
            move |answer: &Value| vec![format!("AGENT bo coupons.{action} COUPON {} {rest}", id(answer, "coupon", "id"))]
        };
        let made = book.call(&mut scene, "workbench.coupons.create", terms, row("create", "CREATED")).await;
        let made = made["coupon"]["id"].clone();
        let update = json!({"coupon_id": made, "version": 1, "title": "Ten percent"});
        book.call(&mut scene, "workbench.coupons.update", update, row("update", "CHANGED title")).await;
        let copy = json!({"coupon_id": made, "client_coupon_id": "copy"});
        book.call(&mut scene, "workbench.coupons.duplicate", copy, row("duplicate", "CREATED")).await;
        let end = json!({"coupon_id": made});
        let ended = row("deactivate", "CHANGED status DEACTIVATED");
        book.call(&mut scene, "workbench.coupons.deactivate", end, ended).await;
        let issue = json!({
            "conversation_id": scene.here, "client_coupon_id": "sorry", "title": "Sorry", "reason": "Late.",
            "discount": {"type": "AMOUNT_OFF", "reduction_amount": money("3.00")},
        });
        book.call(&mut scene, "workbench.coupons.issue", issue, row("issue", "CREATED")).await;
        book.call(&mut scene, "buyer.coupons.claim", json!({"coupon_id": "c-1"}), |_| {
            vec!["BUYER ana coupons.claim COUPON c-1 CHANGED claim 1 of ana".into()]
        }).await;

        let buy = json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 2, "coupon_id": "c-1"});
        let placed = book.call(&mut scene, "buyer.orders.place", buy, |placed| {
            let order = id(placed, "order", "id");
            vec![
                format!("BUYER ana orders.place ORDER {order} CREATED"),
                format!("BUYER ana orders.place PRODUCT p-1 CHANGED p-1-m 3>1, by ORDER {order}"),
                format!("BUYER ana orders.place COUPON c-1 CHANGED claim 1 of ana used on {order}, by ORDER {order}"),
            ]
        }).await["order"].clone();

        let card = scene.send_card("workbench.orders.send_card", "order_id", "o-3").await;
        let act = json!({"conversation_id": scene.here, "message_id": card["message_id"], "action": "CONFIRM"});
        book.call(&mut scene, "card.act", act, |_| vec![format!(
            "BUYER ana card.act CARD {} CHANGED CONFIRM on ORDER o-3", card["message_id"].as_str().unwrap()
        )]).await;

        // All others read or send.
        let reads = ["list", "get", "eligibility", "alternatives", "check", "history", "send_card"];
        let is_of_the_workbench = |name: &&str| ["workbench.", "buyer.", "card."].iter().any(|noun| name.starts_with(noun));
        let writes = MethodName::ALL.iter().map(|name| name.as_str()).filter(is_of_the_workbench);
        let writes = writes.filter(|name| !reads.contains(&name.rsplit('.').next().unwrap()));
        assert_eq!(book.done, writes.map(str::to_owned).collect(), "none is left out");

        // What took is given back by who cancels.
        let key = scene.server.api_key(User::SHOP, &[]).await;
        book.rows(&scene).await;
        let by = format!("API {}", key.split('_').nth(1).unwrap());
        let order = placed["id"].as_str().unwrap();
        let over = json!({"status": "CANCELLED", "cancellation_initiator": "SELLER"});
        book.rest(&scene, &key, ("PUT", &format!("/orders/{order}")), &with(bare(&placed), over), &[
            format!("{by} orders.put ORDER {order} CHANGED status UNPAID>CANCELLED, cancellation_initiator"),
            format!("{by} orders.put PRODUCT p-1 CHANGED p-1-m 1>3"),
            format!("{by} orders.put COUPON c-1 CHANGED claim 1 of ana given back by {order}"),
        ]).await;
    }

    async fn each_thing_that_the_shops_systems_change_has_a_row_with_their_key(setting: Setting) {
        let scene = Scene::set(setting, &[]).await;
        let mut book = Book::of(&scene).await;
        let key = scene.server.api_key(User::SHOP, &[]).await;
        let key_id = key.split('_').nth(1).unwrap();
        let made = book.rows(&scene).await;
        assert_eq!(made.len(), 1, "{made:?}");
        let expected = format!("SYSTEM deskwire api_keys.create API_KEY {key_id} CREATED order system: coupons:read");
        assert!(made[0].starts_with(&expected) || made[0].contains("orders:write"), "{made:?}");
        assert!(!made[0].contains(&key[21..]), "no secret: {made:?}");

        let by = |rest: &str| vec![format!("API {key_id} {rest}")];
        let pending = json!({
            "return_id": "r-1", "order_id": "o-1", "return_type": "REFUND", "return_reason": "damaged", "role": "SELLER",
            "return_status": "RETURN_OR_REFUND_REQUEST_PENDING", "create_time": now() - HOUR, "update_time": now() - HOUR,
            "refund_amount": {
                "currency": "EUR", "refund_subtotal": money("0.00"), "refund_shipping_fee": money("0.00"),
                "refund_tax": money("0.00"), "refund_total": money("0.00"),
            },
            "return_line_items": [{
                "order_line_item_id": "1", "sku_id": "p-shirt-m", "product_name": "Linen shirt", "quantity": 1,
            }],
        });
        let step = json!({"events": [{"code": "DELIVERED", "description": "Handed over", "update_time": now()}]});
        let answered = "CHANGED return_status RETURN_OR_REFUND_REQUEST_PENDING>RETURN_OR_REFUND_REQUEST_SUCCESS, records, \
             seller_next_action_response";
        for (method, path, body, row) in [
            ("PUT", "/buyers/b-9", json!({"user_id": "b-9", "name": "Cleo"}), "people.put BUYER b-9 CREATED"),
            ("PUT", "/buyers/b-9", json!({"user_id": "b-9", "name": "Cleo B."}), "people.put BUYER b-9 CHANGED name"),
            ("PUT", "/agents/a-9", json!({"user_id": "a-9", "name": "Dora", "role": "AGENT"}), "people.put AGENT a-9 CREATED"),
            ("PUT", "/orders/o-1", delivered("o-1", "ana"), "orders.put ORDER o-1 CREATED"),
            ("PUT", "/packages/k-1", package("k-1", "o-1"), "packages.put PACKAGE k-1 CREATED"),
            ("POST", "/packages/k-1/tracking", step, "tracking.add PACKAGE k-1 CHANGED"),
            ("PUT", "/returns/r-1", pending, "returns.put RETURN r-1 CREATED"),
            ("POST", "/returns/r-1/approve", json!({}), &format!("returns.approve RETURN r-1 {answered}")),
            ("PUT", "/products/p-1", product("p-1", "Linen shirt", 3), "products.put PRODUCT p-1 CREATED"),
            ("PUT", "/skus/p-1-m/inventory", json!({"inventory": 9}), "inventory.put PRODUCT p-1 CHANGED p-1-m 3>9"),
            ("PUT", "/coupons/c-1", coupon("c-1", "Five off", 9), "coupons.put COUPON c-1 CREATED"),
            ("POST", "/coupons/c-1/deactivate", Value::Null, "coupons.deactivate COUPON c-1 CHANGED status DEACTIVATED"),
        ] {
            let answer = scene.rest(&key, method, path, &body).await;
            let rows = book.rows(&scene).await;
            assert_eq!(rows.len(), 1, "{method} {path}: {answer} {rows:?}");
            assert!(rows[0].starts_with(&by(row)[0]), "{method} {path}: {rows:?}, not {row}");
            let again = scene.rest(&key, method, path, &body).await;
            assert_eq!(book.rows(&scene).await, Vec::<String>::new(), "{method} {path}: {again}");
        }
        let made = scene.rest(&key, "POST", "/webhooks", &json!({"url": "https://8.8.8.8/told", "events": ["*"]})).await;
        let webhook = format!("/webhooks/{}", id(&made, "webhook", "webhook_id"));
        let row = |what: &str, rest: &str| {
            let row = format!("{what} WEBHOOK {} {rest}", id(&made, "webhook", "webhook_id"));
            by(row.trim_end())
        };
        assert_eq!(book.rows(&scene).await, row("webhooks.create", "CREATED"), "{made}");
        let narrower = json!({"events": ["order.placed"], "enabled": false});
        book.rest(&scene, &key, ("PATCH", &webhook), &narrower, &row("webhooks.update", "CHANGED events, enabled")).await;
        let rotate = format!("{webhook}/rotate_secret");
        book.rest(&scene, &key, ("POST", &rotate), &Value::Null, &row("webhooks.rotate_secret", "CHANGED")).await;
        scene.server.request("DELETE", &format!("/api/v1{webhook}"), &[("Authorization", &format!("Bearer {key}"))], "").await;
        assert_eq!(book.rows(&scene).await, row("webhooks.delete", "REMOVED"));
        let revoked = scene.server.run_to_end(&["api-key", "revoke", "--shop", User::SHOP, "--key", key_id]).await;
        assert!(revoked.status.success(), "{revoked:?}");
        assert_eq!(book.rows(&scene).await, [format!("SYSTEM deskwire api_keys.revoke API_KEY {key_id} CHANGED")]);
    }
}
