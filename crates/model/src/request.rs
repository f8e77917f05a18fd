//! The one inner language between the dialects and the room: what a peer may ask and what it is answered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ConsumerId, ConsumerKind, Direction, JsonText, MediaKind, MediaObject, ProducerId, PublicId, Role, Source,
    TransportId,
};

/// What a peer asks of its room. A dialect's request becomes exactly one of these, or is answered at the edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Becomes a peer. Again by the same peer: the same answer, marked as a repeat. Reply: [`Reply::Joined`].
    Join(Box<Join>),
    /// Ends the peer. No other request of it may follow. Reply: [`Reply::Done`].
    Leave,
    /// Makes a transport. Reply: [`Reply::TransportOpened`].
    OpenTransport(Direction),
    /// Sets a transport's DTLS parameters. Reply: [`Reply::Done`].
    ConnectTransport {
        /// A transport of the peer.
        transport: TransportId,
        /// JSON `DtlsParameters`.
        dtls_parameters: JsonText,
    },
    /// Makes a producer. Reply: [`Reply::Produced`].
    Produce(Box<Produce>),
    /// Ends a producer of the peer. Reply: [`Reply::Done`].
    CloseProducer(ProducerId),
    /// Pauses a producer of the peer. Reply: [`Reply::Done`].
    PauseProducer(ProducerId),
    /// Resumes a producer of the peer. Reply: [`Reply::Done`].
    ResumeProducer(ProducerId),
    /// Makes a consumer, paused. Each asks for a new one, also of the same producer. Reply: [`Reply::Consumed`].
    Consume {
        /// A producer of another peer.
        producer: ProducerId,
        /// A receiving transport of the peer; absent or unknown: its newest.
        transport: Option<TransportId>,
        /// JSON `RtpCapabilities`; absent: those of the join.
        rtp_capabilities: Option<JsonText>,
    },
    /// Ends a consumer of the peer. Reply: [`Reply::Done`].
    CloseConsumer(ConsumerId),
    /// Pauses a consumer of the peer. Reply: [`Reply::Done`].
    PauseConsumer(ConsumerId),
    /// Resumes a consumer of the peer. Reply: [`Reply::Done`].
    ResumeConsumer(ConsumerId),
    /// Chooses layers of a consumer of the peer. Reply: [`Reply::Done`].
    SetPreferredLayers {
        /// The consumer.
        consumer: ConsumerId,
        /// Spatial layer, 0 is the smallest.
        spatial: u8,
        /// Temporal layer; the highest when absent.
        temporal: Option<u8>,
    },
    /// Asks for a key frame for a consumer of the peer. Reply: [`Reply::Done`].
    RequestKeyFrame(ConsumerId),
    /// What the peer tells others of itself; absent: unchanged. Reply: [`Reply::Done`].
    SetMuteState {
        /// Its microphone is muted.
        audio_muted: Option<bool>,
        /// Its camera is off.
        video_paused: Option<bool>,
    },
    /// Statistics of an own transport, producer or consumer. Reply: [`Reply::Stats`].
    GetStats(MediaObject),
    /// Who has this public id. Reply: [`Reply::Found`].
    Find(PublicId),
}

/// How a joiner wants to be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The dialect's name: public ids are unique per (room, dialect).
    pub dialect: Arc<str>,
    /// The id that the client chose, if it chose one.
    pub chosen: Option<PublicId>,
    /// The id of its connection: unique, and what it is called when it chose nothing or something taken.
    pub connection: PublicId,
    /// Display name.
    pub name: Arc<str>,
    /// Address of a picture.
    pub image_url: Option<Arc<str>>,
}

/// What a joiner brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Who it is.
    pub identity: Identity,
    /// JSON `RtpCapabilities`: what it can receive.
    pub rtp_capabilities: Option<JsonText>,
    /// It says that it made the room (counts only in an open room without a live host).
    pub creator: bool,
    /// It can make new transports in the same session when its seat dies; else it has to leave then.
    pub rebuilds: bool,
    /// The room must exist, or have been asked for by this session before.
    pub room_must_exist: bool,
}

/// What a producer is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Produce {
    /// A sending transport of the peer; absent or unknown: its newest, where the dialect allows that.
    pub transport: Option<TransportId>,
    /// Audio or video.
    pub kind: MediaKind,
    /// JSON `RtpParameters`.
    pub rtp_parameters: JsonText,
    /// Its `mid`, if it has one: a live producer of the same transport, mid and parameters is the same producer.
    pub mid: Option<Arc<str>>,
    /// Microphone, camera or screen.
    pub source: Source,
    /// JSON object that the client attached.
    pub app_data: Option<JsonText>,
}

/// A good answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Join`]. The edge adds its copy of the view.
    Joined(Joined),
    /// To [`Request::OpenTransport`].
    TransportOpened(Box<TransportOpened>),
    /// To [`Request::Produce`].
    Produced {
        /// The new producer, or the live one that the request repeated.
        producer: ProducerId,
    },
    /// To [`Request::Consume`].
    Consumed(Box<Consumed>),
    /// To [`Request::GetStats`]: a JSON array.
    Stats(JsonText),
    /// To [`Request::Find`]: the connection id of the peer, if there is one.
    Found(Option<PublicId>),
    /// To everything else.
    Done,
}

/// To a join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// What the peer is called by all.
    pub public_id: PublicId,
    /// Its rights.
    pub role: Role,
    /// The peer had joined before; nothing was changed.
    pub repeated: bool,
}

/// To a request for a transport; all JSON in the shapes that clients parse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportOpened {
    /// The transport.
    pub transport: TransportId,
    /// As asked.
    pub direction: Direction,
    /// `IceParameters`.
    pub ice_parameters: JsonText,
    /// `IceCandidate[]`.
    pub ice_candidates: JsonText,
    /// `DtlsParameters`.
    pub dtls_parameters: JsonText,
    /// `SctpParameters`, where data channels are on.
    pub sctp_parameters: Option<JsonText>,
}

/// To a request to consume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumed {
    /// The new consumer, paused.
    pub consumer: ConsumerId,
    /// What it consumes.
    pub producer: ProducerId,
    /// Audio or video.
    pub kind: MediaKind,
    /// JSON `RtpParameters`.
    pub rtp_parameters: JsonText,
    /// Simple, simulcast or SVC.
    pub consumer_kind: ConsumerKind,
    /// The producer is paused now.
    pub producer_paused: bool,
    /// What the producer's peer is called.
    pub public_id: PublicId,
    /// The connection id of the producer's peer.
    pub connection: PublicId,
    /// Microphone, camera or screen.
    pub source: Source,
    /// JSON object that the producer's client attached.
    pub app_data: Option<JsonText>,
}
