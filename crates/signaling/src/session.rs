//! One signaling connection, before and after it joins a room: its rate, its requests under way, its place in a room.
//!
//! What frames mean is the dialect's; what a room makes of requests is the room's. A session is in one room at most. Each request is
//! answered once: by the room's reply, or when it is refused here, or when its peer leaves, or at its deadline.

mod asked;
mod effect;
mod rate;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use model::{
    Join, JsonText, Limits, NodeId, Notice, PeerId, PublicId, Reply, Request, RequestError, RequestId, RoomId,
    RoomView, SessionId, limits,
};

use crate::dialect::{Asked, Audience, Decoded, Dialect, EdgeAnswer, EdgeFacts, Translator};
use crate::{Inbound, Outbound};
use asked::AskedRooms;
pub use effect::{DisconnectReason, SessionEffect, SessionMessage};
use rate::{Rate, Verdict};

/// What a session is made of.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Its number at this edge.
    pub id: SessionId,
    /// The id of its connection, as its client knows it.
    pub connection: PublicId,
    /// What its client speaks.
    pub dialect: &'static dyn Dialect,
    /// Random bits, used by no other session: the ids of its peers are made of them.
    pub seed: u128,
    /// This edge.
    pub node: NodeId,
    /// JSON `RtpCapabilities`, equal on all nodes.
    pub rtp_capabilities: JsonText,
    /// The bounds that apply.
    pub limits: Arc<Limits>,
    /// Public addresses of other nodes that take sessions.
    pub edges: Vec<String>,
}

/// One signaling connection.
pub struct Session {
    id: SessionId,
    limits: Arc<Limits>,
    seed: u128,
    translator: Box<dyn Translator>,
    rate: Rate,
    asked: AskedRooms,
    member: Option<Member>,
    peers_made: u128,
    requests_made: u64,
    /// By request id, which is also the order of their deadlines.
    pending: BTreeMap<RequestId, Pending>,
    effects: VecDeque<SessionEffect>,
    /// The socket is closed or about to be: nothing more is read.
    over: bool,
}

/// The session's place in a room, from the moment it asked to join.
struct Member {
    room: RoomId,
    peer: PeerId,
    /// The room said yes.
    joined: bool,
}

/// A request that waits for its reply.
struct Pending {
    asked: Asked,
    peer: PeerId,
    join: bool,
    started: Instant,
}

