//! One room as one edge knows it: where its home is, a copy of its view, and the sessions that look at it.
//!
//! The copy changes only by what the home sends. Updates are rendered here, once for each dialect; replies are passed on to the session
//! that asked. Nothing is decided here about the room itself.

mod fanout;
mod heal;
mod opening;
mod roster;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use model::{
    EdgeMessage, Epoch, HomeMessage, Join, Joined, NodeId, Notice, PeerId, Reply, Request, RequestError, RequestId,
    RoomId, RoomView, SessionId, Update, limits,
};

use crate::SessionMessage;
use crate::dialect::Audience;
use opening::{Opening, Waiting};
use roster::RosterClock;

/// The request id of what no session waits for.
const NOBODY_ASKED: RequestId = RequestId(0);

/// What an edge room asks its shell to do.
#[derive(Clone, Debug)]
pub enum EdgeEffect {
    /// Find the room's home, or open the room. Answered by [`EdgeRoom::handle_opened`].
    Open {
        /// Do not open it if it is not open.
        must_exist: bool,
    },
    /// Send to the room's home.
    ToHome {
        /// Where it is.
        home: NodeId,
        /// As which home it is spoken to.
        epoch: Epoch,
        /// What it is told.
        message: HomeMessage,
    },
    /// Hand to one session of this edge.
    ToSession {
        /// The session.
        session: SessionId,
        /// What it is told.
        message: SessionMessage,
    },
    /// Hand the same to several sessions of this edge.
    ToSessions {
        /// The sessions.
        sessions: Vec<SessionId>,
        /// What they are told.
        message: SessionMessage,
    },
}

/// One room at one edge.
pub struct EdgeRoom {
    room: RoomId,
    home: Home,
    /// The newest home that was heard of: what older ones say is dropped.
    newest: Epoch,
    /// For the home, while it is not known.
    waiting: VecDeque<Waiting>,
    /// Joins that the home has not answered.
    joins: BTreeMap<(SessionId, RequestId), JoinUnderWay>,
    sessions: BTreeMap<SessionId, Attached>,
    view: Option<Arc<RoomView>>,
    /// Set while a snapshot is awaited: when to ask again.
    snapshot_due: Option<Instant>,
    /// Joins that the home has answered while there was no view to show.
    unseen: Vec<(SessionId, RequestId, Joined)>,
    roster: RosterClock,
    effects: VecDeque<EdgeEffect>,
}

/// What is known of the room's home.
enum Home {
    Unknown,
    Opening(Opening),
    Known(NodeId, Epoch),
}

struct JoinUnderWay {
    peer: PeerId,
    join: Box<Join>,
    /// When the session asked, however often it was sent since.
    since: Instant,
}

/// A session that looks at the room.
struct Attached {
    peer: PeerId,
    audience: Audience,
    standing: Standing,
}

/// How far a session's join has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// No home has heard of its peer.
    Hoping,
    /// A home has heard of it, and may have made it a peer.
    Asked,
    /// It is a peer: what it did not find in the room when it came, it is told from now on.
    Joined,
}

impl EdgeRoom {
    /// A room of which nothing is known yet.
    #[must_use]
    pub fn new(room: RoomId) -> Self {
        Self {
            room,
            home: Home::Unknown,
            newest: Epoch::default(),
            waiting: VecDeque::new(),
            joins: BTreeMap::new(),
            sessions: BTreeMap::new(),
            view: None,
            snapshot_due: None,
            unseen: Vec::new(),
            roster: RosterClock::default(),
            effects: VecDeque::new(),
        }
    }

    /// A session wants to become a peer.
    pub fn handle_join(
        &mut self,
        session: SessionId,
        audience: Audience,
        peer: PeerId,
        request: RequestId,
        join: Box<Join>,
        now: Instant,
    ) {
        let before = self.sessions.get(&session).filter(|attached| attached.peer == peer);
        let standing = before.map_or(Standing::Hoping, |attached| attached.standing);
        self.sessions.insert(
            session,
            Attached {
                peer,
                audience,
                standing,
            },
        );
        self.request(session, peer, request, Request::Join(join), now);
    }

