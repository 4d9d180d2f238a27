//! Frames as a client writes and reads them, in both codecs.

use anyhow::{Context, bail};
use deskwire_protocol::{Codec, ErrorObject};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// A request that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: u32,
    pub(super) method: String,
    pub(super) params: Value,
}

/// What the server sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Incoming {
    /// The answer to the call of this id.
    Reply { id: u32, outcome: Result<Value, ErrorObject> },
    /// A frame that could not be answered under an id.
    Refused(ErrorObject),
    /// An event.
    Push { event: String, params: Value },
}

#[derive(Serialize)]
struct JsonCall<'a> {
    jsonrpc: &'static str,
    id: u32,
    method: &'a str,
    params: &'a Value,
}

#[derive(Deserialize)]
struct JsonIncoming {
    id: Option<u32>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<ErrorObject>,
}

/// The frame of a call.
pub(super) fn frame(codec: Codec, call: &Call) -> anyhow::Result<Message> {
    Ok(match codec {
        Codec::Json => {
            let Call { id, method, params } = call;
            let text = serde_json::to_string(&JsonCall { jsonrpc: "2.0", id: *id, method, params })?;
            Message::text(text)
        }
        Codec::MsgPack => Message::binary(codec.encode(&(0u8, call.id, &call.method, &call.params))?),
    })
}

/// Takes a frame of the server apart; `None` for those that carry nothing for us.
pub(super) fn incoming(codec: Codec, message: &Message) -> anyhow::Result<Option<Incoming>> {
    match (codec, message) {
        (Codec::Json, Message::Text(text)) => {
            json(text).context("the server sent an unreadable frame").map(Some)
        }
        (Codec::MsgPack, Message::Binary(bytes)) => {
            msgpack(bytes).context("the server sent an unreadable frame").map(Some)
        }
        (Codec::Json | Codec::MsgPack, Message::Text(_) | Message::Binary(_)) => {
            bail!("the server answered in another codec")
        }
        (
            Codec::Json | Codec::MsgPack,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
        ) => Ok(None),
    }
}

fn json(text: &str) -> anyhow::Result<Incoming> {
    let frame: JsonIncoming = serde_json::from_str(text)?;
    Ok(match (frame.method, frame.id, frame.error) {
        (Some(event), ..) => Incoming::Push { event, params: frame.params },
        (None, Some(id), error) => Incoming::Reply { id, outcome: error.map_or(Ok(frame.result), Err) },
        (None, None, Some(error)) => Incoming::Refused(error),
        (None, None, None) => bail!("neither an answer nor an event"),
    })
}

fn msgpack(bytes: &[u8]) -> anyhow::Result<Incoming> {
    let codec = Codec::MsgPack;
    // The first element tells how many follow: 1 is an answer, 2 an event. 0x9? begins an array of ? elements.
    match bytes {
        [0x94, 1, ..] => {
            let (_, id, error, result): (u8, Option<u32>, Option<ErrorObject>, Value) =
                codec.decode(bytes)?;
            match (id, error) {
                (Some(id), error) => Ok(Incoming::Reply { id, outcome: error.map_or(Ok(result), Err) }),
                (None, Some(error)) => Ok(Incoming::Refused(error)),
                (None, None) => bail!("an answer to nothing"),
            }
        }
        [0x93, 2, ..] => {
            let (_, event, params): (u8, String, Value) = codec.decode(bytes)?;
            Ok(Incoming::Push { event, params })
        }
        _ => bail!("neither an answer nor an event"),
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ErrorType, RequestId, frame::Inbound};
    use serde_json::json;
    use tokio_tungstenite::tungstenite::Bytes;

    use super::*;

    fn message(codec: Codec, bytes: Bytes) -> Message {
        match codec {
            Codec::Json => Message::text(String::from_utf8(bytes.to_vec()).unwrap()),
            Codec::MsgPack => Message::binary(bytes),
        }
    }

    #[test]
    fn the_server_reads_what_the_client_writes() {
        let call = Call { id: 7, method: "session.ping".into(), params: json!({}) };
        for codec in Codec::ALL {
            let bytes = frame(codec, &call).unwrap().into_data();
            let Inbound::Single(Ok(request)) = codec.inbound(&bytes, 1) else { panic!("{codec:?}") };
            assert_eq!(request.method, "session.ping");
            assert!(request.id.is_some());
        }
    }

    #[test]
    fn the_client_reads_what_the_server_writes() {
        for codec in Codec::ALL {
            let id = match codec {
                Codec::Json => RequestId::Json(serde_json::value::to_raw_value(&7).unwrap()),
                Codec::MsgPack => RequestId::MsgPack(7),
            };
            let result = json!({"seq": 3});
            let error = ErrorObject::from(ErrorType::NotFound);
            let read = |bytes| incoming(codec, &message(codec, bytes)).unwrap().unwrap();
            assert_eq!(
                read(codec.encode_reply(&id, Ok(&result)).unwrap()),
                Incoming::Reply { id: 7, outcome: Ok(result.clone()) }
            );
            assert_eq!(
                read(codec.encode_reply::<Value>(&id, Err(&error)).unwrap()),
                Incoming::Reply { id: 7, outcome: Err(error.clone()) }
            );
            assert_eq!(
                read(codec.encode_reply::<Value>(&RequestId::Unknown, Err(&error)).unwrap()),
                Incoming::Refused(error)
            );
            assert_eq!(
                read(codec.encode_push("typing", &result).unwrap()),
                Incoming::Push { event: "typing".into(), params: result }
            );
        }
    }
}
