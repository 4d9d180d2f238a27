//! The duty to answer one request exactly once: if the work behind it panics or is dropped, the answer is `internal`.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_chat::Hold;
use deskwire_protocol::{Codec, ErrorObject, ErrorType, MethodName, RequestId};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    batch::Batch,
    caller::{Caller, InFlight},
    refusal,
};

/// Where the reply goes.
pub(crate) enum Place {
    /// Into the outbox. A request that is only refused needs no place among those in flight.
    Socket { _in_flight: Option<InFlight> },
    /// Into a batch, at this index.
    Batch(Arc<Batch>, usize),
}

/// Answers one request.
pub(crate) struct Responder {
    caller: Arc<Caller>,
    /// None for a notification: whatever comes of it, it gets no reply.
    id: Option<RequestId>,
    method: Option<MethodName>,
    place: Place,
    began_at: Instant,
    answered: bool,
}

impl Responder {
    pub(crate) fn new(
        caller: Arc<Caller>,
        id: Option<RequestId>,
        method: Option<MethodName>,
        place: Place,
    ) -> Self {
        Self { caller, id, method, place, began_at: Instant::now(), answered: false }
    }

    /// Refuses the request.
    pub(crate) fn refuse(self, error: ErrorObject) {
        self.answer::<()>(&Err(error), Vec::new());
    }

    /// Answers, and only then lets go of the events that `holds` keep back.
    pub(crate) fn answer<T: Serialize>(mut self, outcome: &Result<T, ErrorObject>, holds: Vec<Hold>) {
        self.finish(outcome, holds);
    }

    fn finish<T: Serialize>(&mut self, outcome: &Result<T, ErrorObject>, holds: Vec<Hold>) {
        self.answered = true;
        let refused = outcome.as_ref().err().map(|error| error.data.kind);
        let reply = self.id.as_ref().and_then(|id| encode(self.caller.codec, id, outcome));
        match &self.place {
            Place::Socket { .. } => {
                if let Some(reply) = reply {
                    self.caller.session.outbox().reply(reply);
                }
                drop(holds);
            }
            Place::Batch(batch, index) => {
                let reply = match (reply, &self.id) {
                    (Some(reply), Some(id)) if !batch.has_room(reply.len()) => {
                        let error = ErrorObject::new(
                            ErrorType::LimitReached,
                            "the replies of this batch are too long together: ask for less at once",
                        );
                        encode::<()>(self.caller.codec, id, &Err(error))
                    }
                    (reply, _) => reply,
                };
                batch.fill(*index, reply, holds);
            }
        }
        self.caller.gate.metrics.answered(self.method, refused, self.began_at.elapsed());
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            let method = self.method.map_or("unknown", MethodName::as_str);
            self.finish::<()>(&Err(refusal::unanswered(method)), Vec::new());
        }
    }
}

/// Encodes a reply; a result that cannot be encoded becomes an `internal` error.
pub(crate) fn encode<T: Serialize>(
    codec: Codec,
    id: &RequestId,
    outcome: &Result<T, ErrorObject>,
) -> Option<Bytes> {
    match codec.encode_reply(id, outcome.as_ref()) {
        Ok(reply) => Some(reply),
        Err(error) => codec.encode_reply::<()>(id, Err(&refusal::internal(&error))).ok(),
    }
}
