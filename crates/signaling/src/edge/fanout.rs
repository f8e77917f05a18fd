//! From one fact to many sessions: each dialect renders it once, and sessions that get the same frames share them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use model::{PeerId, Removed, RoomView, SessionId, Update};

use super::{Attached, EdgeEffect, EdgeRoom, Standing};
use crate::dialect::{Addressed, Dialect, Extensions};
use crate::{Outbound, SessionMessage};

/// As many frames of one update as are told apart at once: the bits of a [`Choice`].
const FRAMES_AT_ONCE: usize = 64;

/// Which of some frames a session gets, a bit for each.
type Choice = u64;

/// A session that gets something.
struct Listener {
    session: SessionId,
    peer: PeerId,
    extensions: Extensions,
}

impl EdgeRoom {
    /// Tells an update to those whose peer is, or was before it, in the room, and has been welcomed.
    pub(super) fn tell(&mut self, view: &RoomView, update: &Update, removed: &Removed, also: impl Fn(PeerId) -> bool) {
        let left = removed.peer.as_ref().map(|peer| peer.id);
        let listeners = self.listeners(|attached| {
            let peer = attached.peer;
            attached.standing == Standing::Joined
                && (view.peers.contains_key(&peer) || left == Some(peer))
                && also(peer)
        });
        for (dialect, listeners) in listeners {
            let rendered = dialect.render_update(view, update, removed);
            for frames in rendered.chunks(FRAMES_AT_ONCE) {
                self.distribute(frames, &listeners);
            }
        }
    }

    /// Sends the list of peers to everybody in the room.
    pub(super) fn send_rosters(&mut self, now: Instant) {
        self.roster.was_sent(now);
        if let Some(view) = self.view.clone() {
            self.send_roster_to(&view, |_| true);
        }
    }

    /// Sends the list of peers to some of those in the room.
    pub(super) fn send_roster_to(&mut self, view: &RoomView, to: impl Fn(&Attached) -> bool) {
        let listeners = self.listeners(|attached| view.peers.contains_key(&attached.peer) && to(attached));
        for (dialect, listeners) in listeners {
            if let Some(roster) = dialect.render_roster(view) {
                let sessions = listeners.iter().map(|listener| listener.session).collect();
                self.send_frames(sessions, Arc::new([roster]));
            }
        }
    }

    fn listeners(&self, wanted: impl Fn(&Attached) -> bool) -> Vec<(&'static dyn Dialect, Vec<Listener>)> {
        let mut dialects: Vec<(&'static dyn Dialect, Vec<Listener>)> = Vec::new();
        for (&session, attached) in self.sessions.iter().filter(|(_, attached)| wanted(attached)) {
            let listener = Listener {
                session,
                peer: attached.peer,
                extensions: attached.audience.extensions,
            };
            let dialect = attached.audience.dialect;
            match dialects.iter_mut().find(|(known, _)| known.name() == dialect.name()) {
                Some((_, listeners)) => listeners.push(listener),
                None => dialects.push((dialect, vec![listener])),
            }
        }
        dialects
    }

    fn distribute(&mut self, frames: &[Addressed], listeners: &[Listener]) {
        let mut by_choice: BTreeMap<Choice, Vec<SessionId>> = BTreeMap::new();
        for listener in listeners {
            let choice = frames.iter().enumerate().fold(0, |choice, (bit, frame)| {
                choice | Choice::from(frame.reaches(listener.peer, listener.extensions)) << bit
            });
            if choice != 0 {
                by_choice.entry(choice).or_default().push(listener.session);
            }
        }
        for (choice, sessions) in by_choice {
            let chosen = frames.iter().enumerate().filter(|(bit, _)| choice & 1 << bit != 0);
            self.send_frames(sessions, chosen.map(|(_, frame)| frame.frame.clone()).collect());
        }
    }

    fn send_frames(&mut self, sessions: Vec<SessionId>, frames: Arc<[Outbound]>) {
        let message = SessionMessage::Frames {
            room: self.room.clone(),
            frames,
        };
        self.effects.push_back(EdgeEffect::ToSessions { sessions, message });
    }
}
