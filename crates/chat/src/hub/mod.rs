//! This node's receivers, and what each was told last.
//!
//! Invariant: each live receiver sees each event of its conversation once and in order. A slot keeps the last
//! event it delivered for one side of one conversation: the next one is delivered, an old one dropped, and a gap
//! is filled from the store first.

mod slot;

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use dashmap::DashMap;
use deskwire_protocol::{
    ConversationId, ShopId, UserId,
    event::{EventName, ReadUpdated, TypingEvent, WorkbenchChanged},
};
use deskwire_store::{Head, Side, Store};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ChatConfig,
    bus::{Bus, Changed, Notice, Receiver, Topic, Workbench},
    presence::Presences,
    session::Listener,
    shelf::Shelf,
    summary::Dirty,
    topics::Topics,
};
pub use slot::Hold;
pub(crate) use slot::{Place, Slot, Ticket};

/// One node's hub.
pub(crate) struct Hub {
    me: Weak<Self>,
    pub(crate) config: ChatConfig,
    pub(crate) store: Store,
    pub(crate) topics: Topics,
    pub(crate) dirty: Dirty,
    pub(crate) shelf: Shelf,
    pub(crate) presences: Presences,
    /// Wakes the repair sweep before its time.
    pub(crate) sweep_now: Notify,
    slots: DashMap<(ConversationId, Side), Arc<Slot>>,
    /// All local sessions by the topic that tells them of conversations.
    listeners: DashMap<Topic, Arc<Vec<Arc<Listener>>>>,
    /// The conversation of a buyer whom local agents are attached to.
    watched_buyers: DashMap<(ShopId, UserId), ConversationId>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Held while slots are made and removed, so that a slot is never removed under a receiver that joins it.
    slots_change: Mutex<()>,
    tickets: AtomicU64,
}

