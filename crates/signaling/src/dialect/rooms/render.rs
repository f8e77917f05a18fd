//! Replies, updates and notices → acks and events of the `rooms` dialect, and the words of its errors.

use std::sync::Arc;

use model::{
    Consumed, Joined, JsonText, MediaError, Notice, PeerId, PeerView, ProducerClosedReason, ProducerView, PublicId,
    Removed, Reply, RequestError, Role, RoomView, Source, TransportOpened, Update, limits,
};
use serde::Serialize;

use super::decode::EXTENSIONS;
use super::wire::{self, Opaque, json};
use crate::dialect::{Addressed, Answer, EdgeAnswer, EdgeFacts, Extension, Extensions, To};
use crate::{AckId, Outbound};

/// How a request is answered.
pub(super) struct RoomsAnswer {
    ack: Option<AckId>,
    shape: Shape,
}

/// What a good answer looks like, where the reply alone does not say it.
pub(super) enum Shape {
    /// `{}` when there is nothing to say.
    Empty,
    /// `{success: true}` when there is nothing to say.
    Success,
    /// The answer to a join.
    Join {
        /// The client said who it is.
        identified: bool,
        extensions: Extensions,
        facts: Arc<EdgeFacts>,
    },
    /// Whoever is not in a room finds nobody, which is no error.
    Found,
}

impl RoomsAnswer {
    pub(super) fn new(ack: Option<AckId>, shape: Shape) -> Self {
        Self { ack, shape }
    }
}

impl Answer for RoomsAnswer {
    fn render(&self, result: Result<&Reply, &RequestError>, view: Option<&RoomView>) -> Vec<Outbound> {
        let Some(id) = self.ack else {
            return Vec::new();
        };
        let data = match result {
            Ok(Reply::Joined(joined)) => self.shape.joined(joined, view),
            Ok(Reply::TransportOpened(opened)) => transport(opened),
            Ok(Reply::Produced { producer }) => json(&wire::Produced {
                id: producer.to_string(),
            }),
            Ok(Reply::Consumed(consumed)) => consume(consumed),
            Ok(Reply::Stats(stats)) => json(&wire::StatsAnswer { stats: Opaque(stats) }),
            Ok(Reply::Found(found)) => socket_id(found.as_ref()),
            Ok(Reply::Done) => self.shape.done(),
            Err(RequestError::NotJoined) if matches!(self.shape, Shape::Found) => socket_id(None),
            Err(error) => failure(&words(error)),
        };
        let mut frames = vec![Outbound::Ack { id, data }];
        if let (
            Ok(Reply::Joined(_)),
            Self {
                shape: Shape::Join { extensions, .. },
                ..
            },
            Some(view),
        ) = (result, self, view)
        {
            frames.extend(present_state(view, *extensions));
        }
        frames
    }
}

/// What a joiner would else hear only at its next change.
fn present_state(view: &RoomView, extensions: Extensions) -> Vec<Outbound> {
    let mut frames = Vec::new();
    if extensions.has(Extension::Speaker) && view.active_speaker.is_some() {
        frames.push(speaker(view, view.active_speaker));
    }
    if extensions.has(Extension::Quality) {
        let known = view.roster().into_iter();
        frames.extend(known.filter_map(|peer| peer.quality.map(|score| quality(peer, score))));
    }
    frames
}

fn speaker(view: &RoomView, peer: Option<PeerId>) -> Outbound {
    let peer = peer.and_then(|peer| view.peers.get(&peer));
    let peer_id = peer.map(|peer| peer.public_id.as_str());
    event("active-speaker", &wire::Speaker { peer_id })
}

fn quality(peer: &PeerView, score: u8) -> Outbound {
    let peer_id = peer.public_id.as_str();
    event("connection-quality", &wire::Quality { peer_id, score })
}

impl Shape {
    fn done(&self) -> JsonText {
        JsonText::from_valid(match self {
            Self::Success => r#"{"success":true}"#,
            Self::Empty | Self::Join { .. } | Self::Found => "{}",
        })
    }

    fn joined(&self, joined: &Joined, view: Option<&RoomView>) -> JsonText {
        let (
            Self::Join {
                identified,
                extensions,
                facts,
            },
            Some(view),
        ) = (self, view)
        else {
            return self.done();
        };
        let others = view.producers_in_order().into_iter().filter(|producer| {
            let owner = view.peers.get(&producer.peer);
            owner.is_some_and(|owner| owner.connection != facts.connection)
        });
        json(&wire::JoinAnswer {
            existing_producers: others.map(|producer| producer.id.to_string()).collect(),
            already_joined: joined.repeated,
            standing: identified.then_some(wire::Standing {
                success: true,
                is_host: joined.role == Role::Host,
                is_co_host: joined.role == Role::CoHost,
            }),
            cluster: extensions.has(Extension::Aware).then(|| wire::Cluster {
                extensions: served(*extensions),
                edges: &facts.edges,
                served_by: wire::Serving::new(facts, &view.home),
            }),
        })
    }
}

