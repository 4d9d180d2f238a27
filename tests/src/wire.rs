//! The wire, written down a second time and on purpose not by the codecs of `deskwire-protocol`: so a mistake there is seen.

use deskwire_protocol::Codec;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Each type of error, its code, and whether the same request may succeed later.
const ERRORS: &[(&str, i64, bool)] = &[
    ("parse_error", -32700, false),
    ("invalid_request", -32600, false),
    ("method_not_found", -32601, false),
    ("validation", -32602, false),
    ("internal", -32603, true),
    ("authentication", -32001, false),
    ("authorization", -32002, false),
    ("not_found", -32003, false),
    ("already_exists", -32004, false),
    ("conflict", -32005, false),
    ("chat_inactive", -32006, false),
    ("not_sendable", -32009, false),
    ("too_many_requests", -32010, true),
    ("pending_requests_limit_reached", -32011, true),
    ("request_timeout", -32012, true),
    ("limit_reached", -32013, false),
    ("service_unavailable", -32016, true),
];

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// The JSON-RPC code.
    pub code: i64,
    /// The sentence for people.
    pub message: String,
    /// What programs need.
    pub data: Value,
}

impl RpcError {
    /// `data.type`.
    pub fn kind(&self) -> &str {
        self.data["type"].as_str().unwrap_or("")
    }

    /// `data.field`.
    pub fn field(&self) -> Option<&str> {
        self.data["field"].as_str()
    }

    /// `data.retryable`.
    pub fn retryable(&self) -> bool {
        self.data["retryable"] == true
    }

    fn read(error: &Value) -> Self {
        let error = Self::parts(error);
        let row = ERRORS.iter().find(|(kind, ..)| *kind == error.kind());
        let (_, code, retryable) = row.unwrap_or_else(|| panic!("no type of the contract: {error:?}"));
        assert_eq!((error.code, error.retryable()), (*code, *retryable), "{error:?}");
        assert!(!error.message.is_empty(), "{error:?}");
        error
    }

    fn parts(error: &Value) -> Self {
        let part = |name: &str| error.get(name).unwrap_or_else(|| panic!("an error without {name}: {error}"));
        Self {
            code: part("code").as_i64().expect("the code is an integer"),
            message: part("message").as_str().expect("the message is a string").into(),
            data: part("data").clone(),
        }
    }
}

/// What a request got.
pub type Outcome = Result<Value, RpcError>;

/// A frame from the server.
#[derive(Debug)]
pub enum Incoming {
    /// The answer to the request of this id.
    Reply(Value, Outcome),
    /// An event, by name.
    Push(String, Value),
    /// The answers to a batch.
    Batch(Vec<(Value, Outcome)>),
}

/// A request, or a notification when it has no id.
pub fn request(codec: Codec, id: Option<u32>, method: &str, params: &Value) -> Message {
    let document = match (codec, id) {
        (Codec::Json, Some(id)) => json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
        (Codec::Json, None) => json!({"jsonrpc": "2.0", "method": method, "params": params}),
        (Codec::MsgPack, Some(id)) => json!([0, id, method, params]),
        (Codec::MsgPack, None) => json!([2, method, params]),
    };
    frame(codec, &document)
}

/// A document in a frame of the codec's kind.
pub fn frame(codec: Codec, document: &Value) -> Message {
    match codec {
        Codec::Json => Message::text(document.to_string()),
        Codec::MsgPack => {
            Message::binary(rmp_serde::to_vec(document).expect("a JSON value can be MessagePack"))
        }
    }
}

/// Takes a frame of the server apart and holds it to the form of its codec. `None`: a control frame.
pub fn read(codec: Codec, frame: &Message) -> Option<Incoming> {
    match (codec, frame) {
        (Codec::Json, Message::Text(text)) => {
            let document: Value = serde_json::from_str(text).expect("a text frame is JSON");
            Some(match document.as_array() {
                Some(replies) => Incoming::Batch(replies.iter().map(json_reply).collect()),
                None if document.get("method").is_some() => json_push(&document),
                None => {
                    let (id, outcome) = json_reply(&document);
                    Incoming::Reply(id, outcome)
                }
            })
        }
        (Codec::MsgPack, Message::Binary(bytes)) => Some(msgpack(
            &rmp_serde::from_slice(bytes).expect("a binary frame is MessagePack with string keys"),
        )),
        (_, Message::Ping(_) | Message::Pong(_)) => None,
        (codec, other) => panic!("a {codec:?} socket got the frame {other:?}"),
    }
}

fn json_reply(reply: &Value) -> (Value, Outcome) {
    assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
    let id = reply.get("id").unwrap_or_else(|| panic!("a reply without an id: {reply}")).clone();
    let outcome = match (reply.get("result"), reply.get("error")) {
        (Some(result), None) => Ok(result.clone()),
        (None, Some(error)) => Err(RpcError::read(error)),
        _ => panic!("a reply has a result or an error: {reply}"),
    };
    (id, outcome)
}

fn json_push(push: &Value) -> Incoming {
    assert_eq!(push["jsonrpc"], "2.0", "{push}");
    assert!(push.get("id").is_none(), "a push has no id: {push}");
    Incoming::Push(push["method"].as_str().expect("the method is a string").into(), push["params"].clone())
}

fn msgpack(document: &Value) -> Incoming {
    match document.as_array().map_or(&[][..], |array| &array[..]) {
        [kind, id, error, result] if kind == 1 => {
            assert!(error.is_null() || result.is_null(), "a response has a result or an error: {document}");
            let outcome = if error.is_null() { Ok(result.clone()) } else { Err(RpcError::read(error)) };
            Incoming::Reply(id.clone(), outcome)
        }
        [kind, Value::String(method), params] if kind == 2 => Incoming::Push(method.clone(), params.clone()),
        _ => panic!("neither a response nor a notification: {document}"),
    }
}
