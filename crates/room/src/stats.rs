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

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, camera, rtp};

    #[test]
    fn of_own_objects_only() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e1"));
        let transport = stage.transport(&ann, Direction::Send);
        let producer = stage.producer(&ann, camera());
        let consumer = stage.consumer(&bob, producer);
        for (owner, other, object, error) in [
            (
                &ann,
                &bob,
                MediaObject::Transport(transport),
                RequestError::TransportNotFound,
            ),
            (
                &ann,
                &bob,
                MediaObject::Producer(producer),
                RequestError::ProducerNotFound,
            ),
            (
                &bob,
                &ann,
                MediaObject::Consumer(consumer),
                RequestError::ConsumerNotFound,
            ),
        ] {
            assert_eq!(
                stage.done(owner, Request::GetStats(object)),
                Ok(Reply::Stats(rtp("[]")))
            );
            assert_eq!(stage.done(other, Request::GetStats(object)), Err(error));
        }
    }
}
