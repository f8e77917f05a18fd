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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::*;

    use crate::tests::{Stage, audio, camera};

    #[test]
    fn a_leaving_peer_takes_all_it_has_along() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let voice = stage.producer(&ann, audio());
        let picture = stage.producer(&bob, camera());
        stage.consumer(&bob, voice);
        stage.consumer(&ann, picture);
        let flying = [
            stage.ask(&ann, Request::OpenTransport(Direction::Send)),
            stage.ask(&ann, Request::Produce(Box::new(camera()))),
            stage.ask(&bob, Stage::consume(voice)),
        ];
        stage.commands.clear();
        stage.forget_log();

        let leave = stage.ask(&ann, Request::Leave);
        assert_eq!(stage.reply(leave), Ok(Reply::Done));
        assert_eq!(stage.reply(flying[0]), Err(RequestError::NotJoined));
        assert_eq!(stage.reply(flying[1]), Err(RequestError::NotJoined));
        assert_eq!(stage.reply(flying[2]), Err(RequestError::ProducerNotFound));
        let closes = |action: &MediaAction| matches!(action, MediaAction::CloseTransport(_));
        assert_eq!(stage.actions().iter().filter(|action| closes(action)).count(), 3);
        assert!(
            stage
                .actions()
                .iter()
                .any(|action| matches!(action, MediaAction::CloseConsumer(_)))
        );
        let left = Update::PeerLeft {
            peer: ann.peer,
            reason: LeaveReason::Left,
        };
        assert_eq!(stage.updates("e2"), std::slice::from_ref(&left));
        assert_eq!(
            stage.updates("e1"),
            [left],
            "its own edge is told before it is forgotten"
        );
        stage.forget_log();
        stage.close_session(&ann);
        stage
            .done(
                &bob,
                Request::SetMuteState {
                    audio_muted: Some(true),
                    video_paused: None,
                },
            )
            .unwrap();
        assert!(stage.told("e1").is_empty());
    }

    #[test]
    fn a_closed_socket_is_a_leave() {
        let mut stage = Stage::new();
        let (ann, _bob) = (stage.join("e1"), stage.join("e2"));
        stage.close_session(&ann);
        stage.close_session(&ann);
        let left = Update::PeerLeft {
            peer: ann.peer,
            reason: LeaveReason::Disconnected,
        };
        assert_eq!(
            stage.updates("e2").into_iter().filter(|update| *update == left).count(),
            1
        );
    }

    #[test]
    fn the_last_peer_ends_the_room_once() {
        let mut stage = Stage::new();
        let ann = stage.join_with_transports("e1");
        stage.producer(&ann, audio());
        stage.done(&ann, Request::Leave).unwrap();
        assert!(stage.log.contains(&crate::Effect::Close));
        let routers = stage.log.iter().filter(
            |effect| matches!(effect, crate::Effect::ToSeat(command) if command.action == MediaAction::CloseRouter),
        );
        assert_eq!(routers.count(), 1);
        assert!(
            stage.open_objects().values().all(|open| *open == 0),
            "{:?}",
            stage.open_objects()
        );

        stage.forget_log();
        let (_, late) = stage.join_with("e2", |_| {});
        stage.close_session(&ann);
        stage.later(Duration::from_secs(60));
        assert_eq!(stage.room.poll_timeout(), None);
        assert!(stage.replies(late).is_empty());
        assert!(matches!(stage.told("e2")[..], [EdgeMessage::NotHome { request, .. }] if request == late));
        assert_eq!(stage.log.len(), 1);
    }

    #[test]
    fn a_room_nobody_joins_ends_by_itself() {
        let mut stage = Stage::new();
        stage.later(limits::OPEN_TIMEOUT - Duration::from_millis(1));
        assert!(!stage.closed());
        stage.later(Duration::from_millis(1));
        assert!(stage.closed());
        let mut stage = Stage::new();
        stage.join("e1");
        stage.later(limits::OPEN_TIMEOUT * 2);
        assert!(!stage.closed());
    }
}
