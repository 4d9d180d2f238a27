//! Changes of a shop's products and coupons, told to all its agents. Collected for a moment: a coupon that thousands claim
//! at once is one event a period, not one a claim.
//!
//! They carry no sequence and are safe to lose; whoever is told reads the thing again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use deskwire_protocol::{card::ThingKind, event::WorkbenchChanged};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{bus::Topic, hub::Hub, spawn_vital};

/// More things of a kind than this in one period are told as one change of all: to read a page again costs an agent's
/// client less than so many events.
const ONE_BY_ONE: usize = 50;

/// Changes that are to be told.
#[derive(Default)]
pub(crate) struct Shelf {
    /// By shop and kind, the last one of each thing.
    waiting: Mutex<HashMap<(Topic, ThingKind), HashMap<String, WorkbenchChanged>>>,
    wake: Notify,
}

impl Shelf {
    pub(crate) fn mark(&self, topic: &Topic, changed: &WorkbenchChanged) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let things = waiting.entry((topic.clone(), changed.kind)).or_default();
        // Of more than are told one by one it matters only that there are more.
        if things.len() <= ONE_BY_ONE || things.contains_key(&changed.id) {
            things.insert(changed.id.clone(), changed.clone());
        }
        drop(waiting);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<(Topic, WorkbenchChanged)> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().flat_map(|((topic, kind), things)| told(&topic, kind, things)).collect()
    }
}

/// One by one, or all of them as one without an id.
fn told(
    topic: &Topic,
    kind: ThingKind,
    things: HashMap<String, WorkbenchChanged>,
) -> Vec<(Topic, WorkbenchChanged)> {
    let of_all = things.contains_key("") || things.len() > ONE_BY_ONE;
    let last = things.values().map(|changed| changed.update_time).max();
    match last {
        Some(update_time) if of_all => {
            let all =
                WorkbenchChanged { kind, id: String::new(), order_id: None, buyer_id: None, update_time };
            vec![(topic.clone(), all)]
        }
        _ => things.into_values().map(|changed| (topic.clone(), changed)).collect(),
    }
}

pub(crate) fn start(
    hub: &Arc<Hub>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    crashed: &CancellationToken,
) {
    let (hub, until, may_end) = (Arc::clone(hub), shutdown.clone(), shutdown.clone());
    let telling = async move {
        loop {
            tokio::select! {
                () = hub.shelf.wake.notified() => {}
                () = until.cancelled() => return,
            }
            tokio::time::sleep(hub.config.summary_interval).await;
            for (topic, changed) in hub.shelf.take() {
                hub.tell_of_shelf(&topic, &changed);
            }
        }
    };
    spawn_vital(tasks, "changes of products and coupons", crashed, move || may_end.is_cancelled(), telling);
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ShopId, Timestamp};

    use super::*;

    fn changed(id: &str, at: i64) -> WorkbenchChanged {
        WorkbenchChanged {
            kind: ThingKind::Coupon,
            id: id.into(),
            order_id: None,
            buyer_id: None,
            update_time: Timestamp::from_millis(at),
        }
    }

    fn topic() -> Topic {
        Topic::Shop(ShopId::new("s-1").unwrap())
    }

    #[test]
    fn many_changes_of_one_thing_are_told_as_the_last() {
        let shelf = Shelf::default();
        for at in 1..1_000 {
            shelf.mark(&topic(), &changed("c-1", at));
        }
        assert_eq!(shelf.take(), [(topic(), changed("c-1", 999))]);
        assert_eq!(shelf.take(), []);
    }

    #[test]
    fn changes_of_many_things_are_told_as_one_of_all() {
        let shelf = Shelf::default();
        for number in 0..10_000 {
            shelf.mark(&topic(), &changed(&format!("c-{number}"), 7));
        }
        assert_eq!(shelf.take(), [(topic(), changed("", 7))]);
    }
}
