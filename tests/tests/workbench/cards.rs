//! K1 to K4: cards of all kinds, in the buyer's language, kept true.

use deskwire_tests::{Client, Server, ServerOptions, Setting, User, everywhere};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::fixtures::{HOUR, Scene, coupon, delivered, now, order, package, product, with};

everywhere! {
    async fn k1_all_five_kinds_are_rendered_with_a_twin_in_plain_words(setting: Setting) {
        let things = [
            ("orders", vec![delivered("o-1", "ana")]),
            ("packages", vec![with(package("pk-1", "o-1"), json!({"status": "COMPLETED"}))]),
            ("products", vec![product("p-1", "Linen shirt", 3)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        for (method, field, thing, kind, says) in [
            ("workbench.orders.send_card", "order_id", json!("o-1"), "ORDER", "29.50"),
            ("workbench.logistics.send_card", "order_id", json!("o-1"), "LOGISTICS", "AP-pk-1"),
            ("workbench.returns.send_card", "order_id", json!("o-1"), "RETURN_REFUND", "o-1"),
            ("workbench.products.send_card", "product_ids", json!(["p-1"]), "PRODUCT", "Linen shirt"),
            ("workbench.coupons.send_card", "coupon_id", json!("c-1"), "COUPON", "5.00"),
        ] {
            let card = scene.send_card(method, field, thing).await["content"]["card"].clone();
            assert_eq!((&card["kind"], &card["revision"], &card["locale"]), (&json!(kind), &json!(0), &json!("en")));
            let text = card["text"].as_str().unwrap();
            assert!(text.contains(says) && text.contains(card["title"].as_str().unwrap()), "{kind}: {text}");
            assert!(!text.contains('<'), "data, never HTML: {text}");
        }
    }

    async fn k1_a_card_speaks_the_buyers_language(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "bruno", "IN_TRANSIT")])]).await;
        scene.server.import(User::SHOP, "buyers", &[json!({"user_id": "bruno", "name": "Bruno", "locale": "pt-BR"})]).await;
        let claims = with(User::buyer("bruno").claims(), json!({"locale": "pt-BR"}));
        let mut bruno = scene.server.join_with(&claims).await;
        scene.here = bruno.open().await;
        scene.bo.attach(&scene.here).await;
        scene.ana = bruno;
        let card = scene.send_card("workbench.orders.send_card", "order_id", "o-1").await["content"]["card"].clone();
        assert_eq!(card["locale"], "pt-BR");
        let text = card["text"].as_str().unwrap();
        assert!(text.contains("29,50") && text.contains("Pedido"), "{text}");
    }

    async fn k2_a_check_tells_whether_why_not_and_what_instead(setting: Setting) {
        let things = [
            ("orders", vec![order("o-1", "ana", "UNPAID"), order("o-2", "cleo", "UNPAID")]),
            ("coupons", vec![coupon("c-0", "Sold out", 1), coupon("c-1", "Five off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let mut cleo = scene.server.buyer("cleo").await;
        cleo.call("buyer.coupons.claim", json!({"coupon_id": "c-0"})).await.unwrap();
        let mut check = async |kind: &str, refs: Value| {
            let params = json!({"conversation_id": scene.here, "kind": kind, "refs": refs});
            scene.bo.call("workbench.cards.check", params).await.unwrap()["checks"].clone()
        };
        let orders = check("ORDER", json!(["o-1", "o-2", "o-9", "\u{7}"])).await;
        assert_eq!((&orders[0]["sendable"], &orders[0]["card"]["ref"]), (&json!(true), &json!("o-1")));
        for index in 1..4 {
            assert_eq!(orders[index]["code"], "NOT_FOUND", "no hint of another buyer's order");
            assert_eq!(orders[index]["reason"], orders[2]["reason"]);
        }
        let logistics = check("LOGISTICS", json!(["o-1"])).await;
        assert_eq!((&logistics[0]["code"], &logistics[0]["instead"][0]["kind"]), (&json!("NO_LOGISTICS"), &json!("ORDER")));
        let coupons = check("COUPON", json!(["c-0"])).await;
        assert_eq!((&coupons[0]["code"], &coupons[0]["instead"][0]["ref"]), (&json!("EXHAUSTED"), &json!("c-1")));
        scene.bo.call("conversation.close", json!({"conversation_id": scene.here})).await.unwrap();
        let params = json!({"conversation_id": scene.here, "kind": "ORDER", "refs": ["o-1"]});
        let closed = scene.bo.call("workbench.cards.check", params).await.unwrap();
        assert_eq!(closed["checks"][0]["code"], "CHAT_INACTIVE");
        let params = scene.card("order_id", "o-1");
        let refused = scene.bo.call("workbench.orders.send_card", params).await.unwrap_err();
        assert_eq!(refused.kind(), "chat_inactive");
    }

    async fn k3_a_card_changes_on_both_sides_with_its_thing_and_as_sent_it_is_kept(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "AWAITING_SHIPMENT")])]).await;
        let message = scene.send_card("workbench.orders.send_card", "order_id", "o-1").await;
        assert_eq!(message["content"]["card"]["status"]["code"], "AWAITING_SHIPMENT");
        let made = scene.bo.call("workbench.orders.get", json!({"order_id": "o-1"})).await.unwrap();
        let shipped = with(
            order("o-1", "ana", "IN_TRANSIT"),
            json!({"create_time": made["order"]["create_time"], "update_time": now() - HOUR}),
        );
        scene.server.import(User::SHOP, "orders", &[shipped]).await;
        let revised = scene.revised(&message, |card| card["status"]["code"] == "IN_TRANSIT").await;
        assert_eq!((&revised["revision"], &revised["content"]["card"]["revision"]), (&json!(1), &json!(1)));
        assert_eq!(revised["seq"], message["seq"], "it keeps its place");
        let history = scene.ana.history(&scene.here).await;
        assert_eq!(history.last().unwrap()["content"], revised["content"]);

        let events = scene.bo.attach_after(&scene.here, 0).await;
        let sent = events["events"].as_array().unwrap().iter().find(|event| event["seq"] == message["seq"]).unwrap();
        assert_eq!(sent["message"]["content"]["card"], message["content"]["card"], "the card as sent is kept");
    }

    async fn k3_a_card_sent_twice_is_one_and_keeps_its_place_among_messages(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT")])]).await;
        let card = scene.card("order_id", "o-1");
        let mut requests = Vec::new();
        for number in 0..4 {
            requests.push(scene.bo.request("workbench.orders.send_card", with(card.clone(), json!({"client_message_id": format!("card-{number}")}))).await);
            let text = Client::message(&scene.here, &format!("text-{number}"), &format!("text {number}"));
            requests.push(scene.bo.request("message.send", text).await);
        }
        let mut seqs = Vec::new();
        for request in requests {
            seqs.push(scene.bo.reply(request).await.unwrap()["seq"].as_i64().unwrap());
        }
        let first = seqs[0];
        assert_eq!(seqs, (first..first + 8).collect::<Vec<_>>(), "in the order of the frames");
        let again = scene.bo.call("workbench.orders.send_card", with(card, json!({"client_message_id": "card-2"}))).await.unwrap();
        assert_eq!(again["seq"], seqs[4]);
    }

    async fn k4_opening_a_card_is_seen_by_the_agent_and_what_it_does_not_offer_is_refused(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT")])]).await;
        let message = scene.send_card("workbench.orders.send_card", "order_id", "o-1").await;
        let act = |action: &str| json!({
            "conversation_id": scene.here, "message_id": message["message_id"], "action": action,
        });
        let (open, claim) = (act("OPEN"), act("CLAIM"));
        scene.ana.call("card.act", open.clone()).await.unwrap();
        scene.revised(&message, |card| card["acts"][0]["action"] == "OPEN").await;
        let error = scene.ana.call("card.act", claim).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), ("validation", Some("action")));
        let error = scene.bo.call("card.act", open.clone()).await.unwrap_err();
        assert_eq!(error.kind(), "authorization", "it is the buyer's");
        let mut cleo = scene.server.buyer("cleo").await;
        assert_eq!(cleo.call("card.act", open).await.unwrap_err().kind(), "not_found");
    }
}

