//! D1 to D5: products.

use deskwire_tests::{Client, User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{Scene, action, bare, coupon, ids, now, product, with};

async fn found(scene: &mut Scene, params: Value) -> Vec<String> {
    let page = scene.bo.call("workbench.products.list", params).await.unwrap();
    ids(&page["products"]).iter().map(ToString::to_string).collect()
}

everywhere! {
    async fn d1_products_are_found_by_name_id_and_sellers_sku_forgiving_case_and_accents(setting: Setting) {
        let products = vec![product("p-1", "Crème brûlée torch", 3), product("p-2", "Linen shirt", 3)];
        let mut scene = Scene::set(setting, &[("products", products)]).await;
        for (params, expected) in [
            (json!({"query": "creme BRUL"}), vec!["p-1"]),
            (json!({"query": "shi lin"}), vec!["p-2"]),
            (json!({"query": "p-1", "by": "PRODUCT_ID"}), vec!["p-1"]),
            (json!({"query": "sell-p-2", "by": "SELLER_SKU"}), vec!["p-2"]),
            (json!({"query": "sell-p-2", "by": "TITLE"}), vec![]),
            (json!({"query": "sell-p-2"}), vec!["p-2"]),
            (json!({"query": "LINEN,"}), vec!["p-2"]),
            (json!({"query": "linen-shirt"}), vec!["p-2"]),
            (json!({"query": "\" OR *"}), vec![]),
            (json!({}), vec!["p-2", "p-1"]),
        ] {
            assert_eq!(found(&mut scene, params.clone()).await, expected, "{params}");
        }
    }

    async fn d2_d3_a_product_shows_stock_price_range_and_every_variant(setting: Setting) {
        let mut scene = Scene::set(setting, &[("products", vec![product("p-1", "Linen shirt", 3)])]).await;
        let got = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        let product = &got["product"];
        assert_eq!((&product["stock"], &product["status"]), (&json!(6), &json!("ACTIVATE")));
        assert_eq!(product["price_range"]["min"]["amount"], "25.00");
        assert_eq!(product["price_range"]["max"]["amount"], "28.00");
        assert_eq!(product["skus"][1]["price"]["sale_price"]["amount"], "28.00");
        assert_eq!(product["skus"][1]["inventory"], 3);
        assert_eq!(product["link"], "/shops/shop-1/products/p-1");
    }

    async fn d4_several_product_cards_are_sent_and_the_buyer_orders_on_one(setting: Setting) {
        let things = [
            ("products", vec![product("p-1", "Linen shirt", 3), product("p-2", "Linen trousers", 1)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let params = scene.card("product_ids", json!(["p-1", "p-2"]));
        let sent = scene.bo.call("workbench.products.send_card", params.clone()).await.unwrap();
        assert_eq!(sent["sent"].as_array().unwrap().len(), 2);
        let again = scene.bo.call("workbench.products.send_card", params).await.unwrap();
        assert_eq!(again, sent, "a resend is answered as the first");
        let first = scene.ana.push("message.created").await["message"].clone();
        let second = scene.ana.push("message.created").await["message"].clone();
        assert_eq!((&first["content"]["product_id"], &second["content"]["product_id"]), (&json!("p-1"), &json!("p-2")));
        assert_eq!(action(&first["content"]["card"], "PLACE_ORDER")["method"], "buyer.orders.place");

        scene.ana.call("buyer.coupons.claim", json!({"coupon_id": "c-1"})).await.unwrap();
        let page = scene.ana.call("buyer.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(page["product"]["skus"][0]["id"], "p-1-m");
        let act = json!({
            "conversation_id": scene.here, "message_id": first["message_id"], "action": "PLACE_ORDER",
            "params": {"client_order_id": "once", "sku_id": "p-1-m", "quantity": 1, "coupon_id": "c-1"},
        });
        let placed = scene.ana.call("card.act", act.clone()).await.unwrap();
        let again = scene.ana.call("card.act", act).await.unwrap();
        let order = &placed["result"]["order"];
        assert_eq!(again["result"]["order"]["id"], order["id"], "a double press is one order");
        assert_eq!(order["payment"]["total_amount"]["amount"], "20.00", "five off twenty-five");
        assert_eq!(order["status"], "UNPAID");

        let posted = scene.bo.push_where("message.created", |push| push["message"]["sender"]["role"] == "BUYER").await;
        assert_eq!(posted["message"]["content"]["order_id"], order["id"], "the agent sees the order at once");
        scene.revised(&first, |card| card["acts"][0]["action"] == "PLACE_ORDER").await;
        let left = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(left["product"]["skus"][0]["inventory"], 2);
    }

    async fn d4_a_buyer_sees_the_variants_that_are_sold_and_none_of_the_shops_own_numbers(setting: Setting) {
        let mut half = product("p-1", "Linen shirt", 3);
        half["skus"][1]["status"] = "DRAFT".into();
        let mut scene = Scene::set(setting, &[("products", vec![half])]).await;
        let seen = scene.ana.call("buyer.products.get", json!({"product_id": "p-1"})).await.unwrap()["product"].clone();
        assert_eq!(ids(&seen["skus"]), ["p-1-m"], "{seen}");
        assert_eq!((seen["skus"][0].get("seller_sku"), &seen["stock"]), (None, &json!(3)));
        assert_eq!(seen["price_range"]["max"]["amount"], "25.00");
        let whole = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(ids(&whole["product"]["skus"]), ["p-1-m", "p-1-l"]);
        assert_eq!(whole["product"]["skus"][0]["seller_sku"], "SELL-p-1-M");
    }

    async fn d4_an_order_that_cannot_be_is_refused_and_takes_nothing(setting: Setting) {
        let things = [
            ("products", vec![product("p-1", "Linen shirt", 1)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let place = |fields: Value| {
            with(json!({"client_order_id": Client::fresh_id(), "sku_id": "p-1-m", "quantity": 1}), fields)
        };
        for (fields, kind, field) in [
            (json!({"quantity": 0}), "validation", Some("quantity")),
            (json!({"quantity": 2}), "limit_reached", None),
            (json!({"sku_id": "p-9-m"}), "not_found", None),
            (json!({"coupon_id": "c-1"}), "validation", Some("coupon_id")),
        ] {
            let error = scene.ana.call("buyer.orders.place", place(fields.clone())).await.unwrap_err();
            assert_eq!((error.kind(), error.field()), (kind, field), "{fields}");
        }
        let left = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(left["product"]["skus"][0]["inventory"], 1);
        let none = scene.ana.call("buyer.orders.list", json!({})).await.unwrap();
        assert_eq!(none["total_count"], 0);
    }

    async fn k4_on_a_products_card_only_that_product_is_ordered(setting: Setting) {
        let products = vec![product("p-1", "Linen shirt", 3), product("p-2", "Garden hose", 3)];
        let mut scene = Scene::set(setting, &[("products", products)]).await;
        let message = scene.send_card("workbench.products.send_card", "product_ids", json!(["p-1"])).await;
        let press = |sku: &str| json!({
            "conversation_id": scene.here, "message_id": message["message_id"], "action": "PLACE_ORDER",
            "params": {"client_order_id": "x", "sku_id": sku, "quantity": 1},
        });
        let (other, none, own) = (press("p-2-m"), press("p-9-m"), press("p-1-l"));
        for wrong in [other.clone(), none] {
            let error = scene.ana.call("card.act", wrong).await.unwrap_err();
            assert_eq!((error.kind(), error.field()), ("validation", Some("params.sku_id")));
        }
        let placed = scene.ana.call("card.act", own).await.unwrap()["result"]["order"].clone();
        assert_eq!(placed["line_items"][0]["sku_id"], "p-1-l");
        let again = scene.ana.call("card.act", other).await.unwrap();
        assert_eq!(again["result"]["order"]["id"], placed["id"], "what was ordered by this name is answered");
        let hose = scene.bo.call("workbench.products.get", json!({"product_id": "p-2"})).await.unwrap();
        assert_eq!(hose["product"]["skus"][0]["inventory"], 3);
    }

    async fn d4_an_order_that_the_shop_cancels_gives_back_stock_and_coupon_once(setting: Setting) {
        let things = [
            ("products", vec![product("p-1", "Linen shirt", 3)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let key = scene.server.api_key(User::SHOP, &[]).await;
        scene.ana.call("buyer.coupons.claim", json!({"coupon_id": "c-1"})).await.unwrap();
        let buy = |id: &str| json!({"client_order_id": id, "sku_id": "p-1-m", "quantity": 2, "coupon_id": "c-1"});
        let placed = scene.ana.call("buyer.orders.place", buy("first")).await.unwrap()["order"].clone();
        let path = format!("/orders/{}", placed["id"].as_str().unwrap());
        let over = json!({"status": "CANCELLED", "cancel_reason": "Sold elsewhere", "cancellation_initiator": "SELLER"});
        let cancelled = with(bare(&placed), over);
        for result in ["CHANGED", "UNCHANGED"] {
            assert_eq!(scene.rest(&key, "PUT", &path, &cancelled).await["result"], result);
        }
        let left = scene.bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!((&left["product"]["skus"][0]["inventory"], &left["product"]["stock"]), (&json!(3), &json!(6)));
        let used = scene.bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        assert_eq!((&used["coupon"]["claimed_count"], &used["coupon"]["redeemed_count"]), (&json!(1), &json!(0)));
        scene.ana.call("buyer.orders.place", buy("second")).await.expect("both can be used again");
    }

    async fn d4_an_order_keeps_its_time_to_pay_whatever_the_shops_systems_leave_out(setting: Setting) {
        let mut scene = Scene::set(setting, &[("products", vec![product("p-1", "Linen shirt", 3)])]).await;
        let key = scene.server.api_key(User::SHOP, &[]).await;
        let buy = json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 1});
        let placed = scene.ana.call("buyer.orders.place", buy).await.unwrap()["order"].clone();
        let path = format!("/orders/{}", placed["id"].as_str().unwrap());
        let mut document = with(bare(&placed), json!({"delivery_option_name": "Express"}));
        document.as_object_mut().unwrap().remove("deadlines").expect("it has a time to pay");
        assert_eq!(scene.rest(&key, "PUT", &path, &document).await["result"], "CHANGED");
        let order = scene.rest(&key, "GET", &path, &Value::Null).await["order"].clone();
        assert_eq!((&order["deadlines"], &order["delivery_option_name"]), (&placed["deadlines"], &json!("Express")));
        let paid = with(document, json!({"status": "AWAITING_SHIPMENT", "paid_time": now()}));
        assert_eq!(scene.rest(&key, "PUT", &path, &paid).await["result"], "CHANGED");
        let order = scene.rest(&key, "GET", &path, &Value::Null).await["order"].clone();
        assert_eq!(order["deadlines"].get("payment_due_time"), None, "{order}");
    }

    async fn d5_what_is_out_of_stock_has_alternatives_to_send_instead(setting: Setting) {
        let products = vec![
            product("p-gone", "Linen shirt blue", 0),
            product("p-near", "Linen shirt white", 5),
            with(product("p-far", "Garden hose", 5), json!({"category": "garden"})),
        ];
        let mut scene = Scene::set(setting, &[("products", products)]).await;
        let offered = scene.bo.call("workbench.products.alternatives", json!({"product_id": "p-gone"})).await.unwrap();
        assert_eq!(ids(&offered["products"])[0], "p-near");
        let params = scene.card("product_ids", json!(["p-near", "p-gone"]));
        let refused = scene.bo.call("workbench.products.send_card", params).await.unwrap_err();
        assert_eq!(refused.data["not_sendable_code"], "OUT_OF_STOCK");
        assert!(refused.message.starts_with("`product_ids[1]`"), "{refused:?}");
        assert!(scene.ana.pushes_so_far("message.created").await.is_empty(), "all or none");
        let check = json!({"conversation_id": scene.here, "kind": "PRODUCT", "refs": ["p-gone", "p-near"]});
        let checks = scene.bo.call("workbench.cards.check", check).await.unwrap();
        assert_eq!(checks["checks"][0]["instead"][0]["ref"], "p-near");
        assert_eq!((&checks["checks"][1]["sendable"], &checks["checks"][1]["card"]["ref"]), (&json!(true), &json!("p-near")));
    }
}
