//! Finding the room's home: what waits meanwhile, what becomes of it, and what to do when a node says that it is not the home.

use std::time::Instant;

use model::{Epoch, HomeMessage, Join, NodeId, PeerId, Request, RequestError, RequestId, SessionId, limits};

use super::{EdgeEffect, EdgeRoom, Home, JoinUnderWay, NOBODY_ASKED, Standing};

/// A search for the home.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opening {
    /// The shell was asked at this time.
    Asked { at: Instant, must_exist: bool },
    /// It will be asked at this time.
    Later(Instant),
}

/// A message that waits until the home is known.
#[derive(Debug)]
pub(super) struct Waiting {
    message: HomeMessage,
    since: Instant,
}

impl Waiting {
    pub(super) fn is_request_of(&self, asking: SessionId) -> bool {
        matches!(&self.message, HomeMessage::Request { session, .. } if *session == asking)
    }

    pub(super) fn is_join_of(&self, asking: SessionId) -> bool {
        self.is_request_of(asking)
            && matches!(
                &self.message,
                HomeMessage::Request {
                    body: Request::Join(_),
                    ..
                }
            )
    }

    fn may_make_the_room(&self) -> bool {
        matches!(&self.message, HomeMessage::Request { body: Request::Join(join), .. } if !join.room_must_exist)
    }
}

impl EdgeRoom {
    /// Sends a request, or lets it wait.
    pub(super) fn request(
        &mut self,
        session: SessionId,
        peer: PeerId,
        request: RequestId,
        body: Request,
        now: Instant,
    ) {
        if self.waiting.len() >= limits::ROOM_MAILBOX {
            return self.fail(session, request, body, RequestError::Busy);
        }
        self.tell_home(
            HomeMessage::Request {
                session,
                peer,
                request,
                body,
            },
            now,
            now,
        );
    }

    /// Sends a message to the home, or lets it wait for one. `since` is when its session asked.
    pub(super) fn tell_home(&mut self, message: HomeMessage, since: Instant, now: Instant) {
        match &self.home {
            Home::Known(home, epoch) => {
                let (home, epoch) = (home.clone(), *epoch);
                self.remember_join(&message, since);
                self.effects.push_back(EdgeEffect::ToHome { home, epoch, message });
            }
            Home::Opening(_) => self.waiting.push_back(Waiting { message, since }),
            Home::Unknown => {
                self.waiting.push_back(Waiting { message, since });
                self.open(now);
            }
        }
    }

    /// The home is known: what waited for it is sent.
    pub(super) fn found(&mut self, home: NodeId, epoch: Epoch) {
        self.newest = self.newest.max(epoch);
        self.home = Home::Known(home.clone(), epoch);
        for Waiting { message, since } in std::mem::take(&mut self.waiting) {
            self.remember_join(&message, since);
            self.effects.push_back(EdgeEffect::ToHome {
                home: home.clone(),
                epoch,
                message,
            });
        }
    }

    pub(super) fn not_opened(&mut self, error: &RequestError, now: Instant) {
        let Home::Opening(Opening::Asked { must_exist, .. }) = self.home else {
            return;
        };
        // Somebody who may make the room came after the question was asked.
        if must_exist && *error == RequestError::RoomNotFound && self.somebody_may_make_the_room() {
            return self.open(now);
        }
        self.home = Home::Unknown;
        for Waiting { message, .. } in std::mem::take(&mut self.waiting) {
            self.fail_message(message, error.clone());
        }
    }

    /// A node that was asked is not the home: joins look for it again, all else is lost with the old home.
    pub(super) fn not_home(&mut self, session: SessionId, request: RequestId, now: Instant) {
        let Some(JoinUnderWay { peer, join, since }) = self.joins.remove(&(session, request)) else {
            if request != NOBODY_ASKED {
                self.answer(session, request, Err(RequestError::RoomNotFound), None);
            }
            return;
        };
        if now >= since + limits::OPEN_TIMEOUT {
            return self.turn_away(session, request, RequestError::TimedOut);
        }
        let hoping = self
            .sessions
            .get_mut(&session)
            .filter(|attached| attached.standing == Standing::Asked);
        if let Some(attached) = hoping {
            attached.standing = Standing::Hoping;
        }
        let body = Request::Join(join);
        let place = self.waiting.partition_point(|waiting| waiting.since <= since);
        let message = HomeMessage::Request {
            session,
            peer,
            request,
            body,
        };
        self.waiting.insert(place, Waiting { message, since });
        if !matches!(self.home, Home::Opening(_)) {
            self.home = Home::Opening(Opening::Later(now + limits::REOPEN_BACKOFF));
        }
    }

    pub(super) fn opening_timeout(&mut self, now: Instant) {
        match self.home {
            Home::Opening(Opening::Later(at)) if at <= now => self.open(now),
            Home::Opening(Opening::Asked { at, .. }) if at + limits::OPEN_TIMEOUT <= now => {
                self.not_opened_in_time();
            }
            _ => {}
        }
    }

    pub(super) fn opening_deadline(&self) -> Option<Instant> {
        match self.home {
            Home::Opening(Opening::Later(at)) => Some(at),
            Home::Opening(Opening::Asked { at, .. }) => Some(at + limits::OPEN_TIMEOUT),
            Home::Known(..) | Home::Unknown => None,
        }
    }

    fn not_opened_in_time(&mut self) {
        self.home = Home::Unknown;
        for Waiting { message, .. } in std::mem::take(&mut self.waiting) {
            self.fail_message(message, RequestError::TimedOut);
        }
    }

    fn open(&mut self, now: Instant) {
        let must_exist = !self.somebody_may_make_the_room();
        self.home = Home::Opening(Opening::Asked { at: now, must_exist });
        self.effects.push_back(EdgeEffect::Open { must_exist });
    }

    fn somebody_may_make_the_room(&self) -> bool {
        self.waiting.iter().any(Waiting::may_make_the_room)
    }

    /// Keeps a join that is being sent, so that it can be sent again to another home.
    fn remember_join(&mut self, message: &HomeMessage, since: Instant) {
        if let HomeMessage::Request {
            session,
            peer,
            request,
            body: Request::Join(join),
        } = message
        {
            if let Some(attached) = self.sessions.get_mut(session) {
                attached.standing = attached.standing.max(Standing::Asked);
            }
            let join: Box<Join> = join.clone();
            let peer: PeerId = *peer;
            self.joins
                .insert((*session, *request), JoinUnderWay { peer, join, since });
        }
    }

    fn fail_message(&mut self, message: HomeMessage, error: RequestError) {
        if let HomeMessage::Request {
            session, request, body, ..
        } = message
        {
            self.fail(session, request, body, error);
        }
    }

    fn fail(&mut self, session: SessionId, request: RequestId, body: Request, error: RequestError) {
        match body {
            _ if request == NOBODY_ASKED => {}
            Request::Join(_) => self.turn_away(session, request, error),
            _ => self.answer(session, request, Err(error), None),
        }
    }
}