    /// The peer of a session asks the room for something.
    pub fn handle_request(
        &mut self,
        session: SessionId,
        peer: PeerId,
        request: RequestId,
        body: Request,
        now: Instant,
    ) {
        match self.is_attached(session, peer) {
            true => self.request(session, peer, request, body, now),
            false => {
                let error = match self.home {
                    Home::Known(..) => RequestError::NotJoined,
                    Home::Unknown | Home::Opening(_) => RequestError::RoomNotFound,
                };
                self.answer(session, request, Err(error), None);
            }
        }
    }

    /// A session leaves: it said so, or its socket closed.
    pub fn handle_detach(&mut self, session: SessionId, peer: PeerId, left: bool, now: Instant) {
        if !self.is_attached(session, peer) {
            return;
        }
        let attached = self.sessions.remove(&session);
        self.joins.retain(|(joining, _), _| *joining != session);
        self.unseen.retain(|(joined, ..)| *joined != session);
        self.waiting.retain(|waiting| !waiting.is_request_of(session));
        if attached.is_some_and(|attached| attached.standing != Standing::Hoping) {
            let message = match left {
                true => HomeMessage::Request {
                    session,
                    peer,
                    request: NOBODY_ASKED,
                    body: Request::Leave,
                },
                false => HomeMessage::SessionClosed { session, peer },
            };
            self.tell_home(message, now, now);
        }
    }

    /// The answer to [`EdgeEffect::Open`].
    pub fn handle_opened(&mut self, result: Result<(NodeId, Epoch), RequestError>, now: Instant) {
        match result {
            Ok((home, epoch)) if matches!(self.home, Home::Opening(_)) => self.found(home, epoch),
            Ok(_) => {}
            Err(error) => self.not_opened(&error, now),
        }
    }

