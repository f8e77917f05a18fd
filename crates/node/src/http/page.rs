//! The page: `/` and `/r/<room>` for browsers, its assets, and the short JSON for everybody else. All is embedded in the binary.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

/// A file of the page, made by `build.rs` from `web/dist`.
#[derive(Debug)]
struct Asset {
    /// Its path, such as `/assets/index-1a2b3c.js`.
    path: &'static str,
    content_type: &'static str,
    /// Its entity tag: a hash of the content, with quotation marks.
    etag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

// `INDEX: Asset` and `ASSETS: &[Asset]`.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Scripts, styles and pictures come from this node only; media from the browser itself; sockets from any node of the service.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; \
     media-src 'self' blob: mediastream:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// Vite puts a hash into these files' names: another content has another name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Kept by the browser, but asked about each time.
const REVALIDATED: &str = "no-cache";

/// `/`, `/r/<room>` and every embedded file.
pub(super) fn routes() -> Router {
    let router = Router::new().route("/", get(front)).route("/r/{room}", get(room));
    ASSETS.iter().fold(router, |router, asset| {
        router.route(
            asset.path,
            get(move |headers: HeaderMap| async move { file(asset, &headers) }),
        )
    })
}

async fn front(headers: HeaderMap) -> Response {
    let mut response = if wants_html(&headers) {
        page(&headers)
    } else {
        about().into_response()
    };
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// A link to a room is for people: the page, whatever is accepted.
async fn room(headers: HeaderMap) -> Response {
    page(&headers)
}

fn about() -> Json<serde_json::Value> {
    Json(json!({ "name": "Ringcast", "version": env!("CARGO_PKG_VERSION"), "status": "running" }))
}

fn wants_html(headers: &HeaderMap) -> bool {
    let texts = headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|range| {
        let media_type = range.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/html")
    })
}

fn page(headers: &HeaderMap) -> Response {
    let mut response = file(&INDEX, headers);
    let map = response.headers_mut();
    map.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    // A room's link is what lets people in: it must not reach other sites.
    map.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    map.insert(
        "permissions-policy",
        HeaderValue::from_static("camera=(self), microphone=(self), display-capture=(self), geolocation=()"),
    );
    response
}

fn file(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let cache = if asset.path.starts_with("/assets/") {
        IMMUTABLE
    } else {
        REVALIDATED
    };
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .into_iter()
        .any(|tags| has_tag(tags, asset.etag));
    let compressed = !asset.gzip.is_empty() && accepts_gzip(headers);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(if compressed { asset.gzip } else { asset.plain }).into_response()
    };
    let map = response.headers_mut();
    map.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    map.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    map.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !known {
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if compressed {
            map.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}

/// Both encodings have one tag, which is weak therefore; proxies may add or take away the `W/`.
fn has_tag(tags: &HeaderValue, tag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    tags.to_str()
        .is_ok_and(|tags| tags.trim() == "*" || tags.split(',').any(|found| bare(found) == bare(tag)))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let texts = headers
        .get_all(header::ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let refused = |weight: &str| weight.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        named && !parts.any(refused)
    })
}
