//! What must hold: of every effect when it is given out, and of the whole after every step.

use std::collections::BTreeSet;

use model::*;

use super::world::{Asked, World};
use crate::{Effect, Room, RoomEvent};

impl World {
    /// Takes all effects, checks each, then the whole.
    pub(super) fn drain(&mut self) {
        self.notices.clear();
        let mut lost = Vec::new();
        while let Some(effect) = self.room.poll_effect() {
            match effect {
                Effect::ToEdge { edge, message } => self.edge_hears(&edge, message),
                Effect::ToSeat(command) => {
                    assert!(self.open.routers.contains(&command.seat) || command.action == MediaAction::CloseRouter);
                    self.seats.queue(command);
                }
                Effect::ChooseSeat { peer } => {
                    let before = self.choice.replace((peer, self.now));
                    let given_up = |since| self.now - since >= limits::MEDIA_COMMAND_TIMEOUT;
                    assert!(before.is_none_or(|(_, since)| given_up(since)), "asked twice at a time");
                }
                Effect::Event(RoomEvent::SeatLost { seat }) => {
                    assert!(self.open.routers.remove(&seat));
                    lost.push(seat);
                }
                Effect::Event(event) => self.count(event),
                Effect::Close => {
                    assert!(!std::mem::replace(&mut self.closed, true), "closed twice");
                    self.choice = None;
                    self.seats.check_empty();
                    assert!(self.open.peers.is_empty() && self.open.routers.is_empty());
                    assert!(self.open.transports.is_empty() && self.open.consumers.is_empty());
                }
            }
        }
        for seat in lost {
            self.check_lost(&seat);
        }
        self.check();
    }

    fn edge_hears(&mut self, edge: &NodeId, message: EdgeMessage) {
        match message {
            EdgeMessage::Snapshot(view) => {
                self.copies.insert(edge.clone(), *view);
            }
            EdgeMessage::Update { version, update } => {
                let copy = self
                    .copies
                    .get_mut(edge)
                    .expect("an update to an edge without the view");
                copy.apply(&update);
                assert_eq!(copy.version, version, "a gap");
                if let Update::PeerLeft { peer, .. } = update {
                    self.forget(peer);
                }
            }
            EdgeMessage::Reply {
                session,
                request,
                result,
            } => {
                let asked = self
                    .asked
                    .remove(&request)
                    .expect("a reply to nothing, or a second one");
                assert_eq!((&asked.person.edge, asked.person.session), (edge, session));
                self.check_reply(asked, result);
            }
            EdgeMessage::Notice { peer, notice } => {
                assert!(
                    self.copies[edge].peers.contains_key(&peer),
                    "a notice to somebody unknown"
                );
                if let Notice::ServedBy(served_by) = &notice {
                    let seat = served_by.seat.clone().unwrap();
                    assert_ne!(self.served.insert(peer, seat.clone()), Some(seat), "told twice");
                }
                self.notices.push((peer, notice));
            }
            EdgeMessage::NotHome { request, .. } => {
                assert!(self.closed);
                assert!(self.asked.remove(&request).is_some());
            }
        }
    }

    fn forget(&mut self, peer: PeerId) {
        self.roster.retain(|(known, ..)| known.peer != peer);
        self.known.remove(&peer);
        if let Some(index) = self.people.iter().position(|person| person.peer == peer) {
            self.renew(index);
        }
    }

    fn check_reply(&mut self, asked: Asked, result: Result<Reply, RequestError>) {
        if let Some(expected) = &asked.expected {
            assert_eq!(result, *expected, "{:?}", asked.body);
        }
        let peer = asked.person.peer;
        self.last_reply = Some(result.clone());
        let copy = self.copies.get(&asked.person.edge);
        match result {
            Ok(Reply::Joined(joined)) => {
                let shown = &copy.unwrap().peers[&peer];
                assert_eq!((&shown.public_id, shown.role), (&joined.public_id, joined.role));
                if !joined.repeated {
                    self.roster.push((asked.person, joined.public_id, joined.role));
                }
            }
            Ok(Reply::TransportOpened(opened)) => {
                assert!(self.seats.opened_transport(opened.transport));
                let known = self.known.entry(peer).or_default();
                match opened.direction {
                    Direction::Send => known.send.push(opened.transport),
                    Direction::Recv => known.recv.push(opened.transport),
                }
            }
            Ok(Reply::Produced { producer }) => {
                assert_eq!(
                    copy.unwrap().producers[&producer].peer,
                    peer,
                    "the update precedes the reply"
                );
                self.known.entry(peer).or_default().producers.push(producer);
            }
            Ok(Reply::Consumed(consumed)) => {
                let source = &copy.unwrap().producers[&consumed.producer];
                let (known, public_id, _) = self
                    .roster
                    .iter()
                    .find(|(known, ..)| known.peer == source.peer)
                    .unwrap();
                assert_ne!(source.peer, peer, "nobody consumes their own");
                assert_eq!((source.paused, source.kind), (consumed.producer_paused, consumed.kind));
                assert_eq!(
                    (public_id, &known.join.identity.connection),
                    (&consumed.public_id, &consumed.connection)
                );
                assert!(self.seats.opened_consumer(consumed.consumer));
                self.known.entry(peer).or_default().consumers.push(consumed.consumer);
            }
            Ok(Reply::Done) if asked.body == Request::Leave => {
                assert!(!self.room.view().peers.contains_key(&peer));
            }
            _ => {}
        }
    }