impl Hub {
    pub(crate) fn new(
        config: ChatConfig,
        store: Store,
        bus: Arc<dyn Bus>,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            config,
            store,
            topics: Topics::new(bus),
            dirty: Dirty::default(),
            shelf: Shelf::default(),
            presences: Presences::default(),
            sweep_now: Notify::new(),
            slots: DashMap::new(),
            listeners: DashMap::new(),
            watched_buyers: DashMap::new(),
            tasks,
            shutdown,
            slots_change: Mutex::new(()),
            tickets: AtomicU64::new(1),
        })
    }

    /// A session begins: it is told of conversations on this topic. Whether it is the first of its user here.
    pub(crate) fn listen(&self, topic: &Topic, listener: &Arc<Listener>) -> bool {
        self.topics.want(topic);
        let mut listeners = self.listeners.entry(topic.clone()).or_default();
        let first = !listeners.iter().any(|other| other.is_of(&listener.scope.user_id));
        Arc::make_mut(&mut listeners).push(Arc::clone(listener));
        first
    }

    /// It ends. Whether it was the last of its user here.
    pub(crate) fn unlisten(&self, topic: &Topic, listener: &Arc<Listener>) -> bool {
        let last = self.listeners.get_mut(topic).is_some_and(|mut listeners| {
            Arc::make_mut(&mut listeners).retain(|other| other.number != listener.number);
            !listeners.iter().any(|other| other.is_of(&listener.scope.user_id))
        });
        self.listeners.remove_if(topic, |_, listeners| listeners.is_empty());
        self.topics.let_go(topic);
        last
    }

    pub(crate) fn listeners(&self, topic: &Topic) -> Arc<Vec<Arc<Listener>>> {
        self.listeners.get(topic).map(|listeners| Arc::clone(&listeners)).unwrap_or_default()
    }

    /// Registers a receiver, held back; it is to be caught up. Invariant: subscribe, then read; whatever is committed from
    /// now on reaches the receiver through the slot, and the backlog is read up to where the slot stands.
    pub(crate) fn register(&self, place: &Place, listener: &Arc<Listener>) -> (Arc<Slot>, Ticket) {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        let _change = self.slots_change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first = false;
        let slot = Arc::clone(&self.slots.entry((place.conversation_id, place.side)).or_insert_with(|| {
            first = true;
            Arc::new(Slot::new(place.clone()))
        }));
        if place.side == Side::Shop {
            self.watched_buyers
                .insert((place.shop_id.clone(), place.buyer_id.clone()), place.conversation_id);
        }
        slot.add(listener, ticket);
        if first {
            self.ask_who_is_there(place);
        }
        (slot, ticket)
    }

    /// The sequence stands here, unless the slot knows that already. The head must have been read after a receiver had
    /// registered.
    pub(crate) fn start_slot(&self, slot: &Arc<Slot>, head: Head) {
        let seq = match slot.place().side {
            Side::Buyer => head.buyer_last_seq,
            Side::Shop => head.last_seq,
        };
        if slot.start(seq) {
            self.spawn_fill(slot);
        }
    }

    /// A receiver leaves; the slot goes with the last one.
    pub(crate) fn unregister(&self, slot: &Arc<Slot>, ticket: Ticket) {
        let _change = self.slots_change.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.remove(ticket) {
            return;
        }
        let place = slot.place();
        // Whoever leaves late finds that the slot is gone already, and perhaps that another has its place.
        let gone = self
            .slots
            .remove_if(&(place.conversation_id, place.side), |_, current| Arc::ptr_eq(current, slot))
            .is_some();
        if gone && place.side == Side::Shop {
            self.watched_buyers.remove(&(place.shop_id.clone(), place.buyer_id.clone()));
        }
        if gone {
            self.look_no_longer(place);
        }
    }

    pub(crate) fn slot(&self, conversation_id: ConversationId, side: Side) -> Option<Arc<Slot>> {
        self.slots.get(&(conversation_id, side)).map(|slot| Arc::clone(&slot))
    }

    /// Compares what was delivered with what the store has, and fills what is missing.
    pub(crate) fn compare(&self, heads: &[Head]) {
        for head in heads {
            for (side, seq) in [(Side::Buyer, head.buyer_last_seq), (Side::Shop, head.last_seq)] {
                if let Some(slot) = self.slot(head.conversation_id, side)
                    && slot.falls_behind(seq)
                {
                    metrics::counter!("deskwire_sweep_repairs_total").increment(1);
                    self.spawn_fill(&slot);
                }
            }
        }
    }

    /// All conversations with a local receiver.
    pub(crate) fn attached(&self) -> Vec<(ShopId, ConversationId)> {
        self.slots.iter().map(|slot| (slot.place().shop_id.clone(), slot.place().conversation_id)).collect()
    }

    fn spawn_fill(&self, slot: &Arc<Slot>) {
        let Some(hub) = self.me.upgrade() else { return };
        let slot = Arc::clone(slot);
        self.tasks.spawn(async move {
            tokio::select! {
                () = slot.fill(&hub.store, hub.config.request_timeout) => {}
                () = hub.shutdown.cancelled() => {}
            }
        });
    }

    /// Where there are local receivers, on either side.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.slots.iter().map(|slot| slot.place().clone()).collect()
    }

    /// The topics of local sessions.
    pub(crate) fn topics_listened(&self) -> Vec<Topic> {
        self.listeners.iter().map(|listeners| listeners.key().clone()).collect()
    }

    /// The conversation of a buyer whom a local agent is attached to.
    pub(crate) fn watched(&self, shop_id: &ShopId, buyer_id: &UserId) -> Option<ConversationId> {
        self.watched_buyers.get(&(shop_id.clone(), buyer_id.clone())).map(|id| *id)
    }

    /// Tells the local receivers of one side something that is safe to lose.
    pub(crate) fn tell<T: serde::Serialize>(
        &self,
        conversation_id: ConversationId,
        side: Side,
        name: EventName,
        event: &T,
        except: impl Fn(&Listener) -> bool,
    ) {
        let Some(slot) = self.slot(conversation_id, side) else { return };
        let mut frames = crate::summary::Frames::default();
        for listener in slot.listeners() {
            if !except(&listener)
                && let Some(frame) = frames.push(listener.outbox.codec(), name, event)
            {
                listener.outbox.push_lossy(frame);
            }
        }
    }

    /// Tells agents what their workbench should know.
    fn tell_workbench(&self, topic: &Topic, notice: &Workbench) {
        let Topic::Shop(shop_id) = topic else { return };
        match notice {
            Workbench::Changed(changed) => {
                if let Some(buyer_id) = &changed.buyer_id {
                    self.tell_watchers(shop_id, buyer_id, EventName::WorkbenchChanged, changed);
                } else if !self.listeners(topic).is_empty() {
                    self.shelf.mark(topic, changed);
                }
            }
            Workbench::DeadlineNear(near) => {
                self.tell_watchers(shop_id, &near.buyer_id, EventName::DeadlineNear, near);
            }
            Workbench::Orders(orders) => {
                self.tell_watchers(shop_id, &orders.buyer_id, EventName::WorkbenchOrders, orders);
            }
        }
    }

    /// Tells all agents of a shop of a change of its products or coupons.
    pub(crate) fn tell_of_shelf(&self, topic: &Topic, changed: &WorkbenchChanged) {
        self.tell_all(topic, EventName::WorkbenchChanged, changed);
    }

    /// Tells every local session of this topic something that is safe to lose.
    fn tell_all<T: serde::Serialize>(&self, topic: &Topic, name: EventName, event: &T) {
        let mut frames = crate::summary::Frames::default();
        for listener in self.listeners(topic).iter() {
            if let Some(frame) = frames.push(listener.outbox.codec(), name, event) {
                listener.outbox.push_lossy(frame);
            }
        }
    }

    /// Tells the agents who are attached to this buyer's conversation.
    fn tell_watchers<T: serde::Serialize>(
        &self,
        shop_id: &ShopId,
        buyer_id: &UserId,
        name: EventName,
        event: &T,
    ) {
        if let Some(conversation_id) = self.watched(shop_id, buyer_id) {
            self.tell(conversation_id, Side::Shop, name, event, |_| false);
        }
    }

    /// A conversation changed, and those who are not told of that in sequence are to be told its summary.
    pub(crate) fn changed(&self, topic: &Topic, changed: &Changed) {
        let wanted = self
            .listeners(topic)
            .iter()
            .any(|listener| !(changed.only_messages && listener.is_attached(changed.conversation_id)));
        if wanted {
            self.dirty.mark(topic, changed);
        }
    }
}

