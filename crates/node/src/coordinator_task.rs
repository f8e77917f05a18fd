//! The one task that owns the [`Coordinator`]: brings it the facts of this node's workers and sends its choices on.

use std::sync::Arc;

use coordinator::Coordinator;
use media::Media;
use model::{Epoch, NodeId, PeerId, RoomId, limits};
use room::SeatDeclined;
use tokio::sync::mpsc;

use crate::node::Node;
use crate::room_task::RoomInput;

/// A room needs a seat for its media.
#[derive(Debug)]
pub(crate) struct SeatRequest {
    peer: PeerId,
    room: RoomId,
    epoch: Epoch,
}

/// How rooms reach the coordinator.
#[derive(Clone)]
pub(crate) struct CoordinatorHandle {
    requests: mpsc::Sender<SeatRequest>,
}

impl CoordinatorHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<SeatRequest>) {
        let (requests, mailbox) = mpsc::channel(limits::SEAT_REQUESTS);
        (Self { requests }, mailbox)
    }

    /// Asks for a seat; the answer comes as [`RoomInput::Seat`]. False: too many ask.
    pub(crate) fn choose_seat(&self, peer: PeerId, room: RoomId, epoch: Epoch) -> bool {
        self.requests.try_send(SeatRequest { peer, room, epoch }).is_ok()
    }
}

/// Answers requests until the node ends.
pub(crate) async fn run(node: Arc<Node>, mut requests: mpsc::Receiver<SeatRequest>) {
    let mut coordinator = Coordinator::default();
    while let Some(SeatRequest { peer, room, epoch }) = requests.recv().await {
        let seat = choose(&mut coordinator, &node.media, &node.id);
        let key = (room, epoch);
        // A room that is gone by now needs no seat.
        if node.homes.send(&key, RoomInput::Seat { peer, seat }, 0).is_err() {
            tracing::debug!(room = %key.0, "nobody waits for the seat any more");
        }
    }
}

fn choose(
    coordinator: &mut Coordinator,
    media: &Media,
    node: &NodeId,
) -> Result<(NodeId, model::WorkerId), SeatDeclined> {
    let samples = media
        .workers()
        .into_iter()
        .map(|sample| (sample.worker, sample.cpu, sample.routers));
    coordinator.handle_workers(samples);
    coordinator
        .choose_worker()
        .map(|worker| (node.clone(), worker))
        .ok_or(SeatDeclined)
}
