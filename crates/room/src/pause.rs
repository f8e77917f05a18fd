//! Pausing and resuming. A producer's pause is told to all once its seat has done it; a consumer's concerns its peer alone.

use model::{CommandId, ConsumerId, MediaAction, MediaReply, PeerId, ProducerId, Reply, RequestError, Update};

use crate::flight::{Asker, What};
use crate::{Handled, Outcome, Room, RoomEvent};

impl Room {
    pub(crate) fn pause_producer(
        &mut self,
        asker: &Asker,
        peer: PeerId,
        producer: ProducerId,
        paused: bool,
    ) -> Outcome {
        self.own_producer(peer, producer)?;
        self.check_flight()?;
        let command = self.begin(asker, peer, What::PauseProducer { producer, paused });
        if let Some(known) = self.producers.get_mut(&producer) {
            known.pause_sent = Some(command);
        }
        self.send(command, peer, producer_action(producer, paused));
        Ok(Handled::Later)
    }

    /// The view shows the newest pause that was done. When the newest that was sent fails, nobody knows what the seat did:
    /// it is told once more what the view shows.
    pub(crate) fn producer_paused(
        &mut self,
        command: CommandId,
        producer: ProducerId,
        paused: bool,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        let shown = self.view.producers.get(&producer).map(|view| view.paused);
        if let (Some(known), Some(shown)) = (self.producers.get_mut(&producer), shown) {
            let peer = known.peer;
            if result.is_ok() && known.pause_shown < Some(command) {
                known.pause_shown = Some(command);
                if shown != paused {
                    self.update(&Update::ProducerPaused { producer, paused });
                }
            } else if result.is_err() && known.pause_sent == Some(command) {
                let again = self.order(peer, producer_action(producer, shown));
                if let Some(known) = self.producers.get_mut(&producer) {
                    known.pause_sent = Some(again);
                    known.pause_shown = Some(again);
                }
            }
        }
        result.map(|_| Reply::Done)
    }

    pub(crate) fn pause_consumer(
        &mut self,
        asker: &Asker,
        peer: PeerId,
        consumer: ConsumerId,
        paused: bool,
    ) -> Outcome {
        self.own_consumer(peer, consumer)?;
        self.check_flight()?;
        let command = self.begin(asker, peer, What::PauseConsumer { consumer, paused });
        let action = if paused {
            MediaAction::PauseConsumer(consumer)
        } else {
            MediaAction::ResumeConsumer(consumer)
        };
        self.send(command, peer, action);
        Ok(Handled::Later)
    }

    pub(crate) fn consumer_paused(
        &mut self,
        consumer: ConsumerId,
        paused: bool,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        result?;
        if let Some(known) = self.consumers.get_mut(&consumer) {
            let resumed = known.paused && !paused;
            known.paused = paused;
            let peer = known.peer;
            if resumed && let Some(public_id) = self.peers.get(&peer).map(|peer| peer.public_id.clone()) {
                self.event(RoomEvent::ConsumerResumed { consumer, public_id });
            }
        }
        Ok(Reply::Done)
    }
}

fn producer_action(producer: ProducerId, paused: bool) -> MediaAction {
    if paused {
        MediaAction::PauseProducer(producer)
    } else {
        MediaAction::ResumeProducer(producer)
    }
}
