//! The end of a peer, and of the room with its last one.

use model::{LeaveReason, MediaAction, MediaCommand, PeerId, Reply, RequestError, Update};

use crate::{Effect, Handled, Life, Outcome, Room, RoomEvent};

impl Room {
    pub(crate) fn leave(&mut self, peer: PeerId) -> Outcome {
        self.remove_peer(peer, LeaveReason::Left);
        Ok(Handled::Now(Reply::Done))
    }

    /// Ends a peer with all it has. Its requests in flight are answered before its end is told.
    pub(crate) fn remove_peer(&mut self, id: PeerId, reason: LeaveReason) {
        let orphans = self.take_producers_of(id);
        self.drop_consumers_of(id);
        self.drop_transports_of(id);
        self.finish_all(id, &RequestError::NotJoined);
        if let Some(peer) = self.peers.remove(&id) {
            self.update(&Update::PeerLeft { peer: id, reason });
            self.remove_session(&peer.edge);
            self.event(RoomEvent::PeerLeft {
                peer: id,
                public_id: peer.public_id,
                reason,
            });
        }
        self.speaker.forget_peer(id);
        self.quality.forget(id);
        self.drop_consumers(orphans);
    }

    /// Ends a room without peers, unless the first is still awaited: all its routers, then its placement.
    pub(crate) fn close_if_empty(&mut self) {
        if self.life != Life::Begun || !self.peers.is_empty() {
            return;
        }
        self.life = Life::Over;
        self.choice = None;
        for (_, seat) in std::mem::take(&mut self.seats) {
            let id = self.next_command();
            self.effects.push_back(Effect::ToSeat(MediaCommand {
                seat: seat.clone(),
                epoch: self.config.epoch,
                id,
                peer: PeerId::UNKNOWN,
                action: MediaAction::CloseRouter,
            }));
            self.event(RoomEvent::RouterClosed { seat });
        }
        self.effects.push_back(Effect::Close);
    }
}
