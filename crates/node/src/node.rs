//! What all tasks of this node share: its name, the way to other nodes, the media side, and where each task's mailbox is.
//! No decisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bus::{Bus, Placements};
use media::Media;
use model::{BootId, Envelope, Epoch, JsonText, Limits, Message, NodeId, RoomId, SessionId};

use crate::asked::AskedRooms;
use crate::coordinator_task::CoordinatorHandle;
use crate::edge_task::EdgeInput;
use crate::mailbox::Mailboxes;
use crate::room_task::RoomInput;
use crate::session_task::SessionInput;

/// One running node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) boot: BootId,
    pub(crate) limits: Arc<Limits>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) placements: Arc<dyn Placements>,
    pub(crate) media: Arc<Media>,
    pub(crate) coordinator: CoordinatorHandle,
    pub(crate) rtp_capabilities: JsonText,
    /// Rooms open by themselves; else only rooms that the configuration or the API made.
    pub(crate) auto_rooms: bool,
    /// Rooms that a join may make.
    pub(crate) asked: AskedRooms,
    /// Sessions of clients that are connected here.
    pub(crate) sessions: Mailboxes<SessionId, SessionInput>,
    /// Rooms as this node's sessions know them.
    pub(crate) edges: Mailboxes<RoomId, EdgeInput>,
    /// Rooms whose home is here. An old home that is closing and a new one may both be there for a moment.
    pub(crate) homes: Mailboxes<(RoomId, Epoch), RoomInput>,
    sessions_made: AtomicU64,
    closing: AtomicBool,
}

/// What a node is made of.
pub(crate) struct Parts {
    pub(crate) id: NodeId,
    pub(crate) boot: BootId,
    pub(crate) limits: Arc<Limits>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) placements: Arc<dyn Placements>,
    pub(crate) media: Arc<Media>,
    pub(crate) coordinator: CoordinatorHandle,
    pub(crate) auto_rooms: bool,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            rtp_capabilities: parts.media.rtp_capabilities(),
            id: parts.id,
            boot: parts.boot,
            limits: parts.limits,
            bus: parts.bus,
            placements: parts.placements,
            media: parts.media,
            coordinator: parts.coordinator,
            auto_rooms: parts.auto_rooms,
            asked: AskedRooms::default(),
            sessions: Mailboxes::new(),
            edges: Mailboxes::new(),
            homes: Mailboxes::new(),
            sessions_made: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        })
    }

    /// The number of a new session.
    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(self.sessions_made.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Sends over the bus; false: the message was dropped.
    pub(crate) fn publish(&self, to: &NodeId, room: &RoomId, epoch: Epoch, message: Message) -> bool {
        let sent = self.bus.publish(
            to,
            Envelope {
                room: room.clone(),
                epoch,
                message,
            },
        );
        if let Err(error) = sent {
            tracing::warn!(%to, %room, %error, "message dropped");
        }
        sent.is_ok()
    }

    /// True once the node takes no new sockets and no new rooms.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}
