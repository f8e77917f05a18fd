//! Accepting, TLS, upgrades, bounds, and the two steps of an end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::super::serve::Tls;
use super::*;
use crate::config::TlsPaths;

/// Reads one answer of a connection that stays open.
async fn one_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let count = stream.read_buf(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let length: usize = Answer::read(&bytes).header("content-length").parse().unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            return Answer::read(&bytes);
        }
    }
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn an_end_has_two_steps() {
    let server = Server::start(&[]).await;
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(ALIVE).await.unwrap();
    assert_eq!(one_answer(&mut kept).await.status, 200);

    server.shutdown.no_new_sockets.cancel();
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), refused)
        .await
        .expect("nothing is accepted any more");
    kept.write_all(ALIVE).await.unwrap();
    assert_eq!(one_answer(&mut kept).await.status, 200, "what is there lives on");

    server.shutdown.close.cancel();
    assert_eq!(kept.read(&mut [0]).await.unwrap(), 0);
    timeout(Duration::from_secs(5), server.serving)
        .await
        .expect("serving ends")
        .unwrap();
}

#[tokio::test]
async fn an_answer_under_way_holds_up_the_end_for_a_while_only() {
    let never = Router::new().route("/never", get(|| async { std::future::pending::<()>().await }));
    let server = Server::with(None, &[], 100, never).await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting
        .write_all(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    server.shutdown.close.cancel();
    timeout(Duration::from_secs(5), server.serving)
        .await
        .expect("serving ends")
        .unwrap();
}

#[tokio::test]
async fn an_upgraded_socket_outlives_its_request() {
    let upgrade = |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| async move {
        tokio::spawn(async move {
            let mut socket = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            socket.write_all(peer.to_string().as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        });
        (
            StatusCode::SWITCHING_PROTOCOLS,
            [(header::CONNECTION, "upgrade"), (header::UPGRADE, "words")],
        )
            .into_response()
    };
    let server = Server::with(None, &[], 100, Router::new().route("/words", get(upgrade))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    let head = b"GET /words HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: words\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    let answer = Answer::read(&bytes);
    assert_eq!((answer.status, answer.text()), (101, own.as_str()));
}

/// Time is the runtime's own here: it leaps when nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let server = Server::start(&[]).await;
    for sent in [&b""[..], b"GET /hea"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let waited = begun.elapsed();
        assert!(
            (Duration::from_secs(19)..Duration::from_secs(30)).contains(&waited),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_is_given_up() {
    let server = Server::with(None, &[], 100, sized()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /size HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\nabc";
    stream.write_all(head).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(Answer::read(&bytes).text(), "0", "the handler saw an error, not a body");
}

#[tokio::test]
async fn connections_are_bounded() {
    let server = Server::with(None, &[], 1, Router::new()).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(ALIVE).await.unwrap();
    assert_eq!(one_answer(&mut first).await.status, 200);
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let closed = timeout(Duration::from_secs(5), second.read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    drop(first);
    let free = async {
        loop {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let sent = stream.write_all(ALIVE).await;
            let mut start = [0; 12];
            if sent.is_ok() && stream.read_exact(&mut start).await.is_ok() && &start == b"HTTP/1.1 200" {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), free)
        .await
        .expect("a place becomes free");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = Server::start(&[]).await;
    let error = serve::bind(&[server.address]).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", server.address)),
        "{error}"
    );
}

/// A certificate for localhost, written where `paths` say.
fn write_certificate(paths: &TlsPaths) -> String {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&paths.cert, certified.cert.pem()).unwrap();
    std::fs::write(&paths.key, certified.signing_key.serialize_pem()).unwrap();
    certified.cert.pem()
}

/// `GET path` by TLS, trusting this certificate only.
async fn get_by_tls(address: SocketAddr, pem: &str, path: &str) -> std::io::Result<Answer> {
    let mut roots = RootCertStore::empty();
    roots
        .add(tokio_rustls::rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(Answer::read(&bytes))
}

#[tokio::test]
async fn tls_serves_and_takes_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let paths = TlsPaths {
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let first = write_certificate(&paths);
    let source = TlsSource::load(paths.clone()).unwrap();
    let watching = tokio::spawn(source.clone().keep_current_every(Duration::from_millis(20)));
    let tls = get(|request: Request| async move { format!("{:?}", request.extensions().get::<Tls>()) });
    let server = Server::with(Some(source), &[], 100, Router::new().route("/tls", tls)).await;

    assert_eq!(
        get_by_tls(server.address, &first, "/health").await.unwrap().json()["server"],
        "https"
    );
    assert_eq!(
        get_by_tls(server.address, &first, "/tls").await.unwrap().text(),
        "Some(Tls(true))"
    );

    let second = write_certificate(&paths);
    let taken = async {
        while get_by_tls(server.address, &second, "/healthz").await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), taken)
        .await
        .expect("the new certificate is in use");
    assert!(
        get_by_tls(server.address, &first, "/healthz").await.is_err(),
        "the old one is not"
    );
    watching.abort();
}
