//! C1 to C5: coupons.

use deskwire_tests::{Client, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, Scene, coupon, ids, money, now, order, product, with};

fn terms(title: &str) -> Value {
    json!({
        "client_coupon_id": Client::fresh_id(), "title": title,
        "discount": {"type": "PERCENT_OFF", "percentage": "10"},
        "claim_duration": {"start_time": now() + DAY, "end_time": now() + 3 * DAY},
        "redemption_duration": {"type": "RELATIVE", "relative_days": 7},
        "usage_limits": {"total_claim_limit": 5},
    })
}

everywhere! {
    async fn c1_c2_coupons_are_found_by_name_and_kind_and_show_their_terms(setting: Setting) {
        let mut scene = Scene::set(setting, &[("coupons", vec![coupon("c-1", "Été five off", 9), coupon("c-2", "Winter", 9)])]).await;
        let issue = json!({
            "conversation_id": scene.here, "client_coupon_id": "x", "title": "Sorry five",
            "discount": {"type": "AMOUNT_OFF", "reduction_amount": money("3.00")}, "reason": "Late.",
        });
        scene.bo.call("workbench.coupons.issue", issue).await.unwrap();
        let mut list = async |params: Value| {
            let page = scene.bo.call("workbench.coupons.list", params).await.unwrap();
            page["coupons"].as_array().unwrap().iter().map(|c| c["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list(json!({"query": "ete FIV"})).await, ["Été five off"]);
        assert_eq!(list(json!({"query": "five"})).await, ["Sorry five", "Été five off"]);
        assert_eq!(list(json!({"query": "five", "display_type": "CHAT"})).await, ["Sorry five"]);
        assert_eq!(list(json!({"display_type": "REGULAR"})).await, ["Winter", "Été five off"]);
        let got = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        let coupon = &got["coupon"];
        assert_eq!((&coupon["status"], &coupon["remaining"]), (&json!("ONGOING"), &json!(9)));
        assert_eq!(coupon["threshold"]["min_spend"]["amount"], "20.00");
        assert_eq!(coupon["link"], "/shops/shop-1/coupons/c-1");
        let page = scene.bo.call("workbench.coupons.list", json!({})).await.unwrap();
        assert_eq!(page["manage_link"], "/shops/shop-1/coupons", "where `Manage coupons` leads");
    }

    async fn c3_coupons_are_created_edited_duplicated_and_ended_by_the_rules(setting: Setting) {
        let mut scene = Scene::set(setting, &[("coupons", vec![coupon("c-begun", "Begun", 9)])]).await;
        let params = terms("Ten");
        let made = scene.bo.call("workbench.coupons.create", params.clone()).await.unwrap();
        let id = made["coupon"]["id"].clone();
        assert_eq!(scene.bo.call("workbench.coupons.create", params).await.unwrap()["coupon"]["id"], id, "made once");
        let edited = json!({"coupon_id": id, "version": 1, "title": "Ten percent", "threshold": {"type": "MIN_SPEND", "min_spend": money("30.00")}});
        let edited = scene.bo.call("workbench.coupons.update", edited).await.unwrap();
        assert_eq!((&edited["coupon"]["version"], &edited["coupon"]["title"]), (&json!(2), &json!("Ten percent")));
        let stale = json!({"coupon_id": id, "version": 1, "title": "Other"});
        let stale = scene.bo.call("workbench.coupons.update", stale).await.unwrap_err();
        assert_eq!(stale.data["current"]["coupon"]["title"], "Ten percent");

        let begun = json!({"coupon_id": "c-begun", "version": 1, "discount": {"type": "AMOUNT_OFF", "reduction_amount": money("9.00")}});
        let error = scene.bo.call("workbench.coupons.update", begun).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), ("validation", Some("discount")), "once begun only title, end and quantity");
        let renamed = json!({"coupon_id": "c-begun", "version": 1, "title": "Begun!"});
        scene.bo.call("workbench.coupons.update", renamed).await.unwrap();

        let copy = json!({"coupon_id": id, "client_coupon_id": Client::fresh_id()});
        let copy = scene.bo.call("workbench.coupons.duplicate", copy).await.unwrap();
        assert_eq!((&copy["coupon"]["title"], &copy["coupon"]["status"]), (&json!("Ten percent"), &json!("ONGOING")));
        assert_ne!(copy["coupon"]["id"], id);
        let ended = scene.bo.call("workbench.coupons.deactivate", json!({"coupon_id": "c-begun"})).await.unwrap();
        assert_eq!(ended["coupon"]["status"], "DEACTIVATED");
        let again = scene.bo.call("workbench.coupons.deactivate", json!({"coupon_id": "c-begun"})).await.unwrap();
        assert_eq!(again["coupon"]["version"], ended["coupon"]["version"], "ended once");
        let error = scene.ana.call("buyer.coupons.claim", json!({"coupon_id": "c-begun"})).await.unwrap_err();
        assert_eq!(error.data["not_sendable_code"], "DEACTIVATED");
    }

    async fn c3_two_agents_whose_clients_choose_one_id_make_a_coupon_each(setting: Setting) {
        let mut scene = Scene::set(setting, &[]).await;
        let mut carla = scene.server.agent("carla").await;
        let bos = with(terms("Bo's"), json!({"client_coupon_id": "same"}));
        let carlas = with(terms("Carla's"), json!({"client_coupon_id": "same"}));
        let made = scene.bo.call("workbench.coupons.create", bos.clone()).await.unwrap()["coupon"].clone();
        let other = carla.call("workbench.coupons.create", carlas).await.unwrap()["coupon"].clone();
        assert_eq!((&made["title"], &other["title"]), (&json!("Bo's"), &json!("Carla's")));
        assert_ne!(made["id"], other["id"]);
        let again = scene.bo.call("workbench.coupons.create", bos).await.unwrap();
        assert_eq!(again["coupon"]["id"], made["id"], "each is made once");
    }

    async fn c4_a_buyer_claims_on_the_card_in_one_action_and_the_agent_sees_it(setting: Setting) {
        let mut scene = Scene::set(setting, &[("coupons", vec![coupon("c-1", "Five off", 9)])]).await;
        let message = scene.send_card("workbench.coupons.send_card", "coupon_id", "c-1").await;
        assert_eq!(message["content"]["card"]["status"]["code"], "ONGOING");
        let act = json!({"conversation_id": scene.here, "message_id": message["message_id"], "action": "CLAIM"});
        let claimed = scene.ana.call("card.act", act.clone()).await.unwrap();
        let again = scene.ana.call("card.act", act).await.unwrap();
        assert_eq!(again["result"]["claim"], claimed["result"]["claim"], "repeatable without a second claim");
        let revised = scene.revised(&message, |card| card["status"]["code"] == "CLAIMED" && card["acts"][0]["action"] == "CLAIM").await;
        assert_eq!(revised["message_id"], message["message_id"]);
        let coupon = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        assert_eq!((&coupon["coupon"]["claimed_count"], &coupon["coupon"]["remaining"]), (&json!(1), &json!(8)));
        let mine = scene.ana.call("buyer.coupons.list", json!({})).await.unwrap();
        assert_eq!(mine["claims"][0]["coupon"]["id"], "c-1");
        let params = scene.card("coupon_id", "c-1");
        let refused = scene.bo.call("workbench.coupons.send_card", params).await.unwrap_err();
        assert_eq!(refused.data["not_sendable_code"], "ALREADY_CLAIMED");
    }

    async fn c4_a_press_on_a_card_is_one_claim_however_often_and_whatever_the_card_offers_by_then(setting: Setting) {
        let several = with(coupon("c-1", "Five off", 9), json!({"usage_limits": {"total_claim_limit": 9, "single_buyer_claim_limit": 3}}));
        let mut scene = Scene::set(setting, &[("coupons", vec![several])]).await;
        let mut presses = Vec::new();
        for _ in 0..2 {
            let message = scene.send_card("workbench.coupons.send_card", "coupon_id", "c-1").await;
            presses.push(json!({"conversation_id": scene.here, "message_id": message["message_id"], "action": "CLAIM"}));
        }
        let number = |acted: &Value| acted["result"]["claim"]["number"].as_u64().unwrap();
        // Impatient, and on two devices.
        let mut phone = scene.server.buyer("ana").await;
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.push((scene.ana.request("card.act", presses[0].clone()).await, phone.request("card.act", presses[0].clone()).await));
        }
        for (here, there) in asked {
            for acted in [scene.ana.reply(here).await.unwrap(), phone.reply(there).await.unwrap()] {
                assert_eq!(number(&acted), 1, "{acted}");
            }
        }
        let other = scene.ana.call("card.act", presses[1].clone()).await.unwrap();
        assert_eq!(number(&other), 2, "another card is another claim");
        // Both cards offer the third by now.
        for (press, claim) in presses.iter().zip([1, 2]) {
            assert_eq!(number(&scene.ana.call("card.act", press.clone()).await.unwrap()), claim);
        }
        let third = with(presses[0].clone(), json!({"params": {"number": 3}}));
        assert_eq!(number(&scene.ana.call("card.act", third).await.unwrap()), 3, "who says which means it");
        assert_eq!(number(&scene.ana.call("card.act", presses[0].clone()).await.unwrap()), 1);
        let coupon = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        assert_eq!(coupon["coupon"]["claimed_count"], 3);
    }

    async fn c5_a_personalized_coupon_makes_something_good_for_one_buyer_only(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT"), order("o-2", "cleo", "IN_TRANSIT")]), ("products", vec![product("p-1", "Shirt", 3)])]).await;
        let issue = |order: &str| json!({
            "conversation_id": scene.here, "client_coupon_id": "sorry", "title": "Sorry",
            "discount": {"type": "AMOUNT_OFF", "reduction_amount": money("3.00")}, "reason": "INTERNAL: it came late",
            "order_id": order, "valid_days": 10,
        });
        let (of_other, of_hers) = (issue("o-2"), issue("o-1"));
        let error = scene.bo.call("workbench.coupons.issue", of_other).await.unwrap_err();
        assert_eq!(error.kind(), "not_found", "another buyer's order");
        let issued = scene.bo.call("workbench.coupons.issue", of_hers.clone()).await.unwrap();
        let again = scene.bo.call("workbench.coupons.issue", of_hers).await.unwrap();
        let id = issued["coupon"]["id"].clone();
        assert_eq!(again["coupon"]["id"], id, "issued once");
        assert_eq!(issued["coupon"]["issue"]["order_id"], "o-1");
        let sent = scene.ana.push("message.created").await["message"].clone();
        assert_eq!((&sent["content"]["coupon_id"], &sent["sender"]["user_id"]), (&id, &json!("bo")));
        assert!(!sent.to_string().contains("INTERNAL"), "the reason is the shop's own: {sent}");

        let mut cleo = scene.server.buyer("cleo").await;
        let error = cleo.call("buyer.coupons.claim", json!({"coupon_id": id})).await.unwrap_err();
        assert_eq!(error.kind(), "not_found", "no one else can claim it");
        let claimed = scene.ana.call("buyer.coupons.claim", json!({"coupon_id": id})).await.unwrap();
        assert!(!claimed.to_string().contains("INTERNAL"), "{claimed}");
        let place = json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 1, "coupon_id": id});
        let placed = scene.ana.call("buyer.orders.place", place).await.unwrap();
        assert_eq!(placed["order"]["payment"]["total_amount"]["amount"], "22.00");
        assert_eq!(ids(&scene.ana.call("buyer.orders.list", json!({})).await.unwrap()["orders"]).len(), 2);
    }

    async fn c5_no_personalized_coupon_is_made_that_cannot_be_sent(setting: Setting) {
        let mut scene = Scene::set(setting, &[]).await;
        scene.bo.call("conversation.close", json!({"conversation_id": scene.here})).await.unwrap();
        let issue = json!({
            "conversation_id": scene.here, "client_coupon_id": "sorry", "title": "Sorry", "reason": "late",
            "discount": {"type": "AMOUNT_OFF", "reduction_amount": money("3.00")},
        });
        let refused = scene.bo.call("workbench.coupons.issue", issue).await.unwrap_err();
        assert_eq!(refused.kind(), "chat_inactive");
        let all = scene.bo.call("workbench.coupons.list", json!({"display_type": "CHAT"})).await.unwrap();
        assert_eq!(all["coupons"], json!([]));
    }
}
