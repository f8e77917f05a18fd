//! A whole conversation in memory. Sessions, their edge room and the room itself are the real ones; the seat answers at once with
//! what a real one would say. No sockets, no tasks, no media.

use std::sync::Arc;
use std::time::Instant;

use model::{
    ConsumerKind, Epoch, HomeMessage, JsonText, Limits, MediaAction, MediaCommand, MediaEvent, MediaReply, NodeId,
    PublicId, RoomId, SessionId, WorkerId,
};
use room::{Effect, Room, RoomConfig};
use signaling::{
    AckId, EdgeEffect, EdgeRoom, Inbound, Outbound, Session, SessionConfig, SessionEffect, SessionMessage, dialect,
};

const ROOM: &str = "bench";

/// One room with joined sessions.
pub struct Conversation {
    now: Instant,
    node: NodeId,
    sessions: Vec<Session>,
    edge: EdgeRoom,
    room: Room,
    acks: u64,
    /// The answer to the last request.
    answer: Option<JsonText>,
    /// Frames written to all clients.
    pub frames: usize,
}

impl Conversation {
    /// A room in which `peers` sessions have joined, each with both transports and one audio producer.
    #[must_use]
    pub fn new(peers: usize) -> Self {
        let (now, node) = (Instant::now(), NodeId::new("n1"));
        let limits = Arc::new(Limits {
            peers_per_room: peers + 1,
            request_burst: u32::MAX,
            ..Limits::default()
        });
        let room = RoomId::new(ROOM).unwrap();
        let config = RoomConfig {
            room: room.clone(),
            node: node.clone(),
            epoch: Epoch::default(),
            limits: Arc::clone(&limits),
            seed: 7,
        };
        let mut conversation = Self {
            now,
            node: node.clone(),
            sessions: Vec::new(),
            edge: EdgeRoom::new(room),
            room: Room::new(config, now),
            acks: 0,
            answer: None,
            frames: 0,
        };
        for number in 0..peers {
            conversation.join(number, &limits);
        }
        conversation
    }