/// More than are read and rendered at once.
const BUYERS: usize = 250;

/// The coupon `c-1`, sent by an agent into a conversation with each of many buyers.
async fn coupon_sent_to_many() -> (Server, Client, Vec<(Client, String)>) {
    let server = ServerOptions::new(Setting::default())
        .env("DESKWIRE_GATEWAY__AGENT_SENDS_PER_SECOND", 10_000)
        .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 10_000)
        .start()
        .await;
    server.import(User::SHOP, "coupons", &[coupon("c-1", "Five off", 1_000)]).await;
    let mut bo = server.agent("bo").await;
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        let mut buyer = server.buyer(&format!("buyer-{number}")).await;
        let here = buyer.open().await;
        let card = json!({"conversation_id": here, "client_message_id": "card", "coupon_id": "c-1"});
        bo.call("workbench.coupons.send_card", card).await.unwrap();
        buyers.push((buyer, here));
    }
    (server, bo, buyers)
}

#[tokio::test]
async fn k3_a_coupon_in_many_conversations_is_revised_once_in_each_while_messages_go_on() {
    let (server, mut bo, buyers) = coupon_sent_to_many().await;
    bo.call("workbench.coupons.deactivate", json!({"coupon_id": "c-1"})).await.unwrap();
    let talk = async {
        let (buyer, here) = (server.buyer("buyer-0"), buyers[0].1.clone());
        let mut buyer = buyer.await;
        for number in 0..5 {
            buyer.say(&here, &format!("still here {number}")).await;
        }
    };
    talk.await;
    let seen = join_all(buyers.into_iter().map(|(mut buyer, here)| async move {
        let ended = |push: &Value| push["message"]["content"]["card"]["status"]["code"] == "DEACTIVATED";
        buyer.push_where("message.revised", ended).await;
        let history = buyer.history(&here).await;
        let card = history.iter().find(|message| message["content"]["type"] == "COUPON_CARD").unwrap();
        card["revision"].as_i64().unwrap()
    }))
    .await;
    assert_eq!(seen, vec![1; BUYERS], "once in each");
}

