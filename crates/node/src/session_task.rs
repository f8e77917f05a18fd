//! One task per session: takes one input, carries out every effect, sleeps until the next deadline. The socket is behind [`Outlet`].

use std::sync::Arc;
use std::time::Instant;

use model::{RequestError, RequestId, RoomId, SessionId, limits};
use signaling::{Inbound, Outbound, Session, SessionEffect, SessionMessage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::edge_task::{self, EdgeInput};
use crate::http::metrics;
use crate::node::Node;
use crate::room_task::sleep_until;

/// What reaches a session.
#[derive(Debug)]
pub(crate) enum SessionInput {
    /// Its client wrote a frame.
    Frame(Inbound),
    /// An edge room has something for it.
    Message(SessionMessage),
    /// The node is about to close.
    ServerClosing,
}

/// The writing half of a socket. Neither call waits.
pub(crate) trait Outlet: Send + 'static {
    /// Writes a frame; false: the client does not read, or is gone.
    fn send(&mut self, frame: Outbound) -> bool;
    /// Closes the socket after what was written.
    fn close(&mut self);
}

/// Runs a session until its socket closes (`closed`) or the session closes it.
pub(crate) async fn run(
    node: Arc<Node>,
    id: SessionId,
    dialect: &'static str,
    session: Session,
    mailbox: mpsc::Receiver<SessionInput>,
    outlet: impl Outlet,
    closed: CancellationToken,
) {
    let mut task = SessionTask {
        node,
        id,
        dialect,
        session,
        outlet,
        over: false,
    };
    task.run(mailbox, closed).await;
    task.node.sessions.remove(&id);
    task.session.handle_closed();
    task.carry_out_effects().await;
    // A client whose server restarts connects again by itself, unless it was told to go.
    if !task.node.is_closing() {
        task.outlet.close();
    }
}

struct SessionTask<O> {
    node: Arc<Node>,
    id: SessionId,
    dialect: &'static str,
    session: Session,
    outlet: O,
    over: bool,
}

impl<O: Outlet> SessionTask<O> {
    async fn run(&mut self, mut mailbox: mpsc::Receiver<SessionInput>, closed: CancellationToken) {
        loop {
            self.carry_out_effects().await;
            if self.over {
                return;
            }
            tokio::select! {
                biased;
                () = closed.cancelled() => return,
                () = sleep_until(self.session.poll_timeout()) => self.session.handle_timeout(Instant::now()),
                input = mailbox.recv() => match input {
                    Some(SessionInput::Frame(frame)) => self.session.handle_frame(frame, Instant::now()),
                    Some(SessionInput::Message(message)) => self.session.handle_message(message),
                    Some(SessionInput::ServerClosing) => self.session.handle_server_closing(),
                    None => return,
                },
            }
        }
    }

    async fn carry_out_effects(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                SessionEffect::Send(frame) => {
                    if !self.over && !self.outlet.send(frame) {
                        metrics::limit_hit("outbound_frames");
                        self.over = true;
                    }
                }
                SessionEffect::Join {
                    room,
                    peer,
                    request,
                    mut join,
                    audience,
                } => {
                    join.room_must_exist &= !self.node.asked.take(&room, Instant::now());
                    let span = tracing::Span::current();
                    span.record("room", tracing::field::display(&room))
                        .record("peer", tracing::field::display(&peer));
                    let input = EdgeInput::Join {
                        session: self.id,
                        peer,
                        request,
                        join,
                        audience,
                    };
                    self.ask_edge(&room, request, input);
                }
                SessionEffect::Request {
                    room,
                    peer,
                    request,
                    body,
                } => {
                    let input = EdgeInput::Request {
                        session: self.id,
                        peer,
                        request,
                        body,
                    };
                    self.ask_edge(&room, request, input);
                }
                SessionEffect::Detach { room, peer, left } => {
                    let input = EdgeInput::Detach {
                        session: self.id,
                        peer,
                        left,
                    };
                    detach(&self.node, &room, input).await;
                }
                SessionEffect::AskedFor { room } => self.node.asked.insert(room, Instant::now()),
                SessionEffect::Disconnect { reason } => {
                    tracing::info!(%reason, "session closed by this node");
                    self.over = true;
                }
                SessionEffect::Answered {
                    request,
                    result,
                    started,
                } => {
                    metrics::request(self.dialect, request, result, started.elapsed());
                }
            }
        }
    }

    fn ask_edge(&mut self, room: &RoomId, request: RequestId, input: EdgeInput) {
        if edge_task::send(&self.node, room, input).is_err() {
            let result = Err(RequestError::Busy);
            self.session.handle_message(SessionMessage::Reply {
                request,
                result,
                view: None,
            });
        }
    }
}

/// A leave may not be lost, so it waits for a place. Edge rooms never wait for sessions, so this ends.
async fn detach(node: &Node, room: &RoomId, input: EdgeInput) {
    let Some(mailbox) = node.edges.get(room) else { return };
    match mailbox.send_timeout(input, limits::DETACH_TIMEOUT).await {
        Ok(()) | Err(mpsc::error::SendTimeoutError::Closed(_)) => {}
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            tracing::error!(%room, "edge room does not answer: a leave was lost");
        }
    }
}

/// Hands a frame to a session; false: it does not keep up and its socket has to close.
pub(crate) fn push_frame(mailbox: &mpsc::WeakSender<SessionInput>, frame: Inbound) -> bool {
    let Some(mailbox) = mailbox.upgrade() else { return true };
    !matches!(
        mailbox.try_send(SessionInput::Frame(frame)),
        Err(mpsc::error::TrySendError::Full(_))
    )
}

/// The mailbox of a new session.
pub(crate) fn mailbox() -> (mpsc::Sender<SessionInput>, mpsc::Receiver<SessionInput>) {
    mpsc::channel(limits::SESSION_MAILBOX)
}