    fn join(&mut self, number: usize, limits: &Arc<Limits>) {
        self.sessions.push(Session::new(
            SessionConfig {
                id: SessionId(number as u64),
                connection: PublicId::new(&format!("socket{number}")),
                dialect: dialect::by_name("rooms").unwrap(),
                seed: (number as u128) << 64,
                node: self.node.clone(),
                rtp_capabilities: JsonText::from_valid("{\"codecs\":[],\"headerExtensions\":[]}"),
                limits: Arc::clone(limits),
                edges: Vec::new(),
            },
            self.now,
        ));
        self.request(number, "get-rtp-capabilities", r#"{"roomId":"bench"}"#);
        self.request(
            number,
            "join-mediasoup-room",
            r#"{"roomId":"bench","rtpCapabilities":{"codecs":[],"headerExtensions":[]}}"#,
        );
        self.request(
            number,
            "create-webrtc-transport",
            r#"{"roomId":"bench","direction":"send"}"#,
        );
        self.request(
            number,
            "create-webrtc-transport",
            r#"{"roomId":"bench","direction":"recv"}"#,
        );
        self.produce(number);
    }

    /// One more audio producer of a session; its id.
    pub fn produce(&mut self, session: usize) -> String {
        let mid = self.acks;
        let produce = format!(
            r#"{{"roomId":"bench","kind":"audio","rtpParameters":{{"mid":"{mid}","codecs":[],"encodings":[],"headerExtensions":[],"rtcp":{{"cname":"c"}}}}}}"#
        );
        let answer = self.request(session, "produce", &produce);
        let answer: serde_json::Value = serde_json::from_str(answer.as_str()).unwrap();
        answer["id"].as_str().expect("produced").to_owned()
    }

    /// One request from its frame to the frame of its answer.
    pub fn request(&mut self, session: usize, name: &str, data: &str) -> JsonText {
        self.acks += 1;
        let frame = Inbound::Event {
            name: name.to_owned(),
            data: JsonText::from_valid(data),
            ack: Some(AckId(self.acks)),
        };
        self.sessions[session].handle_frame(frame, self.now);
        self.run_session(session);
        self.answer.take().expect("every request is answered")
    }

    fn run_session(&mut self, index: usize) {
        while let Some(effect) = self.sessions[index].poll_effect() {
            let id = SessionId(index as u64);
            match effect {
                SessionEffect::Send(frame) => {
                    self.frames += 1;
                    if let Outbound::Ack { data, .. } = frame {
                        self.answer = Some(data);
                    }
                }
                SessionEffect::Join {
                    peer,
                    request,
                    join,
                    audience,
                    ..
                } => {
                    self.edge.handle_join(id, audience, peer, request, join, self.now);
                    self.run_edge();
                }
                SessionEffect::Request {
                    peer, request, body, ..
                } => {
                    self.edge.handle_request(id, peer, request, body, self.now);
                    self.run_edge();
                }
                SessionEffect::Detach { peer, left, .. } => self.edge.handle_detach(id, peer, left, self.now),
                SessionEffect::AskedFor { .. } | SessionEffect::Disconnect { .. } | SessionEffect::Answered { .. } => {}
            }
        }
    }

    fn run_edge(&mut self) {
        while let Some(effect) = self.edge.poll_effect() {
            match effect {
                EdgeEffect::Open { .. } => {
                    self.edge
                        .handle_opened(Ok((self.node.clone(), Epoch::default())), self.now);
                }
                EdgeEffect::ToHome { message, .. } => {
                    self.room.handle_message(&self.node, message, self.now);
                    self.run_room();
                }
                EdgeEffect::ToSession { session, message } => self.deliver(session, message),
                EdgeEffect::ToSessions { sessions, message } => {
                    for session in sessions {
                        self.deliver(session, message.clone());
                    }
                }
            }
        }
    }

    fn deliver(&mut self, session: SessionId, message: SessionMessage) {
        let index = usize::try_from(session.0).unwrap();
        self.sessions[index].handle_message(message);
        self.run_session(index);
    }

    fn run_room(&mut self) {
        while let Some(effect) = self.room.poll_effect() {
            match effect {
                Effect::ToEdge { message, .. } => self.edge.handle_message(Epoch::default(), message, self.now),
                Effect::ToSeat(command) => {
                    let result = MediaEvent::Result {
                        command: command.id,
                        result: Ok(answer(&command)),
                    };
                    self.room
                        .handle_message(&self.node, HomeMessage::Media(result), self.now);
                }
                Effect::ChooseSeat { peer } => {
                    self.room
                        .handle_seat(peer, Ok((self.node.clone(), WorkerId(0))), self.now);
                }
                Effect::Event(_) | Effect::Close => {}
            }
        }
    }
}

/// What a seat answers, with parameters of a realistic size.
fn answer(command: &MediaCommand) -> MediaReply {
    let json = |text: &str| JsonText::from_valid(text);
    match command.action {
        MediaAction::OpenTransport { .. } => MediaReply::TransportOpened {
            ice_parameters: json(r#"{"usernameFragment":"p0rq","password":"x6jmd3","iceLite":true}"#),
            ice_candidates: json(
                r#"[{"foundation":"udpcandidate","priority":1076302079,"ip":"192.0.2.1","address":"192.0.2.1","protocol":"udp","port":40000,"type":"host"}]"#,
            ),
            dtls_parameters: json(
                r#"{"role":"auto","fingerprints":[{"algorithm":"sha-256","value":"82:5A:68:3D:36:C3"}]}"#,
            ),
            sctp_parameters: None,
        },
        MediaAction::OpenProducer { .. } => MediaReply::ProducerOpened {
            kind: ConsumerKind::Simple,
        },
        MediaAction::OpenConsumer { .. } => MediaReply::ConsumerOpened {
            rtp_parameters: json(
                r#"{"mid":"0","codecs":[{"mimeType":"audio/opus","payloadType":100,"clockRate":48000,"channels":2,"parameters":{},"rtcpFeedback":[]}],"headerExtensions":[],"encodings":[{"ssrc":1}],"rtcp":{"cname":"c","reducedSize":true}}"#,
            ),
            kind: ConsumerKind::Simple,
        },
        MediaAction::GetStats(_) => MediaReply::Stats(json("[]")),
        _ => MediaReply::Done,
    }
}
