//! Which seat a peer gets, and what the end of a seat means for those on it. The room asks for a node and a worker once and
//! then keeps all its peers there; whoever needs a transport meanwhile waits in its row.

use std::time::Instant;

use model::{
    CommandId, Direction, LeaveReason, MediaAction, MediaError, NodeId, Notice, PeerId, ProducerClosedReason,
    RequestError, RouterId, Seat, ServedBy, TransportId, WorkerId, limits,
};

use crate::flight::What;
use crate::{Effect, Room, RoomEvent, SeatDeclined};

/// A question to the shell that has not been answered.
#[derive(Debug)]
pub(crate) struct Choice {
    peer: PeerId,
    pub(crate) deadline: Instant,
}

impl Room {
    /// Sees to it that the peer has a seat, or will have one: the room's live seat, else the one that the shell chooses.
    pub(crate) fn find_seat(&mut self, peer: PeerId) {
        if self.peers.get(&peer).is_none_or(|peer| peer.seat.is_some()) {
            return;
        }
        match self.seats.values().next().cloned() {
            Some(seat) => self.sit(peer, seat),
            None => self.ask_for_seat(peer),
        }
    }

    fn ask_for_seat(&mut self, peer: PeerId) {
        if self.choice.is_none() {
            self.choice = Some(Choice {
                peer,
                deadline: self.now + limits::MEDIA_COMMAND_TIMEOUT,
            });
            self.effects.push_back(Effect::ChooseSeat { peer });
        }
    }

    fn sit(&mut self, peer: PeerId, seat: Seat) {
        let home = self.config.node.clone();
        if let Some(known) = self.peers.get_mut(&peer) {
            known.seat = Some(seat.clone());
            self.notice(peer, Notice::ServedBy(ServedBy { home, seat: Some(seat) }));
        }
    }

    /// Takes the shell's choice. An answer that nobody waits for opens nothing; a refusal counts only for the question asked.
    pub(crate) fn seat_chosen(&mut self, peer: PeerId, chosen: Result<(NodeId, WorkerId), SeatDeclined>) {
        let answers = self.choice.take_if(|choice| choice.peer == peer).is_some();
        let waiting = self.waiting_for_seat();
        match chosen {
            Ok((node, worker)) if !waiting.is_empty() => {
                let seat = self.seat_on(node, worker);
                for (command, peer, transport, direction) in waiting {
                    if self.peers.get(&peer).is_some_and(|peer| peer.seat.is_none()) {
                        self.sit(peer, seat.clone());
                    }
                    self.send(command, peer, MediaAction::OpenTransport { transport, direction });
                }
            }
            Err(SeatDeclined) if answers => {
                for (command, ..) in waiting {
                    self.finish(command, Err(RequestError::ClusterFull));
                }
            }
            _ => {}
        }
    }

    /// The question was not answered in time: asked again if somebody still waits.
    pub(crate) fn expire_choice(&mut self) {
        let now = self.now;
        if self.choice.take_if(|choice| choice.deadline <= now).is_some()
            && let Some((_, peer, ..)) = self.waiting_for_seat().first()
        {
            self.ask_for_seat(*peer);
        }
    }

    fn waiting_for_seat(&self) -> Vec<(CommandId, PeerId, TransportId, Direction)> {
        let unseated = |peer: &PeerId| self.peers.get(peer).is_some_and(|peer| peer.seat.is_none());
        let rows = self.rows.iter().filter(|(_, row)| unseated(&row.peer));
        rows.filter_map(|(command, row)| match row.what {
            What::OpenTransport { transport, direction } => Some((*command, row.peer, transport, direction)),
            _ => None,
        })
        .collect()
    }

    /// The room's seat on a worker: one router each.
    fn seat_on(&mut self, node: NodeId, worker: WorkerId) -> Seat {
        let mut known = self.seats.values();
        if let Some(seat) = known.find(|seat| seat.node == node && seat.worker == worker) {
            return seat.clone();
        }
        let router = RouterId::from_random(self.random.next_id());
        let seat = Seat { node, worker, router };
        self.seats.insert(router, seat.clone());
        self.event(RoomEvent::RouterOpened { seat: seat.clone() });
        seat
    }

