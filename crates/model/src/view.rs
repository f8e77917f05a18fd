//! Everything about a room that clients may be told, and the only way in which it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ConsumerKind, Epoch, JsonText, MediaKind, NodeId, PeerId, ProducerId, PublicId, RoomId};

/// A room as its clients may know it. (`epoch`, `version`) names a state; equal names mean equal states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomView {
    /// The room.
    pub room: RoomId,
    /// The node that owns its state.
    pub home: NodeId,
    /// Which home of the room this comes from.
    pub epoch: Epoch,
    /// Counts the updates of this home.
    pub version: u64,
    /// All peers.
    pub peers: BTreeMap<PeerId, PeerView>,
    /// All producers.
    pub producers: BTreeMap<ProducerId, ProducerView>,
    /// Who speaks, if somebody does.
    pub active_speaker: Option<PeerId>,
}

/// What others may know of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The peer.
    pub id: PeerId,
    /// Its place in the order of joins: the roster is sorted by it.
    pub number: u64,
    /// What clients call it.
    pub public_id: PublicId,
    /// The id of its connection.
    pub connection: PublicId,
    /// The name of its dialect.
    pub dialect: Arc<str>,
    /// Display name.
    pub name: Arc<str>,
    /// Address of a picture.
    pub image_url: Option<Arc<str>>,
    /// Its rights.
    pub role: Role,
    /// It says that its microphone is muted.
    pub audio_muted: bool,
    /// It says that its camera is off.
    pub video_paused: bool,
    /// How good its connection is, 0 to 10; absent until measured.
    pub quality: Option<u8>,
}

/// What a peer may do to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Nothing special.
    Member,
    /// Host commands that a host may delegate.
    CoHost,
    /// All host commands.
    Host,
}

/// What others may know of a producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerView {
    /// The producer.
    pub id: ProducerId,
    /// Its place in the order of producing.
    pub number: u64,
    /// Whose it is.
    pub peer: PeerId,
    /// Audio or video.
    pub kind: MediaKind,
    /// Microphone, camera or screen.
    pub source: Source,
    /// Its owner paused it.
    pub paused: bool,
    /// What a consumer of it will be.
    pub consumer_kind: ConsumerKind,
    /// JSON object that its client attached.
    pub app_data: Option<JsonText>,
}

/// Where a producer's media comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// A microphone.
    Microphone,
    /// A camera.
    Camera,
    /// A shared screen (picture or sound).
    Screen,
}

/// Why a peer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// Its socket closed.
    Disconnected,
    /// Its seat died and it could not rebuild its media.
    SeatLost,
}

/// Why a producer closed while its peer stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProducerClosedReason {
    /// Its peer closed it.
    Closed,
    /// Its peer replaced it by another one of the same mid.
    Replaced,
    /// Its transport or its seat died.
    MediaLost,
}

/// One change of a view: what the home sends to the edges. Telling clients and replicating are the same message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// A peer is new.
    PeerJoined(PeerView),
    /// A peer is gone, and with it all its producers.
    PeerLeft {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// What a peer says of its microphone and camera; absent: unchanged.
    MuteStateChanged {
        /// The peer.
        peer: PeerId,
        /// Its microphone is muted.
        audio_muted: Option<bool>,
        /// Its camera is off.
        video_paused: Option<bool>,
    },
    /// A producer is new.
    ProducerOpened(ProducerView),
    /// A producer is gone.
    ProducerClosed {
        /// The producer.
        producer: ProducerId,
        /// Why.
        reason: ProducerClosedReason,
    },
    /// A producer was paused or resumed by its owner.
    ProducerPaused {
        /// The producer.
        producer: ProducerId,
        /// Paused now.
        paused: bool,
    },
    /// Somebody else speaks, or nobody.
    ActiveSpeakerChanged {
        /// Who speaks now.
        peer: Option<PeerId>,
    },
    /// A peer's connection became better or worse.
    QualityChanged {
        /// The peer.
        peer: PeerId,
        /// 0 to 10.
        score: u8,
    },
}

impl Update {
    /// True when a full roster differs after this update.
    #[must_use]
    pub fn changes_roster(&self) -> bool {
        matches!(self, Self::PeerJoined(_) | Self::PeerLeft { .. })
    }
}

/// What an update took out of a view: clients are told of it by name after it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The peer that left.
    pub peer: Option<PeerView>,
    /// The producers that closed, in the order they were made.
    pub producers: Vec<ProducerView>,
}

