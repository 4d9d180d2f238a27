//! The bus within one process: a call, nothing else. Several nodes may share one, as tests do.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicUsize, Ordering},
};

use dashmap::DashMap;
use futures::future::{BoxFuture, ready};

use super::{Bus, BusError, Notice, Receiver, Topic, Trouble};

/// The shared part: who follows what.
#[derive(Default)]
pub struct InProcess {
    /// By topic, the nodes that follow it, each by its number.
    followers: DashMap<Topic, Vec<Follower>>,
    nodes: AtomicUsize,
}

type Follower = (usize, Weak<dyn Receiver>);

impl InProcess {
    /// One node on a bus of its own.
    #[must_use]
    pub fn alone() -> Arc<InProcessNode> {
        Arc::new(Self::default()).node()
    }

    /// A further node on this bus.
    #[must_use]
    pub fn node(self: &Arc<Self>) -> Arc<InProcessNode> {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        Arc::new(InProcessNode { bus: Arc::clone(self), number, receiver: OnceLock::new() })
    }
}

/// One node's end.
pub struct InProcessNode {
    bus: Arc<InProcess>,
    number: usize,
    receiver: OnceLock<Weak<dyn Receiver>>,
}

impl Bus for InProcessNode {
    fn connect(&self, receiver: Arc<dyn Receiver>) {
        // The hub owns its bus, so the bus must not own the hub.
        self.receiver.get_or_init(|| Arc::downgrade(&receiver));
    }

    fn publish(&self, notices: Vec<(Topic, Notice)>) -> BoxFuture<'_, Result<(), BusError>> {
        for (topic, notice) in notices {
            // Copied out: a receiver may subscribe, and must not find the map locked.
            let followers =
                self.bus.followers.get(&topic).map(|followers| followers.clone()).unwrap_or_default();
            for receiver in followers.iter().filter_map(|(_, receiver)| receiver.upgrade()) {
                receiver.receive(&topic, notice.clone());
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn subscribe(&self, topic: Topic) -> BoxFuture<'_, Result<(), BusError>> {
        if let Some(receiver) = self.receiver.get() {
            let mut followers = self.bus.followers.entry(topic).or_default();
            if followers.iter().all(|(number, _)| *number != self.number) {
                followers.reserve_exact(1);
                followers.push((self.number, Weak::clone(receiver)));
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn unsubscribe(&self, topic: &Topic) {
        if let Some(mut followers) = self.bus.followers.get_mut(topic) {
            followers.retain(|(number, _)| *number != self.number);
        }
        self.bus.followers.remove_if(topic, |_, followers| followers.is_empty());
    }

    fn trouble(&self) -> Option<Trouble> {
        None
    }
}
