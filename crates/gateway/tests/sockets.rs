//! One gateway over real sockets: how a socket begins, what it may do, and each way in which the server ends it.
#![allow(clippy::unwrap_used, reason = "a test that fails by a panic says where")]

mod setting;

use std::time::Duration;

use deskwire_gateway::GatewayConfig;
use deskwire_protocol::{CloseCode, Codec, Role};
use serde_json::json;
use setting::{Setting, impatient};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn session_start_tells_who_the_caller_is_and_what_the_server_takes() {
    let setting = Setting::new(GatewayConfig { in_flight: 7, ..impatient() }).await;
    let mut socket = setting.connect().await;
    let token = Setting::token("b1", Role::Buyer, 600);
    let started = socket.call("session.start", json!({ "token": token })).await;
    let result = &started["result"];
    assert_eq!(result["user"]["user_id"], "b1", "{started}");
    assert_eq!(result["user"]["role"], "BUYER");
    assert_eq!(result["limits"]["in_flight"], 7);
    assert_eq!(result["limits"]["sends_per_second"], 5);
    let again = socket.call("session.start", json!({ "token": token })).await;
    assert_eq!(again["error"]["data"]["type"], "already_exists");
}

#[tokio::test]
async fn before_the_session_only_what_needs_none_is_answered() {
    let setting = Setting::new(impatient()).await;
    let mut socket = setting.connect().await;
    assert!(socket.call("session.ping", json!({})).await["result"]["server_time"].is_i64());
    assert!(socket.call("rpc.discover", json!({})).await["result"]["openrpc"].is_string());
    for (method, kind) in [("conversation.list", "authentication"), ("no.such", "method_not_found")] {
        assert_eq!(socket.call(method, json!({})).await["error"]["data"]["type"], kind, "{method}");
    }
    let missing = socket.call("session.start", json!({ "token": 1 })).await;
    assert_eq!(missing["error"]["data"]["field"], "token", "{missing}");
}

#[tokio::test]
async fn a_bad_token_is_told_and_then_closed_with_4500() {
    let setting = Setting::new(impatient()).await;
    let expired = Setting::token("b1", Role::Buyer, -1);
    for token in ["", "a.b.c", &expired] {
        let mut socket = setting.connect().await;
        let refused = socket.call("session.start", json!({ "token": token })).await;
        assert_eq!(refused["error"]["data"]["type"], "authentication");
        assert_eq!(socket.closed().await, CloseCode::AuthenticationFailed);
    }
}

#[tokio::test]
async fn a_socket_that_does_not_authenticate_is_closed_with_4500() {
    let config = GatewayConfig { authentication_timeout: Duration::from_millis(100), ..impatient() };
    let setting = Setting::new(config).await;
    assert_eq!(setting.connect().await.closed().await, CloseCode::AuthenticationFailed);
}

