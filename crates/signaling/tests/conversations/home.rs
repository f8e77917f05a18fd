//! A home with a script instead of media: it keeps a view, answers what it is asked and sends updates before replies.

use std::collections::VecDeque;

use model::{
    ConsumerKind, EdgeMessage, Epoch, HomeMessage, Joined, JsonText, LeaveReason, NodeId, PeerId, PeerView, ProducerId,
    ProducerView, Reply, Request, RequestError, RequestId, Role, RoomId, RoomView, SessionId, TransportId,
    TransportOpened, Update,
};

pub(crate) struct Home {
    pub(crate) view: RoomView,
    /// What it sends to the edge, in order.
    pub(crate) sent: VecDeque<EdgeMessage>,
    /// What it was told, by kind.
    pub(crate) heard: Vec<String>,
    /// It takes messages and says nothing.
    pub(crate) silent: bool,
    /// It was silent or denied once, and does not know what it was told then.
    pub(crate) was_deaf: bool,
    /// It says that it is not the home, so many times.
    pub(crate) denials: usize,
    /// What joins are refused with.
    pub(crate) refuses_joins: Option<RequestError>,
    /// An update that comes between the next peer's joining and the answer to it.
    pub(crate) slips_in: Option<Update>,
    known_to_edge: bool,
    made: u128,
}

impl Home {
    pub(crate) fn new(room: &RoomId, epoch: Epoch) -> Self {
        Self {
            view: RoomView::new(room.clone(), NodeId::new("home-1"), epoch),
            sent: VecDeque::new(),
            heard: Vec::new(),
            silent: false,
            was_deaf: false,
            denials: 0,
            refuses_joins: None,
            slips_in: None,
            known_to_edge: false,
            made: 0,
        }
    }

    pub(crate) fn handle(&mut self, message: HomeMessage) {
        self.heard.push(kind(&message));
        if self.silent {
            self.was_deaf = true;
            return;
        }
        match message {
            HomeMessage::Request { session, request, .. } if self.denials > 0 => {
                self.was_deaf = true;
                self.denials -= 1;
                self.sent.push_back(EdgeMessage::NotHome { session, request });
            }
            HomeMessage::Request {
                session,
                peer,
                request,
                body,
            } => self.request(session, peer, request, body),
            HomeMessage::SessionClosed { peer, .. } => self.end(peer, LeaveReason::Disconnected),
            HomeMessage::SnapshotRequest => self.snapshot(),
            HomeMessage::Media(_) => panic!("an edge is no seat"),
        }
    }

    pub(crate) fn snapshot(&mut self) {
        self.sent.push_back(EdgeMessage::Snapshot(Box::new(self.view.clone())));
    }

    pub(crate) fn update(&mut self, update: Update) {
        self.view.apply(&update);
        let version = self.view.version;
        self.sent.push_back(EdgeMessage::Update { version, update });
    }

    pub(crate) fn end(&mut self, peer: PeerId, reason: LeaveReason) {
        if self.view.peers.contains_key(&peer) {
            self.update(Update::PeerLeft { peer, reason });
        }
    }

    /// The peer with this public id.
    pub(crate) fn peer(&self, public_id: &str) -> PeerId {
        let peer = self
            .view
            .peers
            .values()
            .find(|peer| peer.public_id.as_str() == public_id);
        peer.expect("no such peer").id
    }

    fn request(&mut self, session: SessionId, peer: PeerId, request: RequestId, body: Request) {
        let known = self.view.peers.contains_key(&peer);
        let result = match body {
            Request::Join(join) => self.join(peer, &join),
            _ if !known => Err(RequestError::NotJoined),
            body => self.obey(peer, body),
        };
        self.sent.push_back(EdgeMessage::Reply {
            session,
            request,
            result,
        });
    }

    fn join(&mut self, peer: PeerId, join: &model::Join) -> Result<Reply, RequestError> {
        if let Some(error) = &self.refuses_joins {
            return Err(error.clone());
        }
        if !std::mem::replace(&mut self.known_to_edge, true) {
            self.snapshot();
        }
        let repeated = self
            .view
            .peers
            .get(&peer)
            .map(|peer| (peer.public_id.clone(), peer.role));
        if let Some((public_id, role)) = repeated {
            return Ok(Reply::Joined(Joined {
                public_id,
                role,
                repeated: true,
            }));
        }
        let identity = &join.identity;
        let chosen = identity
            .chosen
            .clone()
            .filter(|id| self.view.peers.values().all(|peer| peer.public_id != *id));
        let public_id = chosen.unwrap_or_else(|| identity.connection.clone());
        let role = if self.view.peers.is_empty() {
            Role::Host
        } else {
            Role::Member
        };
        self.made += 1;
        self.update(Update::PeerJoined(PeerView {
            id: peer,
            number: u64::try_from(self.made).unwrap(),
            public_id: public_id.clone(),
            connection: identity.connection.clone(),
            dialect: identity.dialect.clone(),
            name: identity.name.clone(),
            image_url: identity.image_url.clone(),
            role,
            audio_muted: false,
            video_paused: false,
            quality: None,
        }));
        if let Some(update) = self.slips_in.take() {
            self.update(update);
        }
        Ok(Reply::Joined(Joined {
            public_id,
            role,
            repeated: false,
        }))
    }

    fn obey(&mut self, peer: PeerId, body: Request) -> Result<Reply, RequestError> {
        self.made += 1;
        match body {
            Request::OpenTransport(direction) => Ok(Reply::TransportOpened(Box::new(TransportOpened {
                transport: TransportId::from_random(self.made),
                direction,
                ice_parameters: JsonText::from_valid("{}"),
                ice_candidates: JsonText::from_valid("[]"),
                dtls_parameters: JsonText::from_valid("{}"),
                sctp_parameters: None,
            }))),
            Request::Produce(produce) => {
                let producer = ProducerId::from_random(self.made);
                self.update(Update::ProducerOpened(ProducerView {
                    id: producer,
                    number: u64::try_from(self.made).unwrap(),
                    peer,
                    kind: produce.kind,
                    source: produce.source,
                    paused: false,
                    consumer_kind: ConsumerKind::Simple,
                    app_data: produce.app_data,
                }));
                Ok(Reply::Produced { producer })
            }
            Request::CloseProducer(producer) => {
                let reason = model::ProducerClosedReason::Closed;
                self.update(Update::ProducerClosed { producer, reason });
                Ok(Reply::Done)
            }
            Request::SetMuteState {
                audio_muted,
                video_paused,
            } => {
                self.update(Update::MuteStateChanged {
                    peer,
                    audio_muted,
                    video_paused,
                });
                Ok(Reply::Done)
            }
            Request::Find(id) => {
                let found = self.view.peers.values().find(|peer| peer.public_id == id);
                Ok(Reply::Found(found.map(|peer| peer.connection.clone())))
            }
            Request::Leave => {
                self.end(peer, LeaveReason::Left);
                Ok(Reply::Done)
            }
            _ => Ok(Reply::Done),
        }
    }
}

fn kind(message: &HomeMessage) -> String {
    match message {
        HomeMessage::Request { body, .. } => {
            let text = format!("{body:?}");
            text.split(['(', ' ']).next().unwrap_or_default().to_owned()
        }
        HomeMessage::SessionClosed { .. } => "SessionClosed".to_owned(),
        HomeMessage::SnapshotRequest => "SnapshotRequest".to_owned(),
        HomeMessage::Media(_) => "Media".to_owned(),
    }
}
