//! O1 to O8: the order workbench.

use deskwire_tests::{User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, HOUR, Scene, action, delivered, ids, now, order, package, with};

async fn list(scene: &mut Scene, params: Value) -> Vec<String> {
    let params = with(json!({"buyer_id": "ana"}), params);
    let page = scene.bo.call("workbench.orders.list", params).await.unwrap();
    ids(&page["orders"]).iter().map(ToString::to_string).collect()
}

everywhere! {
    async fn o1_o2_o3_orders_are_listed_newest_first_by_status_and_part_of_the_id(setting: Setting) {
        let at = |days: i64| json!({"create_time": now() - days * DAY, "update_time": now() - days * DAY});
        let orders = vec![
            with(order("DE-100-old", "ana", "COMPLETED"), at(9)),
            with(order("DE-100-new", "ana", "IN_TRANSIT"), at(3)),
            with(order("DE-200", "ana", "IN_TRANSIT"), at(5)),
        ];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        assert_eq!(list(&mut scene, json!({})).await, ["DE-100-new", "DE-200", "DE-100-old"]);
        assert_eq!(list(&mut scene, json!({"status": "IN_TRANSIT"})).await, ["DE-100-new", "DE-200"]);
        assert_eq!(list(&mut scene, json!({"order_id": "de-100"})).await, ["DE-100-new", "DE-100-old"]);
        assert_eq!(list(&mut scene, json!({"order_id": "DE-200"})).await, ["DE-200"]);
        assert_eq!(list(&mut scene, json!({"order_id": "100", "status": "COMPLETED"})).await, ["DE-100-old"]);
        assert_eq!(list(&mut scene, json!({"order_id": "%"})).await, [""; 0], "no pattern of SQL");
        for written in [" DE-200 ", "#DE-200", "# de-200", "ＤＥ－２００"] {
            assert_eq!(list(&mut scene, json!({"order_id": written})).await, ["DE-200"], "{written}");
        }
    }

    async fn o5_the_order_management_page_is_told_to_agents_and_to_no_buyer(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT")])]).await;
        let page = scene.bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        assert_eq!(page["manage_link"], "/shops/shop-1/orders");
        let page = scene.ana.call("buyer.orders.list", json!({})).await.unwrap();
        assert_eq!((ids(&page["orders"]), page.get("manage_link")), (vec!["o-1"], None));
    }

    async fn o4_an_order_shows_all_that_the_guide_names(setting: Setting) {
        let due = now() + 5 * HOUR;
        let orders = vec![
            with(order("o-1", "ana", "AWAITING_SHIPMENT"), json!({"deadlines": {"shipping_due_time": due}})),
            with(order("o-2", "ana", "CANCELLED"), json!({
                "cancel_reason": "Changed my mind", "cancellation_initiator": "BUYER", "cancel_time": now() - HOUR,
            })),
        ];
        let mut scene = Scene::set(setting, &[("orders", orders), ("packages", vec![package("pk-1", "o-1")])]).await;
        let got = scene.bo.call("workbench.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        let order = &got["order"];
        assert_eq!(order["reminder"], json!({
            "kind": "SHIPPING_DUE", "due_time": due, "consequence": "SHIPPING_OVERDUE", "overdue": false,
        }));
        assert_eq!(order["payment"]["total_amount"], json!({"amount": "29.50", "currency": "EUR"}));
        assert_eq!(order["line_items"][0]["product_name"], "Linen shirt");
        assert_eq!(order["line_items"][0]["sku_image"], "https://img.example/shirt.png");
        for (field, value) in [("buyer_message", "Please ring twice."), ("payment_method_name", "Card")] {
            assert_eq!(order[field], value);
        }
        assert_eq!(order["recipient_address"]["postal_code"], "10115");
        assert_eq!(order["packages"][0]["tracking_number"], "AP-pk-1");
        let cancelled = scene.bo.call("workbench.orders.get", json!({"order_id": "o-2"})).await.unwrap();
        assert_eq!(cancelled["order"]["cancel_reason"], "Changed my mind");
    }

    async fn o4_agents_are_told_before_a_deadline_passes(setting: Setting) {
        let due = now() + 5 * HOUR;
        let mut scene = Scene::set(setting, &[]).await;
        let urgent =
            with(order("o-1", "ana", "AWAITING_SHIPMENT"), json!({"deadlines": {"shipping_due_time": due}}));
        scene.server.import(User::SHOP, "orders", &[urgent]).await;
        let near = scene.bo.push("deadline.near").await;
        assert_eq!((&near["order_id"], &near["buyer_id"]), (&json!("o-1"), &json!("ana")));
        assert_eq!(near["reminder"]["due_time"], due);
        assert!(scene.ana.pushes_so_far("deadline.near").await.is_empty(), "agents only");
    }

    async fn o4_a_missed_deadline_does_not_hide_the_one_that_is_ahead(setting: Setting) {
        let (late, soon, cancelled) = (now() - HOUR, now() + 2 * HOUR, now() + 5 * HOUR);
        let mut scene = Scene::set(setting, &[]).await;
        let to_ship = |id: &str, due: i64| {
            let deadlines = json!({"shipping_due_time": due, "cancel_order_sla_time": cancelled});
            with(order(id, "ana", "AWAITING_SHIPMENT"), json!({"deadlines": deadlines}))
        };
        let missed = with(order("o-3", "ana", "AWAITING_SHIPMENT"), json!({"deadlines": {"shipping_due_time": late}}));
        scene.server.import(User::SHOP, "orders", &[to_ship("o-1", late), to_ship("o-2", soon), missed]).await;
        let mut told = Vec::new();
        for _ in 0..3 {
            let near = scene.bo.push("deadline.near").await;
            assert_eq!(near["reminder"]["overdue"], false);
            told.push(format!("{} {}", near["order_id"], near["reminder"]["kind"]).replace('"', ""));
        }
        told.sort();
        assert_eq!(told, ["o-1 CANCEL_ORDER_SLA", "o-2 CANCEL_ORDER_SLA", "o-2 SHIPPING_DUE"]);
        let listed = scene.bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        let reminder = |id: &str| {
            let order = listed["orders"].as_array().unwrap().iter().find(|order| order["id"] == id).unwrap();
            order["reminder"].clone()
        };
        assert_eq!(reminder("o-1"), json!({
            "kind": "CANCEL_ORDER_SLA", "due_time": cancelled, "consequence": "AUTO_CANCELLED", "overdue": false,
        }));
        assert_eq!(reminder("o-2")["kind"], "SHIPPING_DUE", "the nearest");
        assert_eq!((&reminder("o-3")["kind"], &reminder("o-3")["overdue"]), (&json!("SHIPPING_DUE"), &json!(true)), "none is ahead");
    }

    async fn o4_an_order_tells_its_pending_actions_the_most_urgent_first(setting: Setting) {
        let to_ship = |id: &str, fields: Value| with(order(id, "ana", "AWAITING_SHIPMENT"), fields);
        let orders = vec![
            to_ship("o-1", json!({"deadlines": {"shipping_due_time": now() + 23 * HOUR, "cancel_order_sla_time": now() + 30 * HOUR}})),
            to_ship("o-2", json!({"deadlines": {"shipping_due_time": now() - HOUR, "cancel_order_sla_time": now() + 5 * HOUR}})),
            to_ship("o-3", json!({"cancellation_initiator": "BUYER", "cancel_reason": "Changed my mind"})),
            to_ship("o-4", json!({"deadlines": {"shipping_due_time": now() + 30 * HOUR}})),
            delivered("o-5", "ana"),
        ];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let request = json!({
            "client_return_id": "r", "order_id": "o-5", "return_type": "RETURN_AND_REFUND", "return_reason": "damaged",
            "items": [{"order_line_item_id": "1", "quantity": 1}],
        });
        scene.ana.call("buyer.returns.submit", request).await.unwrap();
        let listed = scene.bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        for (id, actions) in [
            ("o-1", json!(["SHIP_WITHIN_24_HOURS"])),
            ("o-2", json!(["AUTO_CANCELLING_WITHIN_24_HOURS", "SHIPPING_OVERDUE"])),
            ("o-3", json!(["CANCELLATION_REQUESTED"])),
            ("o-4", Value::Null),
            ("o-5", json!(["RETURN_OR_REFUND_REQUESTED"])),
        ] {
            let order = listed["orders"].as_array().unwrap().iter().find(|order| order["id"] == id).unwrap();
            assert_eq!(order["pending_actions"], actions, "{id}");
            let got = scene.bo.call("workbench.orders.get", json!({"order_id": id})).await.unwrap();
            assert_eq!(got["order"]["pending_actions"], actions, "{id}");
            let own = scene.ana.call("buyer.orders.get", json!({"order_id": id})).await.unwrap();
            assert_eq!(own["order"].get("pending_actions"), None, "the shop's own: {id}");
        }
    }

    async fn o5_a_note_is_written_edited_and_never_overwritten_in_silence(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT")])]).await;
        let mut eve = scene.server.agent("eve").await;
        eve.attach(&scene.here).await;
        let set = |text: &str, version: u32| json!({"order_id": "o-1", "text": text, "version": version});
        let none = scene.bo.call("workbench.orders.note.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(none, json!({}));
        let added = scene.bo.call("workbench.orders.note.set", set("Gift wrap", 0)).await.unwrap();
        assert_eq!((&added["note"]["version"], &added["note"]["editor"]["id"]), (&json!(1), &json!("bo")));
        let told = eve.push_where("workbench.changed", |changed| changed["kind"] == "SELLER_NOTE").await;
        assert_eq!((&told["id"], &told["buyer_id"]), (&json!("o-1"), &json!("ana")));

        eve.call("workbench.orders.note.set", set("Gift wrap, red", 1)).await.unwrap();
        let stale = scene.bo.call("workbench.orders.note.set", set("No wrap", 1)).await.unwrap_err();
        assert_eq!(stale.kind(), "conflict");
        assert_eq!(stale.data["current"]["note"]["text"], "Gift wrap, red");
        let repeated = eve.call("workbench.orders.note.set", set("Gift wrap, red", 1)).await.unwrap();
        assert_eq!(repeated["note"]["version"], 2, "a lost answer's repeat is no new version");

        let history = scene.bo.call("workbench.orders.note.history", json!({"order_id": "o-1"})).await.unwrap();
        let texts: Vec<_> = history["notes"].as_array().unwrap().iter().map(|note| &note["text"]).collect();
        assert_eq!(texts, ["Gift wrap, red", "Gift wrap"]);
        let shown = scene.bo.call("workbench.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(shown["order"]["seller_note"]["text"], "Gift wrap, red");
        let buyers = scene.ana.call("buyer.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        assert!(buyers["order"].get("seller_note").is_none(), "a note is the shop's own");
    }

    async fn o6_an_order_links_to_its_detail_page(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o/1", "ana", "IN_TRANSIT")])]).await;
        let got = scene.bo.call("workbench.orders.get", json!({"order_id": "o/1"})).await.unwrap();
        assert_eq!(got["order"]["links"]["detail"], "/shops/shop-1/orders/o%2F1");
    }

    async fn o7_the_buyer_confirms_an_order_card_and_follows_it_up(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![delivered("o-1", "ana")])]).await;
        let message = scene.send_card("workbench.orders.send_card", "order_id", "o-1").await;
        let card = message["content"]["card"].clone();
        assert_eq!((&message["content"]["type"], &message["content"]["order_id"]), (&json!("ORDER_CARD"), &json!("o-1")));
        assert_eq!(message["sender"]["role"], "CUSTOMER_SERVICE");
        assert_eq!(action(&card, "OPEN")["url"], "/shops/shop-1/orders/o-1");

        let act = json!({
            "conversation_id": scene.here, "message_id": message["message_id"], "action": "CONFIRM",
        });
        let acted = scene.ana.call("card.act", act.clone()).await.unwrap();
        let revised = scene.revised(&message, |card| card["acts"][0]["action"] == "CONFIRM").await;
        assert_eq!(revised["content"]["card"]["acts"][0]["act_time"], acted["act_time"]);
        assert_eq!(scene.ana.call("card.act", act).await.unwrap(), acted, "twice is once");

        let mine = scene.ana.call("buyer.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(mine["order"]["id"], "o-1");
        let way = scene.ana.call("buyer.returns.eligibility", json!({"order_id": "o-1"})).await.unwrap();
        assert!(way["eligibility"].as_array().unwrap().iter().any(|way| way["eligible"] == true));
    }

    async fn o8_an_order_id_in_a_message_opens_that_order(setting: Setting) {
        let orders = vec![order("576461413038785752", "ana", "IN_TRANSIT"), order("576461413038785753", "cleo", "IN_TRANSIT")];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        scene.bo.push("workbench.orders").await;
        let sent = scene.ana.say(&scene.here, "Where is #576461413038785752? Not 576461413038785753!").await;
        let named = scene.bo.push("workbench.orders").await;
        assert_eq!(named["message_id"], sent["message_id"]);
        assert_eq!(ids(&named["orders"]), ["576461413038785752"], "another buyer's order is not hers to name");
    }

    async fn o8_an_order_id_opens_its_order_however_it_is_written(setting: Setting) {
        let orders = vec![order("DEMO-1008", "ana", "IN_TRANSIT"), order("demo-1009", "cleo", "IN_TRANSIT")];
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        scene.bo.push("workbench.orders").await;
        scene.ana.say(&scene.here, "Not DEMO-1009.").await;
        for text in ["demo-1008?", "Where is #Demo-1008", "ＤＥＭＯ－１００８", "DEMO-\u{200b}1008"] {
            let sent = scene.ana.say(&scene.here, text).await;
            let named = scene.bo.push("workbench.orders").await;
            assert_eq!((&named["message_id"], ids(&named["orders"])), (&sent["message_id"], vec!["DEMO-1008"]), "{text}");
        }
    }
}
