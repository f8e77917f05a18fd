//! After a gap: which updates lead from the view that was to the one that is, so that clients hear what they missed.

use model::{LeaveReason, Notice, PeerId, PeerView, ProducerClosedReason, RoomView, Update};

use super::{EdgeEffect, EdgeRoom};
use crate::SessionMessage;

impl EdgeRoom {
    /// Tells what changed between two views to those whose peers are in both; what a newcomer finds is in the answer to its join.
    pub(super) fn tell_difference(&mut self, old: &RoomView, new: &RoomView) {
        let mut view = old.clone();
        for update in difference(old, new) {
            let removed = view.apply(&update);
            self.tell(&view, &update, &removed, |peer| {
                old.peers.contains_key(&peer) && new.peers.contains_key(&peer)
            });
        }
        self.end_the_missing(old, new);
    }

    /// A peer that is in the room no more was told why by a notice, which may be what was missed: its session ends honestly.
    fn end_the_missing(&mut self, old: &RoomView, new: &RoomView) {
        let missing = |peer: &PeerId| old.peers.contains_key(peer) && !new.peers.contains_key(peer);
        let ended = self.sessions.iter().filter(|(_, attached)| missing(&attached.peer));
        let ended: Vec<_> = ended.map(|(session, attached)| (*session, attached.peer)).collect();
        for (session, peer) in ended {
            let notice = Notice::SeatLost;
            let message = SessionMessage::Notice { peer, notice };
            self.effects.push_back(EdgeEffect::ToSession { session, message });
        }
    }
}

/// Updates that turn one view into another.
fn difference(old: &RoomView, new: &RoomView) -> Vec<Update> {
    let mut updates = Vec::new();
    for peer in old.roster() {
        match new.peers.get(&peer.id) {
            Some(now) => updates.extend(peer_difference(peer, now)),
            None => updates.push(Update::PeerLeft {
                peer: peer.id,
                reason: LeaveReason::Disconnected,
            }),
        }
    }
    let newcomers = new
        .roster()
        .into_iter()
        .filter(|peer| !old.peers.contains_key(&peer.id));
    updates.extend(newcomers.map(|peer| Update::PeerJoined(peer.clone())));
    for producer in old.producers_in_order() {
        match new.producers.get(&producer.id) {
            Some(now) if now.paused != producer.paused => {
                updates.push(Update::ProducerPaused {
                    producer: now.id,
                    paused: now.paused,
                });
            }
            None if new.peers.contains_key(&producer.peer) => {
                updates.push(Update::ProducerClosed {
                    producer: producer.id,
                    reason: ProducerClosedReason::Closed,
                });
            }
            // Unchanged, or gone with its peer.
            Some(_) | None => {}
        }
    }
    let opened = new
        .producers_in_order()
        .into_iter()
        .filter(|producer| !old.producers.contains_key(&producer.id));
    updates.extend(opened.map(|producer| Update::ProducerOpened(producer.clone())));
    if old.active_speaker != new.active_speaker {
        updates.push(Update::ActiveSpeakerChanged {
            peer: new.active_speaker,
        });
    }
    updates
}

fn peer_difference(old: &PeerView, new: &PeerView) -> Vec<Update> {
    let mut updates = Vec::new();
    let audio_muted = (old.audio_muted != new.audio_muted).then_some(new.audio_muted);
    let video_paused = (old.video_paused != new.video_paused).then_some(new.video_paused);
    if audio_muted.or(video_paused).is_some() {
        updates.push(Update::MuteStateChanged {
            peer: new.id,
            audio_muted,
            video_paused,
        });
    }
    if let Some(score) = new.quality.filter(|_| old.quality != new.quality) {
        updates.push(Update::QualityChanged { peer: new.id, score });
    }
    updates
}
