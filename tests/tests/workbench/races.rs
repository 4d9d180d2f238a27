//! Many at once: what can be had once is had once.

use deskwire_tests::{Server, User, everywhere};
use futures::future::join_all;
use serde_json::json;

use crate::fixtures::{coupon, delivered, order, product};

everywhere! {
    async fn of_64_claimers_over_a_coupon_of_10_ten_have_it_and_no_one_twice(setting: Setting) {
        let server = Server::start(setting).await;
        server.import(User::SHOP, "coupons", &[coupon("c-1", "Rush", 10)]).await;
        let buyers = join_all((0..64).map(|number| {
            let server = &server;
            async move { server.buyer(&format!("buyer-{number}")).await }
        })).await;
        let outcomes = join_all(buyers.into_iter().map(|mut buyer| async move {
            let first = buyer.call("buyer.coupons.claim", json!({"coupon_id": "c-1"})).await;
            let again = buyer.call("buyer.coupons.claim", json!({"coupon_id": "c-1"})).await;
            (first, again)
        })).await;
        let mut won = 0;
        for (first, again) in outcomes {
            match (first, again) {
                (Ok(first), Ok(again)) => {
                    won += 1;
                    assert_eq!(first["claim"], again["claim"]);
                }
                (Err(first), Err(again)) => {
                    assert_eq!(first.data["not_sendable_code"], "EXHAUSTED");
                    assert_eq!(again.data["not_sendable_code"], "EXHAUSTED");
                }
                other => panic!("a claim changed its mind: {other:?}"),
            }
        }
        assert_eq!(won, 10);
        let mut bo = server.agent("bo").await;
        let left = bo.call("workbench.coupons.get", json!({"coupon_id": "c-1"})).await.unwrap();
        assert_eq!((&left["coupon"]["claimed_count"], &left["coupon"]["remaining"]), (&json!(10), &json!(0)));
    }

    async fn two_buyers_and_the_last_item_make_one_order(setting: Setting) {
        let server = Server::start(setting).await;
        server.import(User::SHOP, "products", &[product("p-1", "Last shirt", 1)]).await;
        let buyers = [server.buyer("ana").await, server.buyer("cleo").await];
        let outcomes = join_all(buyers.into_iter().map(|mut buyer| async move {
            buyer.call("buyer.orders.place", json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 1})).await
        })).await;
        let placed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(placed, 1, "{outcomes:?}");
        let refused = outcomes.into_iter().find_map(Result::err).unwrap();
        assert_eq!(refused.data["not_sendable_code"], "OUT_OF_STOCK");
    }

    async fn of_two_editors_of_a_note_one_wins_and_the_other_learns_its_text(setting: Setting) {
        let server = Server::start(setting).await;
        server.import(User::SHOP, "orders", &[order("o-1", "ana", "IN_TRANSIT")]).await;
        let editors = [server.agent("bo").await, server.agent("eve").await];
        let outcomes = join_all(editors.into_iter().enumerate().map(|(number, mut editor)| async move {
            let params = json!({"order_id": "o-1", "text": format!("by {number}"), "version": 0});
            editor.call("workbench.orders.note.set", params).await
        })).await;
        let winner = outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).expect("one wins");
        let loser = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).expect("the other does not");
        assert_eq!(loser.kind(), "conflict");
        assert_eq!(loser.data["current"]["note"], winner["note"]);
    }

    async fn a_double_submit_from_two_devices_is_one_return_and_one_order(setting: Setting) {
        let server = Server::start(setting).await;
        server.import(User::SHOP, "orders", &[delivered("o-1", "ana")]).await;
        server.import(User::SHOP, "products", &[product("p-1", "Shirt", 9)]).await;
        let devices = [server.buyer("ana").await, server.buyer("ana").await, server.buyer("ana").await];
        let outcomes = join_all(devices.into_iter().map(|mut device| async move {
            let request = json!({
                "client_return_id": "r", "order_id": "o-1", "return_type": "RETURN_AND_REFUND", "return_reason": "damaged",
                "items": [{"order_line_item_id": "1", "quantity": 1}],
            });
            let request = device.call("buyer.returns.submit", request).await.unwrap();
            let order = json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 1});
            let order = device.call("buyer.orders.place", order).await.unwrap();
            (request["return"]["return_id"].clone(), order["order"]["id"].clone())
        })).await;
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{outcomes:?}");
        let mut bo = server.agent("bo").await;
        let left = bo.call("workbench.products.get", json!({"product_id": "p-1"})).await.unwrap();
        assert_eq!(left["product"]["skus"][0]["inventory"], 8);
        let requests = bo.call("workbench.returns.list", json!({"buyer_id": "ana"})).await.unwrap();
        assert_eq!(requests["returns"].as_array().unwrap().len(), 1);
    }
}
