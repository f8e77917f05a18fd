//! The fast test of every build: real peers do a real DTLS handshake with the media worker of this build, and every
//! packet that goes in comes out. Whatever is wrong with how the worker was built or linked shows here in seconds.
//!
//! The worker is used directly, without our node, so a failure here is one of the build or of the peers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use loadtest::driver::{Driver, DriverOptions, PeerHandle};
use loadtest::network::Sockets;
use loadtest::peer::{Counters, PeerSetup, Reception, SourceId, StreamId};
use loadtest::rtp::{Features, Kind, MediaProfile};
use loadtest::source::Rate;
use loadtest::transport::ServerTransport;
use mediasoup::prelude::*;
use mediasoup::types::data_structures::{ListenInfo, Protocol};
use mediasoup::types::rtp_parameters::{
    MediaKind, MimeTypeAudio, MimeTypeVideo, RtpCapabilities, RtpCodecCapability, RtpCodecParametersParameters,
};
use mediasoup::worker::WorkerLogLevel;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

/// One worker with one port and one router.
struct Server {
    router: Router,
    server: WebRtcServer,
    _worker: Worker,
}

impl Server {
    async fn start() -> Self {
        let mut settings = WorkerSettings::default();
        settings.log_level = WorkerLogLevel::None;
        let worker = WorkerManager::new().create_worker(settings).await.unwrap();
        let listen = ListenInfo {
            protocol: Protocol::Udp,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            announced_address: None,
            expose_internal_ip: false,
            port: None,
            port_range: None,
            flags: None,
            send_buffer_size: None,
            recv_buffer_size: Some(4 << 20),
        };
        let options = WebRtcServerOptions::new(WebRtcServerListenInfos::new(listen));
        let server = worker.create_webrtc_server(options).await.unwrap();
        let router = worker.create_router(RouterOptions::new(codecs())).await.unwrap();
        Self {
            router,
            server,
            _worker: worker,
        }
    }

    async fn transport(&self) -> WebRtcTransport {
        let options = WebRtcTransportOptions::new_with_server(self.server.clone());
        self.router.create_webrtc_transport(options).await.unwrap()
    }

    /// A peer on a transport of its own, connected.
    async fn connect(
        &self,
        driver: &Driver,
        features: Features,
        reception: Reception,
    ) -> (WebRtcTransport, PeerHandle) {
        let transport = self.transport().await;
        let capabilities = serde_json::to_value(self.router.rtp_capabilities()).unwrap();
        let setup = PeerSetup {
            transport: ServerTransport::from_json(&parameters_of(&transport)).unwrap(),
            profile: Arc::new(MediaProfile::from_router(&capabilities, features).unwrap()),
            reception,
        };
        let peer = driver.add_peer(setup).await.unwrap();
        let dtls_parameters = serde_json::from_value(peer.dtls_parameters().clone()).unwrap();
        transport
            .connect(WebRtcTransportRemoteParameters { dtls_parameters })
            .await
            .unwrap();
        peer.connect(PATIENCE).await.unwrap();
        (transport, peer)
    }

    fn peer_capabilities(&self, features: Features) -> RtpCapabilities {
        let capabilities = serde_json::to_value(self.router.rtp_capabilities()).unwrap();
        let profile = MediaProfile::from_router(&capabilities, features).unwrap();
        serde_json::from_value(profile.rtp_capabilities()).unwrap()
    }
}

fn codecs() -> Vec<RtpCodecCapability> {
    let audio = RtpCodecCapability::Audio {
        mime_type: MimeTypeAudio::Opus,
        preferred_payload_type: None,
        clock_rate: NonZeroU32::new(48_000).unwrap(),
        channels: NonZeroU8::new(2).unwrap(),
        parameters: RtpCodecParametersParameters::default(),
        rtcp_feedback: vec![],
    };
    let video = RtpCodecCapability::Video {
        mime_type: MimeTypeVideo::Vp8,
        preferred_payload_type: None,
        clock_rate: NonZeroU32::new(90_000).unwrap(),
        parameters: RtpCodecParametersParameters::default(),
        rtcp_feedback: vec![],
    };
    vec![audio, video]
}

fn parameters_of(transport: &WebRtcTransport) -> Value {
    json!({ "id": transport.id(), "iceParameters": transport.ice_parameters(),
            "iceCandidates": transport.ice_candidates(), "dtlsParameters": transport.dtls_parameters() })
}

/// A publisher and a subscriber with one stream of `kind` between them, silent so far.
struct Pair {
    publisher: PeerHandle,
    source: SourceId,
    subscriber: PeerHandle,
    stream: StreamId,
    receiving: WebRtcTransport,
    /// Kept open: they close on drop.
    _media: (WebRtcTransport, Producer, Consumer),
}