    fn count(&mut self, event: RoomEvent) {
        let open = &mut self.open;
        let expected = match event {
            RoomEvent::PeerJoined { peer, .. } => open.peers.insert(peer),
            RoomEvent::PeerLeft { peer, .. } => open.peers.remove(&peer),
            RoomEvent::RouterOpened { seat } => open.routers.insert(seat),
            RoomEvent::RouterClosed { seat } | RoomEvent::SeatLost { seat } => open.routers.remove(&seat),
            RoomEvent::TransportOpened { transport, .. } => open.transports.insert(transport),
            RoomEvent::TransportClosed { transport, .. } => open.transports.remove(&transport),
            RoomEvent::ProducerOpened { producer, .. } => open.producers.insert(producer),
            RoomEvent::ProducerClosed { producer, .. } => open.producers.remove(&producer),
            RoomEvent::ConsumerOpened { consumer, .. } => open.consumers.insert(consumer),
            RoomEvent::ConsumerClosed { consumer, .. } => open.consumers.remove(&consumer),
            RoomEvent::TransportConnected { transport, .. } => open.transports.contains(&transport),
            RoomEvent::ConsumerResumed { consumer, .. } => open.consumers.contains(&consumer),
        };
        assert!(expected, "opened or closed twice");
    }

    fn check_lost(&mut self, lost: &Seat) {
        let seated: Vec<_> = self
            .served
            .iter()
            .filter(|(_, seat)| *seat == lost)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in seated {
            self.served.remove(&peer);
            let told = |notice: Notice| self.notices.contains(&(peer, notice));
            match self.roster.iter().find(|(known, ..)| known.peer == peer) {
                Some((known, ..)) => assert!(known.join.rebuilds && told(Notice::RebuildMedia)),
                None => assert!(told(Notice::SeatLost)),
            }
            assert!(self.view().producers.values().all(|producer| producer.peer != peer));
        }
    }

    /// What must hold after every step.
    fn check(&mut self) {
        let view = self.room.view();
        for (edge, copy) in &self.copies {
            if self.roster.iter().any(|(known, ..)| known.edge == *edge) {
                assert_eq!(copy, view, "the copy of {edge:?}");
            }
        }
        let roster = &self.roster;
        self.copies
            .retain(|edge, _| roster.iter().any(|(known, ..)| known.edge == *edge));
        let shown: Vec<_> = view
            .roster()
            .into_iter()
            .map(|peer| (peer.id, &peer.public_id, peer.role))
            .collect();
        let naive: Vec<_> = self
            .roster
            .iter()
            .map(|(known, id, role)| (known.peer, id, *role))
            .collect();
        assert_eq!(shown, naive);
        assert!(
            view.producers
                .values()
                .all(|producer| view.peers.contains_key(&producer.peer)),
            "dangling"
        );
        assert!(
            view.active_speaker.is_none_or(|peer| view.peers.contains_key(&peer)),
            "dangling"
        );
        assert!(view.producers.keys().eq(self.open.producers.iter()));
        assert!(view.peers.keys().eq(self.open.peers.iter()));
        let served = |peer: &PeerId| view.peers.contains_key(peer);
        self.served.retain(|peer, _| served(peer));
        self.room.check();
    }
}

impl Room {
    /// The home's own tables agree with each other and with the view.
    fn check(&self) {
        let asking: usize = self.rows.values().map(crate::flight::Row::askers).sum();
        assert_eq!(asking, self.asking);
        assert!(self.peers.keys().eq(self.view.peers.keys()));
        let shown = self.producers.iter().filter(|(_, producer)| producer.opening.is_none());
        assert!(shown.map(|(id, _)| id).eq(self.view.producers.keys()));
        for (id, producer) in &self.producers {
            assert!(self.peers[&producer.peer].producers.contains(id));
            assert!(producer.opening.is_none_or(|command| self.rows.contains_key(&command)));
        }
        for (id, consumer) in &self.consumers {
            assert!(self.peers[&consumer.peer].consumers.contains(id));
            assert!(self.producers[&consumer.producer].consumers.contains(id));
            assert!(consumer.opening.is_none_or(|command| self.rows.contains_key(&command)));
        }
        let mids = self
            .producers
            .values()
            .filter_map(|known| Some((known.transport, known.made_of.mid.clone()?)));
        assert_eq!(
            mids.clone().collect::<BTreeSet<_>>().len(),
            mids.count(),
            "one producer a mid"
        );
        let owned: usize = self.peers.values().map(|peer| peer.producers.len()).sum();
        assert_eq!(owned, self.producers.len());
        let owned: usize = self.peers.values().map(|peer| peer.consumers.len()).sum();
        assert_eq!(owned, self.consumers.len());
        let consumed: usize = self.producers.values().map(|producer| producer.consumers.len()).sum();
        assert_eq!(consumed, self.consumers.len());
        let rows: usize = self.peers.values().map(|peer| peer.commands.len()).sum();
        assert_eq!(rows, self.rows.len());
        assert_eq!(self.edges.values().sum::<usize>(), self.peers.len());
        let seated = self.peers.values().filter_map(|peer| peer.seat.as_ref());
        assert!(
            seated
                .into_iter()
                .all(|seat| self.seats.get(&seat.router) == Some(seat))
        );
    }
}
