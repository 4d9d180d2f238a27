//! R1 to R4: returns and refunds.

use deskwire_tests::{Client, User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{HOUR, Scene, action, delivered, money, now, order, with};

fn request(order: &str, client_return_id: &str) -> Value {
    json!({
        "client_return_id": client_return_id, "order_id": order, "return_type": "RETURN_AND_REFUND",
        "return_reason": "damaged", "return_reason_text": "A seam is open.",
        "items": [{"order_line_item_id": "1", "quantity": 1}], "images": ["https://img.example/seam.png"],
    })
}

fn refund(amount: &str) -> Value {
    json!({
        "currency": "EUR", "refund_subtotal": money(amount), "refund_shipping_fee": money("0.00"),
        "refund_tax": money("0.00"), "refund_total": money(amount),
    })
}

/// A refund of all of an order that is asked for, as the shop's systems write it.
fn written(id: &str, order: &str, made: i64) -> Value {
    json!({
        "return_id": id, "order_id": order, "return_type": "REFUND", "return_status": "RETURN_OR_REFUND_REQUEST_PENDING",
        "return_reason": "damaged", "role": "BUYER", "create_time": made, "update_time": made,
        "refund_amount": refund("25.00"),
        "return_line_items": [{
            "order_line_item_id": "1", "sku_id": "p-shirt-m", "product_name": "Linen shirt", "quantity": 1,
        }],
    })
}

everywhere! {
    async fn r1_an_order_tells_of_its_returns_and_every_record_is_kept(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![delivered("o-1", "ana")])]).await;
        let made = scene.ana.call("buyer.returns.submit", request("o-1", "r")).await.unwrap();
        let id = made["return"]["return_id"].clone();
        let order = scene.bo.call("workbench.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(order["order"]["returns"][0]["return_status"], "RETURN_OR_REFUND_REQUEST_PENDING");
        let answer = json!({"return_id": id, "reason_text": "Please send it back."});
        scene.bo.call("workbench.returns.approve", answer).await.unwrap();
        let got = scene.bo.call("workbench.returns.get", json!({"return_id": id})).await.unwrap();
        let steps: Vec<_> = got["return"]["records"].as_array().unwrap().iter()
            .map(|record| (record["event"].as_str().unwrap(), record["role"].as_str().unwrap())).collect();
        assert!(steps.contains(&("RETURN_OR_REFUND_REQUEST_PENDING", "BUYER")), "{steps:?}");
        assert!(steps.contains(&("AWAITING_BUYER_SHIP", "SELLER")), "{steps:?}");
        let listed = scene.bo.call("workbench.returns.list", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(listed["returns"][0]["return_id"], id);
    }

    async fn r2_the_request_card_is_sent_only_where_something_can_be_returned(setting: Setting) {
        let orders = vec![delivered("o-1", "ana"), order("o-2", "ana", "UNPAID")];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let message = scene.send_card("workbench.returns.send_card", "order_id", "o-1").await;
        let card = &message["content"]["card"];
        assert_eq!(card["status"]["code"], "ELIGIBLE");
        assert_eq!(action(card, "REQUEST_RETURN")["url"], "/shops/shop-1/orders/o-1/returns/new");
        let params = scene.card("order_id", "o-2");
        let refused = scene.bo.call("workbench.returns.send_card", params).await.unwrap_err();
        assert_eq!(refused.data["not_sendable_code"], "NOT_ELIGIBLE");
        assert_eq!(refused.message, "The order is not paid: there is nothing to give back.");
    }

    async fn r3_r4_a_request_made_on_the_card_is_one_request_seen_at_once_and_answered(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![delivered("o-1", "ana")])]).await;
        let invitation = scene.send_card("workbench.returns.send_card", "order_id", "o-1").await;
        let act = json!({
            "conversation_id": scene.here, "message_id": invitation["message_id"], "action": "REQUEST_RETURN",
            "params": request("o-1", "r-once"),
        });
        let first = scene.ana.call("card.act", act.clone()).await.unwrap();
        let again = scene.ana.call("card.act", act).await.unwrap();
        let id = &first["result"]["return"]["return_id"];
        assert_eq!(&again["result"]["return"]["return_id"], id, "a double submit is one request");

        let told = scene.bo.push_where("workbench.changed", |changed| changed["kind"] == "RETURN").await;
        assert_eq!(&told["id"], id);
        let posted = scene.bo.push_where("message.created", |push| push["message"]["sender"]["role"] == "BUYER").await;
        let posted = posted["message"].clone();
        assert_eq!(&posted["content"]["return_id"], id, "the request stands in the conversation");
        assert_eq!(posted["content"]["card"]["status"]["code"], "RETURN_OR_REFUND_REQUEST_PENDING");
        scene.revised(&invitation, |card| card["status"]["code"] == "RETURN_OR_REFUND_REQUEST_PENDING").await;
        let listed = scene.ana.call("buyer.returns.list", json!({})).await.unwrap();
        assert_eq!(listed["returns"].as_array().unwrap().len(), 1);

        let silent = scene.bo.call("workbench.returns.reject", json!({"return_id": id})).await.unwrap_err();
        assert_eq!((silent.kind(), silent.field()), ("validation", Some("reason_text")));
        let rejection = json!({"return_id": id, "reason_text": "It was worn."});
        scene.bo.call("workbench.returns.reject", rejection.clone()).await.unwrap();
        let revised = scene.revised(&posted, |card| card["status"]["code"] == "REFUND_OR_RETURN_REQUEST_REJECT").await;
        assert!(revised["content"]["card"]["text"].as_str().unwrap().contains("It was worn."));
        let other = json!({"return_id": id, "reason_text": "Fine."});
        let conflict = scene.bo.call("workbench.returns.approve", other).await.unwrap_err();
        assert_eq!(conflict.data["current"]["return"]["return_status"], "REFUND_OR_RETURN_REQUEST_REJECT");
    }

    async fn r4_the_shops_systems_give_nothing_back_twice(setting: Setting) {
        let scene = Scene::set(setting, &[("orders", vec![delivered("o-1", "ana")])]).await;
        let key = scene.server.api_key(User::SHOP, &[]).await;
        let made = now() - HOUR;
        let put = async |id: &str, fields: Value| {
            let document = with(written(id, "o-1", made), fields);
            scene.rest(&key, "PUT", &format!("/returns/{id}"), &document).await
        };
        assert_eq!(put("r-1", json!({})).await["result"], "CREATED");
        for fields in [json!({}), json!({"refund_amount": refund("0.00")})] {
            let refused = put("r-2", fields.clone()).await;
            let field = refused["error"]["data"]["field"].as_str().unwrap_or_else(|| panic!("{refused}"));
            let money = fields.get("refund_amount").is_none();
            assert_eq!(field, if money { "refund_amount.refund_total" } else { "return_line_items[0].quantity" });
        }
        let rejected = json!({"return_status": "REFUND_OR_RETURN_REQUEST_REJECT", "update_time": now()});
        assert_eq!(put("r-1", rejected).await["result"], "CHANGED");
        assert_eq!(put("r-2", json!({})).await["result"], "CREATED", "what is void holds nothing");
    }

    async fn r4_a_request_that_comes_through_the_shops_systems_stands_in_the_conversation_once(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![delivered("o-1", "ana"), delivered("o-2", "ana")])]).await;
        let key = scene.server.api_key(User::SHOP, &[]).await;
        // What the shop itself began is no message of the buyer's.
        let of_the_shop = with(written("r-0", "o-2", now() - HOUR), json!({"role": "SELLER"}));
        assert_eq!(scene.rest(&key, "PUT", "/returns/r-0", &of_the_shop).await["result"], "CREATED");
        let request = written("r-1", "o-1", now() - HOUR);
        for result in ["CREATED", "UNCHANGED"] {
            assert_eq!(scene.rest(&key, "PUT", "/returns/r-1", &request).await["result"], result);
        }
        let is_return = |push: &Value| push["message"]["content"]["type"] == "RETURN_REFUND_CARD";
        let posted = scene.bo.push_where("message.created", is_return).await["message"].clone();
        assert_eq!((&posted["content"]["return_id"], &posted["sender"]["role"]), (&json!("r-1"), &json!("BUYER")));
        assert_eq!(posted["content"]["card"]["status"]["code"], "RETURN_OR_REFUND_REQUEST_PENDING");
        let said = json!({"conversation_id": scene.here, "client_message_id": "after", "content": {"type": "TEXT", "text": "Did you get it?"}});
        scene.ana.call("message.send", said).await.unwrap();
        let page = scene.bo.call("conversation.history", json!({"conversation_id": scene.here})).await.unwrap();
        let cards = page["messages"].as_array().unwrap().iter().filter(|message| message["content"]["type"] == "RETURN_REFUND_CARD");
        assert_eq!(cards.count(), 1, "{page}");
    }

    async fn r3_a_request_that_nothing_allows_is_refused_with_its_field(setting: Setting) {
        let orders = vec![delivered("o-1", "ana"), order("o-2", "ana", "UNPAID")];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let mut too_many = request("o-1", &Client::fresh_id());
        too_many["items"][0]["quantity"] = 2.into();
        let error = scene.ana.call("buyer.returns.submit", too_many).await.unwrap_err();
        assert_eq!(error.field(), Some("items[0].quantity"), "{error:?}");
        let mut unknown = request("o-1", &Client::fresh_id());
        unknown["items"][0]["order_line_item_id"] = "9".into();
        let error = scene.ana.call("buyer.returns.submit", unknown).await.unwrap_err();
        assert_eq!(error.field(), Some("items[0].order_line_item_id"), "{error:?}");
        let error = scene.ana.call("buyer.returns.submit", request("o-2", "x")).await.unwrap_err();
        assert_eq!(error.kind(), "not_sendable", "{error:?}");
    }
}