impl Pair {
    async fn new(server: &Server, driver: &Driver, kind: Kind, features: Features, reception: Reception) -> Self {
        let (sending, publisher) = server.connect(driver, features, Reception::Full).await;
        let (receiving, subscriber) = server.connect(driver, features, reception).await;
        let (source, parameters) = publisher.add_source(kind).await.unwrap();
        let media_kind = if kind == Kind::Audio {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        let parameters = serde_json::from_value(parameters).unwrap();
        let producer = sending
            .produce(ProducerOptions::new(media_kind, parameters))
            .await
            .unwrap();
        let mut options = ConsumerOptions::new(producer.id(), server.peer_capabilities(features));
        options.paused = true;
        let consumer = receiving.consume(options).await.unwrap();
        let stream = subscriber
            .expect_stream(serde_json::to_value(consumer.rtp_parameters()).unwrap())
            .await
            .unwrap();
        consumer.resume().await.unwrap();
        Self {
            publisher,
            source,
            subscriber,
            stream,
            receiving,
            _media: (sending, producer, consumer),
        }
    }

    /// Sends until the subscriber has `packets`, then lets what is under way arrive.
    async fn send(&self, rate: Rate, packets: u64) -> (Counters, Counters) {
        self.publisher.start_source(self.source, rate).await.unwrap();
        let received = |counters: &Counters| counters.received[&self.stream].packets;
        self.subscriber
            .wait_for(PATIENCE, |counters| received(counters) >= packets)
            .await
            .unwrap();
        self.publisher.stop_source(self.source).await.unwrap();
        let sent = self.publisher.counters().await.unwrap();
        let all = |counters: &Counters| received(counters) >= sent.sent.packets;
        (sent.clone(), self.subscriber.wait_for(PATIENCE, all).await.unwrap())
    }
}

#[tokio::test]
async fn every_video_packet_arrives_after_a_real_handshake() {
    let server = Server::start().await;
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let pair = Pair::new(&server, &driver, Kind::Video, Features::default(), Reception::Full).await;
    let (sent, received) = pair
        .send(
            Rate {
                packets_per_second: 500,
                payload_bytes: 1_000,
            },
            200,
        )
        .await;
    let stream = &received.received[&pair.stream];
    assert_eq!(stream.packets, sent.sent.packets);
    assert_eq!(stream.bytes, sent.sent.packets * 1_000);
    assert_eq!(stream.lost, 0);
    assert_eq!(stream.key_frames, sent.sent.key_frames);
    assert!(stream.key_frames >= 1);
    assert_eq!(stream.latency.total(), stream.packets);
    assert!(
        stream.latency.quantile(0.5).unwrap() < Duration::from_millis(500),
        "{:?}",
        stream.latency.quantile(0.5)
    );
}

#[tokio::test]
async fn audio_arrives_too() {
    let server = Server::start().await;
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let pair = Pair::new(&server, &driver, Kind::Audio, Features::default(), Reception::Full).await;
    let (sent, received) = pair
        .send(
            Rate {
                packets_per_second: 200,
                payload_bytes: 100,
            },
            100,
        )
        .await;
    let stream = &received.received[&pair.stream];
    assert_eq!(
        (stream.packets, stream.lost, stream.key_frames),
        (sent.sent.packets, 0, 0)
    );
}

#[tokio::test]
async fn the_cheap_ways_of_a_load_run_count_the_same() {
    let server = Server::start().await;
    let options = DriverOptions {
        sockets: Sockets::Shared,
        pause: Duration::from_millis(1),
        ..DriverOptions::default()
    };
    let driver = Driver::start(options).unwrap();
    let pair = Pair::new(
        &server,
        &driver,
        Kind::Video,
        Features::default(),
        Reception::HeaderOnly,
    )
    .await;
    let (sent, received) = pair
        .send(
            Rate {
                packets_per_second: 500,
                payload_bytes: 1_000,
            },
            200,
        )
        .await;
    let stream = &received.received[&pair.stream];
    assert_eq!((stream.packets, stream.lost), (sent.sent.packets, 0));
    assert_eq!(stream.latency.total(), stream.packets);
    let totals = driver.totals().await.unwrap();
    assert_eq!((totals.peers, totals.connected, totals.unsent), (2, 2, 0));
}

#[tokio::test]
async fn the_server_probes_for_bandwidth_only_with_transport_cc() {
    let server = Server::start().await;
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let rate = Rate {
        packets_per_second: 500,
        payload_bytes: 500,
    };
    for transport_cc in [false, true] {
        let features = Features {
            transport_cc,
            retransmission: true,
        };
        let pair = Pair::new(&server, &driver, Kind::Video, features, Reception::Full).await;
        let initial = pair.receiving.get_stats().await.unwrap()[0].available_outgoing_bitrate;
        pair.send(rate, 200).await;
        let after = pair.receiving.get_stats().await.unwrap();
        assert_eq!(after[0].probation_bytes_sent > 0, transport_cc, "{after:?}");
        assert!(
            !transport_cc || after[0].available_outgoing_bitrate > initial,
            "{initial:?} {after:?}"
        );
    }
}

#[tokio::test]
async fn a_key_frame_comes_on_request() {
    let server = Server::start().await;
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let pair = Pair::new(&server, &driver, Kind::Video, Features::default(), Reception::Full).await;
    let rate = Rate {
        packets_per_second: 100,
        payload_bytes: 500,
    };
    pair.publisher.start_source(pair.source, rate).await.unwrap();
    let key_frames = |counters: &Counters| counters.received[&pair.stream].key_frames;
    let before = key_frames(
        &pair
            .subscriber
            .wait_for(PATIENCE, |counters| key_frames(counters) > 0)
            .await
            .unwrap(),
    );
    // The worker lets a second request for the same source wait for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    pair.subscriber.request_key_frame(pair.stream).unwrap();
    pair.subscriber
        .wait_for(PATIENCE, |counters| key_frames(counters) > before)
        .await
        .unwrap();
    assert!(pair.publisher.counters().await.unwrap().sent.key_frame_requests > 0);
}