fn served(extensions: Extensions) -> Vec<&'static str> {
    let served = EXTENSIONS.iter().filter(|(_, extension)| extensions.has(*extension));
    served.map(|(name, _)| *name).collect()
}

fn transport(opened: &TransportOpened) -> JsonText {
    json(&wire::TransportAnswer {
        params: wire::TransportParams {
            id: opened.transport.to_string(),
            ice_parameters: Opaque(&opened.ice_parameters),
            ice_candidates: Opaque(&opened.ice_candidates),
            dtls_parameters: Opaque(&opened.dtls_parameters),
            sctp_parameters: opened.sctp_parameters.as_ref().map(Opaque),
        },
    })
}

fn consume(consumed: &Consumed) -> JsonText {
    let no_data = JsonText::from_valid("{}");
    json(&wire::ConsumeAnswer {
        id: consumed.consumer.to_string(),
        producer_id: consumed.producer.to_string(),
        kind: consumed.kind.as_str(),
        rtp_parameters: Opaque(&consumed.rtp_parameters),
        peer_id: consumed.public_id.as_str(),
        user_id: consumed.public_id.as_str(),
        is_screen_share: consumed.source == Source::Screen,
        app_data: Opaque(consumed.app_data.as_ref().unwrap_or(&no_data)),
        producer_paused: consumed.producer_paused,
        consumer_kind: consumed.consumer_kind.as_str(),
        producer_socket_id: consumed.connection.as_str(),
    })
}

fn socket_id(found: Option<&PublicId>) -> JsonText {
    json(&wire::FoundAnswer {
        socket_id: found.map(PublicId::as_str),
    })
}

fn failure(error: &str) -> JsonText {
    json(&wire::Failure { error })
}

/// A request that goes no further, and why.
pub(super) fn refused(request: &'static str, ack: Option<AckId>, error: &str) -> EdgeAnswer {
    let frames = ack.map(|id| Outbound::Ack {
        id,
        data: failure(error),
    });
    EdgeAnswer {
        request,
        ok: false,
        frames: frames.into_iter().collect(),
    }
}

/// A request that needs nothing more.
pub(super) fn done(request: &'static str, ack: Option<AckId>) -> EdgeAnswer {
    let frames = ack.map(|id| Outbound::Ack {
        id,
        data: Shape::Empty.done(),
    });
    EdgeAnswer {
        request,
        ok: true,
        frames: frames.into_iter().collect(),
    }
}

/// The answer to `get-rtp-capabilities`.
pub(super) fn capabilities(request: &'static str, ack: Option<AckId>, capabilities: &JsonText) -> EdgeAnswer {
    let frames = ack.map(|id| {
        let data = format!(r#"{{"rtpCapabilities":{}}}"#, capabilities.as_str());
        Outbound::Ack {
            id,
            data: JsonText::from_valid(data),
        }
    });
    EdgeAnswer {
        request,
        ok: true,
        frames: frames.into_iter().collect(),
    }
}

/// What a client is told of an error.
pub(super) fn words(error: &RequestError) -> String {
    let fixed = match error {
        RequestError::RoomNotFound => "Room not found",
        RequestError::RoomFull => "Room is full",
        RequestError::ClusterFull => "Cluster is full",
        RequestError::NotJoined => "Peer not found",
        RequestError::NotAuthorized => "Not authorized to join room",
        RequestError::TransportNotFound => "Transport not found",
        RequestError::SendTransportNotFound => "Send transport not found",
        RequestError::ReceiveTransportNotFound => "Receive transport not found",
        RequestError::ProducerNotFound => "Producer not found",
        RequestError::ConsumerNotFound => "Consumer not found",
        RequestError::CannotConsume | RequestError::Media(MediaError::CannotConsume) => "Cannot consume",
        RequestError::Busy => "Server is busy",
        RequestError::TimedOut => "Request timed out",
        RequestError::Closing => "Server is closing",
        RequestError::LimitReached { limit, .. } if limit == "requests_per_second" => "Too many requests",
        RequestError::LimitReached { limit, value } => return format!("Limit reached: {limit} ({value})"),
        RequestError::Invalid(text) => return text.clone(),
        RequestError::Media(error) => return error.to_string(),
    };
    fixed.to_owned()
}

/// The full list of peers.
pub(super) fn roster(view: &RoomView) -> Outbound {
    let roster = view.roster();
    let rows: Vec<_> = roster.into_iter().map(participant).collect();
    event("participant-list-update", &rows)
}

fn participant(peer: &PeerView) -> wire::Participant<'_> {
    wire::Participant {
        id: peer.public_id.as_str(),
        name: &peer.name,
        is_audio_muted: peer.audio_muted,
        is_video_paused: peer.video_paused,
        image_url: peer.image_url.as_deref(),
        is_host: peer.role == Role::Host,
        is_co_host: peer.role == Role::CoHost,
        audio_locked: false,
        screen_share_locked: false,
    }
}

