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
