//! What a session hears from edge rooms, and what it asks its shell to do.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use model::{Join, Notice, PeerId, Reply, Request, RequestError, RequestId, RoomId, RoomView};

use crate::Outbound;
use crate::dialect::Audience;

/// What a session hears from the edge rooms.
#[derive(Clone, Debug)]
pub enum SessionMessage {
    /// Frames for the client, in order.
    Frames {
        /// The room that they are about: a session that has left it drops them.
        room: RoomId,
        /// Shared by all sessions that get the same.
        frames: Arc<[Outbound]>,
    },
    /// The answer to a request.
    Reply {
        /// The request.
        request: RequestId,
        /// The answer.
        result: Result<Reply, RequestError>,
        /// With [`Reply::Joined`]: the room as the peer finds it.
        view: Option<Arc<RoomView>>,
    },
    /// What the peer alone is told.
    Notice {
        /// The peer: a session that has another one by now drops it.
        peer: PeerId,
        /// What it is told.
        notice: Notice,
    },
}

/// What a session asks its shell to do.
#[derive(Clone, Debug)]
pub enum SessionEffect {
    /// Write a frame to the client.
    Send(Outbound),
    /// Hand to [`crate::EdgeRoom::handle_join`] of that room, made if there is none.
    Join {
        /// The room.
        room: RoomId,
        /// The peer that the session becomes.
        peer: PeerId,
        /// Repeated by the reply.
        request: RequestId,
        /// What it brings.
        join: Box<Join>,
        /// Which frames it is to get.
        audience: Audience,
    },
    /// The client asked for a room that it has not joined: until this expires, a join of any session of this edge may make it.
    AskedFor {
        /// The room.
        room: RoomId,
    },
    /// Hand to [`crate::EdgeRoom::handle_request`]. If that cannot be done, hand the session a reply with the error.
    Request {
        /// The room.
        room: RoomId,
        /// The session's peer.
        peer: PeerId,
        /// Repeated by the reply.
        request: RequestId,
        /// What it asks.
        body: Request,
    },
    /// Hand to [`crate::EdgeRoom::handle_detach`]: the session leaves the room. Must not be lost.
    Detach {
        /// The room.
        room: RoomId,
        /// The session's peer.
        peer: PeerId,
        /// The client said so; else its socket closed.
        left: bool,
    },
    /// Close the socket after what was sent.
    Disconnect {
        /// Why.
        reason: DisconnectReason,
    },
    /// A request was answered (or needed no answer): for metrics.
    Answered {
        /// What the request is called: one of the dialect's closed set, or `"unknown"`.
        request: &'static str,
        /// `"ok"`, `"error"`, `"limited"` or `"timeout"`.
        result: &'static str,
        /// When its frame came.
        started: Instant,
    },
}

/// Why a session closes its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// It went on after [`model::Limits::refused_requests_in_a_row`] refusals.
    TooManyRequests,
    /// Its seat died and its client cannot rebuild media.
    SeatLost,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyRequests => "too many requests",
            Self::SeatLost => "seat lost",
        })
    }
}
