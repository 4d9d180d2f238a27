//! The receivers of one side of one conversation on this node, and the last event that they were told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deskwire_protocol::{CloseCode, ConversationId, Seq, ShopId, UserId};
use deskwire_store::{Side, Store};
use tokio::time::timeout;

use crate::{event::Event, session::Listener};

/// Events that came while a gap is being filled, kept so that the store is not read for them. More are let go:
/// the store has them all.
const EARLY: usize = 256;
/// Events read from the store at a time while filling a gap.
const FILL_PAGE: u32 = 500;
/// The longest pause between two tries to read a store that is away.
const FILL_PAUSE: Duration = Duration::from_secs(2);

/// One attaching of one receiver; a later one has a greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(super) u64);

/// What a slot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) conversation_id: ConversationId,
    pub(crate) shop_id: ShopId,
    pub(crate) buyer_id: UserId,
    pub(crate) side: Side,
}

/// The receivers of one side of one conversation.
pub(crate) struct Slot {
    place: Place,
    state: Mutex<State>,
}

struct State {
    /// The last event delivered; `None` until the store was asked where the sequence stands.
    last: Option<Seq>,
    filling: bool,
    early: Vec<Arc<Event>>,
    receivers: Vec<Attached>,
}

struct Attached {
    listener: Arc<Listener>,
    /// By which attaching it got here: a later one of the same receiver takes its place.
    ticket: Ticket,
    /// Events up to here are the receiver's already.
    has: Seq,
    /// Events that wait until the answer to `attach` is on its way; `None` when live.
    held: Option<Vec<Arc<Event>>>,
}

impl Attached {
    fn deliver(&mut self, event: &Arc<Event>, side: Side) {
        if event.record().seq <= self.has {
            return;
        }
        let outbox = &self.listener.outbox;
        match &mut self.held {
            // What is held must fit into the outbox when its time has come.
            Some(held) if held.len() >= outbox.limits().events => {
                held.clear();
                outbox.close(CloseCode::SlowConsumer);
            }
            Some(held) => held.push(Arc::clone(event)),
            None => outbox.push(event.frame(outbox.codec(), side)),
        }
    }
}

impl Slot {
    pub(super) fn new(place: Place) -> Self {
        let state = State { last: None, filling: false, early: Vec::new(), receivers: Vec::new() };
        Self { place, state: Mutex::new(state) }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Adds a receiver, held back, in place of an earlier attaching of the same receiver.
    pub(super) fn add(&self, listener: &Arc<Listener>, ticket: Ticket) {
        let mut state = self.lock();
        state.receivers.retain(|attached| attached.listener.number != listener.number);
        // Most have one receiver; room for four would double what a slot takes.
        if state.receivers.is_empty() {
            state.receivers.reserve_exact(1);
        }
        state.receivers.push(Attached {
            listener: Arc::clone(listener),
            ticket,
            has: Seq::ZERO,
            held: Some(Vec::new()),
        });
    }

    /// Removes what this attaching added, if a later one has not taken its place; whether no receiver is left.
    pub(super) fn remove(&self, ticket: Ticket) -> bool {
        let mut state = self.lock();
        state.receivers.retain(|attached| attached.ticket != ticket);
        state.receivers.is_empty()
    }

    /// Whether what this attaching added is still there.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        self.lock().receivers.iter().any(|attached| attached.ticket == ticket)
    }

    /// The sequence stands here; later events are delivered from now on. Whether a gap must be filled.
    pub(super) fn start(&self, seq: Seq) -> bool {
        let mut state = self.lock();
        if state.last.is_some() {
            return false;
        }
        state.last = Some(seq);
        self.deliver_early(&mut state);
        Self::begin_fill(&mut state)
    }

    /// Where the slot stands. The receiver has, or will be given by its backlog, all up to the later of this and
    /// `has`, and is told what comes after.
    pub(crate) fn join(&self, ticket: Ticket, has: Option<Seq>) -> Seq {
        let mut state = self.lock();
        let last = state.last.unwrap_or_default();
        if let Some(attached) = state.receivers.iter_mut().find(|attached| attached.ticket == ticket) {
            attached.has = last.max(has.unwrap_or_default());
            let has = attached.has;
            if let Some(held) = &mut attached.held {
                held.retain(|event| event.record().seq > has);
            }
        }
        last
    }

    /// An event from the bus. Whether a gap must be filled.
    pub(super) fn receive(&self, event: &Arc<Event>) -> bool {
        let mut state = self.lock();
        match state.last {
            Some(last) if !state.filling && event.prev_seq(self.place.side) == last => {
                self.deliver(&mut state, event);
                false
            }
            Some(last) if event.record().seq <= last => false,
            Some(_) | None => {
                if state.early.len() < EARLY {
                    state.early.push(Arc::clone(event));
                }
                Self::begin_fill(&mut state)
            }
        }
    }

