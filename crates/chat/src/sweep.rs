//! The repair sweep: finds what the bus lost by comparing the store with what was delivered.
//!
//! Recently changed conversations are compared often, and more often while the bus is away. Every attached one is compared now and then, since a commit
//! may become visible long after the time that it was stamped with (a node that stood still in between).

use std::sync::Arc;

use deskwire_protocol::ShopId;
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Clock, hub::Hub, spawn_vital};

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
        loop {
            // While other nodes' events come by nothing else, it is quicker.
            let pause = match hub.topics.trouble() {
                None => hub.config.sweep_interval,
                Some(_) => hub.config.sweep_interval_without_bus,
            };
            let mut full = tokio::select! {
                () = sleep(pause) => false,
                () = hub.sweep_now.notified() => true,
                () = shutdown.cancelled() => return,
            };
            full |= last_full.elapsed() >= hub.config.full_sweep_interval;
            let swept =
                tokio::time::timeout(hub.config.request_timeout, sweep(&hub, clock.as_ref(), full)).await;
            match swept {
                Ok(Ok(())) if full => last_full = Instant::now(),
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the repair sweep could not read the store"),
                Err(_) => tracing::warn!("the repair sweep could not read the store in time"),
            }
        }
    });
}

async fn sweep(hub: &Hub, clock: &dyn Clock, full: bool) -> Result<(), deskwire_store::StoreError> {
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
