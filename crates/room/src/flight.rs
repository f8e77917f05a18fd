//! Media commands in flight. Each request that needs media is a row with a deadline; its result, its deadline, the end of its
//! peer or of its seat finishes it, whichever is first, and answers all who asked. Later results find no row and are ignored.

use std::time::Instant;

use model::{
    CommandId, ConsumerId, Direction, MediaAction, MediaCommand, MediaError, MediaObject, MediaReply, NodeId, PeerId,
    ProducerId, Reply, RequestError, RequestId, SessionId, TransportId, limits,
};

use crate::{Effect, Room};

/// Whom a reply goes to.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) edge: NodeId,
    pub(crate) session: SessionId,
    pub(crate) request: RequestId,
}

/// One command in flight, or one that waits for its seat.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) peer: PeerId,
    pub(crate) what: What,
    pub(crate) deadline: Instant,
    /// Who is answered: the request, and repeats of it that came meanwhile.
    askers: Vec<Asker>,
}

#[cfg(test)]
impl Row {
    /// How many requests wait for it.
    pub(crate) fn askers(&self) -> usize {
        self.askers.len()
    }
}

/// What a command in flight is about; the file of the command says what its answer means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    OpenTransport {
        transport: TransportId,
        direction: Direction,
    },
    ConnectTransport(TransportId),
    OpenProducer(ProducerId),
    PauseProducer {
        producer: ProducerId,
        paused: bool,
    },
    OpenConsumer(ConsumerId),
    PauseConsumer {
        consumer: ConsumerId,
        paused: bool,
    },
    AskConsumer,
    GetStats(MediaObject),
}

impl What {
    /// What the client is told when the seat does not have the object.
    fn not_found(self) -> Option<RequestError> {
        match self {
            Self::OpenTransport { .. } => None,
            Self::ConnectTransport(_) | Self::GetStats(MediaObject::Transport(_)) => {
                Some(RequestError::TransportNotFound)
            }
            Self::OpenProducer(_) => Some(RequestError::SendTransportNotFound),
            Self::PauseProducer { .. } | Self::OpenConsumer(_) | Self::GetStats(MediaObject::Producer(_)) => {
                Some(RequestError::ProducerNotFound)
            }
            Self::PauseConsumer { .. } | Self::AskConsumer | Self::GetStats(MediaObject::Consumer(_)) => {
                Some(RequestError::ConsumerNotFound)
            }
        }
    }

    fn error(self, error: MediaError) -> RequestError {
        match (error, self.not_found()) {
            (MediaError::NotFound(_), Some(not_found)) => not_found,
            (error, _) => error.into(),
        }
    }
}

/// What a room makes of an answer that does not fit its command.
pub(crate) fn unexpected() -> RequestError {
    RequestError::Media(MediaError::Worker("the answer does not fit the command".to_owned()))
}

impl Room {
    /// Refuses a request that would be one too many in flight. Asked before anything is changed.
    pub(crate) fn check_flight(&self) -> Result<(), RequestError> {
        if self.asking < limits::COMMANDS_IN_FLIGHT {
            Ok(())
        } else {
            Err(RequestError::Busy)
        }
    }

