//! L1 to L3: parcels.

use deskwire_tests::{User, everywhere};
use serde_json::json;

use crate::fixtures::{HOUR, Scene, action, now, order, package};

everywhere! {
    async fn l1_l2_an_order_shows_its_parcels_with_their_way(setting: Setting) {
        let things = [
            ("orders", vec![order("o-1", "ana", "IN_TRANSIT"), order("o-2", "ana", "AWAITING_SHIPMENT")]),
            ("packages", vec![package("pk-1", "o-1"), package("pk-2", "o-1")]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let got = scene.bo.call("workbench.logistics.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(got["packages"].as_array().unwrap().len(), 2);
        let parcel = &got["packages"][0];
        for field in ["predict_delivery_time_min", "predict_delivery_time_max"] {
            assert!(parcel[field].is_i64(), "{field}");
        }
        for (field, value) in [
            ("tracking_number", "AP-pk-1"), ("postal_code", "10115"), ("shipping_provider", "Acme Post"),
            ("delivery_option_name", "Standard"), ("status", "FULFILLING"),
        ] {
            assert_eq!(parcel[field], value);
        }
        assert_eq!(parcel["line_items"][0]["quantity"], 1);
        assert_eq!(parcel["tracking"][0]["description"], "Left the depot");
        let none = scene.bo.call("workbench.logistics.get", json!({"order_id": "o-2"})).await.unwrap();
        assert_eq!(none["packages"], json!([]));
    }

    async fn l3_a_logistics_card_tells_where_the_parcel_is_and_follows_it(setting: Setting) {
        let things = [
            ("orders", vec![order("o-1", "ana", "IN_TRANSIT"), order("o-2", "ana", "AWAITING_SHIPMENT")]),
            ("packages", vec![package("pk-1", "o-1")]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let message = scene.send_card("workbench.logistics.send_card", "order_id", "o-1").await;
        let card = &message["content"]["card"];
        assert_eq!(message["content"]["package_id"], "pk-1");
        assert_eq!(card["status"]["code"], "IN_TRANSIT");
        let text = card["text"].as_str().unwrap();
        assert!(text.contains("Left the depot") && text.contains("AP-pk-1"), "{text}");
        assert_eq!(action(card, "TRACK")["url"], "/shops/shop-1/orders/o-1/tracking");
        let mine = scene.ana.call("buyer.logistics.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(mine["packages"][0]["tracking"].as_array().unwrap().len(), 2);

        let came = json!({
            "package_id": "pk-1", "code": "DELIVERED", "description": "Handed over", "update_time": now() - HOUR / 2,
        });
        scene.server.import(User::SHOP, "tracking", &[came]).await;
        let revised = scene.revised(&message, |card| card["status"]["code"] == "DELIVERED").await;
        assert!(revised["content"]["card"]["text"].as_str().unwrap().contains("Handed over"));

        let params = scene.card("order_id", "o-2");
        let refused = scene.bo.call("workbench.logistics.send_card", params).await.unwrap_err();
        assert_eq!((refused.kind(), &refused.data["not_sendable_code"]), ("not_sendable", &json!("NO_LOGISTICS")));
    }
}
