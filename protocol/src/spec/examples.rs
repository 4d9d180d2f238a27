//! One example of everything: for the documents, and for the golden frames that hold the encodings still.

mod workbench;

use serde_json::{Value, json};

use crate::{MethodName, event::EventName};

/// A request's params and its answer.
#[derive(Debug, Clone)]
pub struct Example {
    /// What goes in.
    pub params: Value,
    /// What comes out.
    pub result: Value,
}

const CONVERSATION: &str = "7494560109732334090";

fn message(seq: i64, text: &str) -> Value {
    json!({
        "message_id": format!("{CONVERSATION}-{seq}"),
        "conversation_id": CONVERSATION,
        "seq": seq,
        "prev_seq": seq - 1,
        "client_message_id": format!("m-{seq}"),
        "sender": { "role": "BUYER", "user_id": "b-1", "name": "Ana" },
        "content": { "type": "TEXT", "text": text },
        "visibility": "ALL",
        "revision": 0,
        "recalled": false,
        "create_time": 1_764_000_000_000_i64 + seq,
    })
}

fn recalled(seq: i64) -> Value {
    let mut message = message(seq, "");
    message["content"] =
        json!({ "type": "NOTIFICATION", "code": "MESSAGE_RECALLED", "text": "This message was recalled." });
    message["revision"] = 1.into();
    message["recalled"] = true.into();
    message
}

fn conversation() -> Value {
    json!({
        "conversation_id": CONVERSATION,
        "shop_id": "demo",
        "buyer": { "user_id": "b-1", "name": "Ana" },
        "status": "OPEN",
        "assignee": { "user_id": "a-1", "name": "Grace" },
        "tags": ["vip"],
        "unread_count": 1,
        "last_seq": 17,
        "buyer_read_seq": 16,
        "shop_read_seq": 12,
        "latest_message": message(17, "Where is my parcel? 📦"),
        "can_send_message": { "allowed": true },
        "create_time": 1_764_000_000_000_i64,
        "update_time": 1_764_000_000_017_i64,
    })
}

fn sequenced(event: Option<&str>, seq: i64, message: &Value) -> Value {
    let mut sequenced =
        json!({ "conversation_id": CONVERSATION, "seq": seq, "prev_seq": seq - 1, "message": message });
    if let Some(event) = event {
        sequenced["event"] = event.into();
    }
    sequenced
}

fn presence() -> Value {
    json!({ "role": "BUYER", "user_id": "b-1", "online": true })
}

