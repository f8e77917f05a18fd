//! The node's end of the bus: every message that arrives goes to the mailbox of the task that owns its room, in the order of arrival.
//! And the other way: what the media side reports goes to the homes.

use std::sync::Arc;

use bus::Delivery;
use media::SeatReport;
use model::{
    EdgeMessage, Envelope, Epoch, HomeMessage, MediaEvent, Message, NodeId, Request, RequestError, RoomId, SeatMessage,
    limits,
};
use tokio::sync::mpsc;

use crate::edge_task::EdgeInput;
use crate::http::metrics;
use crate::mailbox::SendError;
use crate::node::Node;
use crate::room_task::RoomInput;

/// Places of a room's mailbox that requests leave free: closed sockets and media results may not be refused.
const KEPT_FOR_CLOSES: usize = limits::ROOM_MAILBOX / 4;

/// Delivers what arrives until the bus closes.
pub(crate) async fn run(node: Arc<Node>, mut deliveries: mpsc::Receiver<Delivery>) {
    while let Some(Delivery { from, envelope }) = deliveries.recv().await {
        let Envelope { room, epoch, message } = envelope;
        match message {
            Message::Home(message) => to_home(&node, from, room, epoch, message),
            Message::Edge(message) => {
                if node.edges.send(&room, EdgeInput::Message { epoch, message }, 0) == Err(SendError::Full) {
                    tracing::warn!(%room, "edge does not keep up: it will ask for a snapshot");
                }
            }
            Message::Seat(SeatMessage::Command(command)) => node.media.handle_command(from, room, *command),
        }
    }
}

/// Carries what seats of this node report to the homes of their rooms.
pub(crate) async fn run_seat_reports(node: Arc<Node>, mut reports: mpsc::Receiver<SeatReport>) {
    while let Some(SeatReport {
        home,
        room,
        epoch,
        event,
    }) = reports.recv().await
    {
        node.publish(&home, &room, epoch, Message::Home(HomeMessage::Media(event)));
    }
}

fn to_home(node: &Arc<Node>, from: NodeId, room: RoomId, epoch: Epoch, message: HomeMessage) {
    let asked = match &message {
        HomeMessage::Request { session, request, .. } => Some((*session, *request)),
        _ => None,
    };
    let may_be_refused = may_be_refused(&message);
    let reserve = if may_be_refused { KEPT_FOR_CLOSES } else { 0 };
    let key = (room, epoch);
    let sent = node.homes.send(
        &key,
        RoomInput::Message {
            from: from.clone(),
            message,
        },
        reserve,
    );
    let (room, _) = key;
    let answer = match (sent, asked) {
        (Ok(()), _) | (Err(SendError::Nobody), None) => return,
        (Err(SendError::Nobody), Some((session, request))) => EdgeMessage::NotHome { session, request },
        (Err(SendError::Full), Some((session, request))) => {
            metrics::limit_hit("room_mailbox");
            EdgeMessage::Reply {
                session,
                request,
                result: Err(RequestError::Busy),
            }
        }
        (Err(SendError::Full), None) => {
            metrics::limit_hit("room_mailbox");
            if !may_be_refused {
                tracing::error!(%room, "room does not keep up: a report was lost");
            }
            return;
        }
    };
    node.publish(&from, &room, epoch, Message::Edge(answer));
}

/// A request may be answered with "busy", and a level or score is replaced by the next; the end of a peer and the result of a
/// command may not be lost.
pub(crate) fn may_be_refused(message: &HomeMessage) -> bool {
    match message {
        HomeMessage::Request { body, .. } => *body != Request::Leave,
        HomeMessage::Media(event) => !matches!(event, MediaEvent::Result { .. } | MediaEvent::SeatLost { .. }),
        HomeMessage::SessionClosed { .. } | HomeMessage::SnapshotRequest => false,
    }
}
