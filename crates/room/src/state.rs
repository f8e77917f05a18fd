//! What the home alone knows of peers and their media. What all may know is in the view; ids are the link between the two.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    CommandId, ConsumerId, Direction, JsonText, Limits, MediaKind, NodeId, PeerId, Produce, ProducerId, PublicId,
    RequestError, Seat, SessionId, TransportId,
};

use crate::Room;

/// A joined peer. Its place in the roster, name, role and mute state are in the view.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) edge: NodeId,
    pub(crate) session: SessionId,
    pub(crate) public_id: PublicId,
    pub(crate) rebuilds: bool,
    pub(crate) rtp_capabilities: Option<JsonText>,
    pub(crate) seat: Option<Seat>,
    pub(crate) transports: BTreeMap<TransportId, Transport>,
    pub(crate) producers: BTreeSet<ProducerId>,
    pub(crate) consumers: BTreeSet<ConsumerId>,
    /// Rows in flight that it asked for.
    pub(crate) commands: BTreeSet<CommandId>,
}

impl Peer {
    /// Its transport of that direction: by id, else the newest one. Those whose opening is in flight do not count.
    pub(crate) fn transport(&self, id: Option<TransportId>, direction: Direction) -> Option<TransportId> {
        let fits = |transport: &Transport| transport.direction == direction && transport.is_open();
        if let Some(id) = id
            && self.transports.get(&id).is_some_and(fits)
        {
            return Some(id);
        }
        let open = self.transports.iter().filter(|(_, transport)| fits(transport));
        open.max_by_key(|(_, transport)| transport.number).map(|(id, _)| *id)
    }
}

/// A WebRTC transport of a peer.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Grows with every transport of the room: the greatest is the newest.
    pub(crate) number: u64,
    pub(crate) direction: Direction,
    pub(crate) state: TransportState,
}

/// How far a transport is.
#[derive(Debug)]
pub(crate) enum TransportState {
    Opening,
    Open,
    Connecting {
        command: CommandId,
        dtls_parameters: JsonText,
    },
    Connected {
        dtls_parameters: JsonText,
    },
}

impl Transport {
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, TransportState::Opening)
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, TransportState::Connected { .. })
    }
}

/// A producer; in the view once it is open.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) peer: PeerId,
    pub(crate) transport: TransportId,
    pub(crate) made_of: Produce,
    /// Its command while that is in flight.
    pub(crate) opening: Option<CommandId>,
    pub(crate) consumers: BTreeSet<ConsumerId>,
    pub(crate) score: Option<u8>,
    /// The newest pause or resume that was sent.
    pub(crate) pause_sent: Option<CommandId>,
    /// The newest pause or resume that the view shows.
    pub(crate) pause_shown: Option<CommandId>,
}

/// A consumer. It starts paused.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) peer: PeerId,
    pub(crate) producer: ProducerId,
    pub(crate) kind: MediaKind,
    /// Its command while that is in flight.
    pub(crate) opening: Option<CommandId>,
    pub(crate) paused: bool,
    pub(crate) score: Option<u8>,
}

impl Room {
    pub(crate) fn is_registered(&self, edge: &NodeId, session: SessionId, peer: PeerId) -> bool {
        let peer = self.peers.get(&peer);
        peer.is_some_and(|peer| peer.edge == *edge && peer.session == session)
    }

    pub(crate) fn peer(&self, peer: PeerId) -> Result<&Peer, RequestError> {
        self.peers.get(&peer).ok_or(RequestError::NotJoined)
    }

    pub(crate) fn peer_mut(&mut self, peer: PeerId) -> Result<&mut Peer, RequestError> {
        self.peers.get_mut(&peer).ok_or(RequestError::NotJoined)
    }

    /// Checks that the producer is open and the peer's own.
    pub(crate) fn own_producer(&self, peer: PeerId, producer: ProducerId) -> Result<&Producer, RequestError> {
        let own = self.producers.get(&producer);
        own.filter(|producer| producer.peer == peer && producer.opening.is_none())
            .ok_or(RequestError::ProducerNotFound)
    }

    /// Checks that the consumer is open and the peer's own.
    pub(crate) fn own_consumer(&self, peer: PeerId, consumer: ConsumerId) -> Result<&Consumer, RequestError> {
        let own = self.consumers.get(&consumer);
        own.filter(|consumer| consumer.peer == peer && consumer.opening.is_none())
            .ok_or(RequestError::ConsumerNotFound)
    }

    /// Checks that the transport is open and the peer's own.
    pub(crate) fn own_transport(&self, peer: PeerId, transport: TransportId) -> Result<&Transport, RequestError> {
        let own = self.peer(peer)?.transports.get(&transport);
        own.filter(|transport| transport.is_open())
            .ok_or(RequestError::TransportNotFound)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

/// Refuses what would be one more than `limit`, which is the field of [`Limits`] called `name`.
pub(crate) fn within(limit: usize, name: &str, used: usize) -> Result<(), RequestError> {
    if used < limit {
        return Ok(());
    }
    Err(RequestError::LimitReached {
        limit: name.to_owned(),
        value: u64::try_from(limit).unwrap_or(u64::MAX),
    })
}
