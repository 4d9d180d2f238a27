//! The client's mind, talked with frame by frame.

use deskwire_protocol::ErrorType;
use serde_json::json;

use super::*;
use crate::connect::input;

fn person(id: &str) -> Value {
    json!({ "user_id": id, "name": id.to_uppercase() })
}

fn conversation(id: &str, last_seq: i64, assignee: Option<&str>) -> Value {
    let mut conversation = json!({
        "conversation_id": id, "shop_id": "demo", "buyer": person("alice"), "status": "OPEN", "tags": [],
        "unread_count": 0, "last_seq": last_seq, "buyer_read_seq": 0, "shop_read_seq": 0,
        "can_send_message": { "allowed": true }, "create_time": 1, "update_time": 1,
    });
    if let Some(assignee) = assignee {
        conversation["assignee"] = person(assignee);
    }
    conversation
}

fn event(id: &str, seq: i64, text: &str) -> Value {
    json!({
        "conversation_id": id, "seq": seq, "prev_seq": seq - 1,
        "message": {
            "message_id": format!("{id}-{seq}"), "conversation_id": id, "seq": seq, "prev_seq": seq - 1,
            "sender": { "role": "CUSTOMER_SERVICE", "user_id": "mia", "name": "Mia" },
            "content": { "type": "TEXT", "text": text }, "visibility": "ALL", "revision": 0, "recalled": false,
            "create_time": 1,
        },
    })
}

/// A talk and the server's side of it, played by the test.
struct Stage {
    talk: Talk,
}

impl Stage {
    fn new(side: Side) -> Self {
        let mut number = 0;
        let new_id = Box::new(move || {
            number += 1;
            ClientMessageId::new(format!("c{number}")).unwrap()
        });
        Self { talk: Talk::new(side, UserId::new("alice").unwrap(), new_id) }
    }

    /// The calls made since the last look, by method.
    fn calls(&mut self) -> Vec<(String, u32, Value)> {
        self.talk.calls.drain(..).map(|call| (call.method, call.id, call.params)).collect()
    }

    fn expect(&mut self, method: &str) -> (u32, Value) {
        let calls = self.calls();
        assert_eq!(calls.iter().map(|call| call.0.as_str()).collect::<Vec<_>>(), [method]);
        let (_, id, params) = calls.into_iter().next().unwrap();
        (id, params)
    }

    fn answer(&mut self, id: u32, result: Value) {
        self.talk.received(Incoming::Reply { id, outcome: Ok(result) }).unwrap();
    }

    fn refuse(&mut self, id: u32, error: ErrorObject) {
        self.talk.received(Incoming::Reply { id, outcome: Err(error) }).unwrap();
    }

    fn push(&mut self, event: &str, params: Value) {
        self.talk.received(Incoming::Push { event: event.into(), params }).unwrap();
    }

    fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.talk.lines)
    }

    fn start(&mut self, resumed: &Value) -> Value {
        self.talk.connected("token".into());
        let (id, params) = self.expect("session.start");
        self.answer(
            id,
            json!({
                "session_id": "s", "user": { "user_id": "alice", "role": "BUYER", "name": "Alice" },
                "shop": { "shop_id": "demo" }, "server_time": 1, "expire_time": 2,
                "heartbeat": { "interval_ms": 1, "timeout_ms": 1 },
                "limits": {
                    "frame_bytes": 1, "text_chars": 1, "batch": 1, "in_flight": 1, "sends_per_second": 1,
                    "send_burst": 1, "frames_per_second": 1, "sessions": 1, "outbox_events": 1, "outbox_bytes": 1,
                    "history_page": 1, "attach_page": 1, "request_timeout_ms": 1,
                },
                "resumed": resumed,
            }),
        );
        params
    }

    /// A buyer who has opened conversation 7, which is at `last_seq`, and follows it.
    fn buyer(last_seq: i64) -> Self {
        let mut stage = Self::new(Side::Buyer);
        stage.start(&json!([]));
        let (id, _) = stage.expect("conversation.open");
        stage.answer(id, json!({ "conversation": conversation("7", last_seq, None) }));
        let (id, _) = stage.expect("conversation.attach");
        stage.attached(id, last_seq, &[]);
        stage.lines();
        stage
    }

    fn attached(&mut self, id: u32, last_seq: i64, events: &[Value]) {
        self.answer(
            id,
            json!({
                "conversation": conversation("7", last_seq, None), "events": events, "last_seq": last_seq,
                "has_more": false, "presence": [],
            }),
        );
    }
}

fn text(text: &str) -> Input {
    input::parse(text)
}

