//! When full lists of peers are sent: to a newcomer at once, to others at once in small rooms, joined together in large ones.

use std::time::{Duration, Instant};

use model::{RoomView, Update, limits};

use super::EdgeRoom;

/// When lists were sent to all, and when they have to be sent next.
#[derive(Debug, Default)]
pub(super) struct RosterClock {
    sent: Option<Instant>,
    due: Option<Instant>,
}

impl RosterClock {
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn was_sent(&mut self, now: Instant) {
        self.sent = Some(now);
        self.due = None;
    }

    /// When a room of so many peers may hear of a change that happened now.
    fn next(&self, peers: usize, now: Instant) -> Instant {
        let each = limits::ROSTER_INTERVAL_PER_PEER.saturating_mul(u32::try_from(peers).unwrap_or(u32::MAX));
        let interval = match peers {
            0..limits::ROSTER_AT_ONCE_PEERS => Duration::ZERO,
            _ => limits::ROSTER_INTERVAL.max(each),
        };
        self.sent.map_or(now, |sent| now.max(sent + interval))
    }
}

impl EdgeRoom {
    /// Sends the lists that an update of the roster makes old, or sees to it that they are sent soon.
    pub(super) fn keep_rosters(&mut self, view: &RoomView, update: &Update, now: Instant) {
        let next = self.roster.next(view.peers.len(), now);
        if next <= now {
            return self.send_rosters(now);
        }
        self.roster.due.get_or_insert(next);
        if let Update::PeerJoined(newcomer) = update {
            self.send_roster_to(view, |attached| attached.peer == newcomer.id);
        }
    }
}
