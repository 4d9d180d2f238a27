//! Frames as this client writes and reads them, in both codecs. Of what comes only that is read which the load looks at:
//! the client should cost little beside the server.

use std::borrow::Cow;

use deskwire_protocol::{
    ClientMessageId, Codec, ConversationId, MessageId, Seq, card::ActionName, codec::CodecError,
};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::Message;

/// A frame that is not what the contract says.
#[derive(Debug, thiserror::Error)]
#[error("unreadable frame: {0}")]
pub(crate) struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(problem: impl std::fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

#[derive(Serialize)]
struct JsonCall<'a, P> {
    jsonrpc: &'static str,
    id: u32,
    method: &'a str,
    params: &'a P,
}

/// The frame of a request.
pub(crate) fn call<P: Serialize>(
    codec: Codec,
    id: u32,
    method: &str,
    params: &P,
) -> Result<Message, CodecError> {
    Ok(match codec {
        Codec::Json => {
            let text = serde_json::to_string(&JsonCall { jsonrpc: "2.0", id, method, params })?;
            Message::text(text)
        }
        Codec::MsgPack => Message::binary(codec.encode(&(0u8, id, method, params))?),
    })
}

/// What a frame is, before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// Answers the request of this id.
    Reply(u32),
    /// An event in sequence.
    Sequenced,
    /// Any other event.
    Other,
}

#[derive(Deserialize)]
struct JsonHead<'a> {
    id: Option<u32>,
    #[serde(borrow, default)]
    method: Cow<'a, str>,
}

/// What a frame is.
pub(crate) fn head(codec: Codec, frame: &[u8]) -> Result<Head, Unreadable> {
    match codec {
        Codec::Json => {
            let head: JsonHead<'_> = serde_json::from_slice(frame).map_err(Unreadable::new)?;
            match (head.id, head.method.as_ref()) {
                (Some(id), "") => Ok(Head::Reply(id)),
                (None, "") => Err(Unreadable("neither an answer nor an event".into())),
                (_, method) => Ok(event(method)),
            }
        }
        Codec::MsgPack => match frame {
            [0x94, 1, ..] => {
                let (_, Some(id), _, _): (u8, Option<u32>, serde::de::IgnoredAny, serde::de::IgnoredAny) =
                    msgpack(frame)?
                else {
                    return Err(Unreadable("an answer to nothing".into()));
                };
                Ok(Head::Reply(id))
            }
            [0x93, 2, ..] => {
                let (_, method, _): (u8, Name<'_>, serde::de::IgnoredAny) = msgpack(frame)?;
                Ok(event(&method.0))
            }
            _ => Err(Unreadable("neither an answer nor an event".into())),
        },
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn event(method: &str) -> Head {
    match method {
        "message.created" | "message.revised" => Head::Sequenced,
        _ => Head::Other,
    }
}

fn msgpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    T::deserialize(&mut deserializer).map_err(Unreadable::new)
}

/// Why a request was refused, as far as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct JsonReply<T> {
    result: Option<T>,
    error: Option<Refusal>,
}

/// What a request was answered with.
pub(crate) fn reply<T: for<'a> Deserialize<'a>>(
    codec: Codec,
    frame: &[u8],
) -> Result<Result<T, Refusal>, Unreadable> {
    let (error, result) = match codec {
        Codec::Json => {
            let reply: JsonReply<T> = serde_json::from_slice(frame).map_err(Unreadable::new)?;
            (reply.error, reply.result)
        }
        Codec::MsgPack => {
            let (_, _, error, result): (u8, serde::de::IgnoredAny, Option<Refusal>, Option<T>) =
                msgpack(frame)?;
            (error, result)
        }
    };
    match (error, result) {
        (Some(error), _) => Ok(Err(error)),
        (None, Some(result)) => Ok(Ok(result)),
        (None, None) => Err(Unreadable("neither a result nor an error".into())),
    }
}

#[derive(Deserialize)]
struct JsonPush<'a> {
    #[serde(borrow)]
    params: Sequenced<'a>,
}

/// The event of a push.
pub(crate) fn sequenced(codec: Codec, frame: &[u8]) -> Result<Sequenced<'_>, Unreadable> {
    match codec {
        Codec::Json => Ok(serde_json::from_slice::<JsonPush<'_>>(frame).map_err(Unreadable::new)?.params),
        Codec::MsgPack => {
            let (_, _, event): (u8, serde::de::IgnoredAny, Sequenced<'_>) = msgpack(frame)?;
            Ok(event)
        }
    }
}

/// An event in its conversation's sequence.
#[derive(Debug, Deserialize)]
pub(crate) struct Sequenced<'a> {
    pub(crate) conversation_id: ConversationId,
    pub(crate) seq: u64,
    pub(crate) prev_seq: u64,
    #[serde(borrow)]
    pub(crate) message: MessageLook<'a>,
}

/// A message, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageLook<'a> {
    pub(crate) message_id: MessageId,
    #[serde(borrow, default)]
    pub(crate) client_message_id: Cow<'a, str>,
    #[serde(default)]
    pub(crate) revision: u32,
    #[serde(borrow)]
    pub(crate) content: ContentLook<'a>,
}

/// What a message says, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct ContentLook<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) text: Cow<'a, str>,
    #[serde(default)]
    pub(crate) card: Option<CardLook>,
}

/// A card: what can be done on it.
#[derive(Debug, Deserialize)]
pub(crate) struct CardLook {
    #[serde(default)]
    pub(crate) actions: Vec<ActionLook>,
}

