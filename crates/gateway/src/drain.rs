//! Draining: no new sockets, and those that are here are told in batches to go elsewhere, each at a time of its own.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::gate::Gate;

/// Clients come back spread over two milliseconds a socket, so that the other nodes can take them in,
const SPREAD_MS_PER_SOCKET: u64 = 2;
/// but not over less than this
const LEAST_SPREAD_MS: u64 = 500;
/// or more than this.
const MOST_SPREAD_MS: u64 = 30_000;

/// Drains this node. Returns when all sockets are gone, or when the deadline has passed.
pub(crate) async fn drain(gate: &Arc<Gate>) {
    let deadline = Instant::now() + gate.config.drain_deadline;
    // Before the sessions are gathered: one that begins from now on sees it and leaves by itself.
    gate.draining.cancel();
    let sessions = gate.sessions.all();
    info!(sessions = sessions.len(), "draining");
    let spread = (sessions.len() as u64 * SPREAD_MS_PER_SOCKET).clamp(LEAST_SPREAD_MS, MOST_SPREAD_MS);
    let told = async {
        for (batch, callers) in sessions.chunks(gate.config.drain_batch.max(1)).enumerate() {
            if batch > 0 {
                sleep(gate.config.drain_pause).await;
            }
            for caller in callers {
                caller.drain(rand::random_range(0..=spread));
            }
        }
    };
    let all_told = timeout_at(deadline, told).await.is_ok();
    drop(sessions);
    gate.sockets.close();
    if all_told && timeout_at(deadline, gate.sockets.wait()).await.is_ok() {
        info!("drained");
    } else {
        warn!(sockets = gate.sockets.len(), "the drain's deadline has passed with sockets still here");
    }
}
