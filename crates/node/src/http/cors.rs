//! Which web origins may use this node: all, reflected, unless `FRONTEND_URL` names them.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
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

/// Whether a request may become a socket, which CORS does not bind: programs send no origin; the node's own page is always allowed.
pub(crate) fn allows_request(origins: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let own = headers.get(header::HOST).is_some_and(|host| is_own(origin, host));
    own || allows(origins, origin)
}

fn is_own(origin: &HeaderValue, host: &HeaderValue) -> bool {
    let origin = origin.as_bytes();
    let authority = origin
        .strip_prefix(b"https://")
        .or_else(|| origin.strip_prefix(b"http://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_bytes()))
}

fn allows(origins: &[String], origin: &HeaderValue) -> bool {
    origins.is_empty()
        || origins
            .iter()
            .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("calls.example:3000"));
        origin.map(|origin| headers.insert(header::ORIGIN, HeaderValue::from_static(origin)));
        allows_request(&["https://app.example".to_owned()], &headers)
    }

    #[test]
    fn sockets_of_other_pages_are_refused_once_origins_are_named() {
        assert!(allowed(None), "a program");
        assert!(allowed(Some("https://app.example")));
        assert!(allowed(Some("http://calls.example:3000")), "the node's own page");
        assert!(!allowed(Some("https://evil.example")));
        assert!(!allowed(Some("http://calls.example")), "another port is another origin");
        assert!(allows_request(&[], &HeaderMap::new()));
    }
}
