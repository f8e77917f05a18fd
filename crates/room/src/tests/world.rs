//! Edges, seats and a shell around one room, with a naive model of what all of them must see. Every effect is checked when it
//! is given out, and the whole after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::*;

use super::seats::{Ending, Seats};
use crate::{Room, RoomConfig, SeatDeclined};

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
pub(super) struct Asked {
    pub(super) person: Person,
    pub(super) body: Request,
    /// What the naive model says of it, where it can.
    pub(super) expected: Option<Result<Reply, RequestError>>,
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
pub(super) struct Open {
    pub(super) peers: BTreeSet<PeerId>,
    pub(super) routers: BTreeSet<Seat>,
    pub(super) transports: BTreeSet<TransportId>,
    pub(super) producers: BTreeSet<ProducerId>,
    pub(super) consumers: BTreeSet<ConsumerId>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) people: Vec<Person>,
    pub(crate) seats: Seats,
    /// What seats said and nobody delivered yet.
    pub(crate) results: Vec<(NodeId, MediaEvent)>,
    pub(crate) known: BTreeMap<PeerId, Known>,
    pub(super) now: Instant,
    /// The naive roster, in the order of joins.
    pub(super) roster: Vec<(Person, PublicId, Role)>,
    pub(super) copies: BTreeMap<NodeId, RoomView>,
    pub(super) asked: BTreeMap<RequestId, Asked>,
    pub(super) open: Open,
    /// The peer for whom a seat is asked, and since when.
    pub(super) choice: Option<(PeerId, Instant)>,
    pub(super) served: BTreeMap<PeerId, Seat>,
    pub(super) notices: Vec<(PeerId, Notice)>,
    pub(super) closed: bool,
    pub(super) last_reply: Option<Result<Reply, RequestError>>,
    pub(super) requests: u64,
    pub(super) sessions: u64,
    pub(super) rooms: u64,
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
            last_reply: None,
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
            rtp_capabilities: (!number.is_multiple_of(3)).then(|| super::rtp("capabilities")),
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
    pub(super) fn renew(&mut self, index: usize) {
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

    pub(crate) fn is_joined(&self, person: &Person) -> bool {
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

    /// Whatever died before: who can rebuild gets a transport at the second attempt at the latest.
    fn check_alive(&mut self) {
        let rebuilds = self
            .roster
            .iter()
            .map(|(person, ..)| person)
            .find(|person| person.join.rebuilds);
        if let Some(person) = rebuilds.cloned() {
            for _ in 0..2 {
                self.ask(&person, Request::OpenTransport(Direction::Send));
                self.pump();
            }
            let alive = matches!(self.last_reply, Some(Ok(_) | Err(RequestError::LimitReached { .. })));
            assert!(alive, "stuck: {:?}", self.last_reply);
        }
    }

    /// Everybody goes; nothing may be left anywhere.
    pub(crate) fn end(&mut self) {
        self.check_alive();
        for person in self.people.clone() {
            self.close_session(&person);
        }
        self.later(limits::OPEN_TIMEOUT);
        assert!(self.closed, "an empty room closes");
        assert!(self.asked.is_empty(), "a reply was lost: {:?}", self.asked);
        assert_eq!(self.room.poll_timeout(), None);
    }
}
