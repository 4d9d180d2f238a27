//! Who is online on other nodes, as leases: a node's word holds for as long as that node is heard.
//!
//! Each node tells when someone comes or leaves, and every few seconds that it lives. What a silent node has told runs out, so
//! nobody stays online for ever. Only those are kept whom a local receiver looks at; whoever begins to look asks.
//! Nothing of this is in sequence, and all of it is safe to lose: what was lost is asked for when the bus is back.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deskwire_protocol::{
    ConversationId, ParticipantRole, ShopId, UserId,
    event::{EventName, PresenceEvent},
};
use deskwire_store::Side;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{Bus, Notice, Presence, Topic},
    hub::{Hub, Place},
    spawn_vital,
};

/// Notices published at a time.
const CHUNK: usize = 500;
/// Notices that may wait to be published; more are let go.
const OUTGOING: usize = 50_000;
/// How long answers may take before whoever was not confirmed is taken for gone.
const GRACE: Duration = Duration::from_secs(2);

/// Which node tells something, and since which time its word is unbroken: what it told in an earlier one may not hold any
/// more, for it may have told otherwise when nobody heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Drawn when the node starts.
    pub node: u64,
    /// Greater each time that the node comes back to the bus.
    pub epoch: u64,
}

/// Asks the other nodes who of theirs is there; those answer by a presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who asks.
    pub node: u64,
    /// On a buyer's topic: whether that buyer is online. On a shop's: which agents are at this conversation.
    pub conversation_id: ConversationId,
}

/// Where someone is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stay {
    /// A buyer is online for the shop as a whole.
    Shop(ShopId),
    /// An agent is at a conversation.
    Conversation(ConversationId),
}

/// What other nodes have told.
pub(crate) struct Presences {
    node: u64,
    state: Mutex<State>,
    wake: Notify,
}

struct State {
    epoch: u64,
    /// Leases that were not confirmed since then may be out of date.
    asked: Instant,
    nodes: HashMap<u64, Node>,
    stays: HashMap<Stay, HashMap<UserId, HashMap<u64, Lease>>>,
    outgoing: Vec<(Topic, Notice)>,
    /// Notices may have been lost: ask and tell everything anew.
    anew: bool,
}

struct Node {
    heard: Instant,
    epoch: u64,
    since: Instant,
}

struct Lease {
    epoch: u64,
    confirmed: Instant,
}

