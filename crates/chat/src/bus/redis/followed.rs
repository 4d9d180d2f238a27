//! Which channels this node wants to follow, and which of them the server has confirmed.
//!
//! Whoever wants a channel says so and waits; the task that owns the connection takes what has changed, tells the server,
//! and says when it is in force. So the two never wait for each other's lock, and nothing is lost while there is no server.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

use crate::bus::Topic;

#[derive(Default)]
pub(super) struct Followed {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    wanted: HashMap<Arc<str>, Wanted>,
    /// What the server has confirmed on this connection, and was not told to end since.
    confirmed: HashSet<Arc<str>>,
    /// Channels that the server is to be told of, or that changed back meanwhile.
    changed: HashSet<Arc<str>>,
    /// Whether there is a connection, with all that was wanted in force.
    live: bool,
}

struct Wanted {
    topic: Arc<Topic>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// How it stands with a channel that is wanted.
pub(super) enum Standing {
    InForce,
    /// Once confirmed, this tells; it fails when the connection ends before.
    Asked(oneshot::Receiver<()>),
    /// There is no connection. It is followed when there is one again.
    Away,
}

/// What the server is to be told.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) begin: Vec<Arc<str>>,
    pub(super) end: Vec<Arc<str>>,
}

impl Followed {
    pub(super) fn want(&self, channel: &Arc<str>, topic: Topic) -> Standing {
        let mut state = self.lock();
        let State { wanted, confirmed, changed, live } = &mut *state;
        let wanted = wanted
            .entry(Arc::clone(channel))
            .or_insert_with(|| Wanted { topic: Arc::new(topic), waiting: Vec::new() });
        if confirmed.contains(channel) {
            return if *live { Standing::InForce } else { Standing::Away };
        }
        changed.insert(Arc::clone(channel));
        if !*live {
            return Standing::Away;
        }
        let (tell, told) = oneshot::channel();
        wanted.waiting.push(tell);
        drop(state);
        self.changed.notify_one();
        Standing::Asked(told)
    }

    pub(super) fn unwant(&self, channel: &Arc<str>) {
        let mut state = self.lock();
        if state.wanted.remove(channel).is_some() {
            state.changed.insert(Arc::clone(channel));
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The topic of a channel that is wanted.
    pub(super) fn topic(&self, channel: &str) -> Option<Arc<Topic>> {
        self.lock().wanted.get(channel).map(|wanted| Arc::clone(&wanted.topic))
    }

    pub(super) fn is_confirmed(&self, channel: &str) -> bool {
        self.lock().confirmed.contains(channel)
    }

    /// A connection begins: nothing is confirmed, and all that is wanted is to be told.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.confirmed.clear();
        state.changed = state.wanted.keys().cloned().collect();
    }

    /// Returns when there may be changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What has changed since the last time.
    pub(super) fn take(&self) -> Changes {
        let mut state = self.lock();
        let mut changes = Changes::default();
        for channel in std::mem::take(&mut state.changed) {
            match (state.wanted.contains_key(&channel), state.confirmed.contains(&channel)) {
                (true, false) => changes.begin.push(channel),
                // From now on whoever wants it again must wait until it is begun anew.
                (false, true) => {
                    state.confirmed.remove(&channel);
                    changes.end.push(channel);
                }
                // Changed back before anybody looked.
                (true, true) => state.tell_those_who_wait(&channel),
                (false, false) => {}
            }
        }
        changes
    }

    /// The server follows these.
    pub(super) fn confirm(&self, channels: Vec<Arc<str>>) {
        let mut state = self.lock();
        for channel in channels {
            state.tell_those_who_wait(&channel);
            state.confirmed.insert(channel);
        }
    }

    /// The connection serves from now on, unless there is something that the server must be told first.
    pub(super) fn go_live(&self) -> bool {
        let mut state = self.lock();
        state.live = state.changed.is_empty();
        state.live
    }

    /// The connection is gone, and whoever waits for it is told so.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.live = false;
        state.confirmed.clear();
        for wanted in state.wanted.values_mut() {
            wanted.waiting.clear();
        }
    }

    /// A poisoned lock means a panic while moving plain values; the next connection begins anew anyway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell_those_who_wait(&mut self, channel: &str) {
        if let Some(wanted) = self.wanted.get_mut(channel) {
            for tell in wanted.waiting.drain(..) {
                // Whoever waited may have gone.
                tell.send(()).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::ShopId;

    use super::*;

    fn topic() -> Topic {
        Topic::Shop(ShopId::new("shop").unwrap())
    }

    fn live(followed: &Followed) {
        followed.begin();
        let changes = followed.take();
        followed.confirm(changes.begin);
        assert!(followed.go_live());
    }

    #[test]
    fn what_is_wanted_while_there_is_no_connection_is_told_to_the_next() {
        let (followed, channel) = (Followed::default(), Arc::from("c"));
        assert!(matches!(followed.want(&channel, topic()), Standing::Away));
        followed.begin();
        assert!(!followed.go_live(), "it must be in force first");
        let changes = followed.take();
        assert_eq!(changes.begin, [Arc::clone(&channel)]);
        followed.confirm(changes.begin);
        assert!(matches!(followed.want(&channel, topic()), Standing::Away), "not before it serves");
        assert!(followed.go_live());
        assert!(matches!(followed.want(&channel, topic()), Standing::InForce));
    }

    #[test]
    fn whoever_wants_a_channel_waits_until_it_is_confirmed_also_when_it_is_just_being_ended() {
        let (followed, channel) = (Followed::default(), Arc::from("c"));
        live(&followed);
        let Standing::Asked(mut told) = followed.want(&channel, topic()) else { panic!("in force already") };
        let begun = followed.take().begin;
        assert!(told.try_recv().is_err());
        followed.confirm(begun);
        told.try_recv().unwrap();

        followed.unwant(&channel);
        let changes = followed.take();
        assert_eq!(changes.end, [Arc::clone(&channel)]);
        let Standing::Asked(mut told) = followed.want(&channel, topic()) else { panic!("it is being ended") };
        let begun = followed.take().begin;
        assert_eq!(begun, [Arc::clone(&channel)]);
        followed.confirm(begun);
        told.try_recv().unwrap();
    }

    #[test]
    fn what_changes_back_before_the_server_is_told_stays_in_force() {
        let (followed, channel) = (Followed::default(), Arc::from("c"));
        drop(followed.want(&channel, topic()));
        live(&followed);
        followed.unwant(&channel);
        assert!(matches!(followed.want(&channel, topic()), Standing::InForce));
        let changes = followed.take();
        assert_eq!((changes.begin.len(), changes.end.len()), (0, 0));
    }

    #[test]
    fn whoever_waits_is_told_when_the_connection_ends() {
        let (followed, channel) = (Followed::default(), Arc::from("c"));
        live(&followed);
        let Standing::Asked(mut told) = followed.want(&channel, topic()) else { panic!("in force already") };
        followed.end();
        assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        followed.begin();
        assert_eq!(followed.take().begin, [channel]);
    }
}
