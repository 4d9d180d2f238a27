//! The paths: the WebSocket, REST, health, readiness and metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{gate::Gate, rest, upgrade};

/// A store that does not answer by then is not ready.
const STORE_PING: Duration = Duration::from_secs(2);

pub(crate) fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/v1/ws", get(upgrade::upgrade))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .nest("/api/v1", rest::router())
        .fallback(async || (StatusCode::NOT_FOUND, Json(json!({ "error": "there is nothing at this path" }))))
        .with_state(gate)
}

/// The process lives.
async fn healthz() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

/// New sockets are welcome here. Without the bus they still are: what other nodes' sockets send arrives, only later.
async fn readyz(State(gate): State<Arc<Gate>>) -> impl IntoResponse {
    let draining = gate.draining.is_cancelled();
    let store = match timeout(STORE_PING, gate.store.ping()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(_)) => "unavailable",
        Err(_) => "timeout",
    };
    let trouble = gate.chat.bus_trouble();
    let bus = trouble.map_or_else(|| "ok".to_owned(), |trouble| trouble.to_string());
    let ready = !draining && store == "ok";
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready, "degraded": trouble.is_some(), "draining": draining, "store": store, "bus": bus,
    });
    (status, Json(body))
}

async fn metrics(State(gate): State<Arc<Gate>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], gate.prometheus.render())
}
