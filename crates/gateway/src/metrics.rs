//! What the gateway counts. Handles are taken once, at start, so that counting costs an atomic addition.

use std::time::Duration;

use deskwire_protocol::{CloseCode, ErrorType, MethodName, Role};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

struct OfMethod {
    ok: Counter,
    reply_seconds: Histogram,
}

/// Counters, gauges and histograms.
pub(crate) struct Metrics {
    pub(crate) sockets: Gauge,
    pub(crate) frames_received: Counter,
    pub(crate) frames_sent: Counter,
    /// Writes of all that waited for a socket; frames sent by flushes is how well they go together.
    pub(crate) flushes: Counter,
    buyer_sessions: Gauge,
    agent_sessions: Gauge,
    /// In the order of `MethodName::ALL`.
    methods: Vec<OfMethod>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let methods = MethodName::ALL
            .iter()
            .map(|method| OfMethod {
                ok: counter!("deskwire_requests_total", "method" => method.as_str(), "outcome" => "ok"),
                reply_seconds: histogram!("deskwire_reply_seconds", "method" => method.as_str()),
            })
            .collect();
        Self {
            sockets: gauge!("deskwire_sockets"),
            frames_received: counter!("deskwire_frames_received_total"),
            frames_sent: counter!("deskwire_frames_sent_total"),
            flushes: counter!("deskwire_flushes_total"),
            buyer_sessions: gauge!("deskwire_sessions", "side" => "buyer"),
            agent_sessions: gauge!("deskwire_sessions", "side" => "agent"),
            methods,
        }
    }

    pub(crate) const fn sessions(&self, role: Role) -> &Gauge {
        match role {
            Role::Buyer => &self.buyer_sessions,
            Role::Agent | Role::Admin => &self.agent_sessions,
        }
    }

    /// A request was answered. `method` is none when there is no such method.
    pub(crate) fn answered(&self, method: Option<MethodName>, refused: Option<ErrorType>, took: Duration) {
        let of_method = method.and_then(|method| self.methods.get(method as usize));
        if let Some(of_method) = of_method {
            of_method.reply_seconds.record(took.as_secs_f64());
        }
        match (of_method, refused) {
            (Some(of_method), None) => of_method.ok.increment(1),
            // Never the name as the client wrote it: that would be as many series as clients can invent.
            (_, refused) => counter!(
                "deskwire_requests_total",
                "method" => method.map_or("unknown", MethodName::as_str),
                "outcome" => refused.map_or("ok", ErrorType::as_str),
            )
            .increment(1),
        }
    }
}

/// The server closed a socket.
pub(crate) fn closed(code: CloseCode) {
    counter!("deskwire_closes_total", "code" => code.code().to_string()).increment(1);
}

/// An upgrade was refused because this node takes no more now.
pub(crate) fn upgrade_refused(reason: &'static str) {
    counter!("deskwire_upgrades_refused_total", "reason" => reason).increment(1);
}

/// A request by REST was answered.
pub(crate) fn rest_answered(endpoint: &'static str, status: u16, took: Duration) {
    counter!("deskwire_rest_requests_total", "endpoint" => endpoint, "status" => status.to_string())
        .increment(1);
    histogram!("deskwire_rest_reply_seconds", "endpoint" => endpoint).record(took.as_secs_f64());
}
