//! Edges, seats and a shell around one room, with a naive model of what all of them must see. Every effect is checked when it
//! is given out, and the whole after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::*;

use super::seats::{Ending, Seats};
use crate::{Effect, Room, RoomConfig, RoomEvent, SeatDeclined};

const HOME: &str = "home";

/// Somebody who joins and leaves, each time as a new peer in a new session.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) edge: NodeId,
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
    pub(crate) join: Join,
}

/// A request without a reply.
#[derive(Debug)]
struct Asked {
    person: Person,
    body: Request,
    /// What the naive model says of it, where it can.
    expected: Option<Result<Reply, RequestError>>,
}

/// What replies told a peer that it has.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) send: Vec<TransportId>,
    pub(crate) recv: Vec<TransportId>,
    pub(crate) producers: Vec<ProducerId>,
    pub(crate) consumers: Vec<ConsumerId>,
}

/// What the events say is open.
#[derive(Debug, Default)]
struct Open {
    peers: BTreeSet<PeerId>,
    routers: BTreeSet<Seat>,
    transports: BTreeSet<TransportId>,
    producers: BTreeSet<ProducerId>,
    consumers: BTreeSet<ConsumerId>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) people: Vec<Person>,
    pub(crate) seats: Seats,
    /// What seats said and nobody delivered yet.
    pub(crate) results: Vec<(NodeId, MediaEvent)>,
    pub(crate) known: BTreeMap<PeerId, Known>,
    now: Instant,
    /// The naive roster, in the order of joins.
    roster: Vec<(Person, PublicId, Role)>,
    copies: BTreeMap<NodeId, RoomView>,
    asked: BTreeMap<RequestId, Asked>,
    open: Open,
    /// The peer for whom a seat is asked, and since when.
    choice: Option<(PeerId, Instant)>,
    served: BTreeMap<PeerId, Seat>,
    notices: Vec<(PeerId, Notice)>,
    closed: bool,
    requests: u64,
    sessions: u64,
    rooms: u64,
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "a test's time has to begin somewhere")]
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let mut world = Self {
            room: Self::room(1, now),
            people: Vec::new(),
            seats: Seats::default(),
            results: Vec::new(),
            known: BTreeMap::new(),
            now,
            roster: Vec::new(),
            copies: BTreeMap::new(),
            asked: BTreeMap::new(),
            open: Open::default(),
            choice: None,
            served: BTreeMap::new(),
            notices: Vec::new(),
            closed: false,
            requests: 0,
            sessions: 0,
            rooms: 1,
        };
        for (edge, dialect, chosen) in [
            (HOME, "rooms", Some("ann")),
            (HOME, "rooms", None),
            ("edge", "rooms", Some("ann")),
            ("edge", "protoo", Some("ann")),
            ("far", "protoo", Some("bob")),
            (HOME, "protoo", Some("bob")),
        ] {
            let person = world.person(edge, dialect, chosen);
            world.people.push(person);
        }
        world
    }

    /// Four people at three edges with a microphone each, all of whom hear the others.
    pub(crate) fn in_call() -> Self {
        let mut world = Self::new();
        for index in [0, 2, 3, 4] {
            world.join(index, false);
            let person = world.people[index].clone();
            world.ask(&person, Request::OpenTransport(Direction::Send));
            world.ask(&person, Request::OpenTransport(Direction::Recv));
            world.pump();
            world.ask(&person, Request::Produce(Box::new(super::audio())));
        }
        world.pump();
        for (person, ..) in world.roster.clone() {
            let producers = world.view().producers.values().filter(|view| view.peer != person.peer);
            for producer in producers.map(|view| view.id).collect::<Vec<_>>() {
                let rtp_capabilities = Some(super::rtp("own"));
                let request = Request::Consume {
                    producer,
                    transport: None,
                    rtp_capabilities,
                };
                world.ask(&person, request);
            }
        }
        world.settle();
        world
    }

    fn room(seed: u64, now: Instant) -> Room {
        let limits = Limits {
            peers_per_room: 5,
            transports_per_peer: 4,
            producers_per_peer: 3,
            consumers_per_peer: 5,
            ..Limits::default()
        };
        let config = RoomConfig {
            room: RoomId::new("room").unwrap(),
            node: NodeId::new(HOME),
            epoch: Epoch {
                store: 1,
                sequence: seed,
            },
            limits: Arc::new(limits),
            seed,
        };
        Room::new(config, now)
    }

    fn person(&mut self, edge: &str, dialect: &str, chosen: Option<&str>) -> Person {
        self.sessions += 1;
        let number = self.sessions;
        let join = Join {
            identity: Identity {
                dialect: dialect.into(),
                chosen: chosen.map(PublicId::new),
                connection: PublicId::new(&format!("socket{number}")),
                name: "Name".into(),
                image_url: None,
            },
            rtp_capabilities: (number % 3 != 0).then(|| super::rtp("capabilities")),
            creator: number.is_multiple_of(2),
            rebuilds: dialect == "protoo",
            room_must_exist: false,
        };
        Person {
            edge: NodeId::new(edge),
            session: SessionId(number),
            peer: PeerId::from_random(u128::from(number)),
            join,
        }
    }

    /// The next incarnation of somebody who left.
    fn renew(&mut self, index: usize) {
        let old = self.people[index].clone();
        let chosen = old.join.identity.chosen.as_ref().map(PublicId::as_str);
        self.people[index] = self.person(old.edge.as_str(), &old.join.identity.dialect, chosen);
    }

    pub(crate) fn view(&self) -> &RoomView {
        self.room.view()
    }

    /// One who is in the room, if anybody is.
    pub(crate) fn somebody_joined(&self, pick: usize) -> Person {
        let joined = self.roster.get(pick % self.roster.len().max(1));
        joined.map_or_else(
            || self.people[pick % self.people.len()].clone(),
            |(person, ..)| person.clone(),
        )
    }

    fn is_joined(&self, person: &Person) -> bool {
        self.roster.iter().any(|(known, ..)| {
            known.peer == person.peer && known.session == person.session && known.edge == person.edge
        })
    }

    /// Joins; a room that was closed is opened again first, as an edge would have it opened.
    pub(crate) fn join(&mut self, index: usize, room_must_exist: bool) {
        if self.closed {
            self.reopen();
        }
        let mut join = self.people[index].join.clone();
        join.room_must_exist = room_must_exist;
        self.ask(&self.people[index].clone(), Request::Join(Box::new(join)));
    }

    fn reopen(&mut self) {
        self.rooms += 1;
        self.room = Self::room(self.rooms, self.now);
        self.seats = Seats::default();
        self.results.clear();
        self.known.clear();
        self.served.clear();
        self.choice = None;
        self.closed = false;
    }

    pub(crate) fn ask(&mut self, person: &Person, body: Request) {
        self.requests += 1;
        let request = RequestId(self.requests);
        let message = HomeMessage::Request {
            session: person.session,
            peer: person.peer,
            request,
            body: body.clone(),
        };
        let expected = self.expect(person, &body);
        let asked = Asked {
            person: person.clone(),
            body,
            expected,
        };
        self.asked.insert(request, asked);
        self.room.handle_message(&person.edge, message, self.now);
        self.drain();
        let immediate = self.asked.get(&request).is_none_or(|asked| asked.expected.is_none());
        assert!(immediate, "what needs no media is answered at once");
    }

    /// The naive model: what a request must be answered with, where no media is asked.
    fn expect(&self, person: &Person, body: &Request) -> Option<Result<Reply, RequestError>> {
        match body {
            Request::Join(join) => Some(self.expect_join(person, join).map(Reply::Joined)),
            _ if !self.is_joined(person) => Some(Err(RequestError::NotJoined)),
            Request::Leave | Request::SetMuteState { .. } => Some(Ok(Reply::Done)),
            Request::Find(wanted) => {
                let found = self.roster.iter().find(|(_, id, _)| id == wanted);
                let connection = found.map(|(known, ..)| known.join.identity.connection.clone());
                Some(Ok(Reply::Found(connection)))
            }
            _ => None,
        }
    }

    fn expect_join(&self, person: &Person, join: &Join) -> Result<Joined, RequestError> {
        if let Some((known, public_id, role)) = self.roster.iter().find(|(known, ..)| known.peer == person.peer) {
            if known.session != person.session || known.edge != person.edge {
                return Err(RequestError::NotJoined);
            }
            return Ok(Joined {
                public_id: public_id.clone(),
                role: *role,
                repeated: true,
            });
        }
        match self.roster.len() {
            0 if join.room_must_exist => return Err(RequestError::RoomNotFound),
            5 => return Err(RequestError::RoomFull),
            _ => {}
        }
        let hosted = self.roster.iter().any(|(.., role)| *role == Role::Host);
        let role = match (self.roster.is_empty(), join.creator && !hosted) {
            (false, false) => Role::Member,
            _ => Role::Host,
        };
        let same_dialect = |known: &Person| known.join.identity.dialect == join.identity.dialect;
        let taken = |id: &PublicId| self.roster.iter().any(|(_, other, _)| other == id);
        let taken_here = |id: &PublicId| {
            self.roster
                .iter()
                .any(|(known, other, _)| other == id && same_dialect(known))
        };
        let wanted = match &join.identity.chosen {
            Some(chosen) if !taken_here(chosen) => chosen.clone(),
            _ => join.identity.connection.clone(),
        };
        let suffixed = (2..).map(|suffix| PublicId::new(&format!("{wanted}-{suffix}")));
        let public_id = std::iter::once(wanted.clone()).chain(suffixed).find(|id| !taken(id));
        Ok(Joined {
            public_id: public_id.unwrap(),
            role,
            repeated: false,
        })
    }

    pub(crate) fn close_session(&mut self, person: &Person) {
        let message = HomeMessage::SessionClosed {
            session: person.session,
            peer: person.peer,
        };
        self.room.handle_message(&person.edge, message, self.now);
        self.drain();
    }

    pub(crate) fn request_snapshot(&mut self, edge: &NodeId) {
        self.room.handle_message(edge, HomeMessage::SnapshotRequest, self.now);
        self.drain();
    }

    pub(crate) fn media(&mut self, node: &NodeId, event: MediaEvent) {
        self.room.handle_message(node, HomeMessage::Media(event), self.now);
        self.drain();
    }

    /// Runs one command of one queue.
    pub(crate) fn run_seat(&mut self, pick: usize, ending: Ending) {
        self.results.extend(self.seats.run(pick, ending));
    }

    /// Delivers one of the waiting results; `again`: it will come once more.
    pub(crate) fn deliver(&mut self, pick: usize, again: bool) {
        if self.results.is_empty() {
            return;
        }
        let index = pick % self.results.len();
        let (node, event) = match again {
            true => self.results[index].clone(),
            false => self.results.remove(index),
        };
        self.media(&node, event);
    }

    /// The worker under one of the room's routers dies; it reports so if the router was there.
    pub(crate) fn lose_seat(&mut self, pick: usize) {
        let routers: Vec<_> = self.open.routers.iter().cloned().collect();
        if let Some(seat) = routers.get(pick % routers.len().max(1))
            && self.seats.lose_router(seat.router)
        {
            let event = MediaEvent::SeatLost { router: seat.router };
            self.results.push((seat.node.clone(), event));
        }
    }

    pub(crate) fn choose_seat(&mut self, peer: PeerId, worker: Option<u16>) {
        let node = NodeId::new(if worker == Some(0) { HOME } else { "edge" });
        let seat = worker.map(|worker| (node, WorkerId(worker))).ok_or(SeatDeclined);
        self.choice.take_if(|(asked, _)| *asked == peer);
        self.room.handle_seat(peer, seat, self.now);
        self.drain();
    }

    pub(crate) fn choice(&self) -> Option<PeerId> {
        self.choice.map(|(peer, _)| peer)
    }

    pub(crate) fn later(&mut self, time: Duration) {
        self.now += time;
        if self.room.poll_timeout().is_some_and(|due| due <= self.now) {
            self.room.handle_timeout(self.now);
            self.drain();
            let next = self.room.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "the timer spins");
        }
    }

    /// Everybody does what is asked; what was lost stays lost.
    pub(crate) fn pump(&mut self) {
        while self.seats.waiting() + self.results.len() > 0 || self.choice.is_some() {
            self.run_seat(0, Ending::Good);
            self.deliver(0, false);
            if let Some(peer) = self.choice() {
                self.choose_seat(peer, Some(0));
            }
        }
    }

    /// Everybody does what is asked until nothing is left to do, then home and seats must agree.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20 {
            self.pump();
            if self.asked.is_empty() {
                break;
            }
            self.later(limits::MEDIA_COMMAND_TIMEOUT);
        }
        assert!(self.asked.is_empty(), "a reply was lost: {:?}", self.asked);
        assert_eq!(self.seats.transports(), self.open.transports);
        assert_eq!(self.seats.consumers(), self.open.consumers);
        let held = self.seats.producers();
        assert_eq!(
            held.keys().collect::<Vec<_>>(),
            self.view().producers.keys().collect::<Vec<_>>()
        );
        for (producer, paused) in held {
            let shown = self.view().producers[&producer].paused;
            assert!(paused.is_none_or(|paused| paused == shown), "a pause went astray");
        }
        assert!(self.seats.routers().iter().all(|seat| self.open.routers.contains(seat)));
    }

    /// Everybody goes; nothing may be left anywhere.
    pub(crate) fn end(&mut self) {
        for person in self.people.clone() {
            self.close_session(&person);
        }
        self.later(limits::OPEN_TIMEOUT);
        assert!(self.closed, "an empty room closes");
        assert!(self.asked.is_empty(), "a reply was lost: {:?}", self.asked);
        assert_eq!(self.room.poll_timeout(), None);
    }

    /// Takes all effects, checks each, then the whole.
    fn drain(&mut self) {
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