impl Presences {
    /// None yet, told under this number, which no other node has.
    pub(crate) fn of(node: u64) -> Self {
        let state = State {
            epoch: 1,
            asked: Instant::now(),
            nodes: HashMap::new(),
            stays: HashMap::new(),
            outgoing: Vec::new(),
            anew: false,
        };
        Self { node, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Under which this node tells.
    pub(crate) fn origin(&self) -> Origin {
        Origin { node: self.node, epoch: self.lock().epoch }
    }

    pub(crate) fn is_own(&self, node: u64) -> bool {
        self.node == node
    }

    /// Whether they are there on another node.
    pub(crate) fn is_elsewhere(&self, stay: &Stay, user_id: &UserId) -> bool {
        self.lock().stays.get(stay).is_some_and(|users| users.contains_key(user_id))
    }

    /// All who are there on other nodes.
    pub(crate) fn elsewhere(&self, stay: &Stay) -> Vec<UserId> {
        self.lock().stays.get(stay).map(|users| users.keys().cloned().collect()).unwrap_or_default()
    }

    /// Another node tells. Whether that changes who is there on other nodes.
    fn hear(&self, stay: &Stay, user_id: &UserId, origin: Origin, online: bool) -> bool {
        let mut state = self.lock();
        state.hear(origin).heard = Instant::now();
        let users = state.stays.entry(stay.clone()).or_default();
        let was = users.contains_key(user_id);
        let leases = users.entry(user_id.clone()).or_default();
        if online {
            leases.insert(origin.node, Lease { epoch: origin.epoch, confirmed: Instant::now() });
        } else {
            leases.remove(&origin.node);
        }
        state.tidy(stay);
        was != state.stays.get(stay).is_some_and(|users| users.contains_key(user_id))
    }

    /// Nobody looks at them any more.
    fn forget(&self, stay: &Stay, user_id: Option<&UserId>) {
        let mut state = self.lock();
        match user_id {
            Some(user_id) => {
                if let Some(users) = state.stays.get_mut(stay) {
                    users.remove(user_id);
                }
                state.tidy(stay);
            }
            None => drop(state.stays.remove(stay)),
        }
    }

    /// Those whose leases have run out.
    fn run_out(&self, expiry: Duration) -> Vec<(Stay, UserId)> {
        let now = Instant::now();
        let mut state = self.lock();
        let State { nodes, stays, asked, .. } = &mut *state;
        nodes.retain(|_, node| node.heard + expiry > now);
        let holds = |number: &u64, lease: &Lease| {
            nodes.get(number).is_some_and(|node| {
                let unbroken = lease.epoch >= node.epoch || node.since + GRACE > now;
                let confirmed = lease.confirmed >= *asked || *asked + GRACE > now;
                unbroken && confirmed
            })
        };
        let mut gone = Vec::new();
        for (stay, users) in stays.iter_mut() {
            users.retain(|user_id, leases| {
                leases.retain(|number, lease| holds(number, lease));
                if leases.is_empty() {
                    gone.push((stay.clone(), user_id.clone()));
                }
                !leases.is_empty()
            });
        }
        stays.retain(|_, users| !users.is_empty());
        gone
    }

    /// This node stood still for a while: whatever others told meanwhile is lost, and that they were not heard means nothing.
    fn stood_still(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        for node in state.nodes.values_mut() {
            node.heard = now;
        }
        state.anew = true;
        drop(state);
        self.wake.notify_one();
    }

    fn publish(&self, notices: impl IntoIterator<Item = (Topic, Notice)>) {
        let mut state = self.lock();
        for notice in notices {
            if state.outgoing.len() < OUTGOING {
                state.outgoing.push(notice);
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// A poisoned lock means a panic while moving plain values; leases run out in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hear(&mut self, Origin { node, epoch }: Origin) -> &mut Node {
        let now = Instant::now();
        self.nodes.entry(node).or_insert(Node { heard: now, epoch, since: now })
    }

    /// A node says that it lives. Whether it was away from the bus since it last said so.
    fn hear_alive(&mut self, origin: Origin) -> bool {
        let now = Instant::now();
        let node = self.hear(origin);
        node.heard = now;
        let was_away = origin.epoch > node.epoch;
        if was_away {
            node.epoch = origin.epoch;
            node.since = now;
        }
        was_away
    }

    fn tidy(&mut self, stay: &Stay) {
        if let Some(users) = self.stays.get_mut(stay) {
            users.retain(|_, leases| !leases.is_empty());
            if users.is_empty() {
                self.stays.remove(stay);
            }
        }
    }
}

impl Hub {
    /// A receiver is the first of its side of a conversation here: it asks who of the other side is on other nodes.
    pub(crate) fn ask_who_is_there(&self, place: &Place) {
        // What came late for those who looked before may not hold any more.
        self.look_no_longer(place);
        self.presences.publish([question(self.presences.node, place)]);
    }

    /// The last receiver of its side is gone.
    pub(crate) fn look_no_longer(&self, place: &Place) {
        match place.side {
            Side::Shop => {
                self.presences.forget(&Stay::Shop(place.shop_id.clone()), Some(&place.buyer_id));
            }
            Side::Buyer => self.presences.forget(&Stay::Conversation(place.conversation_id), None),
        }
    }

    /// The bus went away or came back.
    pub(crate) fn presences_may_be_lost(&self) {
        if self.topics.trouble().is_none() {
            self.presences.lock().anew = true;
            self.presences.wake.notify_one();
        }
    }

    /// Another node lives. What it could not tell while it was away from the bus is in the store.
    pub(crate) fn hear_alive(&self, origin: Origin) {
        if !self.presences.is_own(origin.node) && self.presences.lock().hear_alive(origin) {
            self.sweep_now.notify_one();
        }
    }

    /// Another node wants to know who is here.
    pub(crate) fn answer_who_is_here(&self, topic: &Topic, asked: Asked) {
        if self.presences.is_own(asked.node) {
            return;
        }
        let answers: Vec<_> = match topic {
            Topic::Buyer(shop_id, buyer_id) if !self.listeners(topic).is_empty() => {
                vec![self.buyer_is_here(shop_id, buyer_id)]
            }
            Topic::Shop(_) => {
                let slot = self.slot(asked.conversation_id, Side::Shop);
                slot.map(|slot| self.agents_are_here(slot.place())).unwrap_or_default()
            }
            Topic::Buyer(..) | Topic::Nodes => vec![],
        };
        if !answers.is_empty() {
            self.presences.publish(answers);
        }
    }

    /// Someone came or left, here or on another node. Those who look are told when that makes a difference.
    pub(crate) fn hear_presence(&self, topic: &Topic, presence: &Presence) {
        let (conversation_id, stay) = match (topic, presence.conversation_id) {
            (Topic::Shop(shop_id), None) => {
                let Some(watched) = self.watched(shop_id, &presence.user_id) else { return };
                (watched, Stay::Shop(shop_id.clone()))
            }
            (Topic::Buyer(..), Some(conversation_id)) => {
                (conversation_id, Stay::Conversation(conversation_id))
            }
            (Topic::Shop(_) | Topic::Buyer(..) | Topic::Nodes, Some(_) | None) => return,
        };
        let Some(side) = topic.side() else { return };
        let differs = if self.presences.is_own(presence.origin.node) {
            !self.presences.is_elsewhere(&stay, &presence.user_id)
        } else if self.slot(conversation_id, side).is_some() {
            self.presences.hear(&stay, &presence.user_id, presence.origin, presence.online)
                && !self.is_here(&stay, &presence.user_id)
        } else {
            false
        };
        if differs {
            self.tell_presence(conversation_id, side, presence.user_id.clone(), presence.online);
        }
    }

    /// Tells those who look that someone's leases have run out.
    fn tell_run_out(&self) {
        for (stay, user_id) in self.presences.run_out(self.config.presence_expiry) {
            if self.is_here(&stay, &user_id) {
                continue;
            }
            match &stay {
                Stay::Shop(shop_id) => {
                    if let Some(conversation_id) = self.watched(shop_id, &user_id) {
                        self.tell_presence(conversation_id, Side::Shop, user_id, false);
                    }
                }
                Stay::Conversation(conversation_id) => {
                    self.tell_presence(*conversation_id, Side::Buyer, user_id, false);
                }
            }
        }
    }

    fn tell_presence(&self, conversation_id: ConversationId, side: Side, user_id: UserId, online: bool) {
        let role = match side {
            Side::Shop => ParticipantRole::Buyer,
            Side::Buyer => ParticipantRole::CustomerService,
        };
        let event = PresenceEvent { role, user_id, online };
        self.tell(conversation_id, side, EventName::Presence, &event, |_| false);
    }

    /// Whether they are there on this node.
    fn is_here(&self, stay: &Stay, user_id: &UserId) -> bool {
        match stay {
            Stay::Shop(shop_id) => {
                !self.listeners(&Topic::Buyer(shop_id.clone(), user_id.clone())).is_empty()
            }
            Stay::Conversation(conversation_id) => self
                .slot(*conversation_id, Side::Shop)
                .is_some_and(|slot| slot.listeners().iter().any(|listener| listener.is_of(user_id))),
        }
    }

    fn buyer_is_here(&self, shop_id: &ShopId, buyer_id: &UserId) -> (Topic, Notice) {
        let presence = Presence {
            conversation_id: None,
            role: ParticipantRole::Buyer,
            user_id: buyer_id.clone(),
            online: true,
            origin: self.presences.origin(),
        };
        (Topic::Shop(shop_id.clone()), Notice::Presence(presence))
    }

    fn agents_are_here(&self, place: &Place) -> Vec<(Topic, Notice)> {
        let slot = self.slot(place.conversation_id, Side::Shop);
        let listeners = slot.map(|slot| slot.listeners()).unwrap_or_default();
        let users: HashSet<_> = listeners.iter().map(|listener| listener.scope.user_id.clone()).collect();
        let topic = Topic::Buyer(place.shop_id.clone(), place.buyer_id.clone());
        let origin = self.presences.origin();
        users
            .into_iter()
            .map(|user_id| {
                let presence = Presence {
                    conversation_id: Some(place.conversation_id),
                    role: ParticipantRole::CustomerService,
                    user_id,
                    online: true,
                    origin,
                };
                (topic.clone(), Notice::Presence(presence))
            })
            .collect()
    }

    /// What goes out now: what waits, and after a time without the bus everything anew.
    fn outgoing_presences(&self) -> Vec<(Topic, Notice)> {
        let (mut notices, anew) = {
            let mut state = self.presences.lock();
            let anew = std::mem::take(&mut state.anew);
            if anew {
                state.epoch += 1;
                state.asked = Instant::now();
            }
            (std::mem::take(&mut state.outgoing), anew)
        };
        if anew {
            notices.push((Topic::Nodes, Notice::Alive(self.presences.origin())));
            for place in self.places() {
                notices.push(question(self.presences.node, &place));
                if place.side == Side::Shop {
                    notices.extend(self.agents_are_here(&place));
                }
            }
            for topic in self.topics_listened() {
                if let Topic::Buyer(shop_id, buyer_id) = &topic {
                    notices.push(self.buyer_is_here(shop_id, buyer_id));
                }
            }
        }
        notices
    }
}

/// Who of the other side is there?
fn question(node: u64, place: &Place) -> (Topic, Notice) {
    let asked = Asked { node, conversation_id: place.conversation_id };
    let topic = match place.side {
        Side::Shop => Topic::Buyer(place.shop_id.clone(), place.buyer_id.clone()),
        Side::Buyer => Topic::Shop(place.shop_id.clone()),
    };
    (topic, Notice::Asked(asked))
}

pub(crate) fn start(
    hub: &Arc<Hub>,
    bus: &Arc<dyn Bus>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    crashed: &CancellationToken,
) {
    let (hub, bus, until, may_end) = (Arc::clone(hub), Arc::clone(bus), shutdown.clone(), shutdown.clone());
    let telling = async move {
        // A node is silent when four of its signs were not heard.
        let period = hub.config.presence_expiry / 4;
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        hub.topics.want(&Topic::Nodes);
        loop {
            let alive = tokio::select! {
                _ = ticks.tick() => true,
                () = hub.presences.wake.notified() => false,
                () = until.cancelled() => return,
            };
            let mut notices = hub.outgoing_presences();
            if alive {
                if let Err(error) = hub.topics.in_force(&Topic::Nodes).await {
                    tracing::debug!(%error, "other nodes are not heard");
                }
                // Whoever stood still has heard nobody, which says nothing about others.
                if last.elapsed() > period * 2 {
                    hub.presences.stood_still();
                }
                last = Instant::now();
                hub.tell_run_out();
                notices.push((Topic::Nodes, Notice::Alive(hub.presences.origin())));
            }
            for chunk in notices.chunks(CHUNK) {
                let published = timeout(hub.config.publish_timeout, bus.publish(chunk.to_vec())).await;
                if !matches!(published, Ok(Ok(()))) {
                    tracing::debug!("who is here was not told; it is told again when the bus is back");
                    break;
                }
            }
        }
    };
    spawn_vital(tasks, "presence", crashed, move || may_end.is_cancelled(), telling);
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRY: Duration = Duration::from_secs(10);

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn stay() -> Stay {
        Stay::Shop(ShopId::new("shop").unwrap())
    }

    fn origin(node: u64, epoch: u64) -> Origin {
        Origin { node, epoch }
    }

    #[tokio::test(start_paused = true)]
    async fn someone_on_two_nodes_is_gone_when_both_say_so() {
        let presences = Presences::of(7);
        assert!(presences.hear(&stay(), &user("ana"), origin(1, 1), true));
        assert!(!presences.hear(&stay(), &user("ana"), origin(1, 1), true));
        assert!(!presences.hear(&stay(), &user("ana"), origin(2, 1), true));
        assert!(!presences.hear(&stay(), &user("ana"), origin(1, 1), false));
        assert!(presences.is_elsewhere(&stay(), &user("ana")));
        assert!(presences.hear(&stay(), &user("ana"), origin(2, 1), false));
        assert!(!presences.is_elsewhere(&stay(), &user("ana")));
        assert!(!presences.hear(&stay(), &user("ana"), origin(2, 1), false));
        assert!(presences.lock().stays.is_empty(), "nothing is left behind");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_nodes_word_runs_out_and_a_living_ones_does_not() {
        let presences = Presences::of(7);
        presences.hear(&stay(), &user("ana"), origin(1, 1), true);
        presences.hear(&stay(), &user("eva"), origin(2, 1), true);
        for _ in 0..4 {
            tokio::time::advance(EXPIRY / 4).await;
            presences.lock().hear_alive(origin(2, 1));
        }
        assert_eq!(presences.run_out(EXPIRY), [(stay(), user("ana"))]);
        assert_eq!(presences.elsewhere(&stay()), [user("eva")]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_node_does_not_repeat_when_it_is_back_was_true_only_before() {
        let presences = Presences::of(7);
        for id in ["ana", "eva"] {
            presences.hear(&stay(), &user(id), origin(1, 1), true);
        }
        presences.hear(&stay(), &user("eva"), origin(1, 2), true);
        assert!(presences.lock().hear_alive(origin(1, 2)), "it was away");
        assert!(!presences.lock().hear_alive(origin(1, 2)));
        assert_eq!(presences.run_out(EXPIRY), [], "the rest may be on its way");
        tokio::time::advance(GRACE).await;
        assert_eq!(presences.run_out(EXPIRY), [(stay(), user("ana"))]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_not_confirmed_when_asked_anew_is_gone() {
        let presences = Presences::of(7);
        for id in ["ana", "eva"] {
            presences.hear(&stay(), &user(id), origin(1, 1), true);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        presences.lock().asked = Instant::now();
        presences.hear(&stay(), &user("eva"), origin(1, 1), true);
        assert_eq!(presences.run_out(EXPIRY), []);
        tokio::time::advance(GRACE).await;
        assert_eq!(presences.run_out(EXPIRY), [(stay(), user("ana"))]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_kept_at_whom_nobody_looks() {
        let presences = Presences::of(7);
        let conversation = Stay::Conversation(ConversationId::new(7).unwrap());
        presences.hear(&stay(), &user("ana"), origin(1, 1), true);
        presences.hear(&conversation, &user("bo"), origin(1, 1), true);
        presences.forget(&stay(), Some(&user("ana")));
        presences.forget(&conversation, None);
        assert!(presences.lock().stays.is_empty());
    }
}
