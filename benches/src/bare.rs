//! The same peers on nothing but the mediasoup crate, in this process: what forwarding costs without us. Codecs, transport options
//! and socket buffers are those of a node at its defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use loadtest::driver::{Driver, PeerHandle};
use loadtest::peer::{PeerSetup, Reception, SourceId};
use loadtest::rtp::{Features, Kind, MediaProfile};
use loadtest::transport::ServerTransport;
use mediasoup::prelude::*;
use mediasoup::types::data_structures::{ListenInfo, Protocol};
use mediasoup::types::rtp_parameters::MediaKind;
use mediasoup::worker::WorkerLogLevel;
use model::limits::MEDIA_SOCKET_BUFFER_BYTES;
use serde_json::{Value, json};

/// How long ICE and DTLS may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A node's defaults, of which the crate has others.
const INITIAL_BITRATE: u32 = 1_000_000;
const SCTP_BYTES: u32 = 262_144;
const KEY_FRAME_REQUEST_DELAY_MS: u32 = 1_000;

/// One worker with its port and one router.
pub struct Server {
    router: Router,
    server: WebRtcServer,
    _worker: Worker,
}

/// One publisher and those who receive it.
pub struct Call {
    /// Who publishes.
    pub publisher: PeerHandle,
    /// What is published: VP8, silent so far.
    pub source: SourceId,
    /// Open as long as the call; they close on drop.
    _subscribers: Vec<(WebRtcTransport, Consumer, PeerHandle)>,
    _producing: (WebRtcTransport, Producer),
}

impl Server {
    /// Starts the worker.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        let mut settings = WorkerSettings::default();
        settings.log_level = WorkerLogLevel::Error;
        let worker = WorkerManager::new().create_worker(settings).await.unwrap();
        let listen = |protocol| ListenInfo {
            protocol,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            announced_address: None,
            expose_internal_ip: false,
            port: None,
            port_range: None,
            flags: None,
            send_buffer_size: Some(MEDIA_SOCKET_BUFFER_BYTES),
            recv_buffer_size: Some(MEDIA_SOCKET_BUFFER_BYTES),
        };
        let listen = WebRtcServerListenInfos::new(listen(Protocol::Udp)).insert(listen(Protocol::Tcp));
        let server = worker
            .create_webrtc_server(WebRtcServerOptions::new(listen))
            .await
            .unwrap();
        let codecs = RouterOptions::new(media::default_codecs());
        let router = worker.create_router(codecs).await.unwrap();
        Self {
            router,
            server,
            _worker: worker,
        }
    }

    /// A call of one publisher and so many subscribers, all connected.
    ///
    /// # Panics
    /// If one of them does not get through.
    pub async fn call(&self, driver: &Driver, features: Features, subscribers: usize) -> Call {
        let capabilities = serde_json::to_value(self.router.rtp_capabilities()).unwrap();
        let profile = Arc::new(MediaProfile::from_router(&capabilities, features).unwrap());
        let (transport, publisher) = self.connect(driver, &profile).await;
        let (source, parameters) = publisher.add_source(Kind::Video).await.unwrap();
        let mut options = ProducerOptions::new(MediaKind::Video, serde_json::from_value(parameters).unwrap());
        options.key_frame_request_delay = KEY_FRAME_REQUEST_DELAY_MS;
        let producer = transport.produce(options).await.unwrap();
        let mut all = Vec::new();
        for _ in 0..subscribers {
            all.push(self.subscribe(driver, &profile, &producer).await);
        }
        Call {
            publisher,
            source,
            _subscribers: all,
            _producing: (transport, producer),
        }
    }

    async fn subscribe(
        &self,
        driver: &Driver,
        profile: &Arc<MediaProfile>,
        producer: &Producer,
    ) -> (WebRtcTransport, Consumer, PeerHandle) {
        let (transport, subscriber) = self.connect(driver, profile).await;
        let capabilities = serde_json::from_value(profile.rtp_capabilities()).unwrap();
        let mut options = ConsumerOptions::new(producer.id(), capabilities);
        options.paused = true;
        let consumer = transport.consume(options).await.unwrap();
        let parameters = serde_json::to_value(consumer.rtp_parameters()).unwrap();
        subscriber.expect_stream(parameters).await.unwrap();
        consumer.resume().await.unwrap();
        (transport, consumer, subscriber)
    }

    async fn connect(&self, driver: &Driver, profile: &Arc<MediaProfile>) -> (WebRtcTransport, PeerHandle) {
        let mut options = WebRtcTransportOptions::new_with_server(self.server.clone());
        options.initial_available_outgoing_bitrate = INITIAL_BITRATE.into();
        options.enable_udp = true;
        options.enable_tcp = true;
        options.prefer_udp = true;
        options.enable_sctp = true;
        options.max_send_message_size = SCTP_BYTES;
        options.max_receive_message_size = SCTP_BYTES;
        options.sctp_send_buffer_size = SCTP_BYTES;
        let transport = self.router.create_webrtc_transport(options).await.unwrap();
        let setup = PeerSetup {
            transport: ServerTransport::from_json(&parameters_of(&transport)).unwrap(),
            profile: Arc::clone(profile),
            reception: Reception::Full,
        };
        let peer = driver.add_peer(setup).await.unwrap();
        let dtls_parameters = serde_json::from_value(peer.dtls_parameters().clone()).unwrap();
        transport
            .connect(WebRtcTransportRemoteParameters { dtls_parameters })
            .await
            .unwrap();
        peer.connect(CONNECT_DEADLINE).await.unwrap();
        (transport, peer)
    }
}

fn parameters_of(transport: &WebRtcTransport) -> Value {
    json!({ "id": transport.id(), "iceParameters": transport.ice_parameters(),
            "iceCandidates": transport.ice_candidates(), "dtlsParameters": transport.dtls_parameters() })
}
