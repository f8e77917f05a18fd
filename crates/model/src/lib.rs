//! The nouns of Ringcast: what the other crates say to one another, and nothing that does anything.
//!
//! Ids, the one inner language of requests and replies, the view of a room and its updates, commands to media and events from
//! it, the messages between nodes, and every limit. The only behaviour is [`RoomView::apply`]. No I/O, no clock, no randomness.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod epoch;
mod error;
mod id;
mod json;
pub mod limits;
mod media;
mod message;
mod request;
mod view;

pub use epoch::Epoch;
pub use error::{MediaError, RequestError};
pub use id::{
    BootId, CommandId, ConsumerId, NodeId, PeerId, ProducerId, PublicId, RequestId, RoomId, RoomIdError, RouterId,
    SessionId, TransportId, WorkerId,
};
pub use json::JsonText;
pub use limits::Limits;
pub use media::{
    AudioLevel, ConsumerKind, Direction, MediaAction, MediaCommand, MediaEvent, MediaKind, MediaObject, MediaReply,
    Seat,
};
pub use message::{EdgeMessage, Envelope, HomeMessage, Message, Notice, SeatMessage, ServedBy};
pub use request::{Consumed, Identity, Join, Joined, Produce, Reply, Request, TransportOpened};
pub use view::{LeaveReason, PeerView, ProducerClosedReason, ProducerView, Removed, Role, RoomView, Source, Update};
