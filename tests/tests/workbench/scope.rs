//! Nobody reaches what is not theirs: every method, by everyone who should not, over every id it takes.

use std::time::Duration;

use deskwire_protocol::{CloseCode, MethodName, spec::example};
use deskwire_tests::{Client, Codec, Role, Server, ServerOptions, Setting, User, everywhere, signed};
use futures::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::fixtures::{HOUR, coupon, delivered, money, now, package, product};

/// A word that stands in everything the victim's shop has, and must never be told to others.
const SECRET: &str = "S3CRET";

/// A word that stands in everything that the shop keeps for itself, and must not be told even to the buyer whose it is.
const INTERNAL: &str = "1NTERNAL";

/// A return that the platform has worked on, with what it wrote for the shop.
fn noted_return(id: &str, order: &str) -> Value {
    let made = now() - HOUR;
    let record = |event: &str, role: &str| json!({"event": event, "role": role, "description": "A step.", "note": format!("{SECRET} {INTERNAL}"), "create_time": made});
    json!({
        "return_id": id, "order_id": order, "return_type": "RETURN_AND_REFUND",
        "return_status": "AWAITING_BUYER_SHIP", "return_reason": "damaged", "role": "OPERATOR",
        "create_time": made, "update_time": made,
        "refund_amount": {
            "currency": "EUR", "refund_subtotal": money("25.00"), "refund_shipping_fee": money("0.00"),
            "refund_tax": money("0.00"), "refund_total": money("25.00"),
        },
        "return_line_items": [{
            "order_line_item_id": "1", "sku_id": "p-shirt-m", "product_name": "Linen shirt", "quantity": 1,
        }],
        "records": [record("RETURN_OR_REFUND_REQUEST_PENDING", "OPERATOR"), record("AWAITING_BUYER_SHIP", "SELLER")],
    })
}

/// A shop that has one of each thing, its buyer and its agent in conversation.
struct Victim {
    server: Server,
    bo: Client,
    here: String,
    message: Value,
    request: Value,
    issued: Value,
}

impl Victim {
    async fn set(setting: Setting) -> Self {
        // Who asks for everything asks for much.
        let options = ServerOptions::new(setting).env("DESKWIRE_GATEWAY__FRAME_BURST", 1_000_000);
        let server = options.start().await;
        let things = [
            ("orders", vec![delivered("o-victim", "ana"), delivered("o-victim-noted", "ana")]),
            ("packages", vec![package("pk-victim", "o-victim")]),
            ("returns", vec![noted_return("r-victim-noted", "o-victim-noted")]),
            ("products", vec![product("p-victim", &format!("{SECRET} shirt"), 5)]),
            ("coupons", vec![coupon("c-victim", &format!("{SECRET} off"), 5)]),
        ];
        for (kind, documents) in &things {
            server.import(User::SHOP, kind, documents).await;
        }
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let note = json!({"order_id": "o-victim", "text": format!("{SECRET} {INTERNAL}"), "version": 0});
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
            "conversation_id": here, "client_coupon_id": "i", "title": format!("{SECRET} sorry"),
            "reason": format!("{SECRET} {INTERNAL}"),
            "discount": {"type": "PERCENT_OFF", "percentage": "10"},
        });
        let issued = bo.call("workbench.coupons.issue", issue).await.unwrap()["coupon"]["id"].clone();
        // All that these come to in the conversation is there before anyone else comes.
        bo.push_where("message.created", |push| push["message"]["content"]["return_id"] == request).await;
        bo.push_where("message.revised", |push| push["message"]["message_id"] == message).await;
        Self { server, bo, here, message, request, issued }
    }

    /// Puts the victim's ids into an example of the method's params.
    fn aimed(&self, name: MethodName) -> Value {
        let ids = [
            ("conversation_id", json!(self.here)),
            ("message_id", self.message.clone()),
            ("order_id", json!("o-victim")),
            ("return_id", self.request.clone()),
            ("product_id", json!("p-victim")),
            ("product_ids", json!(["p-victim"])),
            ("sku_id", json!("p-victim-m")),
            ("coupon_id", self.issued.clone()),
            ("package_id", json!("pk-victim")),
            ("buyer_id", json!("ana")),
            ("refs", json!(["o-victim", "p-victim", self.issued])),
        ];
        let mut params = example(name).params;
        put(&mut params, ids);
        for fresh in ["client_message_id", "client_order_id", "client_return_id", "client_coupon_id"] {
            put(&mut params, [(fresh, Client::fresh_id().into())]);
        }
        if name == MethodName::WorkbenchOrdersList {
            params = json!({"buyer_id": "ana"});
        }
        if matches!(name, MethodName::WorkbenchProductsList | MethodName::WorkbenchCouponsList) {
            params = json!({"query": SECRET});
        }
        params
    }

    /// What the shop has.
    async fn state(&mut self) -> Vec<Value> {
        let mut state = Vec::new();
        for (method, params) in [
            ("workbench.orders.list", json!({"buyer_id": "ana"})),
            ("workbench.returns.get", json!({"return_id": self.request})),
            ("workbench.coupons.get", json!({"coupon_id": self.issued})),
            ("workbench.coupons.get", json!({"coupon_id": "c-victim"})),
            ("workbench.products.get", json!({"product_id": "p-victim"})),
            ("workbench.orders.note.history", json!({"order_id": "o-victim"})),
            ("conversation.history", json!({"conversation_id": self.here})),
            ("conversation.get", json!({"conversation_id": self.here})),
        ] {
            state.push(self.bo.call(method, params).await.unwrap());
        }
        state
    }

    /// A token of this user that has run out a second ago.
    fn expired(&self, user: &User) -> String {
        let mut claims = user.claims();
        claims["exp"] = (now() / 1_000 - 1).into();
        signed(Algorithm::HS256, &claims, &self.server.secret())
    }
}