    /// A router is gone with all on it. First all requests in flight there fail, then each peer that can rebuild is told to,
    /// and each other one is told that it is out (while its session is still known) and leaves.
    pub(crate) fn seat_lost(&mut self, router: RouterId) {
        let Some(seat) = self.seats.remove(&router) else {
            return;
        };
        self.event(RoomEvent::SeatLost { seat });
        self.speaker.forget_router(router);
        let here = |seat: &Option<Seat>| seat.as_ref().is_some_and(|seat| seat.router == router);
        let seated: Vec<_> = self
            .peers
            .iter_mut()
            .filter(|(_, peer)| here(&peer.seat))
            .map(|(id, peer)| {
                peer.seat = None;
                (*id, peer.rebuilds)
            })
            .collect();
        for (peer, _) in &seated {
            self.finish_all(*peer, &RequestError::Media(MediaError::SeatLost));
        }
        for (peer, rebuilds) in seated {
            if rebuilds {
                self.lose_media(peer);
                self.notice(peer, Notice::RebuildMedia);
            } else {
                self.notice(peer, Notice::SeatLost);
                self.remove_peer(peer, LeaveReason::SeatLost);
            }
        }
    }

    /// Forgets the media of a peer that stays: its seat has none of it any more.
    fn lose_media(&mut self, peer: PeerId) {
        let Some(known) = self.peers.get(&peer) else {
            return;
        };
        for producer in known.producers.clone() {
            self.close_producer(producer, ProducerClosedReason::MediaLost);
        }
        self.drop_consumers_of(peer);
        self.drop_transports_of(peer);
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, audio};

    const SEND: Request = Request::OpenTransport(Direction::Send);
    const RECV: Request = Request::OpenTransport(Direction::Recv);

    fn router_of(stage: &Stage) -> RouterId {
        *stage.room.seats.keys().next().unwrap()
    }

