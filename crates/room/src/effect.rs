//! What a room asks its shell to do, and the facts that the shell logs and counts. Nothing here decides.

use model::{
    ConsumerId, Direction, EdgeMessage, LeaveReason, MediaCommand, MediaKind, NodeId, PeerId, ProducerClosedReason,
    ProducerId, PublicId, Seat, Source, TransportId,
};
use thiserror::Error;

/// One thing that the shell carries out. Effects are to be carried out in the order in which they are polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send to an edge; per edge the order is the order of the effects.
    ToEdge {
        /// The edge.
        edge: NodeId,
        /// What it is told.
        message: EdgeMessage,
    },
    /// Send to the seat that the command names; its result comes back as [`model::MediaEvent::Result`].
    ToSeat(MediaCommand),
    /// Choose a node and a worker for the room's media and answer with [`crate::Room::handle_seat`]. Asked for once at a time.
    ChooseSeat {
        /// The peer that needs it; repeated by the answer.
        peer: PeerId,
    },
    /// A fact to log and to count.
    Event(RoomEvent),
    /// The room is over: give its placement back. The last effect but for [`EdgeMessage::NotHome`].
    Close,
}

/// No node and no worker takes the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("no seat")]
pub struct SeatDeclined;

/// What happened in a room. Whatever was opened is closed exactly once, so that a shell can keep gauges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// A peer is new.
    PeerJoined {
        /// The peer.
        peer: PeerId,
        /// What clients call it.
        public_id: PublicId,
    },
    /// A peer is gone; all it had was closed before.
    PeerLeft {
        /// The peer.
        peer: PeerId,
        /// What clients called it.
        public_id: PublicId,
        /// Why.
        reason: LeaveReason,
    },
    /// The room has a router on one more worker.
    RouterOpened {
        /// Where.
        seat: Seat,
    },
    /// The room gave a router back because it closes.
    RouterClosed {
        /// Where it was.
        seat: Seat,
    },
    /// A router died with its worker.
    SeatLost {
        /// Where it was.
        seat: Seat,
    },
    /// A transport was made.
    TransportOpened {
        /// The transport.
        transport: TransportId,
        /// Seen from the client.
        direction: Direction,
        /// Whose it is.
        public_id: PublicId,
    },
    /// A transport got its client's DTLS parameters.
    TransportConnected {
        /// The transport.
        transport: TransportId,
        /// Seen from the client.
        direction: Direction,
        /// Whose it is.
        public_id: PublicId,
    },
    /// A transport ended.
    TransportClosed {
        /// The transport.
        transport: TransportId,
        /// Seen from the client.
        direction: Direction,
        /// It had been connected.
        connected: bool,
    },
    /// A producer was made.
    ProducerOpened {
        /// The producer.
        producer: ProducerId,
        /// Audio or video.
        kind: MediaKind,
        /// Microphone, camera or screen.
        source: Source,
        /// Whose it is.
        public_id: PublicId,
    },
    /// A producer ended.
    ProducerClosed {
        /// The producer.
        producer: ProducerId,
        /// Audio or video.
        kind: MediaKind,
        /// Why; absent: its peer left.
        reason: Option<ProducerClosedReason>,
    },
    /// A consumer was made, paused.
    ConsumerOpened {
        /// The consumer.
        consumer: ConsumerId,
        /// What it consumes.
        producer: ProducerId,
        /// Audio or video.
        kind: MediaKind,
        /// Who consumes.
        public_id: PublicId,
    },
    /// A consumer flows from now on.
    ConsumerResumed {
        /// The consumer.
        consumer: ConsumerId,
        /// Who consumes.
        public_id: PublicId,
    },
    /// A consumer ended.
    ConsumerClosed {
        /// The consumer.
        consumer: ConsumerId,
        /// Audio or video.
        kind: MediaKind,
    },
}
