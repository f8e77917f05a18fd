//! What one node says to another (and, on one node alone, the node to itself). Everything is about one room and travels on the
//! control lane, in order: first sent, first handled.

use serde::{Deserialize, Serialize};

use crate::{
    Epoch, MediaCommand, MediaEvent, PeerId, Reply, Request, RequestError, RequestId, RoomId, RoomView, Seat,
    SessionId, Update,
};

/// A message and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The room.
    pub room: RoomId,
    /// The epoch of the home that speaks or is spoken to.
    pub epoch: Epoch,
    /// For which of the receiver's roles.
    pub message: Message,
}

/// A message by the role of its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To the node that owns the room.
    Home(HomeMessage),
    /// To a node that holds sessions of the room.
    Edge(EdgeMessage),
    /// To a node that carries seats of the room.
    Seat(SeatMessage),
}

/// From an edge or a seat to the home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HomeMessage {
    /// A peer asks something. Answered by [`EdgeMessage::Reply`] or [`EdgeMessage::NotHome`].
    Request {
        /// The session at the sending edge.
        session: SessionId,
        /// The peer that it is or becomes.
        peer: PeerId,
        /// Repeated by the reply.
        request: RequestId,
        /// What it asks.
        body: Request,
    },
    /// The socket of a peer closed.
    SessionClosed {
        /// The session at the sending edge.
        session: SessionId,
        /// Its peer.
        peer: PeerId,
    },
    /// The sending edge lost track of the view. Answered by [`EdgeMessage::Snapshot`].
    SnapshotRequest,
    /// A seat reports.
    Media(MediaEvent),
}

/// From the home to an edge: updates, replies and notices share one ordered queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeMessage {
    /// The whole view: to an edge that is new to the room or lost track.
    Snapshot(Box<RoomView>),
    /// The next change of the view.
    Update {
        /// The version of the view after it: one more than before.
        version: u64,
        /// The change.
        update: Update,
    },
    /// The answer to a request; the updates that belong to it came before.
    Reply {
        /// The session that asked.
        session: SessionId,
        /// Its request.
        request: RequestId,
        /// The answer.
        result: Result<Reply, RequestError>,
    },
    /// Something that concerns one peer only.
    Notice {
        /// The peer.
        peer: PeerId,
        /// What it is told.
        notice: Notice,
    },
    /// The receiver of a request does not own the room (any more); the edge looks for the home again.
    NotHome {
        /// The session that asked.
        session: SessionId,
        /// Its request.
        request: RequestId,
    },
}

/// From the home to a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatMessage {
    /// Something to do.
    Command(Box<MediaCommand>),
}

/// What one peer alone is told without having asked. It is no part of the view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// Its seat died: it has to make new transports, produce and consume again.
    RebuildMedia,
    /// Its seat died and it cannot rebuild: it has left the room, its session ends.
    SeatLost,
    /// Who serves it has changed.
    ServedBy(ServedBy),
}

/// Which nodes and worker serve a peer. The edge knows itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// Where the room's state lives.
    pub home: crate::NodeId,
    /// Where the peer's media is; absent until its first transport.
    pub seat: Option<Seat>,
}