    #[test]
    fn the_seat_is_chosen_once_and_shared() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join("e1"), stage.join("e2"));
        let requests = [stage.ask(&ann, SEND), stage.ask(&bob, SEND), stage.ask(&ann, RECV)];
        assert_eq!(stage.choices(), [ann.peer]);
        assert!(stage.commands.is_empty());
        stage.seat(ann.peer, "n2", 3);
        let seats: Vec<_> = stage.commands.iter().map(|command| command.seat.clone()).collect();
        assert_eq!(seats.len(), 3);
        assert!(seats.iter().all(|seat| *seat == seats[0]));
        assert_eq!((seats[0].node.as_str(), seats[0].worker), ("n2", WorkerId(3)));
        for command in stage.commands.clone() {
            stage.answer(&command, Ok(crate::tests::good(&command.action)));
        }
        assert!(requests.iter().all(|request| stage.reply(*request).is_ok()));
        for peer in [ann.peer, bob.peer] {
            let served_by = ServedBy {
                home: NodeId::new("home"),
                seat: Some(seats[0].clone()),
            };
            assert_eq!(stage.notices(peer), [Notice::ServedBy(served_by)], "told once");
        }
        let late = stage.join("e1");
        stage.ask(&late, SEND);
        assert_eq!(stage.choices().len(), 1, "the live seat takes later peers");
        assert_eq!(stage.commands[0].seat, seats[0]);
    }

    #[test]
    fn a_refusal_answers_all_who_wait_and_the_next_asks_again() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join("e1"), stage.join("e2"));
        let requests = [stage.ask(&ann, SEND), stage.ask(&bob, SEND)];
        stage.decline(bob.peer);
        assert!(stage.replies(requests[0]).is_empty(), "nobody asked for that peer");
        stage.decline(ann.peer);
        assert!(
            requests
                .iter()
                .all(|request| stage.reply(*request) == Err(RequestError::ClusterFull))
        );
        stage.ask(&bob, SEND);
        assert_eq!(stage.choices(), [ann.peer, bob.peer]);
    }

    #[test]
    fn a_choice_that_nobody_waits_for_opens_nothing() {
        let mut stage = Stage::new();
        let (ann, _bob) = (stage.join("e1"), stage.join("e2"));
        stage.ask(&ann, SEND);
        stage.done(&ann, Request::Leave).unwrap();
        stage.seat(ann.peer, "home", 0);
        assert!(stage.room.seats.is_empty());
        assert!(stage.commands.is_empty());
    }

    #[test]
    fn an_unanswered_question_times_out_and_is_asked_again() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join("e1"), stage.join("e2"));
        let first = stage.ask(&ann, SEND);
        stage.later(limits::MEDIA_COMMAND_TIMEOUT / 2);
        let second = stage.ask(&bob, SEND);
        stage.later(limits::MEDIA_COMMAND_TIMEOUT / 2);
        assert_eq!(stage.reply(first), Err(RequestError::TimedOut));
        assert_eq!(stage.choices(), [ann.peer, bob.peer]);
        stage.seat(bob.peer, "home", 0);
        stage.settle();
        assert!(stage.reply(second).is_ok());
    }

    #[test]
    fn a_dead_seat_ends_those_who_can_not_rebuild() {
        let mut stage = Stage::new();
        let ann = stage.join_with_transports("e1");
        let (bob, _) = stage.join_with("e2", |join| join.rebuilds = true);
        stage.transport(&bob, Direction::Send);
        let old = stage.producer(&bob, audio());
        let flying = [stage.ask(&ann, SEND), stage.ask(&bob, RECV)];
        stage.commands.clear();
        stage.forget_log();

        let router = router_of(&stage);
        stage.media(MediaEvent::SeatLost { router });
        assert!(stage.commands.is_empty(), "nothing is sent to a dead seat");
        let lost = RequestError::Media(MediaError::SeatLost);
        assert!(flying.iter().all(|request| stage.reply(*request) == Err(lost.clone())));
        assert_eq!(stage.notices(ann.peer), [Notice::SeatLost]);
        assert_eq!(stage.notices(bob.peer), [Notice::RebuildMedia]);
        let left = Update::PeerLeft {
            peer: ann.peer,
            reason: LeaveReason::SeatLost,
        };
        let closed = Update::ProducerClosed {
            producer: old,
            reason: ProducerClosedReason::MediaLost,
        };
        let told = stage.updates("e2");
        assert!(told.contains(&left) && told.contains(&closed), "{told:?}");
        let at = |wanted: &EdgeMessage| stage.told("e1").iter().position(|message| message == wanted).unwrap();
        let notice = EdgeMessage::Notice {
            peer: ann.peer,
            notice: Notice::SeatLost,
        };
        assert!(
            at(&notice) < stage.told("e1").len() - 1,
            "it hears of it before it is gone"
        );

        stage.ask(&bob, SEND);
        assert_eq!(stage.choices(), [bob.peer]);
        stage.seat(bob.peer, "home", 1);
        stage.settle();
        stage.producer(&bob, audio());
        assert_eq!(stage.room.view().producers.len(), 1);
        assert_ne!(router_of(&stage), router);
    }

    #[test]
    fn a_result_that_says_lost_is_a_lost_seat() {
        let mut stage = Stage::new();
        let (ann, _) = stage.join_with("e1", |join| join.rebuilds = true);
        let request = stage.ask(&ann, SEND);
        stage.seat(ann.peer, "home", 0);
        let command = stage.commands[0].clone();
        stage.answer(&command, Err(MediaError::SeatLost));
        assert_eq!(stage.reply(request), Err(RequestError::Media(MediaError::SeatLost)));
        assert!(stage.room.seats.is_empty());
        stage.forget_log();
        stage.ask(&ann, SEND);
        assert_eq!(stage.choices(), [ann.peer]);
    }

    #[test]
    fn a_node_without_a_seat_is_not_listened_to() {
        let mut stage = Stage::new();
        stage.join_with_transports("e1");
        let router = router_of(&stage);
        stage.media_from(&NodeId::new("stranger"), MediaEvent::SeatLost { router });
        stage.media(MediaEvent::SeatLost {
            router: RouterId::UNKNOWN,
        });
        assert_eq!(stage.room.view().peers.len(), 1);
    }
}
