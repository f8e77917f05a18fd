//! Transports: opening one (which takes a seat) and connecting it. They end with their peer or their seat.

use model::{Direction, JsonText, MediaAction, MediaReply, PeerId, Reply, RequestError, TransportId, TransportOpened};

use crate::flight::{Asker, What, unexpected};
use crate::state::{Transport, TransportState, within};
use crate::{Handled, Outcome, Room, RoomEvent};

impl Room {
    /// Opens a transport at the peer's seat, or waits with it until there is a seat.
    pub(crate) fn open_transport(&mut self, asker: &Asker, id: PeerId, direction: Direction) -> Outcome {
        self.check_flight()?;
        let used = self.peer(id)?.transports.len();
        within(self.limits().transports_per_peer, "transports_per_peer", used)?;
        let transport = TransportId::from_random(self.random.next_id());
        let number = self.next_number();
        let opening = Transport {
            number,
            direction,
            state: TransportState::Opening,
        };
        self.peer_mut(id)?.transports.insert(transport, opening);
        let command = self.begin(asker, id, What::OpenTransport { transport, direction });
        self.find_seat(id);
        self.send(command, id, MediaAction::OpenTransport { transport, direction });
        Ok(Handled::Later)
    }

    pub(crate) fn transport_opened(
        &mut self,
        id: PeerId,
        transport: TransportId,
        direction: Direction,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        let opened = match result {
            Ok(MediaReply::TransportOpened {
                ice_parameters,
                ice_candidates,
                dtls_parameters,
                sctp_parameters,
            }) => TransportOpened {
                transport,
                direction,
                ice_parameters,
                ice_candidates,
                dtls_parameters,
                sctp_parameters,
            },
            other => {
                if self.peer_mut(id)?.transports.remove(&transport).is_some() {
                    self.order(id, MediaAction::CloseTransport(transport));
                }
                return Err(other.err().unwrap_or_else(unexpected));
            }
        };
        let peer = self.peer_mut(id)?;
        let public_id = peer.public_id.clone();
        let known = peer.transports.get_mut(&transport);
        known.ok_or(RequestError::TransportNotFound)?.state = TransportState::Open;
        self.event(RoomEvent::TransportOpened {
            transport,
            direction,
            public_id,
        });
        Ok(Reply::TransportOpened(Box::new(opened)))
    }

    /// Connects a transport once: the same parameters again are the same request, others are refused.
    pub(crate) fn connect_transport(
        &mut self,
        asker: &Asker,
        id: PeerId,
        transport: TransportId,
        dtls_parameters: JsonText,
    ) -> Outcome {
        match &self.own_transport(id, transport)?.state {
            TransportState::Connected { dtls_parameters: known } if *known == dtls_parameters => {
                return Ok(Handled::Now(Reply::Done));
            }
            TransportState::Connecting {
                command,
                dtls_parameters: known,
            } if *known == dtls_parameters => {
                let command = *command;
                self.join_row(asker, command)?;
                return Ok(Handled::Later);
            }
            TransportState::Connected { .. } | TransportState::Connecting { .. } => {
                let reason = "dtlsParameters: the transport was connected with others";
                return Err(RequestError::Invalid(reason.to_owned()));
            }
            TransportState::Opening | TransportState::Open => {}
        }
        self.check_flight()?;
        let command = self.begin(asker, id, What::ConnectTransport(transport));
        if let Some(known) = self.peer_mut(id)?.transports.get_mut(&transport) {
            known.state = TransportState::Connecting {
                command,
                dtls_parameters: dtls_parameters.clone(),
            };
        }
        let action = MediaAction::ConnectTransport {
            transport,
            dtls_parameters,
        };
        self.send(command, id, action);
        Ok(Handled::Later)
    }

    pub(crate) fn transport_connected(
        &mut self,
        id: PeerId,
        transport: TransportId,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        let peer = self.peer_mut(id)?;
        let public_id = peer.public_id.clone();
        let Some(known) = peer.transports.get_mut(&transport) else {
            return result.map(|_| Reply::Done);
        };
        let direction = known.direction;
        match (std::mem::replace(&mut known.state, TransportState::Open), result) {
            (TransportState::Connecting { dtls_parameters, .. }, Ok(_)) => {
                known.state = TransportState::Connected { dtls_parameters };
                self.event(RoomEvent::TransportConnected {
                    transport,
                    direction,
                    public_id,
                });
                Ok(Reply::Done)
            }
            (_, result) => result.map(|_| Reply::Done),
        }
    }

    /// Ends all transports of a peer and with them, at the seat, all that is on them.
    pub(crate) fn drop_transports_of(&mut self, id: PeerId) {
        let Ok(peer) = self.peer_mut(id) else {
            return;
        };
        for (transport, known) in std::mem::take(&mut peer.transports) {
            self.order(id, MediaAction::CloseTransport(transport));
            if known.is_open() {
                self.event(RoomEvent::TransportClosed {
                    transport,
                    direction: known.direction,
                    connected: known.is_connected(),
                });
            }
        }
    }
}
