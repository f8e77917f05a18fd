//! Frames: what a socket hands in and writes out, before and after a dialect gives them meaning.

use std::sync::Arc;

use model::JsonText;

/// What a client wrote on its event to say that it wants an answer; the answer repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AckId(pub u64);

/// A frame from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A Socket.IO event.
    Event {
        /// Its name.
        name: String,
        /// Its first argument; `null` if it has none.
        data: JsonText,
        /// Set when the client waits for an answer.
        ack: Option<AckId>,
    },
    /// A WebSocket text frame.
    Text(String),
    /// A frame that no dialect reads: binary, or broken.
    Unreadable {
        /// Set when the client waits for an answer.
        ack: Option<AckId>,
        /// What is wrong with it, as the client is told.
        what: String,
    },
}

/// A frame to a client. Cheap to clone: one rendering serves all sessions of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outbound {
    /// A Socket.IO event with one argument.
    Event {
        /// Its name.
        name: &'static str,
        /// Its argument.
        data: JsonText,
    },
    /// The answer to a Socket.IO event.
    Ack {
        /// The event's.
        id: AckId,
        /// The answer's only argument.
        data: JsonText,
    },
    /// A WebSocket text frame.
    Text(Arc<str>),
}
