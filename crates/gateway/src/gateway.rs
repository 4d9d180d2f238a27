//! The gateway as the composition root sees it: bind, serve until told to stop, drain.

use std::{net::SocketAddr, sync::Arc};

use deskwire_chat::{Chat, Clock};
use deskwire_store::Store;
use deskwire_workbench::Workbench;
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ClientConfig;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use crate::{
    GatewayConfig, GatewayError, TokenKeys, accept::Door, drain, gate::Gate, limits::Arrivals,
    metrics::Metrics, rest::Rest, revocation, router, sessions::Sessions, tls, webhooks,
};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Connections beyond the WebSockets, so that health and metrics answer when all sockets are taken.
const SPARE_CONNECTIONS: usize = 256;

/// What the gateway works with.
pub struct Services {
    /// Conversations and their delivery.
    pub chat: Chat,
    /// What agents have beside the chat.
    pub workbench: Workbench,
    /// People and revocations.
    pub store: Store,
    /// By which tokens are verified.
    pub keys: TokenKeys,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What `/metrics` shows; its recorder must be installed before [`Gateway::bind`].
    pub metrics: PrometheusHandle,
    /// Where requests run.
    pub tasks: TaskTracker,
}

/// A gateway that listens.
pub struct Gateway {
    gate: Arc<Gate>,
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    webhooks_tls: Arc<ClientConfig>,
}

impl Gateway {
    /// Loads the certificate, if there is one, and listens. Must be called within a tokio runtime.
    pub fn bind(config: GatewayConfig, services: Services) -> Result<Self, GatewayError> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let webhooks_tls = tls::client_tls(config.webhooks.ca_file.as_deref())?;
        let (listener, local_addr) =
            listen(config.listen).map_err(|source| GatewayError::Bind { address: config.listen, source })?;
        let places = Arc::new(Semaphore::new(config.max_sockets.min(Semaphore::MAX_PERMITS)));
        let arrivals = Arrivals::new(&config);
        let Services { chat, workbench, store, keys, clock, metrics, tasks } = services;
        let gate = Arc::new(Gate {
            rest: Rest::new(config.rest.clone()),
            config,
            chat,
            workbench,
            store,
            keys,
            clock,
            prometheus: metrics,
            metrics: Metrics::new(),
            tasks,
            sockets: TaskTracker::new(),
            sessions: Arc::new(Sessions::default()),
            places,
            arrivals,
            draining: CancellationToken::new(),
            ending: CancellationToken::new(),
        });
        Ok(Self { gate, listener, local_addr, tls, webhooks_tls })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Cancelled, it cuts a drain short: whoever is still here is closed with 1012.
    #[must_use]
    pub fn ending(&self) -> CancellationToken {
        self.gate.ending.clone()
    }

    /// Serves until `shutdown` is cancelled, then drains: not ready and no new sockets from then on, sockets told in
    /// batches to reconnect, sends in flight finished and answered first. Returns when all are gone, or when the
    /// drain's deadline has passed. Health and metrics are answered until the end.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { gate, listener, tls, webhooks_tls, .. } = self;
        let stop = CancellationToken::new();
        let _stop_when_dropped = stop.clone().drop_guard();
        let http = TaskTracker::new();
        let door = Door {
            listener,
            tls,
            header_timeout: gate.config.header_timeout,
            connections: gate
                .config
                .max_sockets
                .saturating_add(SPARE_CONNECTIONS)
                .min(Semaphore::MAX_PERMITS),
            tasks: http.clone(),
        };
        let accepting = http.spawn(door.serve(router::router(gate.clone()), stop.clone()));
        let revoking = gate.tasks.spawn(revocation::watch(gate.clone(), stop.clone()));
        let telling = gate.tasks.spawn(webhooks::deliver(gate.clone(), webhooks_tls, stop.clone()));
        let pruning = gate.tasks.spawn(webhooks::prune(gate.clone(), stop.clone()));
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = accepting => error!("the accept loop has ended by itself, draining"),
            _ = revoking => error!("the watch over revoked tokens has ended by itself, draining"),
            _ = telling => error!("the delivery of webhooks has ended by itself, draining"),
            _ = pruning => error!("the pruning of webhooks has ended by itself, draining"),
        }
        drain::drain(&gate).await;
        stop.cancel();
    }
}

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the process before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let local_addr = listener.local_addr()?;
    Ok((listener, local_addr))
}
