//! What the gateway can be told: where it listens, whom it lets in, and its limits. The defaults are those of the
//! protocol.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{RestConfig, WebhooksConfig};

/// A certificate chain and its private key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Settings of the gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serve TLS with this certificate; without it plain TCP.
    pub tls: Option<TlsFiles>,
    /// Pages of these origins may connect; empty: of any. A client that sends no `Origin` is no browser and may.
    pub allowed_origins: Vec<String>,

    /// A TLS handshake, and then a request's head, must each be complete within this time.
    pub header_timeout: Duration,
    /// `session.start` must come within this time of the upgrade.
    pub authentication_timeout: Duration,
    /// About how often the server pings, give or take 20 %.
    pub ping_interval: Duration,
    /// A ping must be answered within this time; a write must move on within it too.
    pub ping_timeout: Duration,
    /// A request not done by then is answered `request_timeout`.
    pub request_timeout: Duration,

    /// The largest frame, and the largest message of several frames, that a client may send.
    pub frame_bytes: usize,
    /// The most requests of a JSON batch.
    pub batch: usize,
    /// The most requests in flight on a socket; a batch counts as one.
    pub in_flight: usize,
    /// Sends of a buyer's socket, in the long run.
    pub buyer_sends_per_second: u32,
    /// Sends of a buyer's socket, at once.
    pub buyer_send_burst: u32,
    /// Sends of an agent's socket, in the long run.
    pub agent_sends_per_second: u32,
    /// Sends of an agent's socket, at once.
    pub agent_send_burst: u32,
    /// Frames of a socket, in the long run.
    pub frames_per_second: u32,
    /// Frames of a socket, at once.
    pub frame_burst: u32,
    /// Sessions of one buyer on this node.
    pub buyer_sessions: usize,
    /// Sessions of one agent on this node.
    pub agent_sessions: usize,
    /// Events that may wait for a slow reader.
    pub outbox_events: usize,
    /// Bytes that may wait for a slow reader.
    pub outbox_bytes: usize,
    /// New sessions of this node, in the long run; more are answered 503.
    pub new_sessions_per_second: u32,
    /// New sessions of this node, at once.
    pub new_session_burst: u32,
    /// WebSockets of this node; more are answered 503.
    pub max_sockets: usize,

    /// Of REST.
    pub rest: RestConfig,

    /// Sockets that are told at once to go, when draining.
    pub drain_batch: usize,
    /// Pause between two such batches.
    pub drain_pause: Duration,
    /// Draining ends after this time, whoever is still there.
    pub drain_deadline: Duration,

    /// How webhooks are delivered.
    pub webhooks: WebhooksConfig,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            allowed_origins: Vec::new(),
            // Silent connections must be gone within 10 s, so the deadline itself lies before that.
            header_timeout: Duration::from_secs(8),
            authentication_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            frame_bytes: 64 * 1024,
            batch: 32,
            in_flight: 16,
            buyer_sends_per_second: 5,
            buyer_send_burst: 10,
            agent_sends_per_second: 20,
            agent_send_burst: 40,
            frames_per_second: 100,
            frame_burst: 300,
            buyer_sessions: 8,
            agent_sessions: 16,
            outbox_events: 256,
            outbox_bytes: 512 * 1024,
            new_sessions_per_second: 10_000,
            new_session_burst: 10_000,
            max_sockets: 16_000,
            rest: RestConfig::default(),
            drain_batch: 500,
            drain_pause: Duration::from_millis(100),
            drain_deadline: Duration::from_secs(30),
            webhooks: WebhooksConfig::default(),
        }
    }
}
