//! Cards that nobody changes and that time changes: they say so in time, whenever they were sent.

use deskwire_tests::{User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, Scene, coupon, delivered, now, order, package, with};

/// So far ahead is a moment that the test waits for; its cards are sent before it.
const SOON: i64 = 5_000;

everywhere! {
    async fn a_card_sent_before_its_moment_reads_otherwise_after_it(setting: Setting) {
        let mut scene = Scene::set(setting, &[]).await;
        let moment = now() + SOON;
        let mut ends = coupon("c-1", "Five off", 9);
        ends["claim_duration"]["end_time"] = moment.into();
        let unpaid = with(order("o-1", "ana", "UNPAID"), json!({"deadlines": {"payment_due_time": moment}}));
        // The time to return it is 30 days.
        let returnable = with(delivered("o-2", "ana"), json!({"delivery_time": moment - 30 * DAY}));
        let awaited = with(package("pk-3", "o-3"), json!({"predict_delivery_time_min": moment - DAY, "predict_delivery_time_max": moment}));
        let returnable = with(returnable, json!({"create_time": moment - 33 * DAY, "paid_time": moment - 33 * DAY}));
        let orders = [unpaid, returnable, order("o-3", "ana", "IN_TRANSIT")];
        scene.server.import(User::SHOP, "coupons", &[ends]).await;
        scene.server.import(User::SHOP, "orders", &orders).await;
        scene.server.import(User::SHOP, "packages", &[awaited]).await;
        let mut sent = Vec::new();
        for (method, field, thing) in [
            ("workbench.coupons.send_card", "coupon_id", "c-1"),
            ("workbench.orders.send_card", "order_id", "o-1"),
            ("workbench.returns.send_card", "order_id", "o-2"),
            ("workbench.logistics.send_card", "order_id", "o-3"),
        ] {
            sent.push(scene.send_card(method, field, thing).await);
        }
        assert!(now() < moment, "all were sent before their moment");
        for message in &sent {
            let before = &message["content"]["card"];
            let after = scene.revised(message, |_| true).await["content"]["card"].clone();
            assert!(now() >= moment, "not before its time: {after}");
            assert_ne!((&after["status"], &after["text"]), (&before["status"], &before["text"]));
            if before["kind"] == "COUPON" {
                let claim = after["actions"].as_array().unwrap().iter().find(|action| action["action"] == "CLAIM").unwrap();
                assert_eq!((&after["status"]["code"], &claim["enabled"]), (&json!("EXPIRED"), &json!(false)));
            }
        }
        assert!(sent.iter().all(|message| message["content"]["card"]["revision"] == 0));
    }

    async fn an_open_workbench_is_told_when_a_coupon_begins_and_when_it_ends(setting: Setting) {
        let mut scene = Scene::set(setting, &[]).await;
        let (begins, ends) = (now() + SOON, now() + SOON + 1_500);
        let mut coupon = coupon("c-1", "Five off", 9);
        coupon["claim_duration"] = json!({"start_time": begins, "end_time": ends});
        scene.server.import(User::SHOP, "coupons", &[coupon]).await;
        let mut got = Vec::new();
        for (moment, status) in [(begins, "ONGOING"), (ends, "EXPIRED")] {
            let told = |told: &Value| told["kind"] == "COUPON" && told["id"] == "c-1" && told["update_time"].as_i64().unwrap() >= moment;
            let told = scene.bo.push_where("workbench.changed", told).await;
            let coupon = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
            let shown = coupon["coupon"]["status"].clone();
            assert!(shown == status || now() >= ends, "{shown} at {moment}");
            got.push(told["update_time"].as_i64().unwrap());
        }
        assert!(got[0] < got[1], "told of each: {got:?}");
    }
}