    /// The store has events up to `seq`. Whether a gap must be filled.
    pub(super) fn falls_behind(&self, seq: Seq) -> bool {
        let mut state = self.lock();
        match state.last {
            Some(last) if seq > last && !state.filling => {
                state.filling = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Reads what is missing from the store and delivers it, until the slot has caught up with what came early.
    pub(super) async fn fill(&self, store: &Store, patience: Duration) {
        let mut pause = Duration::from_millis(50);
        loop {
            let last = {
                let mut state = self.lock();
                if state.receivers.is_empty() {
                    state.filling = false;
                    return;
                }
                state.last.unwrap_or_default()
            };
            let reading = store.events(self.place.conversation_id, self.place.side, last, FILL_PAGE);
            match timeout(patience, reading).await {
                Ok(Ok(events)) => {
                    let full = events.len() >= FILL_PAGE as usize;
                    let found = !events.is_empty();
                    let mut state = self.lock();
                    for record in events {
                        let event = Arc::new(Event::new(record));
                        if Some(event.prev_seq(self.place.side)) == state.last {
                            self.deliver(&mut state, &event);
                        }
                    }
                    self.deliver_early(&mut state);
                    if !full && state.early.is_empty() {
                        state.filling = false;
                        return;
                    }
                    if found {
                        continue;
                    }
                    // Told of an event that the store does not show yet: ask again after a pause.
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, conversation_id = %self.place.conversation_id,
                        "could not read missed events; trying again");
                }
                Err(_) => {
                    tracing::warn!(conversation_id = %self.place.conversation_id,
                        "missed events were not read in time; trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(FILL_PAUSE);
        }
    }

    pub(crate) fn listeners(&self) -> Vec<Arc<Listener>> {
        self.lock().receivers.iter().map(|attached| Arc::clone(&attached.listener)).collect()
    }

    /// Ends the holding back of a receiver: what was held is delivered, in order.
    fn release(&self, ticket: Ticket) {
        let mut state = self.lock();
        if let Some(attached) = state.receivers.iter_mut().find(|attached| attached.ticket == ticket) {
            for event in attached.held.take().unwrap_or_default() {
                attached.deliver(&event, self.place.side);
            }
        }
    }

    fn deliver(&self, state: &mut State, event: &Arc<Event>) {
        for attached in &mut state.receivers {
            attached.deliver(event, self.place.side);
        }
        state.last = Some(event.record().seq);
    }

    /// Delivers those of the early events whose turn has come.
    fn deliver_early(&self, state: &mut State) {
        let mut early = std::mem::take(&mut state.early);
        early.sort_by_key(|event| event.record().seq);
        for event in early {
            if Some(event.prev_seq(self.place.side)) == state.last {
                self.deliver(state, &event);
            } else if Some(event.record().seq) > state.last {
                state.early.push(event);
            }
        }
    }

    fn begin_fill(state: &mut State) -> bool {
        let begin = state.last.is_some() && !state.filling && !state.early.is_empty();
        state.filling |= begin;
        begin
    }

    /// A poisoned lock means a panic while moving plain values; the store still has every event.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Live events are held back while this lives: drop it once the answer to `attach` is in the outbox.
pub struct Hold {
    held: Option<(Arc<Slot>, Ticket)>,
}

impl Hold {
    pub(crate) fn new(slot: Arc<Slot>, ticket: Ticket) -> Self {
        Self { held: Some((slot, ticket)) }
    }

    /// Nothing is held back.
    pub(crate) const fn nothing() -> Self {
        Self { held: None }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((slot, ticket)) = self.held.take() {
            slot.release(ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{Codec, Role};
    use deskwire_store::Scope;

    use super::*;
    use crate::{Outbox, OutboxLimits};

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn listener(number: u64) -> Arc<Listener> {
        let scope =
            Scope { shop_id: ShopId::new("shop").unwrap(), role: Role::Agent, user_id: user("grace") };
        let outbox = Outbox::new(Codec::Json, OutboxLimits { events: 2, bytes: 1_000 });
        Arc::new(Listener::new(number, scope, outbox))
    }

    #[test]
    fn an_earlier_attaching_that_ends_late_takes_nothing_from_the_later_one() {
        let slot = Slot::new(Place {
            conversation_id: ConversationId::new(7).unwrap(),
            shop_id: ShopId::new("shop").unwrap(),
            buyer_id: user("ana"),
            side: Side::Shop,
        });
        let (session, earlier, later) = (listener(1), Ticket(1), Ticket(2));
        slot.add(&session, earlier);
        slot.add(&session, later);
        slot.release(earlier);
        assert!(!slot.remove(earlier), "the later one is there");
        assert!(slot.holds(later) && !slot.holds(earlier));
        assert!(slot.lock().receivers[0].held.is_some(), "and still held back");
        assert!(slot.remove(later));
    }
}
