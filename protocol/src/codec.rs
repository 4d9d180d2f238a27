//! Both encodings of the one contract: JSON-RPC 2.0 in text frames, MessagePack-RPC in binary frames.
//!
//! `MessagePack` structs are maps and ids are strings (`with_struct_map`, `with_human_readable`), so that a
//! `MessagePack` document equals its JSON twin field by field.

use std::{borrow::Cow, io::Cursor};

use bytes::Bytes;
use rmp::decode::{self, bytes::BytesReadError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    ErrorObject, ErrorType, Params,
    frame::{Inbound, Refused, Request, RequestId},
    params::not_one_object,
};

/// Which encoding a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// JSON-RPC 2.0 in text frames; what a client that asks for no subprotocol gets.
    Json,
    /// `MessagePack-RPC` in binary frames.
    MsgPack,
}

/// A document could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// JSON.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// `MessagePack`, writing.
    #[error("messagepack: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// `MessagePack`, reading.
    #[error("messagepack: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
}

/// Nesting deeper than this is refused in binary frames (`serde_json` has its own limit of 128).
const MAX_DEPTH: usize = 64;

#[derive(Serialize)]
struct JsonReply<'a, T> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorObject>,
}

#[derive(Serialize)]
struct JsonPush<'a, T> {
    jsonrpc: &'static str,
    method: &'a str,
    params: &'a T,
}

/// Room for most frames, so that they are not moved while they grow.
const FRAME_BYTES: usize = 480;

#[derive(Deserialize)]
struct JsonRequest<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// Read apart from the rest, so that a request that is wrong elsewhere is still answered under its id.
#[derive(Deserialize)]
struct JsonId<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// Tells `"id": null` (a request whose id is null) from no id at all (a notification).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Codec {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Json, Self::MsgPack];

    /// The WebSocket subprotocol by which a client asks for this encoding.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "deskwire.v1.json",
            Self::MsgPack => "deskwire.v1.msgpack",
        }
    }

    /// The encoding of this subprotocol, if it is one of ours.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.subprotocol() == name)
    }

    /// Encodes one document.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => {
                let mut out = Vec::with_capacity(FRAME_BYTES);
                serde_json::to_writer(&mut out, value)?;
                Ok(out.into())
            }
            Self::MsgPack => {
                let mut out = Vec::with_capacity(FRAME_BYTES);
                msgpack_write(&mut out, value)?;
                Ok(out.into())
            }
        }
    }

    /// Decodes one document.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Self::Json => Ok(serde_json::from_slice(bytes)?),
            Self::MsgPack => Ok(T::deserialize(&mut msgpack_deserializer(bytes))?),
        }
    }

    /// Encodes the frame (or, in a JSON batch, the element) that answers request `id`.
    pub fn encode_reply<T: Serialize>(
        self,
        id: &RequestId,
        outcome: Result<&T, &ErrorObject>,
    ) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => {
                let id = match id {
                    RequestId::Json(raw) => raw.as_ref(),
                    RequestId::MsgPack(_) | RequestId::Unknown => RawValue::NULL,
                };
                self.encode(&JsonReply { jsonrpc: "2.0", id, result: outcome.ok(), error: outcome.err() })
            }
            Self::MsgPack => {
                let id = match id {
                    RequestId::MsgPack(id) => Some(*id),
                    RequestId::Json(_) | RequestId::Unknown => None,
                };
                self.encode(&(1u8, id, outcome.err(), outcome.ok()))
            }
        }
    }

    /// Encodes a push: a notification whose method is the event's name and whose params are the event.
    pub fn encode_push<T: Serialize>(self, event: &str, params: &T) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => self.encode(&JsonPush { jsonrpc: "2.0", method: event, params }),
            Self::MsgPack => self.encode(&(2u8, event, params)),
        }
    }

    /// Joins encoded replies into the one array that answers a JSON batch.
    #[must_use]
    pub fn join_batch(replies: &[Bytes]) -> Bytes {
        let mut out = Vec::with_capacity(replies.iter().map(|reply| reply.len() + 1).sum::<usize>() + 1);
        for reply in replies {
            out.push(if out.is_empty() { b'[' } else { b',' });
            out.extend_from_slice(reply);
        }
        out.push(b']');
        out.into()
    }

    /// Takes a frame from a client apart. `batch_limit` is the most requests that a JSON batch may hold.
    #[must_use]
    pub fn inbound(self, frame: &[u8], batch_limit: usize) -> Inbound<'_> {
        match self {
            Self::Json => inbound_json(frame, batch_limit),
            Self::MsgPack => Inbound::Single(inbound_msgpack(frame)),
        }
    }
}

fn inbound_json(frame: &[u8], batch_limit: usize) -> Inbound<'_> {
    if frame.trim_ascii_start().first() != Some(&b'[') {
        return match serde_json::from_slice::<&RawValue>(frame) {
            Ok(raw) => Inbound::Single(json_request(raw)),
            Err(error) => Inbound::Single(Err(Refused::unknown(
                ErrorType::ParseError,
                format!("the frame is no JSON: {error}"),
            ))),
        };
    }
    match serde_json::from_slice::<Vec<&RawValue>>(frame) {
        Ok(elements) if elements.is_empty() => {
            Inbound::Single(Err(Refused::unknown(ErrorType::InvalidRequest, "a batch must not be empty")))
        }
        Ok(elements) if elements.len() > batch_limit => {
            let mut refused = Refused::unknown(
                ErrorType::LimitReached,
                format!("a batch may hold at most {batch_limit} requests; send several batches"),
            );
            refused.error = refused.error.with_limit(batch_limit as u64);
            Inbound::Single(Err(refused))
        }
        Ok(elements) => Inbound::Batch(elements.into_iter().map(json_request).collect()),
        Err(error) => Inbound::Single(Err(Refused::unknown(
            ErrorType::ParseError,
            format!("the frame is no JSON: {error}"),
        ))),
    }
}

