//! One task per room that sessions of this node look at: takes one input, carries out every effect, sleeps until the next deadline.

use std::sync::Arc;
use std::time::Instant;

use model::{
    EdgeMessage, Epoch, HomeMessage, Join, Message, NodeId, PeerId, Request, RequestError, RequestId, RoomId,
    SessionId, limits,
};
use signaling::{Audience, EdgeEffect, EdgeRoom, SessionMessage};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::dispatch;
use crate::mailbox::SendError;
use crate::node::Node;
use crate::placement;
use crate::room_task::sleep_until;
use crate::session_task::SessionInput;

/// What reaches a room at its edge.
#[derive(Debug)]
pub(crate) enum EdgeInput {
    /// A session wants to become a peer.
    Join {
        session: SessionId,
        peer: PeerId,
        request: RequestId,
        join: Box<Join>,
        audience: Audience,
    },
    /// A session's peer asks for something.
    Request {
        session: SessionId,
        peer: PeerId,
        request: RequestId,
        body: Request,
    },
    /// A session leaves the room.
    Detach {
        session: SessionId,
        peer: PeerId,
        left: bool,
    },
    /// The home speaks.
    Message { epoch: Epoch, message: EdgeMessage },
}

/// Hands an input to the room's task at this edge, which is started when it is the first.
pub(crate) fn send(node: &Arc<Node>, room: &RoomId, input: EdgeInput) -> Result<(), SendError> {
    node.edges.send_or_open(room, input, limits::ROOM_MAILBOX, |mailbox| {
        let span = tracing::info_span!("edge", %room);
        let task = EdgeTask {
            node: Arc::clone(node),
            id: room.clone(),
            edge: EdgeRoom::new(room.clone()),
            opening: JoinSet::new(),
        };
        tokio::spawn(task.run(mailbox).instrument(span));
    })
}

struct EdgeTask {
    node: Arc<Node>,
    id: RoomId,
    edge: EdgeRoom,
    /// At most one search for the home at a time.
    opening: JoinSet<Result<(NodeId, Epoch), RequestError>>,
}

impl EdgeTask {
    async fn run(mut self, mut mailbox: mpsc::Receiver<EdgeInput>) {
        loop {
            while let Some(effect) = self.edge.poll_effect() {
                self.carry_out(effect);
            }
            if self.edge.is_idle() && self.opening.is_empty() && self.node.edges.retire(&self.id, &mailbox) {
                return;
            }
            tokio::select! {
                input = mailbox.recv() => match input {
                    Some(input) => self.handle(input),
                    None => return,
                },
                Some(opened) = self.opening.join_next() => {
                    let opened = opened.unwrap_or(Err(RequestError::Closing));
                    self.edge.handle_opened(opened, Instant::now());
                }
                () = sleep_until(self.edge.poll_timeout()) => self.edge.handle_timeout(Instant::now()),
            }
        }
    }

    fn handle(&mut self, input: EdgeInput) {
        let now = Instant::now();
        match input {
            EdgeInput::Join {
                session,
                peer,
                request,
                join,
                audience,
            } => {
                self.edge.handle_join(session, audience, peer, request, join, now);
            }
            EdgeInput::Request {
                session,
                peer,
                request,
                body,
            } => {
                self.edge.handle_request(session, peer, request, body, now);
            }
            EdgeInput::Detach { session, peer, left } => self.edge.handle_detach(session, peer, left, now),
            EdgeInput::Message { epoch, message } => self.edge.handle_message(epoch, message, now),
        }
    }

    fn carry_out(&mut self, effect: EdgeEffect) {
        match effect {
            EdgeEffect::Open { must_exist } => {
                let (node, room) = (Arc::clone(&self.node), self.id.clone());
                self.opening
                    .spawn(async move { placement::find_or_open(&node, &room, must_exist).await });
            }
            EdgeEffect::ToHome { home, epoch, message } => self.send_home(&home, epoch, message),
            EdgeEffect::ToSession { session, message } => self.to_session(session, message),
            EdgeEffect::ToSessions { sessions, message } => {
                for session in sessions {
                    self.to_session(session, message.clone());
                }
            }
        }
    }

    fn send_home(&mut self, home: &NodeId, epoch: Epoch, message: HomeMessage) {
        let end_of_peer = (!dispatch::may_be_refused(&message)).then(|| message.clone());
        let asked = match &message {
            HomeMessage::Request { session, request, .. } => Some((*session, *request)),
            _ => None,
        };
        if self.node.publish(home, &self.id, epoch, Message::Home(message)) {
            return;
        }
        if let Some(message) = end_of_peer {
            self.say_again(home.clone(), epoch, message);
        } else if let Some((session, request)) = asked {
            // By the edge room, which has to forget a join that was not taken.
            let result = Err(RequestError::Busy);
            let reply = EdgeMessage::Reply {
                session,
                request,
                result,
            };
            self.edge.handle_message(epoch, reply, Instant::now());
        }
    }

    /// The end of a peer may not be lost to a full bus: it is said again until it is taken.
    fn say_again(&self, home: NodeId, epoch: Epoch, message: HomeMessage) {
        let (node, room) = (Arc::clone(&self.node), self.id.clone());
        tokio::spawn(async move {
            let deadline = Instant::now() + limits::DETACH_TIMEOUT;
            while Instant::now() < deadline {
                tokio::time::sleep(limits::REOPEN_BACKOFF).await;
                if node.publish(&home, &room, epoch, Message::Home(message.clone())) {
                    return;
                }
            }
            tracing::error!(%room, "the end of a peer did not reach the room's home");
        });
    }

    /// A session that does not keep up loses its mailbox, and with it its socket.
    fn to_session(&self, session: SessionId, message: SessionMessage) {
        let sent = self.node.sessions.send(&session, SessionInput::Message(message), 0);
        if sent == Err(SendError::Full) {
            tracing::warn!(%session, "session does not keep up: closed");
            self.node.sessions.remove(&session);
        }
    }
}
