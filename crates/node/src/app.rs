//! Builds the parts of a node, lists every task that it runs, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ConnectInfo;
use axum::http::request::Parts as RequestParts;
use axum::middleware;
use bus::Bus;
use bus::memory::{Hub, MemoryPlacements};
use media::{ListenAddress, Media, MediaConfig, StartError};
use model::{BootId, limits};
use thiserror::Error;
use tower::Layer;

use crate::config::Config;
use crate::coordinator_task::{self, CoordinatorHandle};
use crate::http::address::Client;
use crate::http::serve::{self, BindError, Shutdown, Tls};
use crate::http::{self, HttpState, metrics};
use crate::node::{Node, Parts};
use crate::shutdown::{self, Signals};
use crate::socket::admission::Admission;
use crate::socket::socketio::{self, Handshakes, SocketIoConfig};
use crate::tls::{TlsError, TlsSource};
use crate::{dispatch, sampler};

/// Why a node does not start.
#[derive(Debug, Error)]
pub(crate) enum StartFailed {
    /// An address is taken or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The media workers.
    #[error(transparent)]
    Media(#[from] StartError),
    /// What the workers shall log.
    #[error("media logs: {0}")]
    Logs(#[from] media::UnknownWord),
    /// The codecs of the TOML file.
    #[error("media_codecs: {0}")]
    Codecs(#[from] serde_json::Error),
    /// The metrics recorder.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Signals cannot be taken.
    #[error("signals: {0}")]
    Signals(#[from] std::io::Error),
}

/// Runs a node until it is told to end.
///
/// # Errors
/// It cannot start.
pub(crate) async fn run(config: Config) -> Result<(), StartFailed> {
    let mut signals = Signals::new()?;
    let recorder = metrics::start()?;
    tokio::spawn(metrics::upkeep(recorder.clone()));
    let state = HttpState::new(recorder, config.tls.is_some());
    metrics::build_info(env!("CARGO_PKG_VERSION"), media::deps());
    let listeners = serve::bind(&config.listen).await?;
    let tls = config.tls.clone().map(TlsSource::load).transpose()?;
    let (media, reports) = Media::start(media_config(&config)?).await?;

    let (coordinator, seat_requests) = CoordinatorHandle::new();
    let bus = Hub::default().join(config.node_id.clone());
    let deliveries = bus.subscribe();
    let node = Node::new(Parts {
        id: config.node_id.clone(),
        boot: BootId(uuid::Uuid::new_v4().as_u64_pair().0),
        limits: Arc::new(config.limits.clone()),
        bus: Arc::new(bus),
        placements: Arc::new(MemoryPlacements::new(milliseconds_since_1970())),
        media: Arc::new(media),
        coordinator,
        auto_rooms: config.auto_rooms,
    });
    if let Some(deliveries) = deliveries {
        tokio::spawn(dispatch::run(Arc::clone(&node), deliveries));
    }
    tokio::spawn(dispatch::run_seat_reports(Arc::clone(&node), reports));
    tokio::spawn(coordinator_task::run(Arc::clone(&node), seat_requests));
    tokio::spawn(sampler::run(Arc::clone(&node), state.clone()));
    if let Some(tls) = tls.clone() {
        tokio::spawn(tls.keep_current());
    }

    let shutdown = Shutdown::default();
    let router = router(&config, &node, state.clone());
    let connections = config.limits.sockets_per_node * limits::CONNECTIONS_PER_SOCKET;
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "Server running on port {}", address.port());
        }
    }
    let serving = tokio::spawn(serve::serve(listeners, tls, router, connections, shutdown.clone()));
    state.set_ready();

    signals.recv().await;
    signals.exit_on_next();
    end(&node, &state, &shutdown, config.shutdown_grace).await;
    // What an answer under way may still take is bounded by `serve` itself.
    let _ended = serving.await;
    Ok(())
}

async fn end(node: &Arc<Node>, state: &HttpState, shutdown: &Shutdown, grace: Duration) {
    state.set_not_ready("shutting down");
    // Connections are accepted meanwhile: by long-polling clients are told over new ones, and probes ask over new ones.
    shutdown::drain(node, grace.saturating_sub(limits::MEDIA_CLOSE_TIMEOUT)).await;
    shutdown.no_new_sockets.cancel();
    node.media.close().await;
    shutdown.close.cancel();
    tracing::info!("closed");
}

fn router(config: &Config, node: &Arc<Node>, state: HttpState) -> axum::Router {
    let proxies: Arc<[_]> = config.trusted_proxies.clone().into();
    let origins = config.frontend_origins.clone();
    let sockets = SocketIoConfig {
        node: Arc::clone(node),
        admission: Admission::new(config.limits.sockets_per_address, config.limits.sockets_per_node),
        ping_interval: config.ping_interval,
        ping_timeout: config.ping_timeout,
        allows: Arc::new(move |parts: &RequestParts| http::cors::allows_request(&origins, &parts.headers)),
        address_of: Arc::new(move |parts: &RequestParts| {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0;
            let tls = parts.extensions.get::<Tls>().is_some_and(|tls| tls.0);
            Client::behind(peer, tls, &parts.headers, &proxies).counted_as()
        }),
    };
    let handshakes = Handshakes::new(&sockets);
    // The layer is an engine with its sessions: it has to be applied once, and axum applies it anew to a lazy fallback.
    let routes = http::routes(state).fallback(http::not_found).with_state(());
    let admit = middleware::from_fn_with_state(handshakes, socketio::admit_handshake);
    let router = axum::Router::new()
        .fallback_service(socketio::layer(sockets).layer(routes))
        .layer(admit);
    http::finish(router, &config.frontend_origins)
}

fn media_config(config: &Config) -> Result<MediaConfig, StartFailed> {
    let settings = config.media.clone();
    let listen = settings.listen.into_iter().map(|listen| ListenAddress {
        ip: listen.ip,
        announced: listen.announced,
    });
    let log_tags = settings
        .log_tags
        .into_iter()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let codecs = match settings.codecs {
        Some(codecs) => codecs
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()?,
        None => media::default_codecs(),
    };
    Ok(MediaConfig {
        node: config.node_id.clone(),
        workers: settings.workers,
        log_level: settings.log_level.parse()?,
        log_tags,
        listen: listen.collect(),
        ports: settings.ports,
        codecs,
        enable_udp: settings.enable_udp,
        enable_tcp: settings.enable_tcp,
        prefer_udp: settings.prefer_udp,
        initial_available_outgoing_bitrate: settings.initial_available_outgoing_bitrate,
        minimum_available_outgoing_bitrate: Some(settings.minimum_available_outgoing_bitrate)
            .filter(|bound| *bound > 0),
        max_sctp_message_size: settings.max_sctp_message_size,
        sctp_send_buffer_size: settings.sctp_send_buffer_size,
    })
}

/// When this node's placement store was made: the first part of its epochs.
fn milliseconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