/// Replaces those of these fields that there are.
fn put<const N: usize>(params: &mut Value, fields: [(&str, Value); N]) {
    for (field, value) in fields {
        if params.get(field).is_some() {
            params[field] = value;
        }
    }
}

fn of_the_workbench(name: MethodName) -> bool {
    ["workbench.", "buyer.", "card."].iter().any(|noun| name.as_str().starts_with(noun))
}

fn role(user: &User) -> Role {
    match user.claims()["role"].as_str() {
        Some("BUYER") => Role::Buyer,
        Some("AGENT") => Role::Agent,
        _ => Role::Admin,
    }
}

everywhere! {
    async fn no_method_tells_or_does_anything_beyond_the_callers_scope(setting: Setting) {
        let mut victim = Victim::set(setting).await;
        let before = victim.state().await;

        let others = [
            User::buyer("mallory"),
            User::buyer("ana").of_shop("shop-2"),
            User::agent("bo").of_shop("shop-2"),
            User::admin("root").of_shop("shop-2"),
        ];
        for user in &others {
            let mut other = victim.server.join(user).await;
            for &name in MethodName::ALL.iter().filter(|name| of_the_workbench(**name)) {
                // What the shop sells to anyone a buyer of it may see and order.
                let is_public = matches!(name, MethodName::BuyerProductsGet | MethodName::BuyerOrdersPlace);
                if is_public && user.claims()["shop"] == User::SHOP {
                    continue;
                }
                let outcome = other.call(name.as_str(), victim.aimed(name)).await;
                let told = format!("{outcome:?}");
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
        assert_eq!(victim.state().await, before, "nothing was changed");

        let mut anonymous = victim.server.connect().await;
        let refused = anonymous.call("workbench.orders.get", json!({"order_id": "o-victim"})).await.unwrap_err();
        assert_eq!(refused.kind(), "authentication");
    }

    async fn a_role_is_refused_what_is_anothers_with_no_word_of_what_is_there(setting: Setting) {
        let mut victim = Victim::set(setting).await;
        let before = victim.state().await;
        // Even whose things they are, and the shop's own people.
        for user in [User::buyer("ana"), User::agent("bo"), User::admin("root")] {
            let mut client = victim.server.join(&user).await;
            let of_others = MethodName::ALL.iter().filter(|name| !name.roles().contains(&role(&user)));
            let mut walked = 0;
            for &name in of_others {
                walked += 1;
                let there = client.call(name.as_str(), victim.aimed(name)).await;
                let there = there.expect_err(&format!("{} by {user:?}", name.as_str()));
                let nowhere = client.call(name.as_str(), json!({"surprise": 1})).await.unwrap_err();
                assert_eq!(there.kind(), "authorization", "{} by {user:?}", name.as_str());
                assert_eq!(there, nowhere, "{} by {user:?}", name.as_str());
            }
            assert!(walked > 10, "{walked} by {user:?}");
        }
        assert_eq!(victim.state().await, before, "nothing was changed");
    }

    async fn not_even_the_owner_is_told_what_the_shop_keeps_for_itself(setting: Setting) {
        let victim = Victim::set(setting).await;
        let mut ana = victim.server.buyer("ana").await;
        let mut told = Vec::new();
        for &name in MethodName::ALL.iter().filter(|name| name.roles().contains(&Role::Buyer)) {
            // The session stays.
            if name.as_str().starts_with("session.") {
                continue;
            }
            told.push((name, format!("{:?}", ana.call(name.as_str(), victim.aimed(name)).await)));
        }
        let list = ana.call("buyer.returns.list", json!({})).await.unwrap();
        let noted = list["returns"].as_array().unwrap().iter().find(|request| request["return_id"] == "r-victim-noted");
        let noted = noted.expect("it is the buyer's own");
        assert_eq!(noted["records"].as_array().unwrap().len(), 2, "every step is shown: {noted}");
        assert_eq!(noted["records"][0].get("note"), None);
        told.push((MethodName::BuyerReturnsList, list.to_string()));
        for event in ["message.created", "message.revised", "conversation.updated"] {
            told.push((MethodName::ConversationAttach, format!("{:?}", ana.pushes_so_far(event).await)));
        }
        for (name, told) in told {
            assert!(!told.contains(INTERNAL), "{} tells {told}", name.as_str());
        }
    }

    async fn with_a_token_that_has_run_out_no_method_is_answered(setting: Setting) {
        let mut victim = Victim::set(setting).await;
        let before = victim.state().await;
        for &name in MethodName::ALL {
            let user = if name.roles().contains(&Role::Agent) { User::agent("bo") } else { User::buyer("ana") };
            let start = json!({"token": victim.expired(&user)});
            let mut client = victim.server.connect().await;
            let started = client.request("session.start", start.clone()).await;
            client.request(name.as_str(), victim.aimed(name)).await;
            let replies = client.replies_to_the_end().await;
            let [(id, Err(error))] = replies.as_slice() else { panic!("{}: {replies:?}", name.as_str()) };
            assert_eq!((id, error.kind()), (&json!(started), "authentication"), "{}", name.as_str());
            assert_eq!(client.close_code().await, CloseCode::AuthenticationFailed as u16, "{}", name.as_str());

            // In one frame, where the connection has a frame of many.
            if setting.codec == Codec::Json && name.needs_session() {
                let mut client = victim.server.connect().await;
                let batch = json!([
                    {"jsonrpc": "2.0", "id": 1, "method": "session.start", "params": start},
                    {"jsonrpc": "2.0", "id": 2, "method": name.as_str(), "params": victim.aimed(name)},
                ]);
                for (id, outcome) in client.batch(batch).await {
                    assert_eq!(outcome.unwrap_err().kind(), "authentication", "{} {id}", name.as_str());
                }
                assert_eq!(client.close_code().await, CloseCode::AuthenticationFailed as u16, "{}", name.as_str());
            }
        }
        let refresh = json!({"token": victim.expired(&User::agent("bo"))});
        let refused = victim.bo.call("session.refresh", refresh).await.unwrap_err();
        assert_eq!(refused.kind(), "authentication", "and the session lives by the token it has");
        assert_eq!(victim.state().await, before, "nothing was changed");
    }

    async fn a_session_ends_with_its_token_whatever_it_is_calling(setting: Setting) {
        let mut victim = Victim::set(setting).await;
        let users = [User::buyer("ana"), User::agent("bo"), User::admin("root")];
        let ends = join_all(users.iter().map(|user| {
            let victim = &victim;
            async move {
                let mut client = victim.server.join(&user.clone().for_only(Duration::from_secs(2))).await;
                let own = MethodName::ALL.iter().filter(|name| name.roles().contains(&role(user)));
                // All it may call but what would give it another token; over and over, without a rest.
                let own = own.filter(|name| !name.as_str().starts_with("session.")).cycle();
                let mut answered = 0;
                for &name in own {
                    if client.call_or_end(name.as_str(), victim.aimed(name)).await.is_none() {
                        break;
                    }
                    answered += 1;
                }
                assert!(answered > 0, "{user:?}");
                assert_eq!(client.close_code().await, CloseCode::TokenExpired as u16, "{user:?}, after {answered} answers");
                client.started()["expire_time"].as_i64().unwrap()
            }
        })).await;
        let late = now() - ends.into_iter().max().unwrap();
        assert!((0..5_000).contains(&late), "closed {late} ms after the token's end");
        victim.state().await;
    }
}
