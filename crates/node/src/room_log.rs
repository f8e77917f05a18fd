//! The lines that operators of such servers look for in a log, and the counters beside them.

use model::{EdgeMessage, RequestError, RoomId, Source};
use room::RoomEvent;

use crate::http::metrics;

/// What a room bounds for each of its peers, by the names in [`model::Limits`].
const PEER_BOUNDS: &[&str] = &["transports_per_peer", "producers_per_peer", "consumers_per_peer"];

/// Logs one fact of a room and counts it.
pub(crate) fn event(room: &RoomId, event: &RoomEvent) {
    count(event);
    match event {
        RoomEvent::PeerJoined { public_id, .. } => {
            tracing::info!(peer = %public_id, "Peer {public_id} joined room {room}")
        }
        RoomEvent::PeerLeft { public_id, reason, .. } => {
            tracing::info!(peer = %public_id, ?reason, "Peer {public_id} left room {room}");
        }
        RoomEvent::RouterOpened { seat } => tracing::debug!(worker = %seat.worker, "router asked for"),
        RoomEvent::RouterClosed { seat } => tracing::debug!(worker = %seat.worker, "router given back"),
        RoomEvent::SeatLost { seat } => tracing::warn!(worker = %seat.worker, node = %seat.node, "seat lost"),
        RoomEvent::TransportOpened {
            direction,
            public_id,
            transport,
        } => {
            tracing::info!(peer = %public_id, %transport, "Created {} transport for {public_id}", direction.as_str());
        }
        RoomEvent::TransportConnected {
            transport, public_id, ..
        } => {
            tracing::info!(peer = %public_id, "Transport {transport} connected");
        }
        RoomEvent::TransportClosed { transport, .. } => tracing::debug!(%transport, "transport closed"),
        RoomEvent::ProducerOpened {
            producer,
            kind,
            source,
            public_id,
        } => {
            let screen = if *source == Source::Screen { " - SCREEN" } else { "" };
            tracing::info!(peer = %public_id, "Producer created: {producer} ({kind}{screen}) for {public_id}");
        }
        RoomEvent::ProducerClosed { producer, reason, .. } => tracing::info!(?reason, "Producer closed: {producer}"),
        RoomEvent::ConsumerOpened {
            consumer,
            producer,
            public_id,
            ..
        } => {
            tracing::info!(peer = %public_id, "Consumer created: {consumer} for producer {producer}");
        }
        RoomEvent::ConsumerResumed { consumer, public_id } => {
            tracing::info!(peer = %public_id, "Consumer resumed: {consumer}");
        }
        RoomEvent::ConsumerClosed { consumer, .. } => tracing::debug!(%consumer, "consumer closed"),
    }
}

fn count(event: &RoomEvent) {
    match event {
        RoomEvent::PeerJoined { .. } => metrics::peers(1),
        RoomEvent::PeerLeft { .. } => metrics::peers(-1),
        RoomEvent::TransportOpened { .. } => metrics::transports("new", 1),
        RoomEvent::TransportConnected { .. } => {
            metrics::transports("new", -1);
            metrics::transports("connected", 1);
        }
        RoomEvent::TransportClosed { connected, .. } => {
            metrics::transports(if *connected { "connected" } else { "new" }, -1);
        }
        RoomEvent::ProducerOpened { kind, .. } => metrics::producers(kind.as_str(), 1),
        RoomEvent::ProducerClosed { kind, .. } => metrics::producers(kind.as_str(), -1),
        RoomEvent::ConsumerOpened { kind, .. } => metrics::consumers(kind.as_str(), 1),
        RoomEvent::ConsumerClosed { kind, .. } => metrics::consumers(kind.as_str(), -1),
        RoomEvent::RouterOpened { .. }
        | RoomEvent::RouterClosed { .. }
        | RoomEvent::SeatLost { .. }
        | RoomEvent::ConsumerResumed { .. } => {}
    }
}

/// Counts an answer that is no because of a bound.
pub(crate) fn count_refusal(message: &EdgeMessage) {
    let EdgeMessage::Reply { result: Err(error), .. } = message else {
        return;
    };
    let bound = match error {
        RequestError::RoomFull => Some("peers_per_room"),
        RequestError::LimitReached { limit, .. } => PEER_BOUNDS.iter().copied().find(|bound| bound == limit),
        _ => None,
    };
    bound.into_iter().for_each(metrics::limit_hit);
}