#[tokio::test]
async fn a_header_authenticates_the_socket_and_session_start_may_follow_once() {
    let setting = Setting::new(impatient()).await;
    let token = Setting::token("b1", Role::Buyer, 600);
    let mut socket = setting.connect_with("authorization", &format!("Bearer {token}")).await.unwrap();
    assert_eq!(socket.call("conversation.take", json!({})).await["error"]["data"]["type"], "authorization");
    assert_eq!(socket.call("session.start", json!({})).await["result"]["user"]["user_id"], "b1");
    assert_eq!(socket.call("session.start", json!({})).await["error"]["data"]["type"], "already_exists");
    assert_eq!(setting.connect_with("authorization", "Bearer nonsense").await.err(), Some(401));
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_with_403() {
    let config = GatewayConfig { allowed_origins: vec!["https://desk.example".into()], ..impatient() };
    let setting = Setting::new(config).await;
    assert!(setting.connect_with("origin", "https://desk.example").await.is_ok());
    assert_eq!(setting.connect_with("origin", "https://evil.example").await.err(), Some(403));
}

#[tokio::test]
async fn a_batch_is_answered_by_one_array_in_order_without_its_notifications() {
    let setting = Setting::new(impatient()).await;
    let mut socket = setting.connect().await;
    let token = Setting::token("b1", Role::Buyer, 600);
    // The session may begin within the batch: what stands before it has none, what stands after it has.
    let batch = json!([
        { "jsonrpc": "2.0", "id": "a", "method": "conversation.list" },
        { "jsonrpc": "2.0", "id": "b", "method": "session.start", "params": { "token": token } },
        { "jsonrpc": "2.0", "method": "session.ping" },
        7,
        { "jsonrpc": "2.0", "id": "c", "method": "session.ping", "params": [{}] },
        { "jsonrpc": "2.0", "id": "d", "method": "message.send", "params": { "typo": 1 } },
    ]);
    socket.send_text(&batch.to_string()).await;
    let replies = socket.receive().await;
    let ids: Vec<_> = replies.as_array().unwrap().iter().map(|reply| reply["id"].clone()).collect();
    assert_eq!(ids, [json!("a"), json!("b"), json!(null), json!("c"), json!("d")], "{replies}");
    assert_eq!(replies[0]["error"]["data"]["type"], "authentication");
    assert_eq!(replies[1]["result"]["user"]["user_id"], "b1");
    assert_eq!(replies[2]["error"]["data"]["type"], "invalid_request");
    assert!(replies[3]["result"].is_object());
    assert_eq!(replies[4]["error"]["data"]["type"], "validation");
}

#[tokio::test]
async fn messagepack_speaks_the_same_documents() {
    let setting = Setting::new(impatient()).await;
    let protocol = Codec::MsgPack.subprotocol();
    let mut socket = setting.connect_with("sec-websocket-protocol", protocol).await.unwrap();
    let token = Setting::token("b1", Role::Buyer, 600);
    let request = (0, 7, "session.start", (json!({ "token": token }),));
    socket.send(Message::Binary(Codec::MsgPack.encode(&request).unwrap())).await;
    let (kind, id, error, result): (u8, u32, serde_json::Value, serde_json::Value) =
        Codec::MsgPack.decode(&socket.receive_binary().await).unwrap();
    assert_eq!((kind, id, error, &result["user"]["user_id"]), (1, 7, json!(null), &json!("b1")));
}

#[tokio::test]
async fn the_other_frame_type_is_a_protocol_error() {
    let setting = Setting::new(impatient()).await;
    for mut socket in [setting.connect().await, setting.enter("b1", Role::Buyer).await] {
        socket.send(Message::binary(vec![0x90])).await;
        assert_eq!(socket.closed().await, CloseCode::ProtocolError);
    }
}

#[tokio::test]
async fn a_frame_too_large_is_closed_with_4504_that_arrives() {
    let setting = Setting::new(impatient()).await;
    for size in [64 * 1024 + 1, 8 * 1024 * 1024] {
        let mut socket = setting.enter("b1", Role::Buyer).await;
        // All of it may not be taken before the server closes.
        socket.try_send(Message::text("x".repeat(size))).await;
        assert_eq!(socket.closed().await, CloseCode::FrameTooLarge, "{size}");
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_4002() {
    let config = GatewayConfig {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(200),
        ..impatient()
    };
    let setting = Setting::new(config).await;
    let mut socket = setting.enter("b1", Role::Buyer).await;
    // As long as it reads, its pings are answered for it.
    assert!(socket.stays_open_for(Duration::from_millis(900)).await);
    assert_eq!(socket.closed_without_answering().await, CloseCode::HeartbeatMissed);
}

#[tokio::test]
async fn an_expired_token_is_announced_and_then_closed_with_4501() {
    let setting = Setting::new(impatient()).await;
    let mut socket = setting.connect().await;
    let token = Setting::token("b1", Role::Buyer, 2);
    socket.call("session.start", json!({ "token": token })).await;
    assert_eq!(socket.receive().await["method"], "session.expiring");
    assert_eq!(socket.closed().await, CloseCode::TokenExpired);
}

#[tokio::test]
async fn a_refreshed_token_keeps_the_socket() {
    let setting = Setting::new(impatient()).await;
    let mut socket = setting.connect().await;
    let token = Setting::token("b1", Role::Buyer, 2);
    socket.call("session.start", json!({ "token": token })).await;
    assert_eq!(socket.receive().await["method"], "session.expiring");
    for (who, role) in [("b2", Role::Buyer), ("b1", Role::Agent)] {
        let refused =
            socket.call("session.refresh", json!({ "token": Setting::token(who, role, 600) })).await;
        assert_eq!(refused["error"]["data"]["type"], "authorization");
    }
    let token = Setting::token("b1", Role::Buyer, 600);
    assert!(socket.call("session.refresh", json!({ "token": token })).await["result"].is_object());
    assert!(socket.stays_open_for(Duration::from_secs(3)).await);
}

#[tokio::test]
async fn one_session_too_many_is_closed_with_4506_and_a_free_seat_is_taken_again() {
    let setting = Setting::new(GatewayConfig { buyer_sessions: 1, ..impatient() }).await;
    let first = setting.enter("b1", Role::Buyer).await;
    let mut second = setting.connect().await;
    let token = Setting::token("b1", Role::Buyer, 600);
    let refused = second.call("session.start", json!({ "token": token })).await;
    assert_eq!(refused["error"]["data"]["type"], "limit_reached");
    assert_eq!(second.closed().await, CloseCode::SessionLimit);
    first.leave().await;
    setting.until_sessions_are(0).await;
    setting.enter("b1", Role::Buyer).await;
}

#[tokio::test]
async fn sends_above_the_rate_are_told_when_to_come_back_and_frames_above_theirs_close_with_4505() {
    let config = GatewayConfig { buyer_send_burst: 2, frames_per_second: 1, frame_burst: 4, ..impatient() };
    let setting = Setting::new(config).await;
    let mut socket = setting.enter("b1", Role::Buyer).await;
    for _ in 0..2 {
        let refused = socket.call("message.send", json!({})).await;
        assert_eq!(refused["error"]["data"]["type"], "validation");
    }
    let refused = socket.call("message.send", json!({})).await;
    assert_eq!(refused["error"]["data"]["type"], "too_many_requests");
    assert!(refused["error"]["data"]["retry_after_ms"].as_u64().unwrap() <= 200, "{refused}");
    for _ in 0..2 {
        socket.send_text(r#"{"jsonrpc":"2.0","method":"session.ping"}"#).await;
    }
    assert_eq!(socket.closed().await, CloseCode::RateLimit);
}

#[tokio::test]
async fn a_draining_node_tells_its_sockets_to_go_and_takes_no_new_ones() {
    let mut setting = Setting::new(impatient()).await;
    let mut waiting = setting.connect().await;
    let mut socket = setting.enter("b1", Role::Buyer).await;
    assert_eq!(setting.get("/readyz").await.0, 200);
    setting.shut_down();
    let pushed = socket.receive().await;
    assert_eq!(pushed["method"], "session.draining");
    assert!(pushed["params"]["reconnect_after_ms"].is_u64());
    assert_eq!(socket.closed().await, CloseCode::Draining);
    assert_eq!(waiting.closed().await, CloseCode::Draining);
    setting.ended().await;
}

#[tokio::test]
async fn sockets_above_the_bound_are_refused_and_health_and_metrics_still_answer() {
    let setting = Setting::new(GatewayConfig { max_sockets: 1, ..impatient() }).await;
    let _socket = setting.enter("b1", Role::Buyer).await;
    assert_eq!(setting.connect_with("x-any", "thing").await.err(), Some(503));
    assert_eq!(setting.get("/healthz").await.0, 200);
    let (status, metrics) = setting.get("/metrics").await;
    assert_eq!(status, 200, "{metrics}");
    assert_eq!(setting.get("/none").await.0, 404);
}

#[tokio::test]
async fn a_revoked_user_is_closed_with_4502_and_their_old_token_starts_nothing() {
    let setting = Setting::new(impatient()).await;
    let token = Setting::token("b1", Role::Buyer, 600);
    let mut socket = setting.enter("b1", Role::Buyer).await;
    let mut other = setting.enter("b2", Role::Buyer).await;
    setting.revoke("b1", Role::Buyer).await;
    assert_eq!(socket.closed().await, CloseCode::Revoked);
    let mut again = setting.connect().await;
    let refused = again.call("session.start", json!({ "token": token })).await;
    assert_eq!(refused["error"]["data"]["type"], "authentication");
    assert_eq!(again.closed().await, CloseCode::Revoked);
    assert!(other.call("session.ping", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn a_buyer_and_an_agent_talk_and_a_resumed_session_gets_what_it_missed() {
    let setting = Setting::new(impatient()).await;
    let mut buyer = setting.enter("b1", Role::Buyer).await;
    let opened = buyer.call("conversation.open", json!({})).await;
    let id = opened["result"]["conversation"]["conversation_id"].clone();
    let send = json!({ "conversation_id": id, "client_message_id": "m1", "content": { "type": "TEXT", "text": "Oi" } });
    buyer
        .send_text(
            &json!({ "jsonrpc": "2.0", "id": "s", "method": "message.send", "params": send }).to_string(),
        )
        .await;
    // Its own message and the reply come in either order.
    let frames =
        [buyer.receive_but("conversation.updated").await, buyer.receive_but("conversation.updated").await];
    let reply = frames.iter().find(|frame| frame["id"] == "s").unwrap();
    let pushed = frames.iter().find(|frame| frame["method"] == "message.created").unwrap();
    assert_eq!(reply["result"]["seq"], pushed["params"]["seq"]);
    buyer.leave().await;

    let mut agent = setting.connect().await;
    let token = Setting::token("a1", Role::Agent, 600);
    let resume = json!([{ "conversation_id": id, "after_seq": 0 }, { "conversation_id": "1" }]);
    let started = agent.call("session.start", json!({ "token": token, "resume": resume })).await;
    let resumed = &started["result"]["resumed"];
    assert_eq!(resumed[0]["attached"]["events"][0]["message"]["content"]["text"], "Oi", "{started}");
    assert_eq!(resumed[1]["error"]["data"]["type"], "not_found");
}
