//! P2 to P4: what is beside the chat, and that it is there without asking.

use deskwire_tests::everywhere;
use serde_json::json;

use crate::fixtures::{DAY, Scene, coupon, ids, now, order, product, with};

everywhere! {
    async fn p2_the_workbench_shows_this_buyers_orders_the_live_products_and_the_valid_coupons(setting: Setting) {
        let things = [
            ("orders", vec![order("o-1", "ana", "IN_TRANSIT"), order("o-2", "someone-else", "IN_TRANSIT")]),
            ("products", vec![
                product("p-live", "Linen shirt", 3),
                with(product("p-draft", "Linen draft", 3), json!({"status": "DRAFT"})),
            ]),
            ("coupons", vec![
                coupon("c-valid", "Five off", 9),
                with(coupon("c-later", "Later", 9), json!({
                    "claim_duration": { "start_time": now() + DAY, "end_time": now() + 2 * DAY },
                })),
            ]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let orders = scene.bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        assert_eq!(ids(&orders["orders"]), ["o-1"]);
        let products = scene.bo.call("workbench.products.list", json!({})).await.unwrap();
        assert_eq!(ids(&products["products"]), ["p-live"]);
        let coupons = scene.bo.call("workbench.coupons.list", json!({})).await.unwrap();
        assert_eq!(ids(&coupons["coupons"]), ["c-valid"]);
    }

    async fn p3_lists_are_paged_by_key_and_every_row_comes_once(setting: Setting) {
        let orders: Vec<_> = (0..7)
            .map(|number| {
                let made = now() - DAY - number * 1000;
                let times = json!({"create_time": made, "update_time": made});
                with(order(&format!("o-{number}"), "ana", "IN_TRANSIT"), times)
            })
            .collect();
        let mut scene = Scene::set(setting, &[("orders", orders)]).await;
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let params = json!({"buyer_id": "ana", "page_size": 3, "page_token": token});
            let page = scene.bo.call("workbench.orders.list", params).await.unwrap();
            assert_eq!(page["total_count"], 7);
            seen.extend(ids(&page["orders"]).iter().map(ToString::to_string));
            page["next_page_token"].as_str().unwrap().clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["o-0", "o-1", "o-2", "o-3", "o-4", "o-5", "o-6"]);
        let wrong = json!({"buyer_id": "ana", "page_token": "nonsense"});
        let error = scene.bo.call("workbench.orders.list", wrong).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), ("validation", Some("page_token")));
    }

    async fn p4_a_buyers_orders_are_there_when_their_conversation_is_opened(setting: Setting) {
        let mut scene = Scene::set(setting, &[("orders", vec![order("o-1", "ana", "IN_TRANSIT")])]).await;
        let beside = scene.bo.push("workbench.orders").await;
        assert_eq!((&beside["conversation_id"], &beside["buyer_id"]), (&json!(scene.here), &json!("ana")));
        assert_eq!(ids(&beside["orders"]), ["o-1"]);
        let mut eve = scene.server.agent("eve").await;
        eve.call("conversation.take", json!({"conversation_id": scene.here})).await.unwrap();
        assert_eq!(ids(&eve.push("workbench.orders").await["orders"]), ["o-1"], "also to the one who takes it");
        assert!(scene.ana.pushes_so_far("workbench.orders").await.is_empty(), "not to the buyer");
    }
}