impl Session {
    /// A session that has not said anything yet.
    #[must_use]
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        let rate = Rate::new(&config.limits, now);
        let facts = EdgeFacts {
            connection: config.connection,
            node: config.node,
            rtp_capabilities: config.rtp_capabilities,
            edges: config.edges,
        };
        Self {
            id: config.id,
            limits: config.limits,
            seed: config.seed,
            translator: config.dialect.translator(Arc::new(facts)),
            rate,
            asked: AskedRooms::default(),
            member: None,
            peers_made: 0,
            requests_made: 0,
            pending: BTreeMap::new(),
            effects: VecDeque::new(),
            over: false,
        }
    }

    /// Its number at this edge.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The client wrote a frame.
    pub fn handle_frame(&mut self, frame: Inbound, now: Instant) {
        if self.over {
            return;
        }
        match self.rate.admit(now) {
            Verdict::Admitted => {}
            Verdict::Refused => return self.refuse(&frame, now),
            Verdict::Hopeless => {
                self.refuse(&frame, now);
                return self.disconnect(DisconnectReason::TooManyRequests);
            }
        }
        match self.translator.decode(&frame) {
            Decoded::Join {
                room,
                join,
                audience,
                asked,
            } => self.join(room, join, audience, asked, now),
            Decoded::Leave { room, asked } => self.leave(room, &asked, now),
            Decoded::Request { room, body, asked } => self.request(room, body, asked, now),
            Decoded::AskedFor { room, answer } => {
                self.asked.insert(room.clone(), now);
                self.effects.push_back(SessionEffect::AskedFor { room });
                self.answered(answer, now);
            }
            Decoded::Answered(answer) => self.answered(answer, now),
        }
    }

    /// An edge room has something for this session.
    pub fn handle_message(&mut self, message: SessionMessage) {
        if self.over {
            return;
        }
        match message {
            SessionMessage::Frames { room, frames } => {
                if self.member.as_ref().is_some_and(|member| member.room == room) {
                    self.send(frames.iter().cloned());
                }
            }
            SessionMessage::Reply { request, result, view } => self.reply(request, result, view.as_deref()),
            SessionMessage::Notice { peer, notice } => {
                if self.member.as_ref().is_some_and(|member| member.peer == peer) {
                    self.notice(&notice);
                }
            }
        }
    }

    /// This edge is about to close: clients that understand it are told. Closing the socket is the shell's.
    pub fn handle_server_closing(&mut self) {
        if !self.over {
            let frames = self.translator.render_closing();
            self.send(frames);
        }
    }

    /// The socket is gone. The last call: only [`Self::poll_effect`] follows.
    pub fn handle_closed(&mut self) {
        self.over = true;
        self.pending.clear();
        if let Some(Member { room, peer, .. }) = self.member.take() {
            self.effects.push_back(SessionEffect::Detach {
                room,
                peer,
                left: false,
            });
        }
    }

    /// Time has passed: requests whose deadline came are answered.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(first) = self.pending.first_entry() {
            if now < first.get().started + limits::REQUEST_TIMEOUT {
                return;
            }
            let pending = first.remove();
            let frames = pending.asked.answer.render(Err(&RequestError::TimedOut), None);
            self.send(frames);
            self.count(pending.asked.request, "timeout", pending.started);
            // Nobody knows what became of the join: leaving makes it certain.
            if pending.join && self.hopes_to_join(pending.peer) {
                self.detach();
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (_, first) = self.pending.first_key_value()?;
        Some(first.started + limits::REQUEST_TIMEOUT)
    }

    /// What is to be done next; `None` when nothing is left.
    pub fn poll_effect(&mut self) -> Option<SessionEffect> {
        self.effects.pop_front()
    }

    fn join(&mut self, room: RoomId, mut join: Box<Join>, audience: Audience, asked: Asked, now: Instant) {
        if self.is_busy(&asked, now) {
            return;
        }
        if self.member.as_ref().is_some_and(|member| member.room != room) {
            self.detach();
        }
        join.room_must_exist &= !self.asked.contains(&room, now);
        let peer = match &self.member {
            Some(member) => member.peer,
            None => self.become_peer(room.clone()),
        };
        let request = self.remember(asked, peer, true, now);
        self.effects.push_back(SessionEffect::Join {
            room,
            peer,
            request,
            join,
            audience,
        });
    }

    fn leave(&mut self, room: Option<RoomId>, asked: &Asked, now: Instant) {
        match &self.member {
            Some(member) if room.as_ref().is_some_and(|room| *room != member.room) => {
                self.fail(asked, &RequestError::RoomNotFound, now);
            }
            _ => {
                self.detach();
                let frames = asked.answer.render(Ok(&Reply::Done), None);
                self.send(frames);
                self.count(asked.request, "ok", now);
            }
        }
    }

    fn request(&mut self, room: Option<RoomId>, body: Request, asked: Asked, now: Instant) {
        if self.is_busy(&asked, now) {
            return;
        }
        match self.place(room.as_ref(), now) {
            Ok((room, peer)) => {
                let request = self.remember(asked, peer, false, now);
                self.effects.push_back(SessionEffect::Request {
                    room,
                    peer,
                    request,
                    body,
                });
            }
            Err(error) => self.fail(&asked, &error, now),
        }
    }

    /// The room and the peer that a request is for.
    fn place(&self, room: Option<&RoomId>, now: Instant) -> Result<(RoomId, PeerId), RequestError> {
        match (&self.member, room) {
            (Some(member), None) => Ok((member.room.clone(), member.peer)),
            (Some(member), Some(room)) if *room == member.room => Ok((member.room.clone(), member.peer)),
            (None, Some(room)) if self.asked.contains(room, now) => Err(RequestError::NotJoined),
            (None, None) => Err(RequestError::NotJoined),
            // Whether such a room exists is not known here; if it does, it does not know this peer.
            (_, Some(room)) => Ok((room.clone(), PeerId::UNKNOWN)),
        }
    }

    fn reply(&mut self, request: RequestId, result: Result<Reply, RequestError>, view: Option<&RoomView>) {
        let Some(pending) = self.pending.remove(&request) else {
            return;
        };
        if pending.join {
            match &result {
                Ok(_) => self.member.iter_mut().for_each(|member| member.joined = true),
                Err(_) if self.hopes_to_join(pending.peer) => self.member = None,
                Err(_) => {}
            }
        }
        let frames = pending.asked.answer.render(result.as_ref(), view);
        self.send(frames);
        let counted = match result {
            Ok(_) => "ok",
            Err(RequestError::TimedOut) => "timeout",
            Err(_) => "error",
        };
        self.count(pending.asked.request, counted, pending.started);
    }

    fn notice(&mut self, notice: &Notice) {
        let frames = self.translator.render_notice(notice);
        self.send(frames);
        if *notice == Notice::SeatLost {
            self.disconnect(DisconnectReason::SeatLost);
        }
    }

    /// Leaves the room, if it is in one. What it still asked there is answered now.
    fn detach(&mut self) {
        let Some(Member { room, peer, .. }) = self.member.take() else {
            return;
        };
        self.effects.push_back(SessionEffect::Detach { room, peer, left: true });
        let abandoned: Vec<_> = self.pending.extract_if(.., |_, pending| pending.peer == peer).collect();
        for (_, pending) in abandoned {
            self.fail(&pending.asked, &RequestError::NotJoined, pending.started);
        }
    }

    /// True when the room has not yet taken this peer and no other join of it is under way.
    fn hopes_to_join(&self, peer: PeerId) -> bool {
        let waits = self
            .member
            .as_ref()
            .is_some_and(|member| member.peer == peer && !member.joined);
        waits
            && !self
                .pending
                .values()
                .any(|pending| pending.join && pending.peer == peer)
    }

    fn become_peer(&mut self, room: RoomId) -> PeerId {
        self.peers_made += 1;
        let peer = PeerId::from_random(self.seed.wrapping_add(self.peers_made));
        self.member = Some(Member {
            room,
            peer,
            joined: false,
        });
        peer
    }

    fn remember(&mut self, asked: Asked, peer: PeerId, join: bool, now: Instant) -> RequestId {
        self.requests_made += 1;
        let request = RequestId(self.requests_made);
        self.pending.insert(
            request,
            Pending {
                asked,
                peer,
                join,
                started: now,
            },
        );
        request
    }

    fn is_busy(&mut self, asked: &Asked, now: Instant) -> bool {
        let busy = self.pending.len() >= limits::REQUESTS_IN_FLIGHT;
        if busy {
            self.fail(asked, &RequestError::Busy, now);
        }
        busy
    }

    fn refuse(&mut self, frame: &Inbound, now: Instant) {
        let error = RequestError::LimitReached {
            limit: "requests_per_second".to_owned(),
            value: self.limits.requests_per_second.into(),
        };
        let refused = self.translator.refuse(frame, &error);
        self.send(refused.frames);
        self.count(refused.request, "limited", now);
    }

    fn fail(&mut self, asked: &Asked, error: &RequestError, started: Instant) {
        let frames = asked.answer.render(Err(error), None);
        self.send(frames);
        self.count(asked.request, "error", started);
    }

    fn answered(&mut self, answer: EdgeAnswer, started: Instant) {
        self.send(answer.frames);
        self.count(answer.request, if answer.ok { "ok" } else { "error" }, started);
    }

    fn send(&mut self, frames: impl IntoIterator<Item = Outbound>) {
        self.effects.extend(frames.into_iter().map(SessionEffect::Send));
    }

    fn count(&mut self, request: &'static str, result: &'static str, started: Instant) {
        self.effects.push_back(SessionEffect::Answered {
            request,
            result,
            started,
        });
    }

    fn disconnect(&mut self, reason: DisconnectReason) {
        self.over = true;
        for (_, pending) in std::mem::take(&mut self.pending) {
            self.fail(&pending.asked, &RequestError::Closing, pending.started);
        }
        self.effects.push_back(SessionEffect::Disconnect { reason });
    }
}
