//! What a home asks of a seat, and what a seat reports. RTP, DTLS, ICE and SCTP parameters are opaque JSON text
//! ([`JsonText`]); the media crate is the only one that reads them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    CommandId, ConsumerId, Epoch, JsonText, MediaError, NodeId, PeerId, ProducerId, RouterId, TransportId, WorkerId,
};

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

impl MediaKind {
    /// `"audio"` or `"video"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which way media flows on a transport, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The client produces.
    Send,
    /// The client consumes.
    Recv,
}

impl Direction {
    /// `"send"` or `"recv"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }
}

/// The node, worker and router that carry one peer's transports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// The node whose process runs the worker.
    pub node: NodeId,
    /// The worker thread.
    pub worker: WorkerId,
    /// The room's router on that worker; opened by the first transport made there.
    pub router: RouterId,
}

/// One order of a room's home to a seat. A peer's commands are carried out in the order they were sent, different peers' side by
/// side. A repeated `id` gets the first answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaCommand {
    /// Where it is to be done.
    pub seat: Seat,
    /// Which home says so; a seat refuses an epoch older than the newest it has seen for the room.
    pub epoch: Epoch,
    /// Repeated by the result.
    pub id: CommandId,
    /// Whose queue it waits in.
    pub peer: PeerId,
    /// What to do.
    pub action: MediaAction,
}

/// What a seat is asked to do. Ids of new objects are chosen by the home. Closing is idempotent: an unknown id is no error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaAction {
    /// Makes a WebRTC transport (and, the first time, the seat's router). Answer: [`MediaReply::TransportOpened`].
    OpenTransport {
        /// Its id.
        transport: TransportId,
        /// Seen from the client.
        direction: Direction,
    },
    /// Sets the client's DTLS parameters. A repeat with the same parameters is answered as done.
    ConnectTransport {
        /// The transport.
        transport: TransportId,
        /// JSON `DtlsParameters` of the client.
        dtls_parameters: JsonText,
    },
    /// Makes a producer. Answer: [`MediaReply::ProducerOpened`].
    OpenProducer {
        /// The transport it comes in on.
        transport: TransportId,
        /// Its id.
        producer: ProducerId,
        /// Audio or video.
        kind: MediaKind,
        /// JSON `RtpParameters` of the client.
        rtp_parameters: JsonText,
        /// Starts paused.
        paused: bool,
    },
    /// Makes a consumer, paused. Answer: [`MediaReply::ConsumerOpened`].
    OpenConsumer {
        /// The transport it goes out on.
        transport: TransportId,
        /// Its id.
        consumer: ConsumerId,
        /// What it consumes.
        producer: ProducerId,
        /// JSON `RtpCapabilities` of the client.
        rtp_capabilities: JsonText,
    },
    /// Stops taking a producer's media.
    PauseProducer(ProducerId),
    /// Takes it again.
    ResumeProducer(ProducerId),
    /// Stops sending to one consumer.
    PauseConsumer(ConsumerId),
    /// Sends again, starting with a key frame.
    ResumeConsumer(ConsumerId),
    /// Chooses simulcast or SVC layers.
    SetPreferredLayers {
        /// The consumer.
        consumer: ConsumerId,
        /// Spatial layer, 0 is the smallest.
        spatial: u8,
        /// Temporal layer, 0 is the slowest; the highest when absent.
        temporal: Option<u8>,
    },
    /// Asks the producer of a consumer for a key frame.
    RequestKeyFrame(ConsumerId),
    /// Statistics of one object. Answer: [`MediaReply::Stats`].
    GetStats(MediaObject),
    /// Ends a transport with all its producers and consumers.
    CloseTransport(TransportId),
    /// Ends a producer with all its consumers.
    CloseProducer(ProducerId),
    /// Ends a consumer.
    CloseConsumer(ConsumerId),
    /// Ends the seat's router with everything on it: the room is closing. Overtakes commands that wait.
    CloseRouter,
}

/// What statistics can be asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MediaObject {
    /// A transport.
    Transport(TransportId),
    /// A producer.
    Producer(ProducerId),
    /// A consumer.
    Consumer(ConsumerId),
}

/// A seat's good answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaReply {
    /// To [`MediaAction::OpenTransport`]; all JSON, in the shapes that clients parse.
    TransportOpened {
        /// `IceParameters`.
        ice_parameters: JsonText,
        /// `IceCandidate[]`, each with both `ip` and `address`.
        ice_candidates: JsonText,
        /// `DtlsParameters` of the server.
        dtls_parameters: JsonText,
        /// `SctpParameters`, where data channels are on.
        sctp_parameters: Option<JsonText>,
    },
    /// To [`MediaAction::OpenProducer`].
    ProducerOpened {
        /// How its encodings are laid out: what a consumer of it will be.
        kind: ConsumerKind,
    },
    /// To [`MediaAction::OpenConsumer`].
    ConsumerOpened {
        /// JSON `RtpParameters` for the client.
        rtp_parameters: JsonText,
        /// Simple, simulcast or SVC.
        kind: ConsumerKind,
    },
    /// To [`MediaAction::GetStats`]: a JSON array of objects.
    Stats(JsonText),
    /// To everything else.
    Done,
}

/// How a consumer's encodings are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsumerKind {
    /// One encoding.
    Simple,
    /// Several encodings of the same picture; the server chooses one.
    Simulcast,
    /// One encoding in layers.
    Svc,
}

impl ConsumerKind {
    /// `"simple"`, `"simulcast"` or `"svc"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Simulcast => "simulcast",
            Self::Svc => "svc",
        }
    }
}

/// How loud a producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioLevel {
    /// An audio producer.
    pub producer: ProducerId,
    /// Average of the last interval in dBov, -127 (silent) to 0.
    pub volume: i8,
}

/// What a seat reports to the room's home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// The result of a command.
    Result {
        /// The command.
        command: CommandId,
        /// What came of it.
        result: Result<MediaReply, MediaError>,
    },
    /// The loudest producers of one router, loudest first; empty: silence. About once a second while somebody speaks.
    AudioLevels {
        /// The router that heard them.
        router: RouterId,
        /// Loudest first.
        levels: Vec<AudioLevel>,
    },
    /// How well a producer's media arrives, 0 (nothing) to 10, the best of its encodings.
    ProducerScore {
        /// The producer.
        producer: ProducerId,
        /// 0..=10.
        score: u8,
    },
    /// How well a consumer's media reaches its client, 0 to 10.
    ConsumerScore {
        /// The consumer.
        consumer: ConsumerId,
        /// 0..=10.
        score: u8,
    },
    /// The router is gone with everything on it, because its worker died.
    SeatLost {
        /// The router.
        router: RouterId,
    },
}
