//! The HTTP answers, through real sockets on loopback.

mod serving;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::serve::{self, Shutdown};
use super::{HttpState, finish, metrics, not_found, routes};
use crate::tls::TlsSource;

/// A server on a free port of loopback.
struct Server {
    address: SocketAddr,
    state: HttpState,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(origins: &[&str]) -> Self {
        Self::with(None, origins, 100, Router::new()).await
    }

    async fn with(tls: Option<TlsSource>, origins: &[&str], connections_max: usize, more: Router) -> Self {
        let listeners = serve::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let state = HttpState::new(metrics::recorder().unwrap().handle(), tls.is_some());
        let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let router = finish(routes(state.clone()).merge(more).fallback(not_found), &origins);
        let shutdown = Shutdown::default();
        let serving = tokio::spawn(serve::serve(listeners, tls, router, connections_max, shutdown.clone()));
        Self {
            address,
            state,
            shutdown,
            serving,
        }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers).await
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::read(&bytes)
    }
}

/// An answer, its header names in lower case.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("an answer");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let (first, lines) = head.split_once("\r\n").unwrap();
        let header = |line: &str| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        };
        Self {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: lines.split("\r\n").filter_map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map_or("", |(_, value)| value)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn health_is_the_union_of_what_clients_read() {
    let server = Server::start(&[]).await;
    server.state.set_rooms(3);
    server.state.set_workers(2);
    let answer = server.get("/health", &[]).await;
    let health = answer.json();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(
        (&health["status"], &health["rooms"], &health["workers"]),
        (&"ok".into(), &3.into(), &2.into())
    );
    assert_eq!(health["server"], "http");
    let timestamp = health["timestamp"].as_str().unwrap();
    assert!(
        humantime::parse_rfc3339(timestamp).is_ok() && timestamp.ends_with('Z'),
        "{timestamp}"
    );
}

#[tokio::test]
async fn readiness_has_a_reason_and_life_has_none() {
    let server = Server::start(&[]).await;
    let answer = server.get("/readyz", &[]).await;
    assert_eq!(
        (answer.status, answer.json()["reason"].as_str()),
        (503, Some("starting"))
    );
    server.state.set_ready();
    assert_eq!(server.get("/readyz", &[]).await.status, 200);
    server.state.set_not_ready("shutting down");
    assert_eq!(server.get("/readyz", &[]).await.json()["reason"], "shutting down");
    assert_eq!(server.get("/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let answer = Server::start(&[]).await.get("/metrics", &[]).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
}

#[tokio::test]
async fn the_front_is_a_page_for_browsers_and_json_for_others() {
    let server = Server::start(&[]).await;
    for accept in [&[][..], &[("Accept", "*/*")], &[("Accept", "application/json")]] {
        let answer = server.get("/", accept).await;
        let expected =
            serde_json::json!({ "name": "Ringcast", "version": env!("CARGO_PKG_VERSION"), "status": "running" });
        assert_eq!((answer.status, answer.json()), (200, expected), "{accept:?}");
    }
    for path in ["/", "/r/monday"] {
        let answer = server.get(path, &[BROWSER]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert!(answer.text().to_lowercase().starts_with("<!doctype html>"));
        assert!(answer.header("content-security-policy").contains("default-src 'self'"));
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert!(answer.header("permissions-policy").contains("camera=(self)"));
    }
}

#[tokio::test]
async fn the_page_is_compressed_and_known_by_its_tag() {
    let server = Server::start(&[]).await;
    let plain = server.get("/", &[BROWSER]).await;
    let tag = plain.header("etag").to_owned();
    assert_eq!(plain.header("content-encoding"), "");

    let zipped = server.get("/", &[BROWSER, ("Accept-Encoding", "br, gzip;q=0.8")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.starts_with(&[0x1f, 0x8b]) && zipped.body.len() < plain.body.len());
    let refused = server.get("/", &[BROWSER, ("Accept-Encoding", "gzip;q=0")]).await;
    assert_eq!((refused.header("content-encoding"), &refused.body), ("", &plain.body));

    for tags in [
        tag.clone(),
        format!("\"other\", {tag}"),
        tag.trim_start_matches("W/").to_owned(),
    ] {
        let unchanged = server.get("/", &[BROWSER, ("If-None-Match", &tags)]).await;
        assert_eq!(
            (unchanged.status, unchanged.body.len(), unchanged.header("etag")),
            (304, 0, tag.as_str())
        );
    }
    assert_eq!(
        server.get("/", &[BROWSER, ("If-None-Match", "\"other\"")]).await.status,
        200
    );
    assert_eq!(server.request("HEAD", "/", &[BROWSER]).await.body.len(), 0);
}

/// Whatever was built: every address that the page names is served, and kept for ever if its name has a hash.
#[tokio::test]
async fn what_the_page_names_is_there() {
    let server = Server::start(&[]).await;
    let page = server.get("/", &[BROWSER]).await;
    let quoted = page
        .text()
        .split('"')
        .filter(|text| text.starts_with('/') && text.contains('.'));
    for path in quoted.map(str::to_owned).collect::<Vec<_>>() {
        let answer = server.get(&path, &[]).await;
        let kept = if path.starts_with("/assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        assert_eq!((answer.status, answer.header("cache-control")), (200, kept), "{path}");
        assert_ne!(answer.header("content-type"), "application/octet-stream", "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_named_but_not_at_length() {
    let server = Server::start(&[]).await;
    let answer = server.get("/nowhere?x=1", &[]).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (404, Some("there is nothing at /nowhere"))
    );
    let answer = server.get(&format!("/{}", "a".repeat(5_000)), &[]).await;
    assert!(answer.status == 404 && answer.body.len() < 200);
    assert_eq!(
        server
            .request("POST", "/health", &[("Content-Length", "0")])
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn any_origin_is_reflected_unless_some_are_named() {
    let origin = ("Origin", "https://a.example");
    let open = Server::start(&[]).await;
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/nowhere"),
        ("OPTIONS", "/health"),
        ("OPTIONS", "/nowhere"),
    ] {
        let answer = open.request(method, path, &[origin]).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://a.example",
            "{method} {path}"
        );
        assert!(method != "OPTIONS" || answer.status == 200, "{path}");
    }
    let asked = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let answer = open.request("OPTIONS", "/health", &asked).await;
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    assert_eq!(answer.header("access-control-allow-headers"), "content-type");

    let named = Server::start(&["https://a.example"]).await;
    let answer = named.get("/health", &[origin]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    for other in ["https://b.example", "https://a.example.evil", "http://a.example"] {
        let answer = named.get("/health", &[("Origin", other)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
    }
}

/// A route that answers with the size of its body.
fn sized() -> Router {
    let size = |body: Body| async move {
        axum::body::to_bytes(body, usize::MAX)
            .await
            .map_or(0, |bytes| bytes.len())
            .to_string()
    };
    Router::new().route("/size", axum::routing::post(size))
}
