//! Which topics this node follows: from its first local session to its last.

use std::sync::Arc;

use dashmap::{DashMap, mapref::entry::Entry};
use tokio::sync::OnceCell;

use crate::bus::{Bus, BusError, Topic, Trouble};

struct Followed {
    sessions: usize,
    in_force: Arc<OnceCell<()>>,
}

/// The topics followed by this node.
pub(crate) struct Topics {
    bus: Arc<dyn Bus>,
    followed: DashMap<Topic, Followed>,
}

impl Topics {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus, followed: DashMap::new() }
    }

    /// One more session wants it. It is in force only after [`Topics::in_force`].
    pub(crate) fn want(&self, topic: &Topic) {
        self.followed
            .entry(topic.clone())
            .or_insert_with(|| Followed { sessions: 0, in_force: Arc::default() })
            .sessions += 1;
    }

    /// Returns when whatever is published on it from now on reaches this node.
    pub(crate) async fn in_force(&self, topic: &Topic) -> Result<(), BusError> {
        let Some(cell) = self.followed.get(topic).map(|followed| Arc::clone(&followed.in_force)) else {
            return Ok(());
        };
        let followed = cell.get_or_try_init(|| self.bus.subscribe(topic.clone())).await.copied();
        // The last session may have let go of it meanwhile: then nobody else would. After an error too, for the bus keeps
        // in mind what it is to follow.
        if let Entry::Vacant(entry) = self.followed.entry(topic.clone()) {
            self.bus.unsubscribe(entry.key());
        }
        followed
    }

    /// Why notices of other nodes do not come now, if they do not.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.bus.trouble()
    }

    /// One session less; after the last the topic is followed no longer.
    pub(crate) fn let_go(&self, topic: &Topic) {
        if let Entry::Occupied(mut entry) = self.followed.entry(topic.clone()) {
            entry.get_mut().sessions -= 1;
            if entry.get().sessions == 0 {
                // Within the entry's lock, so that a session that comes now subscribes after this.
                self.bus.unsubscribe(topic);
                entry.remove();
            }
        }
    }
}