#[tokio::test]
async fn k3_a_node_that_ends_in_the_middle_of_a_coupons_cards_leaves_none_behind() {
    let (mut server, mut bo, buyers) = coupon_sent_to_many().await;
    // Nobody stays whom the end would have to wait for.
    let cut = buyers.into_iter().map(|(buyer, here)| {
        buyer.cut();
        here
    });
    let conversations: Vec<String> = cut.collect();
    bo.attach(&conversations[0]).await;
    bo.call("workbench.coupons.deactivate", json!({"coupon_id": "c-1"})).await.unwrap();
    bo.push("message.revised").await;
    bo.cut();
    assert!(server.terminate().await.success());
    server.start_again().await;
    for (number, here) in conversations.iter().enumerate() {
        let mut buyer = server.buyer(&format!("buyer-{number}")).await;
        buyer.attach(here).await;
        let history = buyer.history(here).await;
        let card = history.iter().find(|message| message["content"]["type"] == "COUPON_CARD").unwrap();
        if card["content"]["card"]["status"]["code"] != "DEACTIVATED" {
            let ended = |push: &Value| push["message"]["content"]["card"]["status"]["code"] == "DEACTIVATED";
            buyer.push_where("message.revised", ended).await;
        }
        buyer.cut();
    }
}

#[tokio::test]
async fn k3_many_things_that_change_at_once_leave_the_database_to_others_and_are_all_rendered_again() {
    const PRODUCTS: usize = 24;
    // With one connection whoever holds it must let go of it by himself.
    let server = ServerOptions::new(Setting::default())
        .env("DESKWIRE_DATABASE__CONNECTIONS", 1)
        .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 1_000)
        .start()
        .await;
    let listed = |name: &str, age: i64| -> Vec<Value> {
        let listed =
            (0..PRODUCTS).map(|number| product(&format!("p-{number}"), &format!("{name} {number}"), 3));
        listed.map(|product| with(product, json!({"update_time": now() - age}))).collect()
    };
    server.import(User::SHOP, "products", &listed("Shirt", HOUR)).await;
    let mut ana = server.buyer("ana").await;
    let here = ana.open().await;
    let mut bo = server.agent("bo").await;
    for number in 0..PRODUCTS {
        let product_ids = [format!("p-{number}")];
        let card = json!({"conversation_id": here, "client_message_id": number.to_string(), "product_ids": product_ids});
        bo.call("workbench.products.send_card", card).await.unwrap();
    }
    server.import(User::SHOP, "products", &listed("Dress", 0)).await;
    for _ in 0..PRODUCTS {
        ana.push_where("message.revised", |push| {
            push["message"]["content"]["card"]["text"].to_string().contains("Dress")
        })
        .await;
    }
    assert!(!server.log().contains("WARN"), "nobody waited in vain: {}", server.log());
}