/// An example of a call.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one table of all methods")]
pub fn example(name: MethodName) -> Example {
    let one = || json!({ "conversation_id": CONVERSATION });
    let conversation_result = || json!({ "conversation": conversation() });
    let with = |field: &str, value: Value| {
        let mut params = one();
        params[field] = value;
        params
    };
    let sent = || json!({ "message_id": format!("{CONVERSATION}-17"), "seq": 17, "create_time": 1_764_000_000_017_i64 });
    let (params, result) = match name {
        MethodName::SessionStart => (
            json!({ "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "client": { "name": "acme-desk", "version": "2.1.0" } }),
            json!({
                "session_id": "3f1c9a52-6f0e-7a11-9c1e-0d5b8f3a2b10",
                "user": { "user_id": "a-1", "role": "AGENT", "name": "Grace" },
                "shop": { "shop_id": "demo" },
                "server_time": 1_764_000_000_000_i64,
                "expire_time": 1_764_003_600_000_i64,
                "heartbeat": { "interval_ms": 25_000, "timeout_ms": 10_000 },
                "limits": {
                    "frame_bytes": 65_536, "text_chars": 2_000, "batch": 32, "in_flight": 16,
                    "sends_per_second": 20, "send_burst": 40, "frames_per_second": 100, "sessions": 16,
                    "outbox_events": 256, "outbox_bytes": 524_288, "history_page": 100, "attach_page": 500,
                    "request_timeout_ms": 15_000,
                },
            }),
        ),
        MethodName::SessionRefresh => (
            json!({ "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln" }),
            json!({ "expire_time": 1_764_007_200_000_i64 }),
        ),
        MethodName::SessionPing => (json!({}), json!({ "server_time": 1_764_000_000_000_i64 })),
        MethodName::ConversationOpen => (
            json!({ "entry": { "type": "BUYER_ENTER_FROM_ORDER", "order_id": "576461413038785752" } }),
            conversation_result(),
        ),
        MethodName::ConversationList => (
            json!({ "status": "OPEN", "page_size": 20 }),
            json!({ "conversations": [conversation()], "next_page_token": "" }),
        ),
        MethodName::ConversationGet | MethodName::ConversationClose | MethodName::ConversationReopen => {
            (one(), conversation_result())
        }
        MethodName::ConversationHistory => (
            json!({ "conversation_id": CONVERSATION, "before_seq": 18, "limit": 2 }),
            json!({ "messages": [recalled(16), message(17, "Where is my parcel? 📦")], "has_more": true }),
        ),
        MethodName::ConversationAttach => (
            with("after_seq", 16.into()),
            json!({
                "conversation": conversation(),
                "events": [sequenced(Some("message.created"), 17, &message(17, "Where is my parcel? 📦"))],
                "last_seq": 17,
                "has_more": false,
                "presence": [presence()],
            }),
        ),
        MethodName::ConversationDetach => (one(), json!({})),
        MethodName::ConversationRead => (with("seq", 17.into()), json!({ "seq": 17, "unread_count": 0 })),
        MethodName::ConversationTyping => (with("typing", true.into()), json!({})),
        MethodName::ConversationSync => (
            json!({ "cursor": "1764000000000.0" }),
            json!({ "conversations": [conversation()], "cursor": "1764000000017.0", "has_more": false }),
        ),
        MethodName::ConversationTake => (with("if_assignee", Value::Null), conversation_result()),
        MethodName::ConversationAssign => (with("agent_id", "a-1".into()), conversation_result()),
        MethodName::ConversationTransfer => (
            json!({ "conversation_id": CONVERSATION, "agent_id": "a-2", "note": "Parcel lost, wants a refund." }),
            conversation_result(),
        ),
        MethodName::ConversationTag | MethodName::ConversationUntag => {
            (with("tag", "vip".into()), conversation_result())
        }
        MethodName::ConversationNote => (
            json!({ "conversation_id": CONVERSATION, "client_message_id": "n-1", "text": "Called the carrier." }),
            sent(),
        ),
        MethodName::MessageSend => (
            json!({
                "conversation_id": CONVERSATION,
                "client_message_id": "m-17",
                "content": { "type": "TEXT", "text": "Where is my parcel? 📦" },
                "if_last_seq": 16,
            }),
            sent(),
        ),
        MethodName::MessageRecall => {
            (with("message_id", format!("{CONVERSATION}-16").into()), json!({ "seq": 18 }))
        }
        MethodName::CardAct => workbench::card_act(),
        MethodName::BuyerOrdersList => workbench::buyer_orders_list(),
        MethodName::BuyerOrdersGet => workbench::buyer_order(),
        MethodName::BuyerOrdersPlace => workbench::orders_place(),
        MethodName::BuyerLogisticsGet | MethodName::WorkbenchLogisticsGet => workbench::logistics(),
        MethodName::BuyerReturnsEligibility | MethodName::WorkbenchReturnsEligibility => {
            workbench::returns_eligibility()
        }
        MethodName::BuyerReturnsSubmit => workbench::returns_submit(),
        MethodName::BuyerReturnsList => workbench::buyer_returns_list(),
        MethodName::BuyerProductsGet | MethodName::WorkbenchProductsGet => workbench::product_get(),
        MethodName::BuyerCouponsClaim => workbench::coupons_claim(),
        MethodName::BuyerCouponsList => workbench::buyer_coupons_list(),
        MethodName::WorkbenchOrdersList => workbench::orders_list(),
        MethodName::WorkbenchOrdersGet => workbench::order_get(),
        MethodName::WorkbenchOrdersNoteGet => workbench::note_get(),
        MethodName::WorkbenchOrdersNoteSet => workbench::note_set(),
        MethodName::WorkbenchOrdersNoteHistory => workbench::note_history(),
        MethodName::WorkbenchOrdersSendCard | MethodName::WorkbenchReturnsSendCard => workbench::order_card(),
        MethodName::WorkbenchLogisticsSendCard => workbench::logistics_card(),
        MethodName::WorkbenchReturnsList => workbench::returns_list(),
        MethodName::WorkbenchReturnsGet => workbench::return_get(),
        MethodName::WorkbenchReturnsApprove | MethodName::WorkbenchReturnsReject => {
            workbench::return_answer()
        }
        MethodName::WorkbenchProductsList => workbench::products_list(),
        MethodName::WorkbenchProductsAlternatives => workbench::alternatives(),
        MethodName::WorkbenchProductsSendCard => workbench::product_cards(),
        MethodName::WorkbenchCouponsList => workbench::coupons_list(),
        MethodName::WorkbenchCouponsGet | MethodName::WorkbenchCouponsDeactivate => workbench::coupon_get(),
        MethodName::WorkbenchCouponsCreate => workbench::coupon_create(),
        MethodName::WorkbenchCouponsUpdate => workbench::coupon_update(),
        MethodName::WorkbenchCouponsDuplicate => workbench::coupon_duplicate(),
        MethodName::WorkbenchCouponsIssue => workbench::coupon_issue(),
        MethodName::WorkbenchCouponsSendCard => workbench::coupon_card(),
        MethodName::WorkbenchCardsCheck => workbench::cards_check(),
        MethodName::RpcDiscover => (json!({}), json!({ "openrpc": "1.3.2" })),
    };
    Example { params, result }
}

/// An example of every push.
#[must_use]
pub fn push_examples() -> Vec<(EventName, Value)> {
    let buyer = || json!({ "role": "BUYER", "user_id": "b-1", "name": "Ana" });
    EventName::ALL
        .into_iter()
        .map(|name| {
            let params = match name {
                EventName::MessageCreated => sequenced(None, 17, &message(17, "Where is my parcel? 📦")),
                EventName::MessageRevised => sequenced(None, 18, &recalled(16)),
                EventName::ConversationUpdated => json!({ "conversation": conversation() }),
                EventName::ReadUpdated => json!({
                    "conversation_id": CONVERSATION, "reader": buyer(), "seq": 17, "read_time": 1_764_000_000_100_i64,
                }),
                EventName::Typing => json!({
                    "conversation_id": CONVERSATION, "sender": buyer(), "typing": true, "expires_in_ms": 6_000,
                }),
                EventName::Presence => presence(),
                EventName::WorkbenchOrders => json!({
                    "conversation_id": CONVERSATION, "buyer_id": "b-1", "message_id": format!("{CONVERSATION}-17"),
                    "orders": [workbench::order()], "next_page_token": "",
                }),
                EventName::WorkbenchChanged => json!({
                    "kind": "PACKAGE", "id": "pk-1", "order_id": "o-1", "buyer_id": "b-1",
                    "update_time": 1_764_000_000_200_i64,
                }),
                EventName::DeadlineNear => json!({
                    "order_id": "o-1", "buyer_id": "b-1",
                    "reminder": {
                        "kind": "SHIPPING_DUE", "due_time": 1_764_080_000_000_i64,
                        "consequence": "SHIPPING_OVERDUE", "overdue": false,
                    },
                }),
                EventName::SessionExpiring => json!({ "expire_time": 1_764_003_600_000_i64 }),
                EventName::SessionDraining => json!({ "reconnect_after_ms": 1_250 }),
                EventName::SessionResync => json!({}),
            };
            (name, params)
        })
        .collect()
}