    /// A home of this room speaks.
    pub fn handle_message(&mut self, epoch: Epoch, message: EdgeMessage, now: Instant) {
        if let EdgeMessage::NotHome { session, request } = message {
            return self.not_home(session, request, now);
        }
        if epoch.is_stale(self.newest) {
            return;
        }
        self.newest = epoch;
        match message {
            EdgeMessage::Snapshot(view) => self.snapshot(*view, now),
            EdgeMessage::Update { version, update } => self.update(version, &update, now),
            EdgeMessage::Reply {
                session,
                request,
                result,
            } => self.reply(session, request, result, now),
            EdgeMessage::Notice { peer, notice } => self.notice(peer, &notice),
            EdgeMessage::NotHome { .. } => {}
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.opening_timeout(now);
        // Their sessions have answered them at the same deadline, and leave.
        self.joins.retain(|_, join| now < join.since + limits::REQUEST_TIMEOUT);
        if self.snapshot_due.is_some_and(|due| due <= now) {
            self.ask_for_snapshot(now);
        }
        if self.roster.due().is_some_and(|due| due <= now) {
            self.send_rosters(now);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let joins = self
            .joins
            .values()
            .map(|join| join.since + limits::REQUEST_TIMEOUT)
            .min();
        [self.opening_deadline(), joins, self.snapshot_due, self.roster.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is to be done next; `None` when nothing is left.
    pub fn poll_effect(&mut self) -> Option<EdgeEffect> {
        self.effects.pop_front()
    }

    /// True when no session needs this room any more: it may be dropped once no effect is left.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.waiting.is_empty() && self.joins.is_empty()
    }

    fn snapshot(&mut self, view: RoomView, now: Instant) {
        self.snapshot_due = None;
        self.found(view.home.clone(), self.newest);
        let new = Arc::new(view);
        if let Some(old) = self.view.replace(Arc::clone(&new)) {
            self.tell_difference(&old, &new);
        }
        self.send_rosters(now);
        for (session, request, joined) in std::mem::take(&mut self.unseen) {
            self.show(session, request, joined, Arc::clone(&new));
        }
    }

    fn update(&mut self, version: u64, update: &Update, now: Instant) {
        let newest = self.newest;
        match self.view.as_mut().filter(|view| view.epoch == newest) {
            Some(view) if version <= view.version => {}
            Some(view) if version == view.version + 1 => {
                let removed = Arc::make_mut(view).apply(update);
                let view = Arc::clone(view);
                self.tell(&view, update, &removed, |_| true);
                if update.changes_roster() {
                    self.keep_rosters(&view, update, now);
                }
            }
            _ => self.lost_track(now),
        }
    }

    fn lost_track(&mut self, now: Instant) {
        if self.snapshot_due.is_none() {
            self.ask_for_snapshot(now);
        }
    }

    fn ask_for_snapshot(&mut self, now: Instant) {
        self.snapshot_due = (!self.sessions.is_empty()).then_some(now + limits::SNAPSHOT_TIMEOUT);
        if let Home::Known(home, epoch) = &self.home {
            let (home, epoch) = (home.clone(), *epoch);
            self.effects.push_back(EdgeEffect::ToHome {
                home,
                epoch,
                message: HomeMessage::SnapshotRequest,
            });
        }
    }

    fn reply(&mut self, session: SessionId, request: RequestId, result: Result<Reply, RequestError>, now: Instant) {
        if request == NOBODY_ASKED {
            return;
        }
        let join = self.joins.remove(&(session, request));
        match (join, result) {
            (Some(_), Ok(Reply::Joined(joined))) => self.welcome(session, request, joined, now),
            (Some(_), Err(error)) => self.turn_away(session, request, error),
            (_, result) => self.answer(session, request, result, None),
        }
    }

    /// A join was granted. If the copy of the view is not the one that the home looked at, the session waits for a newer one.
    fn welcome(&mut self, session: SessionId, request: RequestId, joined: Joined, now: Instant) {
        let Some(attached) = self.sessions.get(&session) else {
            return;
        };
        let (newest, peer) = (self.newest, attached.peer);
        let view = self
            .view
            .as_ref()
            .filter(|view| view.epoch == newest && view.peers.contains_key(&peer));
        match view.filter(|_| self.snapshot_due.is_none()).cloned() {
            Some(view) => self.show(session, request, joined, view),
            None => {
                self.unseen.push((session, request, joined));
                self.lost_track(now);
            }
        }
    }

    /// The session sees the room as it is now, and is told every change from here on.
    fn show(&mut self, session: SessionId, request: RequestId, joined: Joined, view: Arc<RoomView>) {
        let Some(attached) = self.sessions.get_mut(&session) else {
            return;
        };
        attached.standing = Standing::Joined;
        if joined.repeated {
            let peer = attached.peer;
            self.send_roster_to(&view, |attached| attached.peer == peer);
        }
        self.answer(session, request, Ok(Reply::Joined(joined)), Some(view));
    }

    /// A join failed. A session that is no peer and has no other join under way looks at the room no more.
    fn turn_away(&mut self, session: SessionId, request: RequestId, error: RequestError) {
        let joined = self
            .sessions
            .get(&session)
            .is_some_and(|attached| attached.standing == Standing::Joined);
        let hopes = self.joins.keys().any(|(joining, _)| *joining == session)
            || self.waiting.iter().any(|waiting| waiting.is_join_of(session))
            || self.unseen.iter().any(|(unseen, ..)| *unseen == session);
        if !joined && !hopes {
            self.sessions.remove(&session);
        }
        self.answer(session, request, Err(error), None);
    }

    fn notice(&mut self, peer: PeerId, notice: &Notice) {
        let session = self.sessions.iter().find(|(_, attached)| attached.peer == peer);
        if let Some((&session, _)) = session {
            let message = SessionMessage::Notice {
                peer,
                notice: notice.clone(),
            };
            self.effects.push_back(EdgeEffect::ToSession { session, message });
        }
    }

    fn answer(
        &mut self,
        session: SessionId,
        request: RequestId,
        result: Result<Reply, RequestError>,
        view: Option<Arc<RoomView>>,
    ) {
        let message = SessionMessage::Reply { request, result, view };
        self.effects.push_back(EdgeEffect::ToSession { session, message });
    }

    fn is_attached(&self, session: SessionId, peer: PeerId) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|attached| attached.peer == peer)
    }
}
