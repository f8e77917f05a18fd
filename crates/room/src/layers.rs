//! What a peer asks of a consumer's picture: its layers, a key frame.

use model::{ConsumerId, MediaAction, PeerId};

use crate::flight::{Asker, What};
use crate::{Handled, Outcome, Room};

impl Room {
    pub(crate) fn set_preferred_layers(
        &mut self,
        asker: &Asker,
        peer: PeerId,
        consumer: ConsumerId,
        spatial: u8,
        temporal: Option<u8>,
    ) -> Outcome {
        let action = MediaAction::SetPreferredLayers {
            consumer,
            spatial,
            temporal,
        };
        self.ask_consumer(asker, peer, consumer, action)
    }

    pub(crate) fn request_key_frame(&mut self, asker: &Asker, peer: PeerId, consumer: ConsumerId) -> Outcome {
        self.ask_consumer(asker, peer, consumer, MediaAction::RequestKeyFrame(consumer))
    }

    fn ask_consumer(&mut self, asker: &Asker, peer: PeerId, consumer: ConsumerId, action: MediaAction) -> Outcome {
        self.own_consumer(peer, consumer)?;
        self.check_flight()?;
        let command = self.begin(asker, peer, What::AskConsumer);
        self.send(command, peer, action);
        Ok(Handled::Later)
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, camera};

    #[test]
    fn only_the_consumers_peer_may_ask() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e1"));
        let producer = stage.producer(&ann, camera());
        let consumer = stage.consumer(&bob, producer);
        let layers = Request::SetPreferredLayers {
            consumer,
            spatial: 2,
            temporal: Some(1),
        };
        let action = MediaAction::SetPreferredLayers {
            consumer,
            spatial: 2,
            temporal: Some(1),
        };
        for (request, action) in [
            (layers, action),
            (
                Request::RequestKeyFrame(consumer),
                MediaAction::RequestKeyFrame(consumer),
            ),
        ] {
            assert_eq!(stage.done(&ann, request.clone()), Err(RequestError::ConsumerNotFound));
            let asked = stage.ask(&bob, request);
            assert_eq!(stage.actions(), [action]);
            stage.settle();
            assert_eq!(stage.reply(asked), Ok(Reply::Done));
        }
    }
}
