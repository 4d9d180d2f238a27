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

/// New sockets are welcome here.
async fn readyz(State(gate): State<Arc<Gate>>) -> impl IntoResponse {
    let draining = gate.draining.is_cancelled();
    let store = match timeout(STORE_PING, gate.store.ping()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(_)) => "unavailable",
        Err(_) => "timeout",
    };
    let ready = !draining && store == "ok";
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "draining": draining, "store": store })))
}

async fn metrics(State(gate): State<Arc<Gate>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], gate.prometheus.render())
}
