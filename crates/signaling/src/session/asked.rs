//! Rooms whose capabilities a session asked for: joining one of them makes it, joining another needs it to exist.

use std::collections::BTreeMap;
use std::time::Instant;

use model::{RoomId, limits};

/// At most [`limits::ASKED_ROOMS_PER_SESSION`] rooms, each for [`limits::ASKED_ROOM_KEPT`]; the oldest makes way.
#[derive(Debug, Default)]
pub(super) struct AskedRooms {
    rooms: BTreeMap<RoomId, Instant>,
}

impl AskedRooms {
    pub(super) fn insert(&mut self, room: RoomId, now: Instant) {
        self.rooms.retain(|_, asked| now < *asked + limits::ASKED_ROOM_KEPT);
        self.rooms.insert(room, now);
        if self.rooms.len() > limits::ASKED_ROOMS_PER_SESSION {
            let oldest = self
                .rooms
                .iter()
                .min_by_key(|(_, asked)| **asked)
                .map(|(room, _)| room.clone());
            oldest.map(|room| self.rooms.remove(&room));
        }
    }

    pub(super) fn contains(&self, room: &RoomId, now: Instant) -> bool {
        let asked = self.rooms.get(room);
        asked.is_some_and(|asked| now < *asked + limits::ASKED_ROOM_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_rooms_expire_and_are_bounded() {
        let now = Instant::now();
        let room = |n: usize| RoomId::new(&format!("room {n}")).unwrap();
        let mut asked = AskedRooms::default();
        asked.insert(room(0), now);
        assert!(asked.contains(&room(0), now + limits::ASKED_ROOM_KEPT / 2));
        assert!(!asked.contains(&room(0), now + limits::ASKED_ROOM_KEPT));
        for n in 1..=limits::ASKED_ROOMS_PER_SESSION {
            asked.insert(room(n), now + std::time::Duration::from_secs(1));
        }
        assert_eq!(asked.rooms.len(), limits::ASKED_ROOMS_PER_SESSION);
        assert!(!asked.contains(&room(0), now), "the oldest makes way");
    }
}
