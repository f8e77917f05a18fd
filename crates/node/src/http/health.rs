//! What operators and probes ask: `/health`, `/healthz`, `/readyz`, `/metrics`.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::HttpState;

/// `GET /health`: the union of what clients of all dialects read.
pub(super) async fn health(State(state): State<HttpState>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "rooms": state.0.rooms.load(Ordering::Relaxed),
        "workers": state.0.workers.load(Ordering::Relaxed),
        "timestamp": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "server": if state.0.https { "https" } else { "http" },
    }))
}

/// `GET /healthz`: this process runs. It looks at nothing else, so that trouble elsewhere restarts nobody.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether this node takes new work; 503 and the reason if not.
pub(super) async fn ready(State(state): State<HttpState>) -> impl IntoResponse {
    match state.not_ready() {
        None => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "not ready", "reason": reason })),
        ),
    }
}

/// `GET /metrics`, in the text form of Prometheus.
pub(super) async fn metrics(State(state): State<HttpState>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        state.0.metrics.render(),
    )
}
