//! A JSON batch: its replies are collected and leave as one array, in the order of the requests.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use deskwire_chat::Hold;
use deskwire_protocol::Codec;

use crate::caller::{Caller, InFlight};

/// Replies of one batch together. Each by itself is bounded, and a batch could hold many of the longest.
const REPLY_BYTES: usize = 1024 * 1024;
/// What a write answers is never longer, and is never left out: it has been done.
const SHORT: usize = 2 * 1024;

struct State {
    replies: Vec<Option<Bytes>>,
    /// Events held back until the array is in the outbox.
    holds: Vec<Hold>,
    waiting: usize,
}

/// The replies of one batch, as far as they have come.
pub(crate) struct Batch {
    caller: Arc<Caller>,
    state: Mutex<State>,
    /// Of the long replies.
    bytes: AtomicUsize,
    _in_flight: Option<InFlight>,
}

impl Batch {
    /// Waits for `length` elements. A batch that is only refused needs no place among the requests in flight.
    pub(crate) fn new(caller: Arc<Caller>, length: usize, in_flight: Option<InFlight>) -> Arc<Self> {
        let state = State { replies: vec![None; length], holds: Vec::new(), waiting: length };
        Arc::new(Self { caller, state: Mutex::new(state), bytes: AtomicUsize::new(0), _in_flight: in_flight })
    }

    /// Whether a reply of this length still fits into the array.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        bytes <= SHORT || self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= REPLY_BYTES
    }

    /// The element at `index` is done; a notification has no reply. The last one sends the array, if it holds any.
    pub(crate) fn fill(&self, index: usize, reply: Option<Bytes>, holds: Vec<Hold>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = state.replies.get_mut(index) {
            *slot = reply;
        }
        state.holds.extend(holds);
        state.waiting = state.waiting.saturating_sub(1);
        if state.waiting > 0 {
            return;
        }
        let replies: Vec<Bytes> = std::mem::take(&mut state.replies).into_iter().flatten().collect();
        let holds = std::mem::take(&mut state.holds);
        drop(state);
        if !replies.is_empty() {
            self.caller.session.outbox().reply(Codec::join_batch(&replies));
        }
        drop(holds);
    }
}
