//! HTTP: what is answered besides the sockets of clients, and the state that those answers show.
//!
//! `app.rs` fills [`HttpState`], adds the Socket.IO and WebSocket routes to [`routes`], and wraps all of it by [`finish`].

pub(crate) mod address;
pub(crate) mod cors;
mod health;
pub(crate) mod metrics;
mod page;
pub(crate) mod serve;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use model::limits;
use serde_json::json;

/// What the HTTP answers show of the node. Clones share it; every part may be set at any time from any task.
#[derive(Clone)]
pub(crate) struct HttpState(Arc<Inner>);

struct Inner {
    rooms: AtomicUsize,
    workers: AtomicUsize,
    /// Why this node takes no new work; `None`: it does.
    not_ready: RwLock<Option<&'static str>>,
    metrics: PrometheusHandle,
    https: bool,
}

impl HttpState {
    /// The state of a node that has just started: not ready, no rooms, no workers. `https`: this node speaks TLS itself.
    pub(crate) fn new(metrics: PrometheusHandle, https: bool) -> Self {
        Self(Arc::new(Inner {
            rooms: AtomicUsize::new(0),
            workers: AtomicUsize::new(0),
            not_ready: RwLock::new(Some("starting")),
            metrics,
            https,
        }))
    }

    /// Rooms whose home is here.
    pub(crate) fn set_rooms(&self, rooms: usize) {
        self.0.rooms.store(rooms, Ordering::Relaxed);
    }

    /// Media workers that live.
    pub(crate) fn set_workers(&self, workers: usize) {
        self.0.workers.store(workers, Ordering::Relaxed);
    }

    /// This node takes new work.
    pub(crate) fn set_ready(&self) {
        self.set_readiness(None);
    }

    /// This node takes no new work, and why: "starting", "shutting down", "no media worker".
    pub(crate) fn set_not_ready(&self, reason: &'static str) {
        self.set_readiness(Some(reason));
    }

    fn set_readiness(&self, not_ready: Option<&'static str>) {
        *self.0.not_ready.write().unwrap_or_else(PoisonError::into_inner) = not_ready;
    }

    fn not_ready(&self) -> Option<&'static str> {
        *self.0.not_ready.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The plain HTTP routes: health, metrics, the page. Unknown paths are left to the caller's fallback ([`not_found`]).
pub(crate) fn routes(state: HttpState) -> Router {
    let router = Router::new()
        .route("/health", get(health::health))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(state);
    router.merge(page::routes())
}

/// The answer to a path that is none.
pub(crate) async fn not_found(uri: Uri) -> Response {
    let text = format!("there is nothing at {}", shortened(uri.path()));
    (StatusCode::NOT_FOUND, Json(json!({ "error": text }))).into_response()
}

/// Puts round all routes what holds for each: CORS, the largest body, headers for the browser's safety.
pub(crate) fn finish(router: Router, frontend_origins: &[String]) -> Router {
    router
        .layer(DefaultBodyLimit::max(limits::FRAME_BYTES))
        .layer(middleware::map_response(no_sniffing))
        .layer(cors::layer(frontend_origins))
}

async fn no_sniffing(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What an error message may repeat of a client's text.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(limits::ECHO_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
