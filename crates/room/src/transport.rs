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

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, rtp};

    fn connect(transport: TransportId, parameters: &str) -> Request {
        Request::ConnectTransport {
            transport,
            dtls_parameters: rtp(parameters),
        }
    }

    #[test]
    fn connecting_again_with_the_same_parameters_is_done_already() {
        let mut stage = Stage::new();
        let who = stage.join("e1");
        let transport = stage.transport(&who, Direction::Send);
        let first = stage.ask(&who, connect(transport, "dtls"));
        let repeat = stage.ask(&who, connect(transport, "dtls"));
        let other = stage.ask(&who, connect(transport, "other"));
        assert_eq!(stage.commands.len(), 1, "the repeat joins the command in flight");
        assert!(matches!(stage.reply(other), Err(RequestError::Invalid(_))));
        stage.settle();
        assert_eq!(
            [stage.reply(first), stage.reply(repeat)],
            [Ok(Reply::Done), Ok(Reply::Done)]
        );
        let again = stage.ask(&who, connect(transport, "dtls"));
        assert_eq!(stage.reply(again), Ok(Reply::Done));
        assert!(matches!(
            stage.done(&who, connect(transport, "other")),
            Err(RequestError::Invalid(_))
        ));
    }

    #[test]
    fn a_failed_connect_can_be_tried_again() {
        let mut stage = Stage::new();
        let who = stage.join("e1");
        let transport = stage.transport(&who, Direction::Send);
        let failed = stage.ask(&who, connect(transport, "bad"));
        let command = stage.commands[0].clone();
        stage.answer(&command, Err(MediaError::Invalid("fingerprints".to_owned())));
        assert_eq!(
            stage.reply(failed),
            Err(RequestError::Invalid("fingerprints".to_owned()))
        );
        assert_eq!(stage.done(&who, connect(transport, "good")), Ok(Reply::Done));
    }

    #[test]
    fn only_own_open_transports_connect() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join("e1"), stage.join("e1"));
        let transport = stage.transport(&ann, Direction::Send);
        let not_found = Err(RequestError::TransportNotFound);
        assert_eq!(stage.done(&bob, connect(transport, "dtls")), not_found);
        assert_eq!(stage.done(&ann, connect(TransportId::UNKNOWN, "dtls")), not_found);
    }

    #[test]
    fn transports_are_bounded_and_failed_ones_do_not_count() {
        let mut stage = Stage::with_limits(Limits {
            transports_per_peer: 2,
            ..Limits::default()
        });
        let who = stage.join("e1");
        stage.transport(&who, Direction::Send);
        let failed = stage.ask(&who, Request::OpenTransport(Direction::Recv));
        let refused = stage.done(&who, Request::OpenTransport(Direction::Recv));
        assert!(matches!(refused, Err(RequestError::LimitReached { value: 2, .. })));
        stage.settle();
        assert!(stage.reply(failed).is_ok());

        let other = stage.join("e1");
        let failed = stage.ask(&other, Request::OpenTransport(Direction::Recv));
        let command = stage.commands[0].clone();
        stage.answer(&command, Err(MediaError::Worker("no port".to_owned())));
        assert!(matches!(
            stage.reply(failed),
            Err(RequestError::Media(MediaError::Worker(_)))
        ));
        assert!(matches!(stage.actions()[..], [MediaAction::CloseTransport(_)]));
        stage.transport(&other, Direction::Recv);
        stage.transport(&other, Direction::Recv);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_a_failure() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let request = stage.ask(&who, Request::OpenTransport(Direction::Send));
        let command = stage.commands[0].clone();
        stage.answer(&command, Ok(MediaReply::Done));
        assert!(matches!(stage.reply(request), Err(RequestError::Media(_))));
        assert!(matches!(stage.actions()[..], [MediaAction::CloseTransport(_)]));
    }
}
