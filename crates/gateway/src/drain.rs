//! Draining: no new sockets, and those that are here are told in batches to go elsewhere, each at a time of its own.

use std::{sync::Arc, time::Duration};

use deskwire_protocol::CloseCode;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use crate::gate::Gate;

/// Clients come back spread over two milliseconds a socket, so that the other nodes can take them in,
const SPREAD_MS_PER_SOCKET: u64 = 2;
/// but not over less than this
const LEAST_SPREAD_MS: u64 = 500;
/// or more than this.
const MOST_SPREAD_MS: u64 = 30_000;

/// For the last word to those who are still here when the process must end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Drains this node. Returns when all sockets are gone; when the deadline has passed, or the process must end at once,
/// those still here are closed with 1012.
pub(crate) async fn drain(gate: &Arc<Gate>) {
    let deadline = Instant::now() + gate.config.drain_deadline;
    // Before the sessions are gathered: one that begins from now on sees it and leaves by itself.
    gate.draining.cancel();
    let gone = async {
        tell(gate).await;
        gate.sockets.wait().await;
    };
    gate.sockets.close();
    tokio::select! {
        () = gone => {
            info!("drained");
            return;
        }
        () = sleep_until(deadline) => warn!(sockets = gate.sockets.len(), "the drain's deadline has passed"),
        () = gate.ending.cancelled() => warn!(sockets = gate.sockets.len(), "the drain was cut short"),
    }
    for caller in gate.sessions.all() {
        caller.session.outbox().close(CloseCode::Restarting);
    }
    if timeout(LAST_WORD, gate.sockets.wait()).await.is_err() {
        warn!(sockets = gate.sockets.len(), "ended with sockets still here");
    }
}

/// Tells all sessions to go, batch by batch.
async fn tell(gate: &Gate) {
    let sessions = gate.sessions.all();
    info!(sessions = sessions.len(), "draining");
    let spread = (sessions.len() as u64 * SPREAD_MS_PER_SOCKET).clamp(LEAST_SPREAD_MS, MOST_SPREAD_MS);
    for (batch, callers) in sessions.chunks(gate.config.drain_batch.max(1)).enumerate() {
        if batch > 0 {
            sleep(gate.config.drain_pause).await;
        }
        for caller in callers {
            caller.drain(gate.chance.within(0..=spread));
        }
    }
}
