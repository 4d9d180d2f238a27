//! Every method of the workbench answers what the contract says, and errors name what is wrong.

use deskwire_protocol::{Method, MethodName, method};
use deskwire_tests::{Client, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{DAY, Scene, coupon, delivered, now, package, product};

everywhere! {
    async fn every_method_of_the_workbench_answers_in_its_own_type(setting: Setting) {
        let things = [
            ("orders", vec![delivered("o-1", "ana"), delivered("o-2", "ana")]),
            ("packages", vec![package("pk-1", "o-1")]),
            ("products", vec![product("p-1", "Linen shirt", 9)]),
            ("coupons", vec![coupon("c-1", "Five off", 9), coupon("c-2", "Six off", 9)]),
        ];
        let mut scene = Scene::set(setting, &things).await;
        let here = scene.here.clone();
        let mut answered = Vec::new();
        let card = |field: &str, thing: Value| {
            let mut params = json!({"conversation_id": here, "client_message_id": Client::fresh_id()});
            params[field] = thing;
            params
        };
        let terms = json!({
            "client_coupon_id": "made", "title": "Ten", "discount": {"type": "PERCENT_OFF", "percentage": "10"},
            "claim_duration": {"start_time": now() + DAY, "end_time": now() + 3 * DAY},
            "redemption_duration": {"type": "RELATIVE", "relative_days": 7}, "usage_limits": {},
        });
        let order = || json!({"order_id": "o-1"});
        let Scene { ana, bo, .. } = &mut scene;
        ask::<method::WorkbenchOrdersList>(bo, json!({"buyer_id": "ana"}), &mut answered).await;
        ask::<method::WorkbenchOrdersGet>(bo, order(), &mut answered).await;
        ask::<method::WorkbenchOrdersNoteSet>(bo, json!({"order_id": "o-1", "text": "x", "version": 0}), &mut answered).await;
        ask::<method::WorkbenchOrdersNoteGet>(bo, order(), &mut answered).await;
        ask::<method::WorkbenchOrdersNoteHistory>(bo, order(), &mut answered).await;
        let sent = ask::<method::WorkbenchOrdersSendCard>(bo, card("order_id", "o-1".into()), &mut answered).await;
        ask::<method::WorkbenchLogisticsGet>(bo, order(), &mut answered).await;
        ask::<method::WorkbenchLogisticsSendCard>(bo, card("order_id", "o-1".into()), &mut answered).await;
        ask::<method::WorkbenchReturnsEligibility>(bo, order(), &mut answered).await;
        ask::<method::WorkbenchReturnsSendCard>(bo, card("order_id", "o-1".into()), &mut answered).await;
        ask::<method::WorkbenchProductsList>(bo, json!({}), &mut answered).await;
        ask::<method::WorkbenchProductsGet>(bo, json!({"product_id": "p-1"}), &mut answered).await;
        ask::<method::WorkbenchProductsAlternatives>(bo, json!({"product_id": "p-1"}), &mut answered).await;
        ask::<method::WorkbenchProductsSendCard>(bo, card("product_ids", json!(["p-1"])), &mut answered).await;
        ask::<method::WorkbenchCouponsList>(bo, json!({}), &mut answered).await;
        ask::<method::WorkbenchCouponsGet>(bo, json!({"coupon_id": "c-1"}), &mut answered).await;
        let made = ask::<method::WorkbenchCouponsCreate>(bo, terms, &mut answered).await["coupon"]["id"].clone();
        ask::<method::WorkbenchCouponsUpdate>(bo, json!({"coupon_id": made, "version": 1, "title": "Eleven"}), &mut answered).await;
        ask::<method::WorkbenchCouponsDuplicate>(bo, json!({"coupon_id": made, "client_coupon_id": "copied"}), &mut answered).await;
        ask::<method::WorkbenchCouponsDeactivate>(bo, json!({"coupon_id": made}), &mut answered).await;
        ask::<method::WorkbenchCouponsSendCard>(bo, card("coupon_id", "c-1".into()), &mut answered).await;
        let issue = json!({
            "conversation_id": here, "client_coupon_id": "issued", "title": "Sorry", "reason": "late",
            "discount": {"type": "PERCENT_OFF", "percentage": "10"},
        });
        ask::<method::WorkbenchCouponsIssue>(bo, issue, &mut answered).await;
        ask::<method::WorkbenchCardsCheck>(bo, json!({"conversation_id": here, "kind": "ORDER", "refs": ["o-1", "o-2"]}), &mut answered).await;

        ask::<method::BuyerOrdersList>(ana, json!({}), &mut answered).await;
        ask::<method::BuyerOrdersGet>(ana, order(), &mut answered).await;
        ask::<method::BuyerLogisticsGet>(ana, order(), &mut answered).await;
        ask::<method::BuyerReturnsEligibility>(ana, order(), &mut answered).await;
        ask::<method::BuyerProductsGet>(ana, json!({"product_id": "p-1"}), &mut answered).await;
        ask::<method::BuyerCouponsClaim>(ana, json!({"coupon_id": "c-2"}), &mut answered).await;
        ask::<method::BuyerCouponsList>(ana, json!({}), &mut answered).await;
        ask::<method::BuyerOrdersPlace>(ana, json!({"client_order_id": "x", "sku_id": "p-1-m", "quantity": 1}), &mut answered).await;
        ask::<method::CardAct>(ana, json!({"conversation_id": here, "message_id": sent["message_id"], "action": "CONFIRM"}), &mut answered).await;
        let request = json!({
            "client_return_id": "r", "order_id": "o-1", "return_type": "RETURN_AND_REFUND", "return_reason": "damaged",
            "items": [{"order_line_item_id": "1", "quantity": 1}],
        });
        let request = ask::<method::BuyerReturnsSubmit>(ana, request, &mut answered).await["return"]["return_id"].clone();
        ask::<method::BuyerReturnsList>(ana, json!({}), &mut answered).await;
        ask::<method::WorkbenchReturnsList>(bo, json!({}), &mut answered).await;
        ask::<method::WorkbenchReturnsGet>(bo, json!({"return_id": request}), &mut answered).await;
        ask::<method::WorkbenchReturnsApprove>(bo, json!({"return_id": request}), &mut answered).await;
        let other = json!({
            "client_return_id": "r-2", "order_id": "o-2", "return_type": "RETURN_AND_REFUND", "return_reason": "damaged",
            "items": [{"order_line_item_id": "1", "quantity": 1}],
        });
        let other = ana.call("buyer.returns.submit", other).await.unwrap()["return"]["return_id"].clone();
        let answer = json!({"return_id": other, "reason_text": "It was worn."});
        ask::<method::WorkbenchReturnsReject>(bo, answer, &mut answered).await;
        let of_workbench = |name: &str| ["workbench.", "buyer.", "card."].iter().any(|noun| name.starts_with(noun));
        for method in MethodName::ALL.iter().filter(|method| of_workbench(method.as_str())) {
            assert!(answered.contains(method), "{} was never called", method.as_str());
        }
    }
}

async fn ask<M: Method>(client: &mut Client, params: Value, answered: &mut Vec<MethodName>) -> Value {
    let name = M::NAME.as_str();
    let result = client.call(name, params).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let typed: M::Result =
        serde_json::from_value(result.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {result}"));
    assert_eq!(serde_json::to_value(typed).unwrap(), result, "{name}: nothing lost, nothing added");
    answered.push(M::NAME);
    result
}
