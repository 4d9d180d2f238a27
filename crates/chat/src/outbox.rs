//! The frames that wait for one socket: bounded, and closed with a named reason when the bound is reached.
//!
//! Events in sequence are never dropped: a reader too slow for them loses its socket. Replies have a bound of their
//! own, that of the requests in flight: who asks for much at once is no slow reader. Summaries are
//! safe to lose, so the newest of a conversation replaces the one that still waits, and when too many
//! conversations wait the client is told to call `conversation.sync` instead.

use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use bytes::Bytes;
use deskwire_protocol::{CloseCode, Codec, ConversationId, event::EventName, event::SessionResync};
use indexmap::IndexMap;

/// How much may wait for one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Frames.
    pub events: usize,
    /// Bytes of those frames.
    pub bytes: usize,
}

/// The frames that wait for one socket.
pub struct Outbox {
    codec: Codec,
    limits: OutboxLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Events and replies, as they came.
    frames: Vec<Bytes>,
    /// Of them, the events, and their bytes.
    events: usize,
    bytes: usize,
    summaries: Option<Box<Summaries>>,
    closing: Option<CloseCode>,
    /// Only the socket's own task ever waits.
    waker: Option<Waker>,
}

/// The newest of each conversation.
#[derive(Default)]
struct Summaries {
    frames: IndexMap<ConversationId, Bytes>,
    bytes: usize,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(codec: Codec, limits: OutboxLimits) -> Self {
        Self { codec, limits, state: Mutex::default() }
    }

    /// The encoding of the socket.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// How much may wait.
    #[must_use]
    pub fn limits(&self) -> OutboxLimits {
        self.limits
    }

    /// Adds an event. Over the bound the socket is closed as a slow consumer and what waits is let go: the client
    /// reconnects and resumes from its last `seq`.
    pub fn push(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        let over = state.events >= self.limits.events || state.bytes + frame.len() > self.limits.bytes;
        // An event larger than the whole bound must still be able to go out alone.
        if over && state.events > 0 {
            *state = State {
                closing: Some(CloseCode::SlowConsumer),
                waker: state.waker.take(),
                ..State::default()
            };
            metrics::counter!("deskwire_slow_consumers_total").increment(1);
            wake(state);
            return;
        }
        state.events += 1;
        state.bytes += frame.len();
        state.frames.push(frame);
        wake(state);
    }

    /// Adds a reply. The caller bounds them: by the requests in flight, and by asking for no more while the socket
    /// is being written to.
    pub fn reply(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.closing.is_none() {
            state.frames.push(frame);
            wake(state);
        }
    }

