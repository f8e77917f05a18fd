//! One room at its home, as a pure state machine.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod effect;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use model::{Epoch, HomeMessage, Limits, NodeId, PeerId, RoomId, RoomView, WorkerId};

pub use effect::{Effect, RoomEvent, SeatDeclined};

/// What a room is made of.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// The room.
    pub room: RoomId,
    /// This node: the room's home.
    pub node: NodeId,
    /// The fencing number of this home.
    pub epoch: Epoch,
    /// The operator's bounds.
    pub limits: Arc<Limits>,
    /// Where the ids of transports, producers, consumers and routers come from.
    pub seed: u64,
}

/// The state of one room.
#[derive(Debug)]
pub struct Room {
    view: RoomView,
    effects: VecDeque<Effect>,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(config: RoomConfig, _now: Instant) -> Self {
        Self {
            view: RoomView::new(config.room, config.node, config.epoch),
            effects: VecDeque::new(),
        }
    }

    /// Takes one message of an edge or a seat.
    pub fn handle_message(&mut self, _from: &NodeId, _message: HomeMessage, _now: Instant) {}

    /// Takes the answer to [`Effect::ChooseSeat`].
    pub fn handle_seat(&mut self, _peer: PeerId, _seat: Result<(NodeId, WorkerId), SeatDeclined>, _now: Instant) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Self::handle_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What clients may be told.
    #[must_use]
    pub fn view(&self) -> &RoomView {
        &self.view
    }
}
