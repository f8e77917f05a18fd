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