    /// Adds a summary, in place of the one of the same conversation that still waits.
    pub(crate) fn push_summary(&self, conversation_id: ConversationId, frame: Bytes) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        let summaries = state.summaries.get_or_insert_default();
        summaries.bytes += frame.len();
        if let Some(older) = summaries.frames.insert(conversation_id, frame) {
            summaries.bytes -= older.len();
        }
        let too_many = summaries.frames.len() > self.limits.events || summaries.bytes > self.limits.bytes;
        // One alone goes out whatever its length.
        if too_many && summaries.frames.len() > 1 {
            state.summaries = None;
            drop(state);
            match self.codec.encode_push(EventName::SessionResync.as_str(), &SessionResync {}) {
                Ok(frame) => self.push(frame),
                Err(error) => tracing::error!(%error, "could not encode session.resync"),
            }
            return;
        }
        wake(state);
    }

    /// Adds an event that is safe to lose: left out when half of the bound is in use.
    pub(crate) fn push_lossy(&self, frame: Bytes) {
        let room = {
            let state = self.lock();
            state.events < self.limits.events / 2 && state.bytes < self.limits.bytes / 2
        };
        if room {
            self.push(frame);
        }
    }

    /// Ends the socket after what waits is written. The first reason stands.
    pub fn close(&self, code: CloseCode) {
        let mut state = self.lock();
        if state.closing.is_none() {
            state.closing = Some(code);
            wake(state);
        }
    }

    /// Returns when there is something to take. Cancel safe; only one task may wait.
    pub async fn ready(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.frames.is_empty() && state.summaries.is_none() && state.closing.is_none() {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Moves out all that waits; the reason to close, if any, comes after it.
    pub fn take(&self, into: &mut Vec<Bytes>) -> Option<CloseCode> {
        let mut state = self.lock();
        if into.is_empty() {
            std::mem::swap(into, &mut state.frames);
        } else {
            into.append(&mut state.frames);
        }
        state.events = 0;
        state.bytes = 0;
        if let Some(summaries) = state.summaries.take() {
            into.extend(summaries.frames.into_values());
        }
        state.closing
    }

    /// A poisoned lock means a panic while moving plain values; they are still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(events: usize, bytes: usize) -> Outbox {
        Outbox::new(Codec::Json, OutboxLimits { events, bytes })
    }

    fn taken(outbox: &Outbox) -> (Vec<Bytes>, Option<CloseCode>) {
        let mut frames = Vec::new();
        let code = outbox.take(&mut frames);
        (frames, code)
    }

    #[test]
    fn a_full_outbox_closes_as_a_slow_consumer_and_lets_go_of_its_memory() {
        for outbox in [outbox(2, 1000), outbox(100, 7)] {
            for _ in 0..4 {
                outbox.push(Bytes::from_static(b"abc"));
            }
            assert_eq!(taken(&outbox), (vec![], Some(CloseCode::SlowConsumer)));
        }
    }

    #[test]
    fn one_frame_larger_than_the_bound_goes_out_alone() {
        let outbox = outbox(4, 2);
        outbox.push(Bytes::from_static(b"abcdef"));
        assert_eq!(taken(&outbox), (vec![Bytes::from_static(b"abcdef")], None));
    }

    #[test]
    fn replies_neither_count_as_events_nor_close_and_keep_their_place_among_them() {
        let outbox = outbox(2, 5);
        let frames = ["a", "a reply larger than the bound", "b", "another one"].map(Bytes::from);
        for (frame, is_reply) in frames.iter().zip([false, true, false, true]) {
            if is_reply { outbox.reply(frame.clone()) } else { outbox.push(frame.clone()) }
        }
        assert_eq!(taken(&outbox), (frames.to_vec(), None));
    }

    #[test]
    fn the_newest_summary_of_a_conversation_replaces_the_waiting_one() {
        let outbox = outbox(4, 1000);
        let id = ConversationId::new(1).unwrap();
        outbox.push_summary(id, Bytes::from_static(b"old"));
        outbox.push_summary(id, Bytes::from_static(b"new"));
        assert_eq!(taken(&outbox).0, vec![Bytes::from_static(b"new")]);
    }

    #[test]
    fn too_many_summaries_become_a_resync() {
        let outbox = outbox(2, 1000);
        for id in 1..=3 {
            outbox.push_summary(ConversationId::new(id).unwrap(), Bytes::from_static(b"s"));
        }
        let (frames, code) = taken(&outbox);
        assert_eq!((frames.len(), code), (1, None));
        assert!(std::str::from_utf8(&frames[0]).unwrap().contains("session.resync"));
    }

    #[test]
    fn summaries_that_are_too_long_together_become_a_resync() {
        let outbox = outbox(100, 10);
        let push = |id: i64, frame: &'static str| {
            outbox.push_summary(ConversationId::new(id).unwrap(), Bytes::from_static(frame.as_bytes()));
        };
        push(1, "one that is long by itself");
        assert_eq!(taken(&outbox).0.len(), 1, "it goes out alone");
        push(1, "12345");
        push(1, "54321");
        push(2, "12345");
        assert_eq!(taken(&outbox).0.len(), 2, "what was replaced does not count");
        push(1, "123456");
        push(2, "123456");
        let (frames, code) = taken(&outbox);
        assert_eq!((frames.len(), code), (1, None));
        assert!(std::str::from_utf8(&frames[0]).unwrap().contains("session.resync"));
    }

    #[test]
    fn the_first_reason_to_close_stands() {
        let outbox = outbox(4, 1000);
        outbox.push(Bytes::from_static(b"last words"));
        outbox.close(CloseCode::Draining);
        outbox.close(CloseCode::Revoked);
        assert_eq!(taken(&outbox), (vec![Bytes::from_static(b"last words")], Some(CloseCode::Draining)));
    }
}
