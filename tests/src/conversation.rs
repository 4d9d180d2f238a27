//! What people do in nearly every test, in the words of the contract.

use serde_json::{Value, json};

use crate::Client;

impl Client {
    /// A buyer opens their conversation; answers its id.
    pub async fn open(&mut self) -> String {
        let opened = self.call("conversation.open", json!({})).await.expect("a buyer may open");
        opened["conversation"]["conversation_id"].as_str().expect("an id is a string").to_owned()
    }

    /// Attaches; events begin now.
    pub async fn attach(&mut self, conversation: &str) -> Value {
        let params = json!({"conversation_id": conversation});
        self.call("conversation.attach", params).await.expect("it may be attached to")
    }

    /// Attaches again after a place; answers what was missed since.
    pub async fn attach_after(&mut self, conversation: &str, after_seq: i64) -> Value {
        let params = json!({"conversation_id": conversation, "after_seq": after_seq});
        self.call("conversation.attach", params).await.expect("it may be attached to")
    }

    /// Sends a text under a fresh `client_message_id`; answers `{message_id, seq, create_time}`.
    pub async fn say(&mut self, conversation: &str, text: &str) -> Value {
        let params = Self::message(conversation, &Self::fresh_id(), text);
        self.call("message.send", params).await.expect("a text may be sent")
    }

    /// The next message that says this, wherever; answers the push.
    pub async fn hears(&mut self, text: &str) -> Value {
        self.push_where("message.created", |push| push["message"]["content"]["text"] == text).await
    }

    /// The params of a `message.send`.
    pub fn message(conversation: &str, client_message_id: &str, text: &str) -> Value {
        json!({
            "conversation_id": conversation,
            "client_message_id": client_message_id,
            "content": {"type": "TEXT", "text": text},
        })
    }

    /// An id that no other call gives.
    pub fn fresh_id() -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// The whole history, page by page, oldest first.
    pub async fn history(&mut self, conversation: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let after = messages.last().map_or(json!(0), |last: &Value| last["seq"].clone());
            let params = json!({"conversation_id": conversation, "after_seq": after, "limit": 100});
            let page = self.call("conversation.history", params).await.expect("the history may be read");
            messages.extend(page["messages"].as_array().expect("messages").iter().cloned());
            if page["has_more"] == false {
                return messages;
            }
        }
    }

    /// The texts of the whole history, oldest first.
    pub async fn texts(&mut self, conversation: &str) -> Vec<String> {
        let history = self.history(conversation).await;
        history.iter().filter_map(|message| message["content"]["text"].as_str()).map(str::to_owned).collect()
    }
}
