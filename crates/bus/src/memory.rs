//! Bus and placements inside one process. A single node uses nothing else; the cluster's tests join several nodes with it.
//! Nothing is retransmitted, as on a real bus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::{BootId, Envelope, Epoch, NodeId, RoomId, limits};
use tokio::sync::mpsc;

use crate::{Bus, Delivery, Placement, PlacementError, Placements, PublishError};

/// Where all nodes of one process meet.
#[derive(Clone, Default)]
pub struct Hub {
    nodes: Arc<Mutex<BTreeMap<NodeId, mpsc::Sender<Delivery>>>>,
}

impl Hub {
    /// Joins a node. A node that joins again replaces its former self.
    #[must_use]
    pub fn join(&self, node: NodeId) -> MemoryBus {
        let (sender, receiver) = mpsc::channel(limits::BUS_QUEUE);
        lock(&self.nodes).insert(node.clone(), sender);
        MemoryBus {
            hub: self.clone(),
            node,
            receiver: Mutex::new(Some(receiver)),
        }
    }

    /// Takes a node off, as its death would.
    pub fn leave(&self, node: &NodeId) {
        lock(&self.nodes).remove(node);
    }
}

/// One node's end of a [`Hub`].
pub struct MemoryBus {
    hub: Hub,
    node: NodeId,
    receiver: Mutex<Option<mpsc::Receiver<Delivery>>>,
}

impl Bus for MemoryBus {
    fn publish(&self, to: &NodeId, envelope: Envelope) -> Result<(), PublishError> {
        let delivery = Delivery {
            from: self.node.clone(),
            envelope,
        };
        let nodes = lock(&self.hub.nodes);
        let receiver = nodes.get(to).ok_or(PublishError::NoResponders)?;
        receiver.try_send(delivery).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::NoResponders,
        })
    }

    fn subscribe(&self) -> Option<mpsc::Receiver<Delivery>> {
        lock(&self.receiver).take()
    }
}

/// Placements of one process.
pub struct MemoryPlacements {
    store: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sequence: u64,
    homes: BTreeMap<RoomId, Placement>,
}

impl MemoryPlacements {
    /// An empty store; `created` (milliseconds since the Unix epoch) is the first part of all its epochs.
    #[must_use]
    pub fn new(created: u64) -> Self {
        Self {
            store: created,
            state: Mutex::default(),
        }
    }
}

#[async_trait]
impl Placements for MemoryPlacements {
    async fn open(
        &self,
        room: &RoomId,
        candidate: &NodeId,
        boot: BootId,
        expected: Option<Epoch>,
    ) -> Result<Placement, PlacementError> {
        let mut state = lock(&self.state);
        if let Some(current) = state.homes.get(room)
            && Some(current.epoch) != expected
        {
            return Ok(current.clone());
        }
        state.sequence += 1;
        let epoch = Epoch {
            store: self.store,
            sequence: state.sequence,
        };
        let placement = Placement {
            home: candidate.clone(),
            boot,
            epoch,
        };
        state.homes.insert(room.clone(), placement.clone());
        Ok(placement)
    }

    async fn read(&self, room: &RoomId) -> Result<Option<Placement>, PlacementError> {
        Ok(lock(&self.state).homes.get(room).cloned())
    }

    async fn purge(&self, room: &RoomId, epoch: Epoch) -> Result<(), PlacementError> {
        let mut state = lock(&self.state);
        if state.homes.get(room).is_some_and(|placement| placement.epoch == epoch) {
            state.homes.remove(room);
        }
        Ok(())
    }
}

/// A panic elsewhere while the lock was held leaves these maps whole: each change is one insert or remove.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use model::{HomeMessage, Message};

    use super::*;

    fn envelope(room: &str) -> Envelope {
        Envelope {
            room: RoomId::new(room).unwrap(),
            epoch: Epoch::default(),
            message: Message::Home(HomeMessage::SnapshotRequest),
        }
    }

    #[tokio::test]
    async fn messages_arrive_in_the_order_they_were_sent() {
        let hub = Hub::default();
        let (a, b) = (hub.join(NodeId::new("a")), hub.join(NodeId::new("b")));
        let mut inbox = b.subscribe().unwrap();
        assert!(b.subscribe().is_none(), "one subscriber");
        for room in ["1", "2", "3"] {
            a.publish(&NodeId::new("b"), envelope(room)).unwrap();
        }
        for room in ["1", "2", "3"] {
            let delivery = inbox.recv().await.unwrap();
            assert_eq!((delivery.from, delivery.envelope), (NodeId::new("a"), envelope(room)));
        }
    }

    #[tokio::test]
    async fn a_full_or_missing_receiver_is_said_at_once() {
        let hub = Hub::default();
        let bus = hub.join(NodeId::new("a"));
        let to = NodeId::new("a");
        for _ in 0..limits::BUS_QUEUE {
            bus.publish(&to, envelope("r")).unwrap();
        }
        assert_eq!(bus.publish(&to, envelope("r")), Err(PublishError::Full));
        hub.leave(&to);
        assert_eq!(bus.publish(&to, envelope("r")), Err(PublishError::NoResponders));
    }

    #[tokio::test]
    async fn only_one_of_two_first_joiners_opens_a_room() {
        let placements = MemoryPlacements::new(5);
        let room = RoomId::new("r").unwrap();
        let won = placements
            .open(&room, &NodeId::new("a"), BootId(1), None)
            .await
            .unwrap();
        let lost = placements
            .open(&room, &NodeId::new("b"), BootId(2), None)
            .await
            .unwrap();
        assert_eq!(won, lost, "the second is told who won");
        let taken = placements
            .open(&room, &NodeId::new("b"), BootId(2), Some(won.epoch))
            .await
            .unwrap();
        assert_eq!(taken.home, NodeId::new("b"));
        assert!(won.epoch.is_stale(taken.epoch));
    }

    #[tokio::test]
    async fn a_replaced_home_cannot_purge_and_epochs_grow_across_deletes() {
        let placements = MemoryPlacements::new(5);
        let (room, node) = (RoomId::new("r").unwrap(), NodeId::new("a"));
        let first = placements.open(&room, &node, BootId(1), None).await.unwrap();
        let second = placements
            .open(&room, &node, BootId(1), Some(first.epoch))
            .await
            .unwrap();
        placements.purge(&room, first.epoch).await.unwrap();
        assert_eq!(placements.read(&room).await.unwrap(), Some(second.clone()));
        placements.purge(&room, second.epoch).await.unwrap();
        assert_eq!(placements.read(&room).await.unwrap(), None);
        let third = placements.open(&room, &node, BootId(1), None).await.unwrap();
        assert!(second.epoch < third.epoch);
    }
}
