//! Statistics of what is the peer's own.

use model::{MediaAction, MediaObject, MediaReply, PeerId, Reply, RequestError};

use crate::flight::{Asker, What, unexpected};
use crate::{Handled, Outcome, Room};

impl Room {
    pub(crate) fn get_stats(&mut self, asker: &Asker, peer: PeerId, object: MediaObject) -> Outcome {
        match object {
            MediaObject::Transport(transport) => drop(self.own_transport(peer, transport)?),
            MediaObject::Producer(producer) => drop(self.own_producer(peer, producer)?),
            MediaObject::Consumer(consumer) => drop(self.own_consumer(peer, consumer)?),
        }
        self.check_flight()?;
        let command = self.begin(asker, peer, What::GetStats(object));
        self.send(command, peer, MediaAction::GetStats(object));
        Ok(Handled::Later)
    }

    pub(crate) fn stats_answered(result: Result<MediaReply, RequestError>) -> Result<Reply, RequestError> {
        match result? {
            MediaReply::Stats(stats) => Ok(Reply::Stats(stats)),
            _ => Err(unexpected()),
        }
    }
}