impl Receiver for Hub {
    fn receive(&self, topic: &Topic, notice: Notice) {
        let hub = self;
        let side = match (topic.side(), &notice) {
            (Some(side), _) => side,
            (None, Notice::Alive(origin)) => return hub.hear_alive(*origin),
            // Nothing else is told among nodes, by this release.
            (None, _) => return,
        };
        match notice {
            Notice::Event(event) => {
                let id = event.record().message.conversation_id;
                if let Some(slot) = hub.slot(id, side)
                    && slot.receive(&event)
                {
                    hub.spawn_fill(&slot);
                }
            }
            Notice::Changed(changed) => hub.changed(topic, &changed),
            Notice::Read(read) => {
                let event = ReadUpdated {
                    conversation_id: read.conversation_id,
                    reader: read.reader,
                    seq: read.seq,
                    read_time: read.read_time,
                };
                hub.tell(event.conversation_id, side, EventName::ReadUpdated, &event, |_| false);
            }
            Notice::Typing(typing) => {
                let event = TypingEvent {
                    conversation_id: typing.conversation_id,
                    sender: typing.sender,
                    typing: typing.typing,
                    expires_in_ms: u64::try_from(hub.config.typing_expiry.as_millis()).unwrap_or(u64::MAX),
                };
                let own = |listener: &Listener| {
                    listener.role() == event.sender.role
                        && Some(&listener.scope.user_id) == event.sender.user_id.as_ref()
                };
                hub.tell(event.conversation_id, side, EventName::Typing, &event, own);
            }
            Notice::Presence(presence) => hub.hear_presence(topic, &presence),
            Notice::Workbench(notice) => hub.tell_workbench(topic, &notice),
            Notice::Asked(asked) => hub.answer_who_is_here(topic, asked),
            Notice::Alive(origin) => hub.hear_alive(origin),
        }
    }

    fn interrupted(&self) {
        self.sweep_now.notify_one();
        self.presences_may_be_lost();
    }
}
