//! Keeps the tables of webhooks bounded: what is older than the retention goes, a few rows at a time.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::gate::Gate;

/// How often it is looked for what is old.
const EVERY: Duration = Duration::from_mins(1);
/// Between two handfuls of rows, so that others get at the database.
const BREATH: Duration = Duration::from_millis(50);

/// Prunes until `stop`.
pub(crate) async fn prune(gate: Arc<Gate>, stop: CancellationToken) {
    let mut pause = BREATH;
    while stop.run_until_cancelled(sleep(pause)).await.is_some() {
        let before = gate.clock.now().minus(gate.config.webhooks.retention);
        pause = match timeout(gate.config.request_timeout, gate.store.prune_webhooks(before)).await {
            Ok(Ok(true)) => BREATH,
            Ok(Ok(false)) => EVERY,
            Ok(Err(error)) => {
                warn!(%error, "old events of webhooks were not removed, trying again later");
                EVERY
            }
            Err(_) => {
                warn!("old events of webhooks were not removed in time, trying again later");
                EVERY
            }
        };
    }
}
