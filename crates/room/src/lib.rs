//! One room at its home, as a pure state machine: peers, transports, producers, consumers, seats, and what everybody is told.
//!
//! In: [`Room::handle_message`], [`Room::handle_seat`], [`Room::handle_timeout`]. Each changes the state once and queues
//! [`Effect`]s, which the shell (`node`'s room task) drains with [`Room::poll_effect`] before it sleeps until
//! [`Room::poll_timeout`]. The room never waits: a media command in flight is a row with a deadline (`flight`). What edges may
//! know is the [`RoomView`], changed by its updates only; what the home alone knows is in `state`.
//!
//! Not here: sockets, dialects, mediasoup, the choice of a node or worker (the shell's coordinator makes it), the clock and
//! randomness (`now` and a seed are arguments).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod close;
mod consume;
mod edges;
mod effect;
mod find;
mod flight;
mod join;
mod layers;
mod leave;
mod mute;
mod pause;
mod produce;
mod quality;
mod random;
mod seat;
mod speaker;
mod state;
mod stats;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use model::{
    CommandId, ConsumerId, Epoch, HomeMessage, LeaveReason, Limits, MediaEvent, NodeId, PeerId, ProducerId, Reply,
    Request, RequestError, RoomId, RoomView, RouterId, Seat, WorkerId, limits,
};

pub use effect::{Effect, RoomEvent, SeatDeclined};

use flight::{Asker, Row};
use quality::Quality;
use random::Random;
use seat::Choice;
use speaker::Speaker;
use state::{Consumer, Peer, Producer};

/// What a room is made of.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// The room.
    pub room: RoomId,
    /// This node: the room's home.
    pub node: NodeId,
    /// The fencing number of this home.
    pub epoch: Epoch,
    /// The operator's bounds.
    pub limits: Arc<Limits>,
    /// Where the ids of transports, producers, consumers and routers come from.
    pub seed: u64,
}

/// The state of one room; see the crate's documentation.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    life: Life,
    /// The latest time that was passed in; never goes back.
    now: Instant,
    random: Random,
    view: RoomView,
    /// The next place in the orders of joining and of producing.
    number: u64,
    /// Nodes that hold sessions of the room, with how many.
    edges: BTreeMap<NodeId, usize>,
    peers: BTreeMap<PeerId, Peer>,
    /// Also those that are not in the view yet, because their command is in flight.
    producers: BTreeMap<ProducerId, Producer>,
    consumers: BTreeMap<ConsumerId, Consumer>,
    seats: BTreeMap<RouterId, Seat>,
    choice: Option<Choice>,
    rows: BTreeMap<CommandId, Row>,
    /// Requests that wait in `rows`; a row may have several.
    asking: usize,
    command: u64,
    speaker: Speaker,
    quality: Quality,
    effects: VecDeque<Effect>,
}

/// Where a room is between its opening and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Nobody has joined yet.
    Awaited { until: Instant },
    /// The first join was decided: the room lives as long as it has peers.
    Begun,
    /// [`Effect::Close`] was given out.
    Over,
}

/// What a command's file says of a request: answered now, or by a row in flight.
enum Handled {
    Now(Reply),
    Later,
}

/// A handled or refused request.
type Outcome = Result<Handled, RequestError>;

impl Room {
    /// An empty room. Without a join it closes after [`limits::OPEN_TIMEOUT`].
    #[must_use]
    pub fn new(config: RoomConfig, now: Instant) -> Self {
        Self {
            life: Life::Awaited {
                until: now + limits::OPEN_TIMEOUT,
            },
            now,
            random: Random::new(config.seed),
            view: RoomView::new(config.room.clone(), config.node.clone(), config.epoch),
            config,
            number: 0,
            edges: BTreeMap::new(),
            peers: BTreeMap::new(),
            producers: BTreeMap::new(),
            consumers: BTreeMap::new(),
            seats: BTreeMap::new(),
            choice: None,
            rows: BTreeMap::new(),
            asking: 0,
            command: 0,
            speaker: Speaker::default(),
            quality: Quality::default(),
            effects: VecDeque::new(),
        }
    }

    /// Takes one message of an edge or a seat. After the end of the room every request is answered with
    /// [`model::EdgeMessage::NotHome`].
    pub fn handle_message(&mut self, from: &NodeId, message: HomeMessage, now: Instant) {
        self.advance(now);
        match message {
            HomeMessage::Request {
                session,
                peer,
                request,
                body,
            } => {
                let asker = Asker {
                    edge: from.clone(),
                    session,
                    request,
                };
                self.handle_request(asker, peer, body);
            }
            HomeMessage::SessionClosed { session, peer } => {
                if self.is_registered(from, session, peer) {
                    self.remove_peer(peer, LeaveReason::Disconnected);
                }
            }
            HomeMessage::SnapshotRequest if self.life != Life::Over => self.send_snapshot(from),
            HomeMessage::SnapshotRequest => {}
            HomeMessage::Media(event) => self.handle_media(from, event),
        }
        self.close_if_empty();
    }