impl RoomView {
    /// An empty room at version 0.
    #[must_use]
    pub fn new(room: RoomId, home: NodeId, epoch: Epoch) -> Self {
        Self {
            room,
            home,
            epoch,
            version: 0,
            peers: BTreeMap::new(),
            producers: BTreeMap::new(),
            active_speaker: None,
        }
    }

    /// Applies one update and counts it. What names something unknown changes nothing else: two copies that apply the same updates
    /// in the same order stay equal.
    pub fn apply(&mut self, update: &Update) -> Removed {
        self.version += 1;
        let mut removed = Removed::default();
        match update {
            Update::PeerJoined(peer) => {
                self.peers.insert(peer.id, peer.clone());
            }
            Update::PeerLeft { peer, .. } => {
                removed.peer = self.peers.remove(peer);
                removed.producers = self.take_producers_of(*peer);
                self.active_speaker = self.active_speaker.filter(|speaker| speaker != peer);
            }
            Update::MuteStateChanged {
                peer,
                audio_muted,
                video_paused,
            } => {
                if let Some(peer) = self.peers.get_mut(peer) {
                    peer.audio_muted = audio_muted.unwrap_or(peer.audio_muted);
                    peer.video_paused = video_paused.unwrap_or(peer.video_paused);
                }
            }
            Update::ProducerOpened(producer) => {
                self.producers.insert(producer.id, producer.clone());
            }
            Update::ProducerClosed { producer, .. } => {
                removed.producers.extend(self.producers.remove(producer));
            }
            Update::ProducerPaused { producer, paused } => {
                if let Some(producer) = self.producers.get_mut(producer) {
                    producer.paused = *paused;
                }
            }
            Update::ActiveSpeakerChanged { peer } => self.active_speaker = *peer,
            Update::QualityChanged { peer, score } => {
                if let Some(peer) = self.peers.get_mut(peer) {
                    peer.quality = Some(*score);
                }
            }
        }
        removed
    }

    /// The peers in the order they joined.
    #[must_use]
    pub fn roster(&self) -> Vec<&PeerView> {
        let mut roster: Vec<_> = self.peers.values().collect();
        roster.sort_by_key(|peer| peer.number);
        roster
    }

    /// The producers in the order they were made.
    #[must_use]
    pub fn producers_in_order(&self) -> Vec<&ProducerView> {
        let mut producers: Vec<_> = self.producers.values().collect();
        producers.sort_by_key(|producer| producer.number);
        producers
    }

    fn take_producers_of(&mut self, peer: PeerId) -> Vec<ProducerView> {
        let mut taken: Vec<_> = self
            .producers
            .extract_if(.., |_, producer| producer.peer == peer)
            .map(|(_, producer)| producer)
            .collect();
        taken.sort_by_key(|producer| producer.number);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> PeerView {
        let id = PeerId::from_random(id);
        PeerView {
            id,
            number: 0,
            public_id: PublicId::new("a"),
            connection: PublicId::new("a"),
            dialect: "rooms".into(),
            name: "A".into(),
            image_url: None,
            role: Role::Member,
            audio_muted: false,
            video_paused: false,
            quality: None,
        }
    }

    fn producer(id: u128, number: u64, peer: PeerId) -> ProducerView {
        ProducerView {
            id: ProducerId::from_random(id),
            number,
            peer,
            kind: MediaKind::Video,
            source: Source::Camera,
            paused: false,
            consumer_kind: ConsumerKind::Simple,
            app_data: None,
        }
    }

    #[test]
    fn a_leaving_peer_takes_its_producers_and_its_speech_along() {
        let room = RoomId::new("r").unwrap();
        let mut view = RoomView::new(room, NodeId::new("n"), Epoch::default());
        let (a, b) = (peer(1), peer(2));
        for update in [
            Update::PeerJoined(a.clone()),
            Update::PeerJoined(b.clone()),
            Update::ProducerOpened(producer(9, 1, a.id)),
            Update::ProducerOpened(producer(3, 2, a.id)),
            Update::ProducerOpened(producer(5, 3, b.id)),
            Update::ActiveSpeakerChanged { peer: Some(a.id) },
        ] {
            view.apply(&update);
        }
        let removed = view.apply(&Update::PeerLeft {
            peer: a.id,
            reason: LeaveReason::Left,
        });
        assert_eq!(removed.peer.unwrap().id, a.id);
        assert_eq!(removed.producers.iter().map(|p| p.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(view.producers.len(), 1);
        assert_eq!(view.active_speaker, None);
        assert_eq!(view.version, 7);
    }
}
