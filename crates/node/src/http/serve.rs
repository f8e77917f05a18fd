//! Sockets to requests: accepting, TLS, HTTP/1.1, and the two steps of an end (no new sockets; then all of them closed).
//!
//! WebSocket upgrades leave here with their request; from then on their socket belongs to whoever upgraded it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::limits;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

use super::metrics;
use crate::tls::TlsSource;

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}")]
pub(crate) struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Whether a request came by TLS: in every request's extensions, as `ConnectInfo<SocketAddr>` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tls(pub(crate) bool);

/// The two steps of an end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// Cancelled: nothing is accepted any more; what is there lives on.
    pub(crate) no_new_sockets: CancellationToken,
    /// Cancelled: idle connections close, answers under way get 2 s. Upgraded sockets are not touched.
    pub(crate) close: CancellationToken,
}

/// Listens on every address. With `::` IPv4 is taken as well (Linux' default).
///
/// # Errors
/// The first address that cannot be listened on.
pub(crate) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for &address in addresses {
        listeners.push(
            TcpListener::bind(address)
                .await
                .map_err(|source| BindError { address, source })?,
        );
    }
    Ok(listeners)
}

/// Serves the router on all listeners. Returns when, after `shutdown.close`, the last connection has ended.
///
/// `connections_max` bounds connections before they are upgraded; more are closed at once and counted.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<TlsSource>,
    router: Router,
    connections_max: usize,
    shutdown: Shutdown,
) {
    let server = Arc::new(Server {
        tls,
        router,
        slots: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
        shutdown,
        tasks: TaskTracker::new(),
    });
    for listener in listeners {
        server.tasks.spawn(Arc::clone(&server).accept(listener));
    }
    server.tasks.close();
    server.tasks.wait().await;
}

struct Server {
    tls: Option<TlsSource>,
    router: Router,
    slots: Arc<Semaphore>,
    shutdown: Shutdown,
    tasks: TaskTracker,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.no_new_sockets.cancelled() => return,
                () = self.shutdown.close.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match Arc::clone(&self.slots).try_acquire_owned() {
                    Ok(slot) => drop(self.tasks.spawn(Arc::clone(&self).connection(stream, peer, slot))),
                    Err(_) => metrics::limit_hit("connections"),
                },
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _slot: OwnedSemaphorePermit) {
        // Signaling is many small frames; waiting to fill packets would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            return tracing::debug!(%peer, "connection ended at once: {error}");
        }
        let Some(tls) = &self.tls else {
            return self.http(stream, peer).await;
        };
        match timeout(limits::TLS_HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, "TLS handshake failed: {error}"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        }
    }

    async fn http(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: SocketAddr) {
        let tls = Tls(self.tls.is_some());
        let answer = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(|body| Body::new(TimeoutBody::new(limits::HTTP_BODY_TIMEOUT, body)));
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(tls);
            self.router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::HTTP_HEADER_TIMEOUT)
            .max_buf_size(limits::HTTP_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), answer)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.shutdown.close.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(limits::HTTP_CLOSE_TIMEOUT, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, "connection ended: {error}");
        }
    }
}

/// Whether the client was gone before it was accepted: no reason to pause.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
