//! What happens by itself when its time is over: an order that nobody paid is cancelled and gives back what it took, a
//! request that the shop left unanswered is approved.

use deskwire_tests::{User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, HOUR, Scene, bare, coupon, delivered, now, order, product, with};

/// So far ahead is a deadline that the test waits for.
const SOON: i64 = 1_500;

/// Whether open workbenches are told of something that happened then or later.
fn after(told: &Value, time: i64) -> bool {
    told["update_time"].as_i64().unwrap() >= time
}

fn request(order: &str) -> Value {
    json!({
        "client_return_id": format!("of-{order}"), "order_id": order, "return_type": "RETURN_AND_REFUND",
        "return_reason": "damaged", "items": [{"order_line_item_id": "1", "quantity": 1}],
    })
}

/// The same request, to be answered by then.
fn due(request: &Value, deadline: i64) -> Value {
    let mut request = request.clone();
    request.as_object_mut().unwrap().remove("link");
    let actions = ["APPROVE", "REJECT"].map(|action| json!({"action": action, "deadline": deadline}));
    with(request, json!({"seller_next_action_response": actions}))
}

everywhere! {
    async fn an_order_not_paid_in_time_is_cancelled_and_gives_back_stock_and_coupon(setting: Setting) {
        let mut scene = Scene::set(setting, &[
            ("products", vec![product("p-1", "Linen shirt", 3)]), ("coupons", vec![coupon("c-1", "5 off", 9)]),
        ]).await;
        let shown = scene.send_card("workbench.products.send_card", "product_ids", json!(["p-1"])).await;
        scene.ana.call("buyer.coupons.claim", json!({"coupon_id": "c-1"})).await.unwrap();
        let buy = |id: &str| json!({"client_order_id": id, "sku_id": "p-1-m", "quantity": 3, "coupon_id": "c-1"});
        let placed = scene.ana.call("buyer.orders.place", buy("x")).await.unwrap()["order"].clone();
        let id = placed["id"].clone();
        let of_it = |push: &Value| push["message"]["content"]["order_id"] == id;
        let card = scene.ana.push_where("message.created", of_it).await["message"].clone();
        assert_eq!(card["content"]["card"]["status"]["code"], "UNPAID");
        scene.revised(&shown, |card| card["text"] != shown["content"]["card"]["text"]).await;
        let refused = scene.ana.call("buyer.orders.place", buy("y")).await.unwrap_err();
        assert_eq!(refused.kind(), "not_sendable", "stock and coupon are taken");

        // The shop's own unpaid order is the shop's to cancel, however late it is.
        let late = with(order("o-late", "ana", "UNPAID"), json!({"deadlines": {"payment_due_time": now() - DAY}}));
        let deadline = now() + SOON;
        let soon = with(bare(&placed), json!({"deadlines": {"payment_due_time": deadline}}));
        scene.server.import(User::SHOP, "orders", &[late, soon]).await;
        let revised = scene.revised(&card, |card| card["status"]["code"] == "CANCELLED").await;
        assert!(now() >= deadline, "not before its time");
        assert!(revised["content"]["card"]["text"].as_str().unwrap().contains("Not paid in time"), "{revised}");
        for (kind, of) in [("ORDER", &id), ("PRODUCT", &json!("p-1")), ("COUPON", &json!("c-1"))] {
            scene.bo.push_where("workbench.changed", |told| told["kind"] == kind && told["id"] == *of && after(told, deadline)).await;
        }
        scene.revised(&shown, |card| card["text"] == shown["content"]["card"]["text"]).await;

        let order = scene.bo.call("workbench.orders.get", json!({"order_id": id})).await.unwrap()["order"].clone();
        assert_eq!((&order["status"], &order["cancellation_initiator"]), (&json!("CANCELLED"), &json!("SYSTEM")));
        assert!(order["cancel_time"].as_i64().unwrap() >= deadline, "{order}");
        let product = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(product["product"]["skus"][0]["inventory"], 3);
        let coupon = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        let counts = (&coupon["coupon"]["claimed_count"], &coupon["coupon"]["redeemed_count"]);
        assert_eq!(counts, (&json!(1), &json!(0)));
        let claims = scene.ana.call("buyer.coupons.list", json!({})).await.unwrap()["claims"].clone();
        assert_eq!((claims.as_array().unwrap().len(), claims[0]["claim"].get("order_id")), (1, None), "{claims}");
        let late = scene.bo.call("workbench.orders.get", json!({"order_id": "o-late"})).await.unwrap();
        assert_eq!(late["order"]["status"], "UNPAID");
        let rows: Vec<_> = scene.audit().await.into_iter().filter(|row| row.contains(" orders.lapse ")).collect();
        let thing = |kind: &str, id: &str| format!("SYSTEM deskwire orders.lapse {kind} {id} CHANGED ");
        let things = [thing("ORDER", id.as_str().unwrap()), thing("PRODUCT", "p-1"), thing("COUPON", "c-1")];
        assert!(rows.len() == 3 && things.iter().all(|thing| rows.iter().any(|row| row.starts_with(thing))), "{rows:?}");
        scene.ana.call("buyer.orders.place", buy("y")).await.expect("what was given back can be had again");
    }

    async fn an_order_paid_in_time_stays_and_keeps_what_it_took(setting: Setting) {
        let mut scene = Scene::set(setting, &[("products", vec![product("p-1", "Linen shirt", 3)])]).await;
        let mut placed = Vec::new();
        for id in ["paid", "not paid"] {
            let buy = json!({"client_order_id": id, "sku_id": "p-1-m", "quantity": 1});
            placed.push(bare(&scene.ana.call("buyer.orders.place", buy).await.unwrap()["order"]));
        }
        let [paid, unpaid] = [0, 1].map(|place| placed[place]["id"].clone());
        let (first, second) = (now() + SOON, now() + SOON + 300);
        let due = |order: &Value, time: i64| with(order.clone(), json!({"deadlines": {"payment_due_time": time}}));
        let pays = with(due(&placed[0], first), json!({"status": "AWAITING_SHIPMENT", "paid_time": now()}));
        scene.server.import(User::SHOP, "orders", &[pays, due(&placed[1], second)]).await;
        let lapsed = |told: &Value| told["kind"] == "ORDER" && told["id"] == unpaid && after(told, second);
        scene.bo.push_where("workbench.changed", lapsed).await;
        let order = scene.bo.call("workbench.orders.get", json!({"order_id": paid})).await.unwrap();
        assert_eq!(order["order"]["status"], "AWAITING_SHIPMENT", "its deadline was the earlier one");
        let product = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(product["product"]["skus"][0]["inventory"], 2);
    }

    async fn an_order_that_can_give_nothing_back_is_cancelled_too_and_holds_up_no_other(setting: Setting) {
        let wares = vec![product("p-1", "Linen shirt", 3), product("p-2", "Cotton shirt", 3)];
        let mut scene = Scene::set(setting, &[("products", wares)]).await;
        let mut placed = Vec::new();
        for sku in ["p-1-m", "p-2-m"] {
            let buy = json!({"client_order_id": sku, "sku_id": sku, "quantity": 1});
            placed.push(bare(&scene.ana.call("buyer.orders.place", buy).await.unwrap()["order"]));
        }
        // Of the first there are now as many as can be counted.
        let mut endless = with(product("p-1", "Linen shirt", 3), json!({"update_time": now()}));
        endless["skus"][0]["inventory"] = u32::MAX.into();
        scene.server.import(User::SHOP, "products", &[endless]).await;
        let due = now() + SOON;
        let orders = (0..).zip(&placed).map(|(later, order)| {
            with(order.clone(), json!({"deadlines": {"payment_due_time": due + later}}))
        });
        scene.server.import(User::SHOP, "orders", &orders.collect::<Vec<_>>()).await;
        for order in placed.iter().rev() {
            let lapsed = |told: &Value| told["kind"] == "ORDER" && told["id"] == order["id"] && after(told, due);
            scene.bo.push_where("workbench.changed", lapsed).await;
            let got = scene.bo.call("workbench.orders.get", json!({"order_id": order["id"]})).await.unwrap();
            assert_eq!(got["order"]["status"], "CANCELLED");
        }
        let full = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(full["product"]["skus"][0]["inventory"], u32::MAX);
    }

    async fn who_opens_a_conversation_is_told_of_what_is_due_soon(setting: Setting) {
        let due = now() + 20 * HOUR;
        let deadlines = |due: i64| json!({"deadlines": {"shipping_due_time": due}});
        let orders = vec![
            with(order("o-1", "ana", "AWAITING_SHIPMENT"), deadlines(due)),
            with(order("o-2", "ana", "AWAITING_SHIPMENT"), deadlines(now() + 30 * HOUR)),
            with(order("o-3", "ana", "AWAITING_SHIPMENT"), deadlines(now() - HOUR)),
            with(order("o-4", "cleo", "AWAITING_SHIPMENT"), deadlines(due)),
            delivered("o-5", "ana"),
        ];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let told = scene.bo.push("deadline.near").await;
        assert_eq!((&told["order_id"], &told["reminder"]["due_time"]), (&json!("o-1"), &json!(due)));

        let asked = scene.ana.call("buyer.returns.submit", request("o-5")).await.unwrap()["return"].clone();
        let answer_by = now() + 10 * HOUR;
        scene.server.import(User::SHOP, "returns", &[self::due(&asked, answer_by)]).await;
        let of_return = json!({
            "order_id": "o-5", "return_id": asked["return_id"], "buyer_id": "ana",
            "reminder": {"kind": "RETURN_ANSWER_DUE", "due_time": answer_by, "consequence": "AUTO_APPROVED", "overdue": false},
        });
        assert_eq!(scene.bo.push_where("deadline.near", |near| near["order_id"] == "o-5").await, of_return);

        let mut eve = scene.server.agent("eve").await;
        eve.attach(&scene.here).await;
        assert_eq!(eve.push("deadline.near").await, of_return, "the nearest first");
        assert_eq!(eve.push("deadline.near").await["order_id"], "o-1");
        assert!(eve.pushes_so_far("deadline.near").await.is_empty(), "neither what is far nor what is over");
        assert!(scene.ana.pushes_so_far("deadline.near").await.is_empty(), "agents only");
    }

    async fn a_request_left_unanswered_is_approved_by_itself_and_an_answered_one_is_left_alone(setting: Setting) {
        let orders = ["o-1", "o-2", "o-3"].map(|id| delivered(id, "ana")).to_vec();
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let mut requests = Vec::new();
        for order in ["o-1", "o-2", "o-3"] {
            requests.push(scene.ana.call("buyer.returns.submit", request(order)).await.unwrap()["return"].clone());
        }
        let of_it = |push: &Value| push["message"]["content"]["return_id"] == requests[0]["return_id"];
        let card = scene.ana.push_where("message.created", of_it).await["message"].clone();
        let rejection = json!({"return_id": requests[1]["return_id"], "reason_text": "It was worn."});
        let rejected = scene.bo.call("workbench.returns.reject", rejection).await.unwrap()["return"].clone();

        // The second has its answer; the third's time has been over since yesterday.
        let deadline = now() + SOON;
        let shortened = [due(&requests[0], deadline), due(&rejected, now() - DAY), due(&requests[2], now() - DAY)];
        scene.server.import(User::SHOP, "returns", &shortened).await;
        scene.revised(&card, |card| card["status"]["code"] == "AWAITING_BUYER_SHIP").await;
        assert!(now() >= deadline, "not before its time");
        for request in [&requests[0], &requests[2]] {
            let asked = request["update_time"].as_i64().unwrap();
            let told = |told: &Value| told["kind"] == "RETURN" && told["id"] == request["return_id"] && after(told, asked + 1);
            let told = scene.bo.push_where("workbench.changed", told).await;
            assert_eq!((&told["order_id"], &told["buyer_id"]), (&request["order_id"], &json!("ana")));
            let got = scene.bo.call("workbench.returns.get", json!({"return_id": request["return_id"]})).await.unwrap();
            let records = got["return"]["records"].as_array().unwrap();
            let steps: Vec<_> = records.iter().map(|record| (&record["event"], &record["role"])).collect();
            let [asked, approved] = ["RETURN_OR_REFUND_REQUEST_PENDING", "AWAITING_BUYER_SHIP"].map(Value::from);
            assert_eq!(steps, [(&asked, &json!("BUYER")), (&approved, &json!("SYSTEM"))], "{got}");
            assert!(records[1]["description"].as_str().unwrap().contains("did not answer in time"), "{got}");
            assert_eq!(got["return"].get("seller_next_action_response"), None, "no answer is owed any more");
            let order = scene.bo.call("workbench.orders.get", json!({"order_id": request["order_id"]})).await.unwrap();
            assert_eq!(order["order"]["returns"][0]["return_status"], "AWAITING_BUYER_SHIP");
        }
        let rows: Vec<_> = scene.audit().await.into_iter().filter(|row| row.starts_with("SYSTEM deskwire returns.approve ")).collect();
        let has_row = |request: &&Value| rows.iter().any(|row| row.contains(request["return_id"].as_str().unwrap()));
        assert!(rows.len() == 2 && [&requests[0], &requests[2]].iter().all(has_row), "{rows:?}");
        let late = json!({"return_id": requests[0]["return_id"], "reason_text": "No."});
        let conflict = scene.bo.call("workbench.returns.reject", late).await.unwrap_err();
        assert_eq!(conflict.kind(), "conflict", "{conflict:?}");
        let answered = json!({"return_id": requests[1]["return_id"]});
        let answered = scene.bo.call("workbench.returns.get", answered).await.unwrap();
        assert_eq!(answered["return"]["return_status"], "REFUND_OR_RETURN_REQUEST_REJECT");
        assert_eq!(answered["return"]["records"].as_array().unwrap().len(), 2, "{answered}");
        let seen = scene.ana.call("buyer.returns.list", json!({})).await.unwrap()["returns"].clone();
        let approved = |request: &&Value| request["return_status"] == "AWAITING_BUYER_SHIP";
        assert_eq!(seen.as_array().unwrap().iter().filter(approved).count(), 2, "the buyer sees it: {seen}");
    }
}
