//! One node's media side with real workers, and a home that talks to it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use media::{LogLevel, Media, MediaConfig, SeatReport};
use model::{
    CommandId, Direction, Epoch, JsonText, MediaAction, MediaCommand, MediaError, MediaEvent, MediaKind, MediaReply,
    NodeId, PeerId, ProducerId, RoomId, RouterId, Seat, TransportId, WorkerId,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) type MediaResult = Result<MediaReply, MediaError>;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn config(workers: usize, ports: RangeInclusive<u16>) -> MediaConfig {
    MediaConfig {
        node: NodeId::new("node"),
        workers,
        log_level: LogLevel::Error,
        log_tags: Vec::new(),
        listen: vec![media::ListenAddress {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            announced: None,
        }],
        ports,
        codecs: media::default_codecs(),
        enable_udp: true,
        enable_tcp: true,
        prefer_udp: true,
        initial_available_outgoing_bitrate: 1_000_000,
        minimum_available_outgoing_bitrate: None,
        max_sctp_message_size: 262_144,
        sctp_send_buffer_size: 262_144,
    }
}

/// A home of one room with one router on worker 0.
pub(crate) struct Home {
    pub(crate) media: Media,
    reports: mpsc::Receiver<SeatReport>,
    results: BTreeMap<CommandId, MediaResult>,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) room: RoomId,
    pub(crate) epoch: Epoch,
    pub(crate) router: RouterId,
    pub(crate) worker: WorkerId,
    next: u64,
}

impl Home {
    pub(crate) async fn start(ports: RangeInclusive<u16>) -> Self {
        Self::with(config(1, ports)).await
    }

    pub(crate) async fn with(config: MediaConfig) -> Self {
        let (media, reports) = Media::start(config).await.unwrap();
        Self {
            media,
            reports,
            results: BTreeMap::new(),
            events: Vec::new(),
            room: RoomId::new("room").unwrap(),
            epoch: Epoch { store: 1, sequence: 1 },
            router: RouterId::from_random(1),
            worker: WorkerId(0),
            next: 0,
        }
    }

    pub(crate) fn command(&mut self, peer: u128, action: MediaAction) -> MediaCommand {
        self.next += 1;
        MediaCommand {
            seat: Seat {
                node: NodeId::new("node"),
                worker: self.worker,
                router: self.router,
            },
            epoch: self.epoch,
            id: CommandId(self.next),
            peer: PeerId::from_random(peer),
            action,
        }
    }

    pub(crate) fn send(&mut self, command: &MediaCommand) -> CommandId {
        self.media
            .handle_command(NodeId::new("home"), self.room.clone(), command.clone());
        command.id
    }

    pub(crate) fn give(&mut self, peer: u128, action: MediaAction) -> CommandId {
        let command = self.command(peer, action);
        self.send(&command)
    }

    pub(crate) async fn ask(&mut self, peer: u128, action: MediaAction) -> MediaResult {
        let id = self.give(peer, action);
        self.result(id).await
    }

    /// Waits for the result of a command; what else is reported meanwhile is kept.
    pub(crate) async fn result(&mut self, id: CommandId) -> MediaResult {
        loop {
            if let Some(result) = self.results.remove(&id) {
                return result;
            }
            self.receive().await;
        }
    }

    /// Waits for an event that is no result.
    pub(crate) async fn event(&mut self) -> MediaEvent {
        while self.events.is_empty() {
            self.receive().await;
        }
        self.events.remove(0)
    }

    pub(crate) async fn receive(&mut self) -> CommandId {
        let report = timeout(PATIENCE, self.reports.recv())
            .await
            .expect("a report in time")
            .unwrap();
        assert_eq!(report.home, NodeId::new("home"));
        match report.event {
            MediaEvent::Result { command, result } => {
                self.results.insert(command, result);
                command
            }
            event => {
                self.events.push(event);
                CommandId(0)
            }
        }
    }

    pub(crate) async fn open_transport(&mut self, peer: u128, transport: u128, direction: Direction) -> MediaResult {
        let transport = TransportId::from_random(transport);
        self.ask(peer, MediaAction::OpenTransport { transport, direction })
            .await
    }

    pub(crate) async fn open_producer(
        &mut self,
        peer: u128,
        transport: u128,
        producer: u128,
        rtp: &Value,
    ) -> MediaResult {
        let mime = rtp["codecs"][0]["mimeType"].as_str().unwrap();
        let kind = if mime.starts_with("audio") {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        let action = MediaAction::OpenProducer {
            transport: TransportId::from_random(transport),
            producer: ProducerId::from_random(producer),
            kind,
            rtp_parameters: JsonText::from_value(rtp),
            paused: false,
        };
        self.ask(peer, action).await
    }
}

pub(crate) fn opus(ssrc: u32) -> Value {
    json!({
        "mid": format!("a{ssrc}"),
        "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": ssrc}],
    })
}

pub(crate) fn vp8_simulcast(mid: &str) -> Value {
    json!({
        "mid": mid,
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000},
            {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
        ],
        "encodings": [{"rid": "r0"}, {"rid": "r1"}],
    })
}

pub(crate) fn read(json: &JsonText) -> Value {
    serde_json::from_str(json.as_str()).unwrap()
}
