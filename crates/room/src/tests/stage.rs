//! One room on a stage: the test speaks the lines of edges and seats and looks at what was said to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::*;

use crate::{Effect, Room, RoomConfig, RoomEvent, SeatDeclined};

/// A peer as the test knows it.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) edge: NodeId,
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
}

/// The room, its time, and all it has asked for and said so far.
pub(crate) struct Stage {
    pub(crate) room: Room,
    pub(crate) now: Instant,
    pub(crate) log: Vec<Effect>,
    /// Commands that nobody has answered.
    pub(crate) commands: Vec<MediaCommand>,
    requests: u64,
    peers: u64,
}

pub(crate) fn rtp(text: &str) -> JsonText {
    JsonText::from_valid(text)
}

pub(crate) fn audio() -> Produce {
    Produce {
        transport: None,
        kind: MediaKind::Audio,
        rtp_parameters: rtp("audio"),
        mid: Some("0".into()),
        source: Source::Microphone,
        app_data: None,
    }
}

pub(crate) fn camera() -> Produce {
    Produce {
        transport: None,
        kind: MediaKind::Video,
        rtp_parameters: rtp("video"),
        mid: Some("1".into()),
        source: Source::Camera,
        app_data: Some(rtp("{}")),
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    #[allow(clippy::disallowed_methods, reason = "a test's time has to begin somewhere")]
    pub(crate) fn with_limits(limits: Limits) -> Self {
        let now = Instant::now();
        let config = RoomConfig {
            room: RoomId::new("room").unwrap(),
            node: NodeId::new("home"),
            epoch: Epoch { store: 1, sequence: 2 },
            limits: Arc::new(limits),
            seed: 7,
        };
        Self {
            room: Room::new(config, now),
            now,
            log: Vec::new(),
            commands: Vec::new(),
            requests: 0,
            peers: 0,
        }
    }

    pub(crate) fn who(&mut self, edge: &str) -> Who {
        self.peers += 1;
        Who {
            edge: NodeId::new(edge),
            session: SessionId(self.peers),
            peer: PeerId::from_random(u128::from(self.peers)),
        }
    }

    pub(crate) fn join_of(who: &Who) -> Join {
        Join {
            identity: Identity {
                dialect: "rooms".into(),
                chosen: None,
                connection: PublicId::new(&format!("socket{}", who.session)),
                name: "Name".into(),
                image_url: None,
            },
            rtp_capabilities: Some(rtp("capabilities")),
            creator: false,
            rebuilds: false,
            room_must_exist: false,
        }
    }

    pub(crate) fn join_with(&mut self, edge: &str, change: impl FnOnce(&mut Join)) -> (Who, RequestId) {
        let who = self.who(edge);
        let mut join = Self::join_of(&who);
        change(&mut join);
        let request = self.ask(&who, Request::Join(Box::new(join)));
        (who, request)
    }

    pub(crate) fn join(&mut self, edge: &str) -> Who {
        let (who, request) = self.join_with(edge, |_| {});
        assert!(self.reply(request).is_ok());
        who
    }

    /// A peer with both transports open.
    pub(crate) fn join_with_transports(&mut self, edge: &str) -> Who {
        let who = self.join(edge);
        self.transport(&who, Direction::Send);
        self.transport(&who, Direction::Recv);
        who
    }

    pub(crate) fn transport(&mut self, who: &Who, direction: Direction) -> TransportId {
        match self.done(who, Request::OpenTransport(direction)) {
            Ok(Reply::TransportOpened(opened)) => opened.transport,
            other => panic!("no transport: {other:?}"),
        }
    }

    pub(crate) fn producer(&mut self, who: &Who, produce: Produce) -> ProducerId {
        match self.done(who, Request::Produce(Box::new(produce))) {
            Ok(Reply::Produced { producer }) => producer,
            other => panic!("no producer: {other:?}"),
        }
    }

    pub(crate) fn consume(producer: ProducerId) -> Request {
        Request::Consume {
            producer,
            transport: None,
            rtp_capabilities: None,
        }
    }

    pub(crate) fn consumer(&mut self, who: &Who, producer: ProducerId) -> ConsumerId {
        match self.done(who, Self::consume(producer)) {
            Ok(Reply::Consumed(consumed)) => consumed.consumer,
            other => panic!("no consumer: {other:?}"),
        }
    }

    /// Asks without answering for the seats.
    pub(crate) fn ask(&mut self, who: &Who, body: Request) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        let message = HomeMessage::Request {
            session: who.session,
            peer: who.peer,
            request,
            body,
        };
        self.room.handle_message(&who.edge, message, self.now);
        self.drain();
        request
    }

    /// Asks, lets the seats answer, and returns the reply.
    pub(crate) fn done(&mut self, who: &Who, body: Request) -> Result<Reply, RequestError> {
        let request = self.ask(who, body);
        self.settle();
        self.reply(request)
    }

    /// Lets the shell choose a seat where one is asked for, and the seats answer all they were asked.
    pub(crate) fn settle(&mut self) {
        for peer in self.choices() {
            self.seat(peer, "home", 0);
        }
        for command in std::mem::take(&mut self.commands) {
            self.answer(&command, Ok(good(&command.action)));
        }
    }

    pub(crate) fn seat(&mut self, peer: PeerId, node: &str, worker: u16) {
        self.room
            .handle_seat(peer, Ok((NodeId::new(node), WorkerId(worker))), self.now);
        self.drain();
    }

    pub(crate) fn decline(&mut self, peer: PeerId) {
        self.room.handle_seat(peer, Err(SeatDeclined), self.now);
        self.drain();
    }

    pub(crate) fn answer(&mut self, command: &MediaCommand, result: Result<MediaReply, MediaError>) {
        self.commands.retain(|waiting| waiting.id != command.id);
        let command_id = command.id;
        self.media_from(
            &command.seat.node.clone(),
            MediaEvent::Result {
                command: command_id,
                result,
            },
        );
    }

    pub(crate) fn media(&mut self, event: MediaEvent) {
        self.media_from(&NodeId::new("home"), event);
    }

    pub(crate) fn media_from(&mut self, node: &NodeId, event: MediaEvent) {
        self.room.handle_message(node, HomeMessage::Media(event), self.now);
        self.drain();
    }

    pub(crate) fn close_session(&mut self, who: &Who) {
        let message = HomeMessage::SessionClosed {
            session: who.session,
            peer: who.peer,
        };
        self.room.handle_message(&who.edge, message, self.now);
        self.drain();
    }

    /// Lets time pass, as a shell does: every deadline on the way is served.
    pub(crate) fn later(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.room.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Takes the one reply of a request; a second one fails the test.
    pub(crate) fn reply(&self, asked: RequestId) -> Result<Reply, RequestError> {
        let mut replies = self.replies(asked);
        assert_eq!(replies.len(), 1, "one reply to {asked}: {replies:?}");
        replies.remove(0)
    }

    pub(crate) fn replies(&self, asked: RequestId) -> Vec<Result<Reply, RequestError>> {
        let replies = self.log.iter().filter_map(|effect| match effect {
            Effect::ToEdge {
                message: EdgeMessage::Reply { request, result, .. },
                ..
            } if *request == asked => Some(result.clone()),
            _ => None,
        });
        replies.collect()
    }

    /// What one edge was told, in order.
    pub(crate) fn told(&self, at: &str) -> Vec<EdgeMessage> {
        let told = self.log.iter().filter_map(|effect| match effect {
            Effect::ToEdge { edge, message } if edge.as_str() == at => Some(message.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn updates(&self, at: &str) -> Vec<Update> {
        let told = self.told(at).into_iter();
        told.filter_map(|message| match message {
            EdgeMessage::Update { update, .. } => Some(update),
            _ => None,
        })
        .collect()
    }

    pub(crate) fn notices(&self, to: PeerId) -> Vec<Notice> {
        let notices = self.log.iter().filter_map(|effect| match effect {
            Effect::ToEdge {
                message: EdgeMessage::Notice { peer, notice },
                ..
            } if *peer == to => Some(notice.clone()),
            _ => None,
        });
        notices.collect()
    }

    pub(crate) fn choices(&self) -> Vec<PeerId> {
        let choices = self.log.iter().filter_map(|effect| match effect {
            Effect::ChooseSeat { peer } => Some(*peer),
            _ => None,
        });
        choices.collect()
    }

    pub(crate) fn events(&self) -> Vec<RoomEvent> {
        let events = self.log.iter().filter_map(|effect| match effect {
            Effect::Event(event) => Some(event.clone()),
            _ => None,
        });
        events.collect()
    }

    pub(crate) fn actions(&self) -> Vec<MediaAction> {
        self.commands.iter().map(|command| command.action.clone()).collect()
    }

    pub(crate) fn closed(&self) -> bool {
        self.log.contains(&Effect::Close)
    }

    /// How many objects of each kind the room's events left open.
    pub(crate) fn open_objects(&self) -> BTreeMap<&'static str, i64> {
        let mut open = BTreeMap::new();
        for event in self.events() {
            let (kind, change) = match event {
                RoomEvent::PeerJoined { .. } => ("peers", 1),
                RoomEvent::PeerLeft { .. } => ("peers", -1),
                RoomEvent::RouterOpened { .. } => ("routers", 1),
                RoomEvent::RouterClosed { .. } | RoomEvent::SeatLost { .. } => ("routers", -1),
                RoomEvent::TransportOpened { .. } => ("transports", 1),
                RoomEvent::TransportClosed { .. } => ("transports", -1),
                RoomEvent::ProducerOpened { .. } => ("producers", 1),
                RoomEvent::ProducerClosed { .. } => ("producers", -1),
                RoomEvent::ConsumerOpened { .. } => ("consumers", 1),
                RoomEvent::ConsumerClosed { .. } => ("consumers", -1),
                RoomEvent::TransportConnected { .. } | RoomEvent::ConsumerResumed { .. } => continue,
            };
            *open.entry(kind).or_default() += change;
        }
        open
    }

    pub(crate) fn forget_log(&mut self) {
        self.log.clear();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.room.poll_effect() {
            if let Effect::ToSeat(command) = &effect {
                self.commands.push(command.clone());
            }
            self.log.push(effect);
        }
    }
}

/// The good answer to a command.
pub(crate) fn good(action: &MediaAction) -> MediaReply {
    match action {
        MediaAction::OpenTransport { .. } => MediaReply::TransportOpened {
            ice_parameters: rtp("ice"),
            ice_candidates: rtp("candidates"),
            dtls_parameters: rtp("dtls"),
            sctp_parameters: None,
        },
        MediaAction::OpenProducer { .. } => MediaReply::ProducerOpened {
            kind: ConsumerKind::Simple,
        },
        MediaAction::OpenConsumer { .. } => MediaReply::ConsumerOpened {
            rtp_parameters: rtp("rtp"),
            kind: ConsumerKind::Simple,
        },
        MediaAction::GetStats(_) => MediaReply::Stats(rtp("[]")),
        _ => MediaReply::Done,
    }
}