    /// Makes the row of a request; [`Self::send`] sends its command.
    pub(crate) fn begin(&mut self, asker: &Asker, peer: PeerId, what: What) -> CommandId {
        let command = self.next_command();
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.commands.insert(command);
        }
        self.asking += 1;
        let row = Row {
            peer,
            what,
            deadline: self.now + limits::MEDIA_COMMAND_TIMEOUT,
            askers: vec![asker.clone()],
        };
        self.rows.insert(command, row);
        command
    }

    /// Lets a repeated request have the answer of the one in flight.
    pub(crate) fn join_row(&mut self, asker: &Asker, command: CommandId) -> Result<(), RequestError> {
        self.check_flight()?;
        let row = self.rows.get_mut(&command).ok_or(RequestError::Busy)?;
        row.askers.push(asker.clone());
        self.asking += 1;
        Ok(())
    }

    /// Sends a command to the peer's seat; a peer without one has nothing there.
    pub(crate) fn send(&mut self, id: CommandId, peer: PeerId, action: MediaAction) {
        if let Some(seat) = self.peers.get(&peer).and_then(|peer| peer.seat.clone()) {
            self.effects.push_back(Effect::ToSeat(MediaCommand {
                seat,
                epoch: self.config.epoch,
                id,
                peer,
                action,
            }));
        }
    }

    /// Sends a command whose result does not matter.
    pub(crate) fn order(&mut self, peer: PeerId, action: MediaAction) -> CommandId {
        let command = self.next_command();
        self.send(command, peer, action);
        command
    }

    pub(crate) fn next_command(&mut self) -> CommandId {
        self.command += 1;
        CommandId(self.command)
    }

    /// Takes the result of a command; a late, doubled or unknown one finds no row. A seat that says of itself that it is lost
    /// may never have had the router that would report so.
    pub(crate) fn handle_result(&mut self, command: CommandId, result: Result<MediaReply, MediaError>) {
        let Some(row) = self.rows.get(&command) else {
            return;
        };
        let (peer, what) = (row.peer, row.what);
        if result == Err(MediaError::SeatLost)
            && let Some(seat) = self.peers.get(&peer).and_then(|peer| peer.seat.as_ref())
        {
            return self.seat_lost(seat.router);
        }
        self.finish(command, result.map_err(|error| what.error(error)));
    }

    /// Ends a row and answers all who asked: the only way out for a request in flight.
    pub(crate) fn finish(&mut self, command: CommandId, result: Result<MediaReply, RequestError>) {
        let Some(row) = self.rows.remove(&command) else {
            return;
        };
        self.asking -= row.askers.len();
        if let Some(peer) = self.peers.get_mut(&row.peer) {
            peer.commands.remove(&command);
        }
        let answer = match row.what {
            What::OpenTransport { transport, direction } => {
                self.transport_opened(row.peer, transport, direction, result)
            }
            What::ConnectTransport(transport) => self.transport_connected(row.peer, transport, result),
            What::OpenProducer(producer) => self.producer_opened(row.peer, producer, result),
            What::PauseProducer { producer, paused } => self.producer_paused(command, producer, paused, result),
            What::OpenConsumer(consumer) => self.consumer_opened(row.peer, consumer, result),
            What::PauseConsumer { consumer, paused } => self.consumer_paused(consumer, paused, result),
            What::AskConsumer => result.map(|_| Reply::Done),
            What::GetStats(_) => Self::stats_answered(result),
        };
        for asker in &row.askers {
            self.reply(asker, answer.clone());
        }
    }

    /// Ends all rows of a peer.
    pub(crate) fn finish_all(&mut self, peer: PeerId, error: &RequestError) {
        let Some(peer) = self.peers.get_mut(&peer) else {
            return;
        };
        for command in std::mem::take(&mut peer.commands) {
            self.finish(command, Err(error.clone()));
        }
    }

    /// Rows are numbered as they are made and all have the same time: the first is due first.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.rows.first_key_value().map(|(_, row)| row.deadline)
    }

    pub(crate) fn expire_rows(&mut self) {
        while let Some((&command, row)) = self.rows.first_key_value()
            && row.deadline <= self.now
        {
            self.finish(command, Err(RequestError::TimedOut));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::*;

    use crate::tests::{Stage, audio, camera, good};

    #[test]
    fn what_missed_its_deadline_is_closed_and_its_late_result_ignored() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let producer = stage.producer(&ann, audio());
        let requests = [
            stage.ask(&ann, Request::OpenTransport(Direction::Send)),
            stage.ask(&ann, Request::Produce(Box::new(camera()))),
            stage.ask(&bob, Stage::consume(producer)),
        ];
        let opens = std::mem::take(&mut stage.commands);
        stage.later(limits::MEDIA_COMMAND_TIMEOUT - Duration::from_millis(1));
        assert!(stage.commands.is_empty());
        stage.later(Duration::from_millis(1));
        assert!(
            requests
                .iter()
                .all(|request| stage.reply(*request) == Err(RequestError::TimedOut))
        );
        assert!(matches!(
            stage.actions()[..],
            [
                MediaAction::CloseTransport(_),
                MediaAction::CloseProducer(_),
                MediaAction::CloseConsumer(_)
            ]
        ));
        let version = stage.room.view().version;
        for command in opens {
            stage.answer(&command, Ok(good(&command.action)));
        }
        assert!(requests.iter().all(|request| stage.replies(*request).len() == 1));
        assert_eq!(stage.room.view().version, version);
    }

    #[test]
    fn requests_in_flight_are_bounded() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let transport = stage.transport(&ann, Direction::Send);
        let stats = Request::GetStats(MediaObject::Transport(transport));
        stage.ask(&ann, Request::Produce(Box::new(audio())));
        for _ in 1..limits::COMMANDS_IN_FLIGHT {
            stage.ask(&ann, stats.clone());
        }
        for request in [
            stats.clone(),
            Request::Produce(Box::new(audio())),
            Request::OpenTransport(Direction::Send),
        ] {
            let refused = stage.ask(&ann, request);
            assert_eq!(stage.reply(refused), Err(RequestError::Busy));
        }
        let still = stage.ask(&bob, Request::Leave);
        assert_eq!(stage.reply(still), Ok(Reply::Done));
        stage.later(limits::MEDIA_COMMAND_TIMEOUT);
        assert_eq!(stage.room.asking, 0);
        assert_eq!(stage.done(&ann, stats), Ok(Reply::Stats(crate::tests::rtp("[]"))));
    }

    #[test]
    fn what_the_seat_does_not_have_is_named() {
        let mut stage = Stage::new();
        let ann = stage.join_with_transports("e1");
        let producer = stage.producer(&ann, audio());
        let request = stage.ask(&ann, Request::GetStats(MediaObject::Producer(producer)));
        let command = stage.commands[0].clone();
        stage.answer(&command, Err(MediaError::NotFound("producer".to_owned())));
        assert_eq!(stage.reply(request), Err(RequestError::ProducerNotFound));
    }
}
