//! What nodes share: an ordered way for messages from one node to another ([`Bus`]) and the decision which node is a room's home
//! ([`Placements`]). Nothing here knows what a message means.
//!
//! [`memory`] is both for one process: a node alone, and the simulator.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod memory;

use async_trait::async_trait;
use model::{BootId, Envelope, Epoch, NodeId, RoomId};
use thiserror::Error;
use tokio::sync::mpsc;

/// A message as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The node that sent it.
    pub from: NodeId,
    /// What it sent.
    pub envelope: Envelope,
}

/// The ordered way of messages between nodes. From one node to another: first sent, first delivered; a message may be lost (the
/// receiver finds out by the version of its view), never doubled.
pub trait Bus: Send + Sync + 'static {
    /// Sends without waiting.
    ///
    /// # Errors
    /// The message was dropped: the way is closed or full, or nobody is there.
    fn publish(&self, to: &NodeId, envelope: Envelope) -> Result<(), PublishError>;

    /// Everything sent to this node, in order; there is one subscriber, the second gets `None`.
    fn subscribe(&self) -> Option<mpsc::Receiver<Delivery>>;
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// No node of this name is there.
    #[error("no such node")]
    NoResponders,
    /// The receiver does not keep up.
    #[error("queue full")]
    Full,
}

/// Who owns a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The home.
    pub home: NodeId,
    /// Which run of it.
    pub boot: BootId,
    /// The fencing number that it won.
    pub epoch: Epoch,
}

/// The decisions room → home. Only a node writes itself as home, by compare-and-set.
#[async_trait]
pub trait Placements: Send + Sync + 'static {
    /// Makes `candidate` the room's home if the room's placement is still the `expected` one (`None`: the room has no home).
    /// Answers who is home now: the candidate with a new epoch, or whoever was faster.
    ///
    /// # Errors
    /// The store gave no answer.
    async fn open(
        &self,
        room: &RoomId,
        candidate: &NodeId,
        boot: BootId,
        expected: Option<Epoch>,
    ) -> Result<Placement, PlacementError>;

    /// The room's home, as far as the store knows; may be a little old.
    ///
    /// # Errors
    /// The store gave no answer.
    async fn read(&self, room: &RoomId) -> Result<Option<Placement>, PlacementError>;

    /// Removes the room's placement if it is still the one of this epoch.
    ///
    /// # Errors
    /// The store gave no answer.
    async fn purge(&self, room: &RoomId, epoch: Epoch) -> Result<(), PlacementError>;
}

/// Why a placement could not be decided or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlacementError {
    /// The store is away; a write may or may not have won.
    #[error("placement store gave no answer")]
    Unavailable,
}
