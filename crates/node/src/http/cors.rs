//! Which web origins may use this node: all, reflected, unless `FRONTEND_URL` names them.

use std::time::Duration;

use axum::http::{HeaderValue, request::Parts};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// How long a browser may keep the answer to its question (`OPTIONS`).
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// The layer that answers every `OPTIONS` with 200 and adds the headers to every other answer. No origins: all are allowed.
pub(crate) fn layer(origins: &[String]) -> CorsLayer {
    let origins = origins.to_vec();
    let allowed = move |origin: &HeaderValue, _: &Parts| allows(&origins, origin);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}

/// Whether a page of this origin may use the node. WebSockets are not bound by CORS: ask this for their upgrades as well.
pub(crate) fn allows(origins: &[String], origin: &HeaderValue) -> bool {
    origins.is_empty()
        || origins
            .iter()
            .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
}
