//! Rooms that clients of this node asked for and nobody has joined yet: a join may make them. Each expires.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use model::{RoomId, limits};

/// At most [`limits::ASKED_ROOMS_PER_NODE`] rooms, each for [`limits::ASKED_ROOM_KEPT`].
#[derive(Default)]
pub(crate) struct AskedRooms {
    expires: Mutex<BTreeMap<RoomId, Instant>>,
}

impl AskedRooms {
    /// Remembers a room. When there are too many, it is only remembered by the session that asked.
    pub(crate) fn insert(&self, room: RoomId, now: Instant) {
        let mut expires = self.lock();
        if expires.len() >= limits::ASKED_ROOMS_PER_NODE && !expires.contains_key(&room) {
            expires.retain(|_, expires| now < *expires);
            if expires.len() >= limits::ASKED_ROOMS_PER_NODE {
                return;
            }
        }
        expires.insert(room, now + limits::ASKED_ROOM_KEPT);
    }

    /// Whether somebody asked for the room lately; with the join that follows it is no longer a room that nobody has joined.
    pub(crate) fn take(&self, room: &RoomId, now: Instant) -> bool {
        self.lock().remove(room).is_some_and(|expires| now < expires)
    }

    /// Each change is one insert or a retain, so a panic elsewhere leaves the map whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RoomId, Instant>> {
        self.expires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomId {
        RoomId::new(&number.to_string()).unwrap()
    }

    #[test]
    fn rooms_expire_and_never_grow_past_their_bound() {
        let (asked, start) = (AskedRooms::default(), Instant::now());
        for number in 0..limits::ASKED_ROOMS_PER_NODE + 10 {
            asked.insert(room(number), start);
        }
        assert_eq!(asked.lock().len(), limits::ASKED_ROOMS_PER_NODE);
        assert!(asked.take(&room(0), start));
        assert!(!asked.take(&room(0), start), "it has been joined");
        assert!(!asked.take(&room(limits::ASKED_ROOMS_PER_NODE), start));
        let later = start + limits::ASKED_ROOM_KEPT;
        assert!(!asked.take(&room(1), later));
        asked.insert(room(0), start);
        asked.insert(room(1), start);
        asked.insert(room(limits::ASKED_ROOMS_PER_NODE), later);
        assert_eq!(asked.lock().len(), 1, "the expired ones made place");
    }
}
