//! One edge in virtual time: clients write events, everything is carried out until nothing is left, and what clients hear is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Epoch, JsonText, Limits, NodeId, PublicId, RequestError, RoomId, SessionId, limits};
use serde_json::Value;
use signaling::{
    AckId, DisconnectReason, EdgeEffect, EdgeRoom, Inbound, Outbound, Session, SessionConfig, SessionEffect,
    SessionMessage, dialect,
};

use crate::home::Home;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clients: BTreeMap<SessionId, Client>,
    pub(crate) edges: BTreeMap<RoomId, EdgeRoom>,
    pub(crate) homes: BTreeMap<RoomId, Home>,
    /// What the shell answers to the next questions for a home, before it opens rooms as asked.
    pub(crate) open_answers: Vec<Result<(NodeId, Epoch), RequestError>>,
    /// The shell does not answer questions for a home.
    pub(crate) open_hangs: bool,
    /// Each question for a home: whether the room had to exist.
    pub(crate) opens: Vec<bool>,
    /// Updates that are lost on their way to the edge, counted down.
    pub(crate) lose_updates: usize,
    placements: u64,
}

pub(crate) struct Client {
    pub(crate) session: Session,
    /// What it heard, each as `name json`, answers as `ack 3 json`.
    pub(crate) heard: Vec<String>,
    pub(crate) disconnected: Option<DisconnectReason>,
    /// Requests as metrics see them: `name result`.
    pub(crate) counted: Vec<String>,
    acks: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self {
            now: Instant::now(),
            limits: Arc::new(limits),
            clients: BTreeMap::new(),
            edges: BTreeMap::new(),
            homes: BTreeMap::new(),
            open_answers: Vec::new(),
            open_hangs: false,
            opens: Vec::new(),
            lose_updates: 0,
            placements: 0,
        }
    }

    /// A client connects; its socket id is `s` and its number.
    pub(crate) fn connect(&mut self) -> SessionId {
        let number = self.clients.keys().last().map_or(1, |last| last.0 + 1);
        let id = SessionId(number);
        let config = SessionConfig {
            id,
            connection: PublicId::new(&format!("s{number}")),
            dialect: dialect::by_name("rooms").unwrap(),
            seed: u128::from(number) << 64,
            node: NodeId::new("edge-1"),
            rtp_capabilities: JsonText::from_valid(r#"{"codecs":[]}"#),
            limits: Arc::clone(&self.limits),
            edges: Vec::new(),
        };
        let session = Session::new(config, self.now);
        let client = Client {
            session,
            heard: Vec::new(),
            disconnected: None,
            counted: Vec::new(),
            acks: 0,
        };
        self.clients.insert(id, client);
        id
    }

    /// A client writes an event and waits for its answer; the number of that answer.
    pub(crate) fn emit(&mut self, client: SessionId, name: &str, data: &Value) -> u64 {
        let ack = self.write(client, name, data);
        self.settle();
        ack
    }

    /// As [`Self::emit`], but nothing is carried out yet.
    pub(crate) fn write(&mut self, client: SessionId, name: &str, data: &Value) -> u64 {
        let known = self.clients.get_mut(&client).unwrap();
        known.acks += 1;
        let (ack, name) = (known.acks, name.to_owned());
        let data = JsonText::from_value(data);
        self.frame(
            client,
            Inbound::Event {
                name,
                data,
                ack: Some(AckId(ack)),
            },
        );
        ack
    }

    pub(crate) fn frame(&mut self, client: SessionId, frame: Inbound) {
        let now = self.now;
        self.clients.get_mut(&client).unwrap().session.handle_frame(frame, now);
    }

    /// Connects, asks for capabilities and joins as `user`; what it heard is forgotten.
    pub(crate) fn joined(&mut self, room: &str, user: &str) -> SessionId {
        let client = self.connect();
        self.emit(client, "get-rtp-capabilities", &serde_json::json!({ "roomId": room }));
        self.emit(
            client,
            "join-mediasoup-room",
            &serde_json::json!({ "roomId": room, "userId": user }),
        );
        self.heard(client);
        client
    }

    /// The client's socket closes.
    pub(crate) fn close(&mut self, client: SessionId) {
        self.clients.get_mut(&client).unwrap().session.handle_closed();
        self.settle();
    }

    /// What a client heard since it was asked last.
    pub(crate) fn heard(&mut self, client: SessionId) -> Vec<String> {
        std::mem::take(&mut self.clients.get_mut(&client).unwrap().heard)
    }

    /// The same without what the events carry.
    pub(crate) fn heard_names(&mut self, client: SessionId) -> Vec<String> {
        let heard = self.heard(client);
        heard
            .iter()
            .map(|line| line.split(" {").next().unwrap().split(" [").next().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn home(&mut self, room: &str) -> &mut Home {
        self.homes.get_mut(&RoomId::new(room).unwrap()).unwrap()
    }

    /// Lets time pass, with every timer at its time.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(next) = self.next_timer().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let now = self.now;
            self.clients
                .values_mut()
                .for_each(|client| client.session.handle_timeout(now));
            self.edges.values_mut().for_each(|edge| edge.handle_timeout(now));
            self.settle();
            assert!(self.next_timer().is_none_or(|later| later > now), "a timer spins");
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<Instant> {
        let sessions = self.clients.values().filter_map(|client| client.session.poll_timeout());
        sessions
            .chain(self.edges.values().filter_map(EdgeRoom::poll_timeout))
            .min()
    }

    /// Carries out every effect and message until nothing is left.
    pub(crate) fn settle(&mut self) {
        while self.settle_sessions() | self.settle_edges() | self.settle_homes() {}
        self.edges.retain(|_, edge| !edge.is_idle());
    }

    fn settle_sessions(&mut self) -> bool {
        let sessions: Vec<_> = self.clients.keys().copied().collect();
        let mut busy = false;
        for id in sessions {
            while let Some(effect) = self.clients.get_mut(&id).unwrap().session.poll_effect() {
                busy = true;
                self.session_effect(id, effect);
            }
        }
        busy
    }

    fn session_effect(&mut self, id: SessionId, effect: SessionEffect) {
        let now = self.now;
        let client = self.clients.get_mut(&id).unwrap();
        match effect {
            SessionEffect::Send(Outbound::Event { name, data }) => {
                client.heard.push(format!("{name} {}", data.as_str()))
            }
            SessionEffect::Send(Outbound::Ack { id, data }) => {
                client.heard.push(format!("ack {} {}", id.0, data.as_str()))
            }
            SessionEffect::Send(Outbound::Text(text)) => client.heard.push(text.to_string()),
            SessionEffect::AskedFor { .. } => {}
            SessionEffect::Disconnect { reason } => client.disconnected = Some(reason),
            SessionEffect::Answered { request, result, .. } => client.counted.push(format!("{request} {result}")),
            SessionEffect::Join {
                room,
                peer,
                request,
                join,
                audience,
            } => {
                let edge = self.edges.entry(room.clone()).or_insert_with(|| EdgeRoom::new(room));
                edge.handle_join(id, audience, peer, request, join, now);
            }
            SessionEffect::Request {
                room,
                peer,
                request,
                body,
            } => {
                let edge = self.edges.entry(room.clone()).or_insert_with(|| EdgeRoom::new(room));
                edge.handle_request(id, peer, request, body, now);
            }
            SessionEffect::Detach { room, peer, left } => {
                if let Some(edge) = self.edges.get_mut(&room) {
                    edge.handle_detach(id, peer, left, now);
                }
            }
        }
    }

    fn settle_edges(&mut self) -> bool {
        let rooms: Vec<_> = self.edges.keys().cloned().collect();
        let mut busy = false;
        for room in rooms {
            while let Some(effect) = self.edges.get_mut(&room).unwrap().poll_effect() {
                busy = true;
                self.edge_effect(&room, effect);
            }
        }
        busy
    }

    fn edge_effect(&mut self, room: &RoomId, effect: EdgeEffect) {
        match effect {
            EdgeEffect::Open { must_exist } => {
                self.opens.push(must_exist);
                if !self.open_hangs {
                    let result = self.open(room, must_exist);
                    self.edges.get_mut(room).unwrap().handle_opened(result, self.now);
                }
            }
            EdgeEffect::ToHome { message, .. } => self.homes.get_mut(room).expect("no home").handle(message),
            EdgeEffect::ToSession { session, message } => self.tell(session, message),
            EdgeEffect::ToSessions { sessions, message } => {
                let distinct: BTreeSet<_> = sessions.iter().collect();
                assert_eq!(distinct.len(), sessions.len(), "a session is named twice");
                sessions
                    .into_iter()
                    .for_each(|session| self.tell(session, message.clone()));
            }
        }
    }

    fn tell(&mut self, session: SessionId, message: SessionMessage) {
        self.clients.get_mut(&session).unwrap().session.handle_message(message);
    }

    fn open(&mut self, room: &RoomId, must_exist: bool) -> Result<(NodeId, Epoch), RequestError> {
        if !self.open_answers.is_empty() {
            return self.open_answers.remove(0);
        }
        if must_exist && !self.homes.contains_key(room) {
            return Err(RequestError::RoomNotFound);
        }
        self.placements += 1;
        let epoch = Epoch {
            store: 1,
            sequence: self.placements,
        };
        let home = self.homes.entry(room.clone()).or_insert_with(|| Home::new(room, epoch));
        Ok((home.view.home.clone(), home.view.epoch))
    }

    fn settle_homes(&mut self) -> bool {
        let mut busy = false;
        for (room, home) in &mut self.homes {
            while let Some(message) = home.sent.pop_front() {
                busy = true;
                if matches!(message, model::EdgeMessage::Update { .. }) && self.lose_updates > 0 {
                    self.lose_updates -= 1;
                    continue;
                }
                if let Some(edge) = self.edges.get_mut(room) {
                    edge.handle_message(home.view.epoch, message, self.now);
                }
            }
        }
        busy
    }
}

/// Longer than any wait.
pub(crate) const LONG: Duration = limits::REQUEST_TIMEOUT.saturating_mul(3);