#[test]
fn a_message_that_was_not_acknowledged_is_sent_again_with_the_same_id() {
    let mut stage = Stage::buyer(0);
    stage.talk.typed(text("one"));
    let (_, first) = stage.expect("message.send");
    stage.talk.typed(text("two"));
    assert!(stage.calls().is_empty(), "the second waits for the first");
    stage.talk.disconnected();
    let start = stage.start(&json!([{ "conversation_id": "7", "attached": {
        "conversation": conversation("7", 0, None), "events": [], "last_seq": 0, "has_more": false, "presence": [],
    }}]));
    assert_eq!(start["resume"], json!([{ "conversation_id": "7", "after_seq": 0 }]));
    let (id, again) = stage.expect("message.send");
    assert_eq!(again, first);
    stage.answer(id, json!({ "message_id": "7-1", "seq": 1, "create_time": 1 }));
    let (id, second) = stage.expect("message.send");
    assert_eq!(second["content"]["text"], "two");
    stage.answer(id, json!({ "message_id": "7-2", "seq": 2, "create_time": 1 }));
    assert!(stage.talk.is_done());
}

#[test]
fn a_retryable_refusal_is_retried_when_the_server_says_and_another_one_is_shown() {
    let mut stage = Stage::buyer(0);
    stage.talk.typed(text("one"));
    let (id, first) = stage.expect("message.send");
    let (after, before) = (Duration::from_millis(70), Instant::now());
    stage.refuse(id, ErrorObject::from(ErrorType::TooManyRequests).with_retry_after(after));
    let at = stage.talk.retry_at.unwrap();
    assert!(at >= before + after && at <= Instant::now() + after);
    assert!(stage.calls().is_empty() && !stage.talk.is_done());
    stage.talk.send_next();
    let (id, again) = stage.expect("message.send");
    assert_eq!(again, first);
    stage.refuse(id, ErrorType::ChatInactive.into());
    assert!(stage.lines()[0].contains("not sent"));
    assert!(stage.talk.is_done());
}

#[test]
fn a_hole_is_filled_before_what_follows_it_is_shown() {
    let mut stage = Stage::buyer(0);
    stage.push("message.created", event("7", 1, "first"));
    stage.calls();
    stage.push("message.created", event("7", 3, "third"));
    assert_eq!(stage.lines(), ["Mia: first"]);
    let (id, params) = stage.expect("conversation.attach");
    assert_eq!(params["after_seq"], 1);
    stage.push("message.created", event("7", 4, "fourth"));
    stage.attached(id, 3, &[event("7", 2, "second"), event("7", 3, "third")]);
    assert_eq!(stage.lines(), ["Mia: second", "Mia: third", "Mia: fourth"]);
    stage.push("message.created", event("7", 4, "fourth"));
    assert!(stage.lines().is_empty(), "an event is shown once");
}

#[test]
fn an_agent_who_came_with_the_chat_is_called_by_name() {
    let mut stage = Stage::buyer(0);
    let mut allocated = event("7", 1, "");
    allocated["message"]["sender"] = json!({ "role": "SYSTEM", "name": "System" });
    allocated["message"]["content"] = json!({ "type": "ALLOCATED_SERVICE", "assignee": person("mia") });
    stage.push("message.created", allocated);
    stage.push("presence", json!({ "role": "CUSTOMER_SERVICE", "user_id": "mia", "online": true }));
    assert_eq!(stage.lines(), ["* MIA has the chat now", "* MIA is here"]);
}

#[test]
fn what_others_wrote_is_marked_as_read() {
    let mut stage = Stage::buyer(0);
    stage.push("message.created", event("7", 1, "first"));
    let (_, params) = stage.expect("conversation.read");
    assert_eq!(params, json!({ "conversation_id": "7", "seq": 1 }));
}

#[test]
fn an_agent_takes_the_first_conversation_that_appears_and_follows_later_ones() {
    let mut stage = Stage::new(Side::Agent);
    stage.start(&json!([]));
    let (id, _) = stage.expect("conversation.list");
    stage.answer(id, json!({ "conversations": [], "next_page_token": "" }));
    stage.talk.typed(text("hello?"));
    assert!(stage.lines().iter().any(|line| line.contains("no conversation to write into")));
    stage.push("conversation.updated", json!({ "conversation": conversation("7", 0, None) }));
    let (id, _) = stage.expect("conversation.take");
    stage.answer(id, json!({ "conversation": conversation("7", 1, Some("alice")) }));
    let (id, _) = stage.expect("conversation.attach");
    stage.attached(id, 1, &[]);
    stage.lines();
    stage.push("conversation.updated", json!({ "conversation": conversation("8", 0, None) }));
    let (_, params) = stage.expect("conversation.attach");
    assert_eq!(params["conversation_id"], "8");
    assert!(stage.lines()[0].contains("/use 2"));
}

#[test]
fn a_typed_call_shows_its_answer_and_gets_the_current_conversation() {
    let mut stage = Stage::buyer(0);
    stage.talk.typed(text("/conversation.get"));
    let (id, params) = stage.expect("conversation.get");
    assert_eq!(params, json!({ "conversation_id": "7" }));
    stage.answer(id, json!({ "a": 1 }));
    assert_eq!(stage.lines(), ["conversation.get -> {\n  \"a\": 1\n}"]);
    stage.talk.typed(text("/session.ping"));
    stage.talk.disconnected();
    assert!(stage.lines()[0].contains("no answer came"));
}
