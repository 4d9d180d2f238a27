//! Nobody reaches what is not theirs: every method of the workbench, by everyone who should not, over every id it takes.

use deskwire_protocol::{MethodName, spec::example};
use deskwire_tests::{Client, Role, Server, User, everywhere};
use serde_json::{Value, json};

use crate::fixtures::{coupon, delivered, package, product};

/// A word that stands in everything the victim's shop has, and must never be told to others.
const SECRET: &str = "S3CRET";

/// Puts the victim's ids into an example of the method's params.
fn aimed(name: MethodName, here: &str, message: &Value, request: &Value, issued: &Value) -> Value {
    let mut params = example(name).params;
    for (field, value) in [
        ("conversation_id", json!(here)),
        ("message_id", message.clone()),
        ("order_id", json!("o-victim")),
        ("return_id", request.clone()),
        ("product_id", json!("p-victim")),
        ("product_ids", json!(["p-victim"])),
        ("sku_id", json!("p-victim-m")),
        ("coupon_id", issued.clone()),
        ("package_id", json!("pk-victim")),
        ("buyer_id", json!("ana")),
        ("refs", json!(["o-victim", "p-victim", issued])),
    ] {
        if params.get(field).is_some() {
            params[field] = value;
        }
    }
    for fresh in ["client_message_id", "client_order_id", "client_return_id", "client_coupon_id"] {
        if params.get(fresh).is_some() {
            params[fresh] = Client::fresh_id().into();
        }
    }
    if name == MethodName::WorkbenchOrdersList {
        params = json!({"buyer_id": "ana"});
    }
    if matches!(name, MethodName::WorkbenchProductsList | MethodName::WorkbenchCouponsList) {
        params = json!({"query": SECRET});
    }
    params
}

fn of_the_workbench(name: MethodName) -> bool {
    ["workbench.", "buyer.", "card."].iter().any(|noun| name.as_str().starts_with(noun))
}

everywhere! {
    async fn no_method_tells_or_does_anything_beyond_the_callers_scope(setting: Setting) {
        let server = Server::start(setting).await;
        let things = [
            ("orders", vec![delivered("o-victim", "ana")]),
            ("packages", vec![package("pk-victim", "o-victim")]),
            ("products", vec![product("p-victim", &format!("{SECRET} shirt"), 5)]),
            ("coupons", vec![coupon("c-victim", &format!("{SECRET} off"), 5)]),
        ];
        for (kind, documents) in &things {
            server.import(User::SHOP, kind, documents).await;
        }
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let note = json!({"order_id": "o-victim", "text": SECRET, "version": 0});
        bo.call("workbench.orders.note.set", note).await.unwrap();
        let card = json!({"conversation_id": here, "client_message_id": "m", "order_id": "o-victim"});
        let message = bo.call("workbench.orders.send_card", card).await.unwrap()["message_id"].clone();
        let request = json!({
            "client_return_id": "r", "order_id": "o-victim", "return_type": "RETURN_AND_REFUND",
            "return_reason": "damaged", "return_reason_text": SECRET,
            "items": [{"order_line_item_id": "1", "quantity": 1}],
        });
        let request = ana.call("buyer.returns.submit", request).await.unwrap()["return"]["return_id"].clone();
        let issue = json!({
            "conversation_id": here, "client_coupon_id": "i", "title": format!("{SECRET} sorry"), "reason": SECRET,
            "discount": {"type": "PERCENT_OFF", "percentage": "10"},
        });
        let issued = bo.call("workbench.coupons.issue", issue).await.unwrap()["coupon"]["id"].clone();
        let before = state(&mut bo, &request, &issued).await;

        let others = [
            User::buyer("mallory"),
            User::buyer("ana").of_shop("shop-2"),
            User::agent("bo").of_shop("shop-2"),
            User::admin("root").of_shop("shop-2"),
        ];
        for user in &others {
            let mut other = server.join(user).await;
            for &name in MethodName::ALL.iter().filter(|name| of_the_workbench(**name)) {
                let params = aimed(name, &here, &message, &request, &issued);
                let outcome = other.call(name.as_str(), params.clone()).await;
                let told = format!("{outcome:?}");
                // What the shop sells to anyone a buyer of it may see.
                let is_public = user.claims()["shop"] == User::SHOP && name == MethodName::BuyerProductsGet;
                let is_order = user.claims()["shop"] == User::SHOP && name == MethodName::BuyerOrdersPlace;
                if is_public || is_order {
                    continue;
                }
                assert!(!told.contains(SECRET), "{} by {user:?} tells {told}", name.as_str());
                assert!(!told.contains("Long Street"), "{} by {user:?} tells {told}", name.as_str());
                let is_mine = name.roles().contains(&role(user));
                match outcome {
                    Err(error) if !is_mine => assert_eq!(error.kind(), "authorization", "{}", name.as_str()),
                    Err(error) => assert!(
                        ["not_found", "validation"].contains(&error.kind()),
                        "{} by {user:?}: {error:?}", name.as_str()
                    ),
                    // Lists of nothing, and things made in one's own shop.
                    Ok(answer) => assert!(
                        !answer.to_string().contains("victim"),
                        "{} by {user:?} reached {answer}", name.as_str()
                    ),
                }
            }
        }
        assert_eq!(state(&mut bo, &request, &issued).await, before, "nothing was changed");

        let mut anonymous = server.connect().await;
        let refused = anonymous.call("workbench.orders.get", json!({"order_id": "o-victim"})).await.unwrap_err();
        assert_eq!(refused.kind(), "authentication");
    }
}

fn role(user: &User) -> Role {
    match user.claims()["role"].as_str() {
        Some("BUYER") => Role::Buyer,
        Some("AGENT") => Role::Agent,
        _ => Role::Admin,
    }
}

/// What the victim has.
async fn state(bo: &mut Client, request: &Value, issued: &Value) -> Vec<Value> {
    let mut state = Vec::new();
    for (method, params) in [
        ("workbench.orders.list", json!({"buyer_id": "ana"})),
        ("workbench.returns.get", json!({"return_id": request})),
        ("workbench.coupons.get", json!({"coupon_id": issued})),
        ("workbench.coupons.get", json!({"coupon_id": "c-victim"})),
        ("workbench.orders.note.history", json!({"order_id": "o-victim"})),
    ] {
        state.push(bo.call(method, params).await.unwrap());
    }
    state
}