fn json_request(raw: &RawValue) -> Result<Request<'_>, Refused> {
    let invalid = |id: RequestId, problem: String| Refused {
        id,
        error: ErrorObject::new(ErrorType::InvalidRequest, format!("not a valid request: {problem}")),
    };
    if !raw.get().starts_with('{') {
        return Err(invalid(RequestId::Unknown, "a request is an object".into()));
    }
    let id = serde_json::from_str::<JsonId<'_>>(raw.get())
        .map_err(|error| invalid(RequestId::Unknown, error.to_string()))?
        .id;
    let id = match id {
        Some(id) if matches!(id.get().as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9' | b'n')) => {
            Some(RequestId::Json(id.to_owned()))
        }
        Some(_) => return Err(invalid(RequestId::Unknown, "`id` must be a number or a string".into())),
        None => None,
    };
    let reply_id = || id.clone().unwrap_or(RequestId::Unknown);
    let request: JsonRequest<'_> =
        serde_json::from_str(raw.get()).map_err(|error| invalid(reply_id(), error.to_string()))?;
    if request.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid(reply_id(), "`jsonrpc` must be \"2.0\"".into()));
    }
    let Some(method) = request.method else {
        return Err(invalid(reply_id(), "`method` is missing".into()));
    };
    Ok(Request { id, method, params: request.params.map_or(Params::Absent, Params::Json) })
}

fn inbound_msgpack(frame: &[u8]) -> Result<Request<'_>, Refused> {
    let parse_error = |problem: &str| {
        Refused::unknown(ErrorType::ParseError, format!("the frame is no MessagePack-RPC request: {problem}"))
    };
    let invalid = |id: RequestId, problem: &str| Refused {
        id,
        error: ErrorObject::new(ErrorType::InvalidRequest, format!("not a valid request: {problem}")),
    };
    let mut cursor = Cursor::new(frame);
    let length = decode::read_array_len(&mut cursor).map_err(|_| parse_error("it must be one array"))?;
    let kind: u8 =
        decode::read_int(&mut cursor).map_err(|_| parse_error("its first element must be 0 or 2"))?;
    let id = match (kind, length) {
        (0, 4) => {
            let id: u32 = decode::read_int(&mut cursor)
                .map_err(|_| invalid(RequestId::Unknown, "the id must be an unsigned 32-bit integer"))?;
            Some(RequestId::MsgPack(id))
        }
        (2, 3) => None,
        _ => {
            return Err(invalid(
                RequestId::Unknown,
                "a request is [0, id, method, params], a notification [2, method, params]",
            ));
        }
    };
    let reply_id = || id.clone().unwrap_or(RequestId::Unknown);
    let rest = &frame[usize::try_from(cursor.position()).unwrap_or(frame.len())..];
    let (method, params) =
        decode::read_str_from_slice(rest).map_err(|_| invalid(reply_id(), "the method must be a string"))?;
    let end =
        msgpack_value_end(params).ok_or_else(|| invalid(reply_id(), "the params are no MessagePack"))?;
    if end != params.len() {
        return Err(invalid(reply_id(), "there are bytes after the request"));
    }
    Ok(Request { id, method: Cow::Borrowed(method), params: Params::MsgPack(params) })
}

/// Where the first value of `bytes` ends, if a whole one stands there.
fn msgpack_value_end(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(bytes);
    let mut deserializer = rmp_serde::Deserializer::new(&mut cursor);
    deserializer.set_max_depth(MAX_DEPTH);
    serde::de::IgnoredAny::deserialize(&mut deserializer).ok()?;
    usize::try_from(cursor.position()).ok()
}

/// Params of a `MessagePack` request: the map itself, or the one map in an array.
pub(crate) fn msgpack_the_one_element(bytes: &[u8]) -> Result<&[u8], ErrorObject> {
    const EMPTY_MAP: &[u8] = &[0x80];
    match bytes.first() {
        // fixmap, map 16, map 32
        Some(0x80..=0x8f | 0xde | 0xdf) => Ok(bytes),
        Some(0xc0) => Ok(EMPTY_MAP),
        // fixarray, array 16, array 32
        Some(0x90..=0x9f | 0xdc | 0xdd) => {
            let mut reader = decode::Bytes::new(bytes);
            let length: Result<u32, decode::ValueReadError<BytesReadError>> =
                decode::read_array_len(&mut reader);
            match (length, reader.remaining_slice()) {
                (Ok(0), _) => Ok(EMPTY_MAP),
                (Ok(1), inner @ [0x80..=0x8f | 0xde | 0xdf, ..]) => Ok(inner),
                _ => Err(not_one_object()),
            }
        }
        _ => Err(not_one_object()),
    }
}

pub(crate) type MsgPackReader<'a> = rmp_serde::Deserializer<
    rmp_serde::decode::ReadReader<&'a [u8]>,
    rmp_serde::config::HumanReadableConfig<rmp_serde::config::DefaultConfig>,
>;

pub(crate) fn msgpack_deserializer(bytes: &[u8]) -> MsgPackReader<'_> {
    let mut deserializer = rmp_serde::Deserializer::new(bytes).with_human_readable();
    deserializer.set_max_depth(MAX_DEPTH);
    deserializer
}

fn msgpack_write<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map().with_human_readable();
    value.serialize(&mut serializer)
}