/// The events of one update, in order.
pub(super) fn update(view: &RoomView, update: &Update, removed: &Removed) -> Vec<Addressed> {
    match update {
        Update::PeerJoined(peer) => vec![to_others(peer.id, new_peer(peer))],
        Update::PeerLeft { peer, .. } => removed.peer.as_ref().map_or_else(Vec::new, |gone| {
            let closed = removed
                .producers
                .iter()
                .map(|producer| producer_closed(gone, producer, None));
            let closed = closed.chain([participant_left(gone)]);
            closed.map(|frame| to_others(*peer, frame)).collect()
        }),
        Update::MuteStateChanged {
            peer,
            audio_muted,
            video_paused,
        } => one(view, *peer, |known| {
            to_others(*peer, state_changed(known, *audio_muted, *video_paused))
        }),
        Update::ProducerOpened(producer) => one(view, producer.peer, |owner| {
            to_others(owner.id, new_producer(owner, producer))
        }),
        Update::ProducerClosed { reason, .. } => removed.producers.first().map_or_else(Vec::new, |producer| {
            one(view, producer.peer, |owner| {
                to_all(producer_closed(owner, producer, why_closed(*reason)))
            })
        }),
        Update::ProducerPaused { .. } => Vec::new(),
        Update::ActiveSpeakerChanged { peer } => vec![Addressed {
            needs: Some(Extension::Speaker),
            ..to_all(speaker(view, *peer))
        }],
        Update::QualityChanged { peer, score } => one(view, *peer, |known| Addressed {
            needs: Some(Extension::Quality),
            ..to_all(quality(known, *score))
        }),
    }
}

/// A frame about a peer of the room; nothing if it is gone.
fn one(view: &RoomView, peer: PeerId, render: impl FnOnce(&PeerView) -> Addressed) -> Vec<Addressed> {
    view.peers.get(&peer).map(render).into_iter().collect()
}

fn to_all(frame: Outbound) -> Addressed {
    Addressed {
        to: To::All,
        needs: None,
        frame,
    }
}

fn to_others(peer: PeerId, frame: Outbound) -> Addressed {
    Addressed {
        to: To::Except(peer),
        needs: None,
        frame,
    }
}

fn new_peer(peer: &PeerView) -> Outbound {
    let facts = wire::NewPeer {
        peer_id: peer.public_id.as_str(),
        name: &peer.name,
        image_url: peer.image_url.as_deref(),
    };
    event("new-peer-joined", &facts)
}

fn participant_left(peer: &PeerView) -> Outbound {
    let id = peer.public_id.as_str();
    event(
        "participant-left",
        &wire::PeerGone {
            peer_id: id,
            user_id: id,
        },
    )
}

fn state_changed(peer: &PeerView, audio_muted: Option<bool>, video_paused: Option<bool>) -> Outbound {
    let changed = wire::StateChanged {
        user_id: peer.public_id.as_str(),
        is_audio_muted: audio_muted,
        is_video_paused: video_paused,
    };
    event("participant-state-changed", &changed)
}

fn new_producer(owner: &PeerView, producer: &ProducerView) -> Outbound {
    event("new-producer", &producer_facts(owner, producer, None))
}

fn producer_closed(owner: &PeerView, producer: &ProducerView, reason: Option<&'static str>) -> Outbound {
    event("producer-closed", &producer_facts(owner, producer, reason))
}

fn producer_facts<'a>(
    owner: &'a PeerView,
    producer: &ProducerView,
    reason: Option<&'static str>,
) -> wire::ProducerFacts<'a> {
    wire::ProducerFacts {
        producer_id: producer.id.to_string(),
        peer_id: owner.public_id.as_str(),
        user_id: owner.public_id.as_str(),
        kind: producer.kind.as_str(),
        is_screen_share: producer.source == Source::Screen,
        reason,
    }
}

fn why_closed(reason: ProducerClosedReason) -> Option<&'static str> {
    match reason {
        ProducerClosedReason::Closed => None,
        ProducerClosedReason::Replaced => Some("replaced"),
        ProducerClosedReason::MediaLost => Some("media lost"),
    }
}

/// What one peer alone is told.
pub(super) fn notice(notice: &Notice, extensions: Extensions, facts: &EdgeFacts) -> Option<Outbound> {
    match notice {
        Notice::RebuildMedia => extensions.has(Extension::Rebuild).then(|| {
            let deadline_ms = limits::REBUILD_DEADLINE.as_millis();
            event("rebuild-media", &wire::Rebuild { deadline_ms })
        }),
        Notice::SeatLost => {
            let reason = "The server that carried your media stopped";
            Some(event("kicked-from-room", &wire::Kicked { by: "server", reason }))
        }
        Notice::ServedBy(served) => {
            let told = extensions.has(Extension::Aware);
            told.then(|| event("served-by", &wire::Serving::of(facts, served)))
        }
    }
}

/// This edge is about to close.
pub(super) fn closing(extensions: Extensions, facts: &EdgeFacts) -> Option<Outbound> {
    let told = extensions.has(Extension::Aware);
    told.then(|| event("server-closing", &wire::Closing { edges: &facts.edges }))
}

fn event(name: &'static str, data: &impl Serialize) -> Outbound {
    Outbound::Event { name, data: json(data) }
}