    /// Takes the answer to [`Effect::ChooseSeat`]: the node and worker that shall carry the room's media.
    pub fn handle_seat(&mut self, peer: PeerId, seat: Result<(NodeId, WorkerId), SeatDeclined>, now: Instant) {
        self.advance(now);
        self.seat_chosen(peer, seat);
    }

    /// Does what is due: commands without an answer, a room nobody joined, silence, quality.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if let Life::Awaited { until } = self.life
            && until <= self.now
        {
            self.life = Life::Begun;
        }
        self.expire_rows();
        self.expire_choice();
        self.expire_speaker();
        self.publish_quality();
        self.close_if_empty();
    }

    /// When [`Self::handle_timeout`] is to be called next; later calls do no harm but lateness.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first_join = match self.life {
            Life::Awaited { until } => Some(until),
            Life::Begun => None,
            Life::Over => return None,
        };
        [
            first_join,
            self.next_deadline(),
            self.choice.as_ref().map(|choice| choice.deadline),
            self.speaker.poll_timeout(self.view.active_speaker),
            self.quality.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What clients may be told, as of now.
    #[must_use]
    pub fn view(&self) -> &RoomView {
        &self.view
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn handle_request(&mut self, asker: Asker, peer: PeerId, body: Request) {
        if self.life == Life::Over {
            return self.not_home(&asker);
        }
        match self.answer(&asker, peer, body) {
            Ok(Handled::Now(reply)) => self.reply(&asker, Ok(reply)),
            Ok(Handled::Later) => {}
            Err(error) => self.reply(&asker, Err(error)),
        }
    }

    /// The one match: every request has its arm, every arm its file.
    fn answer(&mut self, asker: &Asker, peer: PeerId, body: Request) -> Outcome {
        if let Request::Join(join) = body {
            return self.join(asker, peer, *join);
        }
        if !self.is_registered(&asker.edge, asker.session, peer) {
            return Err(RequestError::NotJoined);
        }
        match body {
            Request::Join(_) => Err(RequestError::NotJoined),
            Request::Leave => self.leave(peer),
            Request::OpenTransport(direction) => self.open_transport(asker, peer, direction),
            Request::ConnectTransport {
                transport,
                dtls_parameters,
            } => self.connect_transport(asker, peer, transport, dtls_parameters),
            Request::Produce(produce) => self.produce(asker, peer, *produce),
            Request::CloseProducer(producer) => self.close_own_producer(peer, producer),
            Request::PauseProducer(producer) => self.pause_producer(asker, peer, producer, true),
            Request::ResumeProducer(producer) => self.pause_producer(asker, peer, producer, false),
            Request::Consume {
                producer,
                transport,
                rtp_capabilities,
            } => self.consume(asker, peer, producer, transport, rtp_capabilities),
            Request::CloseConsumer(consumer) => self.close_own_consumer(peer, consumer),
            Request::PauseConsumer(consumer) => self.pause_consumer(asker, peer, consumer, true),
            Request::ResumeConsumer(consumer) => self.pause_consumer(asker, peer, consumer, false),
            Request::SetPreferredLayers {
                consumer,
                spatial,
                temporal,
            } => self.set_preferred_layers(asker, peer, consumer, spatial, temporal),
            Request::RequestKeyFrame(consumer) => self.request_key_frame(asker, peer, consumer),
            Request::SetMuteState {
                audio_muted,
                video_paused,
            } => self.set_mute_state(peer, audio_muted, video_paused),
            Request::GetStats(object) => self.get_stats(asker, peer, object),
            Request::Find(public_id) => Ok(self.find(&public_id)),
        }
    }

    /// Takes what a seat reports. A node that carries none of the room's seats is not listened to.
    fn handle_media(&mut self, from: &NodeId, event: MediaEvent) {
        if !self.seats.values().any(|seat| seat.node == *from) {
            return;
        }
        match event {
            MediaEvent::Result { command, result } => self.handle_result(command, result),
            MediaEvent::AudioLevels { router, levels } => self.hear(router, &levels),
            MediaEvent::ProducerScore { producer, score } => self.producer_score(producer, score),
            MediaEvent::ConsumerScore { consumer, score } => self.consumer_score(consumer, score),
            MediaEvent::SeatLost { router } => self.seat_lost(router),
        }
    }
}
