//! Newtypes for everything that has an identity. All have a total order, so that maps of them iterate the same everywhere.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::limits;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// Names nothing: what a text that is no id is read as, so that the look-up fails in the ordinary way.
            pub const UNKNOWN: Self = Self(Uuid::nil());

            /// An id from 128 random bits (shaped as a version 4 UUID). The randomness comes from the caller.
            #[must_use]
            pub fn from_random(bits: u128) -> Self {
                Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
            }

            /// Reads what a client sent; text that is no UUID gives [`Self::UNKNOWN`].
            #[must_use]
            pub fn parse_or_unknown(text: &str) -> Self {
                Uuid::parse_str(text).map_or(Self::UNKNOWN, Self)
            }

            /// The UUID itself, for the crate that hands it to mediasoup.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

uuid_id! {
    /// One peer of a room. Made by the edge at the join, never shown to clients (they see a [`PublicId`]).
    PeerId;
    /// A WebRTC transport. Made by the home, so that it can be closed before its creation was answered.
    TransportId;
    /// A producer. The same on every router that a pipe brings it to.
    ProducerId;
    /// A consumer.
    ConsumerId;
    /// A router: one room's part on one worker.
    RouterId;
}

macro_rules! number_id {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

number_id! {
    /// One run of a node: a random number drawn at its start.
    BootId(u64);
    /// One signaling connection, numbered by its edge.
    SessionId(u64);
    /// One request of a session, numbered by that session.
    RequestId(u64);
    /// One media command, numbered by the room; its result repeats it.
    CommandId(u64);
    /// A worker thread of a node, counted from 0; a replaced worker gets a new number.
    WorkerId(u16);
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )*};
}

text_id! {
    /// A node of the cluster: its configured name.
    NodeId;
    /// A room: what clients call it.
    RoomId;
    /// What clients call a peer; unique per (room, dialect).
    PublicId;
}

impl NodeId {
    /// A node's name as configured.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

impl PublicId {
    /// Takes what a client (or its transport) calls the peer; the dialect has checked the length.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

/// Why a text cannot name a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RoomIdError {
    /// The text is empty.
    #[error("room id is empty")]
    Empty,
    /// The text is longer than [`limits::ROOM_ID_BYTES`].
    #[error("room id is longer than {} bytes", limits::ROOM_ID_BYTES)]
    TooLong,
}

impl RoomId {
    /// Checks a room's name: 1 to [`limits::ROOM_ID_BYTES`] bytes of any text.
    ///
    /// # Errors
    /// The text is empty or too long.
    pub fn new(text: &str) -> Result<Self, RoomIdError> {
        match text.len() {
            0 => Err(RoomIdError::Empty),
            1..=limits::ROOM_ID_BYTES => Ok(Self(text.into())),
            _ => Err(RoomIdError::TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_id_names_nothing() {
        assert_eq!(TransportId::parse_or_unknown("'; drop table"), TransportId::UNKNOWN);
        let id = TransportId::from_random(7);
        assert_eq!(TransportId::parse_or_unknown(&id.to_string()), id);
        assert_ne!(id, TransportId::UNKNOWN);
    }

    #[test]
    fn room_ids_are_bounded() {
        assert_eq!(RoomId::new(""), Err(RoomIdError::Empty));
        assert!(RoomId::new(&"a".repeat(limits::ROOM_ID_BYTES)).is_ok());
        assert_eq!(
            RoomId::new(&"a".repeat(limits::ROOM_ID_BYTES + 1)),
            Err(RoomIdError::TooLong)
        );
    }
}