/// A button of a card.
#[derive(Debug, Deserialize)]
pub(crate) struct ActionLook {
    pub(crate) action: ActionName,
    pub(crate) enabled: bool,
}

/// The answer to `conversation.open`.
#[derive(Debug, Deserialize)]
pub(crate) struct Opened {
    pub(crate) conversation: ConversationLook,
}

/// A conversation: which, and how far it has come.
#[derive(Debug, Deserialize)]
pub(crate) struct ConversationLook {
    pub(crate) conversation_id: ConversationId,
    pub(crate) last_seq: u64,
}

/// The answer to `conversation.attach`.
#[derive(Debug, Deserialize)]
pub(crate) struct Attached {
    pub(crate) events: Vec<OwnedEvent>,
    pub(crate) last_seq: u64,
    pub(crate) has_more: bool,
}

/// A missed event.
#[derive(Debug, Deserialize)]
pub(crate) struct OwnedEvent {
    pub(crate) seq: u64,
    pub(crate) prev_seq: u64,
}

/// The answer to `message.send` and every `send_card`.
#[derive(Debug, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) seq: u64,
}

/// The answer to `conversation.history`.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) messages: Vec<KeptLook>,
    pub(crate) has_more: bool,
}

/// A message of the history.
#[derive(Debug, Deserialize)]
pub(crate) struct KeptLook {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) client_message_id: Option<String>,
}

/// An answer of which only matters that it came.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {}

/// By what a message of the load is known wherever it turns up: its run, its sender, its number, and when it was meant to be
/// sent, which no receiver has to be told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) person: u32,
    pub(crate) number: u32,
    pub(crate) intended: u64,
}

impl Stamp {
    /// As the `client_message_id` of a message.
    pub(crate) fn id(self, run: &str) -> Result<ClientMessageId, Unreadable> {
        let Self { person, number, intended } = self;
        ClientMessageId::new(format!("{run}.{person}.{number}.{intended}")).map_err(Unreadable::new)
    }

    /// Of a message of this run; nothing where it is someone else's.
    pub(crate) fn of(run: &str, client_message_id: &str) -> Option<Self> {
        let mut parts = client_message_id.strip_prefix(run)?.strip_prefix('.')?.split('.');
        let person = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let intended = parts.next()?.parse().ok()?;
        Some(Self { person, number, intended })
    }
}

/// A place in a conversation.
pub(crate) fn seq(seq: u64) -> Seq {
    i64::try_from(seq).ok().and_then(Seq::new).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ErrorObject, ErrorType, RequestId, frame::Inbound};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_server_reads_what_this_client_writes() {
        for codec in Codec::ALL {
            let bytes = call(codec, 7, "session.ping", &json!({})).unwrap().into_data();
            let Inbound::Single(Ok(request)) = codec.inbound(&bytes, 1) else { panic!("{codec:?}") };
            assert_eq!(request.method, "session.ping");
        }
    }

    #[test]
    fn this_client_reads_what_the_server_writes() {
        let event = json!({
            "conversation_id": "7", "seq": 4, "prev_seq": 3,
            "message": {
                "message_id": "7-4", "client_message_id": "run.5.6.789", "revision": 0, "unknown": [1],
                "content": {"type": "COUPON_CARD", "card": {"title": "x", "actions": [{"action": "CLAIM", "label": "Get it", "enabled": true}]}},
            },
        });
        for codec in Codec::ALL {
            let id = match codec {
                Codec::Json => RequestId::Json(serde_json::value::to_raw_value(&7).unwrap()),
                Codec::MsgPack => RequestId::MsgPack(7),
            };
            let frame = codec.encode_reply(&id, Ok(&json!({"seq": 3, "more": {}}))).unwrap();
            assert_eq!(head(codec, &frame).unwrap(), Head::Reply(7));
            assert_eq!(reply::<Acknowledged>(codec, &frame).unwrap().unwrap().seq, 3);
            let error = ErrorObject::from(ErrorType::NotSendable);
            let frame = codec.encode_reply::<()>(&id, Err(&error)).unwrap();
            let refusal = reply::<Acknowledged>(codec, &frame).unwrap().unwrap_err();
            assert_eq!(refusal.code, ErrorType::NotSendable.code());
            let frame = codec.encode_push("message.created", &event).unwrap();
            assert_eq!(head(codec, &frame).unwrap(), Head::Sequenced);
            let event = sequenced(codec, &frame).unwrap();
            assert_eq!(
                (event.seq, event.prev_seq, event.message.client_message_id.as_ref()),
                (4, 3, "run.5.6.789")
            );
            let card = event.message.content.card.unwrap();
            assert_eq!(card.actions[0].action, ActionName::Claim);
            let frame = codec.encode_push("typing", &json!({})).unwrap();
            assert_eq!(head(codec, &frame).unwrap(), Head::Other);
            assert!(head(codec, b"\x01").is_err());
        }
    }

    #[test]
    fn a_message_is_known_by_its_stamp_and_those_of_others_are_not() {
        let stamp = Stamp { person: 5, number: 6, intended: 789 };
        let id = stamp.id("load-a").unwrap();
        assert_eq!(Stamp::of("load-a", id.as_str()), Some(stamp));
        assert_eq!(Stamp::of("load-a", &format!("{id}.2")), Some(stamp));
        for other in ["", "load-a", "load-a.x.1.2", "load-ab.5.6.789", "c-1"] {
            assert_eq!(Stamp::of("load-a", other), None, "{other}");
        }
    }
}
