//! Withdrawn tokens: asks the store every two seconds who was revoked, and closes their sessions on this node.

use std::{sync::Arc, time::Duration};

use deskwire_store::Scope;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::gate::Gate;

/// A socket must be closed within 5 s of the revocation.
const EVERY: Duration = Duration::from_secs(2);
/// Clocks of nodes differ, and a commit is later than the time it bears: the same revocation may well be seen twice.
const OVERLAP: Duration = Duration::from_secs(60);

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
        // Histograms gather samples until someone sums them up.
        gate.prometheus.run_upkeep();
        let asked_at = gate.clock.now();
        match timeout(gate.config.request_timeout, gate.store.revocations_since(since)).await {
            Ok(Ok(revocations)) => {
                for revocation in revocations {
                    let scope = Scope {
                        shop_id: revocation.shop_id,
                        role: revocation.role,
                        user_id: revocation.user_id,
                    };
                    gate.sessions.revoke(&scope, revocation.revoke_time);
                }
                since = asked_at.minus(OVERLAP);
                failing = false;
            }
            Ok(Err(error)) if !failing => {
                failing = true;
                warn!(error = %error, "cannot ask the store for revoked tokens, trying on");
            }
            Ok(Err(_)) => {}
            Err(_) if !failing => {
                failing = true;
                warn!("the store does not answer who was revoked, trying on");
            }
            Err(_) => {}
        }
    }
}
