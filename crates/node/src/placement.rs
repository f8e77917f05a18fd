//! Finding or opening a room's home. On one node the only candidate is this node; the decision is the placement store's all the same.

use std::sync::Arc;

use model::{Epoch, NodeId, RequestError, RoomId, limits};

use crate::http::metrics;
use crate::node::Node;
use crate::room_task;

/// The room's home and its epoch; opens the room if it has none and that is allowed.
///
/// # Errors
/// [`RequestError::RoomNotFound`], [`RequestError::ClusterFull`], [`RequestError::Closing`] or [`RequestError::TimedOut`].
pub(crate) async fn find_or_open(
    node: &Arc<Node>,
    room: &RoomId,
    must_exist: bool,
) -> Result<(NodeId, Epoch), RequestError> {
    let deciding = decide(node, room, must_exist);
    tokio::time::timeout(limits::OPEN_TIMEOUT, deciding)
        .await
        .unwrap_or(Err(RequestError::TimedOut))
}

async fn decide(node: &Arc<Node>, room: &RoomId, must_exist: bool) -> Result<(NodeId, Epoch), RequestError> {
    let known = node.placements.read(room).await.map_err(|_| RequestError::TimedOut)?;
    if let Some(placement) = known {
        return Ok((placement.home, placement.epoch));
    }
    if must_exist || !node.auto_rooms {
        return Err(RequestError::RoomNotFound);
    }
    if node.is_closing() {
        return Err(RequestError::Closing);
    }
    if node.homes.len() >= node.limits.rooms_per_node {
        metrics::limit_hit("rooms_per_node");
        return Err(RequestError::ClusterFull);
    }
    let opened = node.placements.open(room, &node.id, node.boot, None).await;
    let placement = opened.map_err(|_| RequestError::TimedOut)?;
    if placement.home == node.id
        && placement.boot == node.boot
        && node.homes.get(&(room.clone(), placement.epoch)).is_none()
    {
        room_task::spawn(node, room.clone(), placement.epoch);
    }
    Ok((placement.home, placement.epoch))
}
