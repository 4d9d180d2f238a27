//! What every socket of this node shares.

use std::sync::Arc;

use deskwire_chat::{Chat, Clock};
use deskwire_store::Store;
use deskwire_workbench::Workbench;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{GatewayConfig, TokenKeys, limits::Arrivals, metrics::Metrics, rest::Rest, sessions::Sessions};

/// Settings, services and the sockets themselves.
pub(crate) struct Gate {
    pub(crate) config: GatewayConfig,
    pub(crate) chat: Chat,
    pub(crate) workbench: Workbench,
    pub(crate) store: Store,
    pub(crate) keys: TokenKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rest: Rest,
    pub(crate) prometheus: PrometheusHandle,
    pub(crate) metrics: Metrics,
    /// Requests, and whatever else must not outlive the process's own drain.
    pub(crate) tasks: TaskTracker,
    /// One task a socket: drain waits for them.
    pub(crate) sockets: TaskTracker,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) arrivals: Arrivals,
    pub(crate) draining: CancellationToken,
    /// The process must end at once.
    pub(crate) ending: CancellationToken,
}

/// The place of one WebSocket among `max_sockets`; free again when it is dropped.
pub(crate) struct Place {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    pub(crate) fn new(gate: Arc<Gate>, permit: OwnedSemaphorePermit) -> Self {
        gate.metrics.sockets.increment(1);
        Self { gate, permit: Some(permit) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // First the place, then the figure: whoever reads that it is free finds it free.
        drop(self.permit.take());
        self.gate.metrics.sockets.decrement(1);
    }
}
