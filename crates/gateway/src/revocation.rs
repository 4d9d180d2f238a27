//! Withdrawn tokens: asks the store every two seconds who was revoked, and closes their sessions on this node.

use std::{sync::Arc, time::Duration};

use deskwire_store::Revocation;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{gate::Gate, sessions::Account};

/// A socket must be closed within 5 s of the revocation.
const EVERY: Duration = Duration::from_secs(2);
/// Clocks of nodes differ, and a commit is later than the time it bears: the same revocation may well be seen twice.
const OVERLAP: Duration = Duration::from_mins(1);

pub(crate) async fn watch(gate: Arc<Gate>, stop: CancellationToken) {
    let mut since = gate.clock.now().minus(OVERLAP);
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        let asked_at = gate.clock.now();
        let asked = timeout(gate.config.request_timeout, gate.store.revocations_since(since)).await;
        let problem = match asked {
            Ok(Ok(revocations)) => {
                for Revocation { shop_id, side, user_id, revoke_time } in revocations {
                    gate.sessions.revoke(&Account { shop_id, side, user_id }, revoke_time);
                }
                since = asked_at.minus(OVERLAP);
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        // Said once, not every two seconds.
        if let Some(problem) = problem.as_ref().filter(|_| !failing) {
            warn!(problem, "cannot ask the store who was revoked, trying on");
        }
        failing = problem.is_some();
    }
}
