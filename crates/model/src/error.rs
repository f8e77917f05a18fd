//! What can go wrong between layers. Each dialect words these for its clients; the texts here are for logs.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum RequestError {
    /// Nobody asked for this room and it is not open.
    #[error("room not found")]
    RoomNotFound,
    /// The room has as many peers as it may have.
    #[error("room is full")]
    RoomFull,
    /// No node takes the room or the peer.
    #[error("cluster is full")]
    ClusterFull,
    /// The request needs a joined peer, and this session has none in that room.
    #[error("peer not found")]
    NotJoined,
    /// The token does not allow it.
    #[error("not authorized")]
    NotAuthorized,
    /// No transport of the peer has this id.
    #[error("transport not found")]
    TransportNotFound,
    /// The peer has no transport to send on.
    #[error("send transport not found")]
    SendTransportNotFound,
    /// The peer has no transport to receive on.
    #[error("receive transport not found")]
    ReceiveTransportNotFound,
    /// No producer of the room (or of the peer, where it must be its own) has this id.
    #[error("producer not found")]
    ProducerNotFound,
    /// No consumer of the peer has this id.
    #[error("consumer not found")]
    ConsumerNotFound,
    /// The peer's capabilities do not fit the producer.
    #[error("cannot consume")]
    CannotConsume,
    /// A field is missing, of the wrong type or out of range; the text names it.
    #[error("{0}")]
    Invalid(String),
    /// A bound of [`crate::Limits`] was reached.
    #[error("limit reached: {limit} ({value})")]
    LimitReached {
        /// The field of [`crate::Limits`].
        limit: String,
        /// Its value.
        value: u64,
    },
    /// The media side refused or failed.
    #[error("{0}")]
    Media(MediaError),
    /// A queue is full: the room cannot keep up.
    #[error("busy")]
    Busy,
    /// No answer in time.
    #[error("request timed out")]
    TimedOut,
    /// The server or the room is closing.
    #[error("closing")]
    Closing,
}

/// Why a media command failed at its seat.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum MediaError {
    /// The command comes from a home that was replaced.
    #[error("stale epoch")]
    Stale,
    /// The object is not (or no longer) here.
    #[error("{0} not found")]
    NotFound(String),
    /// Parameters that were refused before they reached the worker; the text names the field.
    #[error("invalid parameters: {0}")]
    Invalid(String),
    /// The receiver's capabilities do not fit the producer.
    #[error("cannot consume")]
    CannotConsume,
    /// The worker refused or failed; its own words.
    #[error("{0}")]
    Worker(String),
    /// The worker of this seat died.
    #[error("seat lost")]
    SeatLost,
    /// The worker did not answer in time.
    #[error("worker timed out")]
    TimedOut,
    /// The peer's command queue is full.
    #[error("busy")]
    Busy,
}

impl From<MediaError> for RequestError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::CannotConsume => Self::CannotConsume,
            MediaError::Invalid(reason) => Self::Invalid(reason),
            MediaError::TimedOut => Self::TimedOut,
            MediaError::Busy => Self::Busy,
            other => Self::Media(other),
        }
    }
}
