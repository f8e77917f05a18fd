//! One task per room whose home is this node: takes one input, carries out every effect, sleeps until the next deadline.

use std::sync::Arc;
use std::time::Instant;

use model::{
    EdgeMessage, Epoch, HomeMessage, MediaCommand, MediaError, MediaEvent, Message, NodeId, PeerId, RoomId,
    SeatMessage, WorkerId, limits,
};
use room::{Effect, Room, RoomConfig, SeatDeclined};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::node::Node;
use crate::room_log;

/// What reaches a room.
#[derive(Debug)]
pub(crate) enum RoomInput {
    /// A message of an edge or a seat.
    Message { from: NodeId, message: HomeMessage },
    /// The coordinator's answer to a request for a seat.
    Seat {
        peer: PeerId,
        seat: Result<(NodeId, WorkerId), SeatDeclined>,
    },
}

/// Starts the task of a room that this node has just become home of.
pub(crate) fn spawn(node: &Arc<Node>, room: RoomId, epoch: Epoch) {
    let mailbox = node.homes.open((room.clone(), epoch), limits::ROOM_MAILBOX);
    let config = RoomConfig {
        room: room.clone(),
        node: node.id.clone(),
        epoch,
        limits: Arc::clone(&node.limits),
        seed: uuid::Uuid::new_v4().as_u64_pair().0,
    };
    let span = tracing::info_span!("room", %room);
    let task = RoomTask {
        node: Arc::clone(node),
        id: room,
        epoch,
        room: Room::new(config, Instant::now()),
        closed: false,
    };
    tokio::spawn(task.run(mailbox).instrument(span));
}

struct RoomTask {
    node: Arc<Node>,
    id: RoomId,
    epoch: Epoch,
    room: Room,
    /// The machine is done; only latecomers are told so.
    closed: bool,
}

impl RoomTask {
    async fn run(mut self, mut mailbox: mpsc::Receiver<RoomInput>) {
        let key = (self.id.clone(), self.epoch);
        loop {
            while let Some(effect) = self.room.poll_effect() {
                self.carry_out(effect).await;
            }
            if self.closed && self.node.homes.retire(&key, &mailbox) {
                break;
            }
            tokio::select! {
                input = mailbox.recv() => match input {
                    Some(input) => self.handle(input),
                    None => break,
                },
                () = sleep_until(self.room.poll_timeout()), if !self.closed => self.room.handle_timeout(Instant::now()),
            }
        }
        tracing::info!("Room {} closed (empty)", self.id);
    }

    fn handle(&mut self, input: RoomInput) {
        let now = Instant::now();
        match input {
            RoomInput::Message { from, message } => self.room.handle_message(&from, message, now),
            RoomInput::Seat { peer, seat } => self.room.handle_seat(peer, seat, now),
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::ToEdge { edge, message } => self.to_edge(&edge, message),
            Effect::ToSeat(command) => self.command_seat(command),
            Effect::ChooseSeat { peer } => {
                let answer = self.node.coordinator.choose_seat(peer, self.id.clone(), self.epoch);
                if !answer {
                    self.room.handle_seat(peer, Err(SeatDeclined), Instant::now());
                }
            }
            Effect::Event(event) => room_log::event(&self.id, &event),
            Effect::Close => {
                let purge = self.node.placements.purge(&self.id, self.epoch);
                match tokio::time::timeout(limits::OPEN_TIMEOUT, purge).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "placement not given back"),
                    Err(_) => tracing::warn!("placement not given back in time"),
                }
                self.closed = true;
            }
        }
    }

    /// An edge that misses a message sees the gap in the versions and asks for a snapshot.
    fn to_edge(&self, edge: &NodeId, message: EdgeMessage) {
        room_log::count_refusal(&message);
        self.node.publish(edge, &self.id, self.epoch, Message::Edge(message));
    }

    fn command_seat(&mut self, command: MediaCommand) {
        let (seat, id) = (command.seat.node.clone(), command.id);
        let message = Message::Seat(SeatMessage::Command(Box::new(command)));
        if !self.node.publish(&seat, &self.id, self.epoch, message) {
            let refused = MediaEvent::Result {
                command: id,
                result: Err(MediaError::Busy),
            };
            self.room
                .handle_message(&seat, HomeMessage::Media(refused), Instant::now());
        }
    }
}

/// Sleeps until a state machine's deadline, for ever if it has none.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
