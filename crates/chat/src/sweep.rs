//! The repair sweep: finds what the bus lost by comparing the store with what was delivered.
//!
//! Recently changed conversations are compared often, and more often while the bus is away. Every attached one is compared now and then, since a commit
//! may become visible long after the time that it was stamped with (a node that stood still in between).

use std::{collections::HashMap, sync::Arc};

use deskwire_protocol::{ConversationId, ShopId, Timestamp};
use deskwire_store::{Head, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Clock,
    bus::{Changed, Topic},
    hub::Hub,
    spawn_vital,
};

/// Conversations asked for in one query of the full sweep.
const CHUNK: usize = 500;

pub(crate) fn start(
    hub: &Arc<Hub>,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    crashed: &CancellationToken,
) {
    let (hub, clock) = (Arc::clone(hub), Arc::clone(clock));
    let ended = shutdown.clone();
    let shutdown = shutdown.clone();
    spawn_vital(tasks, "repair sweep", crashed, move || ended.is_cancelled(), async move {
        let mut last_full = Instant::now();
        let mut summaries = Summaries { since: clock.now(), told: HashMap::new() };
        // The bus went away or came back, and nobody has looked at everything since.
        let mut woken = false;
        loop {
            // While other nodes' events come by nothing else, it is quicker.
            let pause = match hub.topics.trouble() {
                None => hub.config.sweep_interval,
                Some(_) => hub.config.sweep_interval_without_bus,
            };
            woken |= tokio::select! {
                () = sleep(pause) => false,
                () = hub.sweep_now.notified() => true,
                () = shutdown.cancelled() => return,
            };
            let full = woken || last_full.elapsed() >= hub.config.full_sweep_interval;
            let sweeping = async {
                sweep(&hub, clock.as_ref(), full).await?;
                if woken || hub.topics.trouble().is_some() {
                    summaries.bring(&hub, clock.as_ref()).await?;
                } else {
                    summaries.all_told(clock.now());
                }
                Ok::<_, StoreError>(())
            };
            let swept = tokio::time::timeout(hub.config.request_timeout, sweeping).await;
            match swept {
                Ok(Ok(())) => {
                    woken = false;
                    if full {
                        last_full = Instant::now();
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "the repair sweep could not read the store"),
                Err(_) => tracing::warn!("the repair sweep could not read the store in time"),
            }
        }
    });
}

async fn sweep(hub: &Hub, clock: &dyn Clock, full: bool) -> Result<(), StoreError> {
    let attached = hub.attached();
    if attached.is_empty() {
        return Ok(());
    }
    if full {
        let mut ids: Vec<_> = attached.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        for chunk in ids.chunks(CHUNK) {
            hub.compare(&hub.store.heads(chunk).await?);
        }
    } else {
        let mut shops: Vec<ShopId> = attached.into_iter().map(|(shop, _)| shop).collect();
        shops.sort_unstable();
        shops.dedup();
        let since = clock.now().minus(hub.config.sweep_window);
        for chunk in shops.chunks(CHUNK) {
            hub.compare(&hub.store.heads_changed_since(chunk, since).await?);
        }
    }
    Ok(())
}

/// Summaries are told when the bus says that a conversation has changed. When it is away, or was, this says so in its place,
/// once for each event: a shop's agents see who writes to them although they are not attached.
struct Summaries {
    since: Timestamp,
    told: HashMap<ConversationId, Head>,
}

impl Summaries {
    /// The bus was there all the time until now.
    fn all_told(&mut self, now: Timestamp) {
        self.since = now;
        self.told.clear();
    }

    async fn bring(&mut self, hub: &Hub, clock: &dyn Clock) -> Result<(), StoreError> {
        let now = clock.now();
        let since = self.since.minus(hub.config.sweep_window);
        let mut shops: Vec<ShopId> = hub
            .topics_listened()
            .into_iter()
            .filter_map(|topic| match topic {
                Topic::Shop(shop_id) | Topic::Buyer(shop_id, _) => Some(shop_id),
                Topic::Nodes => None,
            })
            .collect();
        shops.sort_unstable();
        shops.dedup();
        let mut heads = HashMap::new();
        for chunk in shops.chunks(CHUNK) {
            let found = hub.store.heads_changed_since(chunk, since).await?;
            heads.extend(found.into_iter().map(|head| (head.conversation_id, head)));
        }
        let untold: Vec<_> =
            heads.iter().filter(|(id, head)| self.told.get(id) != Some(*head)).map(|(id, _)| *id).collect();
        for chunk in untold.chunks(CHUNK) {
            for record in hub.store.conversations_by_id(chunk).await? {
                let changed = Changed { conversation_id: record.conversation_id, only_messages: false };
                hub.changed(&Topic::Shop(record.shop_id.clone()), &changed);
                hub.changed(&Topic::Buyer(record.shop_id, record.buyer.user_id), &changed);
            }
        }
        (self.since, self.told) = (now, heads);
        Ok(())
    }
}
