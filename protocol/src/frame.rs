//! What one WebSocket frame holds: one request, one notification, or a batch of either.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{ErrorObject, ErrorType, Params};

/// The id of a request, given back verbatim: as the client wrote it, byte for byte in JSON.
#[derive(Debug, Clone)]
pub enum RequestId {
    /// A JSON number, string or null, as it stood in the frame.
    Json(Box<RawValue>),
    /// A `MessagePack` id.
    MsgPack(u32),
    /// The request was too broken to have one: `null` in JSON, nil in `MessagePack`.
    Unknown,
}

/// A request as it came in, its params not yet read.
#[derive(Debug)]
pub struct Request<'a> {
    /// `None` for a notification: it gets no reply, not even an error.
    pub id: Option<RequestId>,
    /// The method's name, perhaps of no method.
    pub method: Cow<'a, str>,
    /// Params, still in the frame's bytes.
    pub params: Params<'a>,
}

/// Something in a frame that is no request: what to answer, and under which id.
#[derive(Debug)]
pub struct Refused {
    /// The id to answer under.
    pub id: RequestId,
    /// What is wrong.
    pub error: ErrorObject,
}

impl Refused {
    pub(crate) fn unknown(kind: ErrorType, message: impl Into<Cow<'static, str>>) -> Self {
        Self { id: RequestId::Unknown, error: ErrorObject::new(kind, message) }
    }
}

/// One frame, taken apart.
#[derive(Debug)]
pub enum Inbound<'a> {
    /// A single request or notification.
    Single(Result<Request<'a>, Refused>),
    /// A JSON-RPC batch: answered by one array, in the order of the batch.
    Batch(Vec<Result<Request<'a>, Refused>>),
}
