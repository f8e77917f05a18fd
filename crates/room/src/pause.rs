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

#[cfg(test)]
mod tests {
    use model::*;

    use crate::RoomEvent;
    use crate::tests::{Stage, audio};

    #[test]
    fn a_producers_pause_is_told_once_the_seat_did_it() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let producer = stage.producer(&who, audio());
        stage.forget_log();
        let request = stage.ask(&who, Request::PauseProducer(producer));
        assert!(stage.updates("e1").is_empty());
        stage.settle();
        let paused = Update::ProducerPaused { producer, paused: true };
        assert_eq!(stage.updates("e1"), [paused]);
        assert!(matches!(
            stage.told("e1")[..],
            [EdgeMessage::Update { .. }, EdgeMessage::Reply { .. }]
        ));
        assert_eq!(stage.reply(request), Ok(Reply::Done));
        assert_eq!(stage.done(&who, Request::PauseProducer(producer)), Ok(Reply::Done));
        assert_eq!(stage.updates("e1").len(), 1, "a repeat changes nothing");
        assert!(
            !stage.room.view().peers[&who.peer].audio_muted,
            "muting is another matter"
        );
        stage.done(&who, Request::ResumeProducer(producer)).unwrap();
        assert!(!stage.room.view().producers[&producer].paused);
    }

    #[test]
    fn after_a_failure_the_seat_is_told_what_all_see() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let producer = stage.producer(&who, audio());
        let request = stage.ask(&who, Request::PauseProducer(producer));
        stage.commands.clear();
        stage.later(limits::MEDIA_COMMAND_TIMEOUT);
        assert_eq!(stage.reply(request), Err(RequestError::TimedOut));
        assert_eq!(stage.actions(), [MediaAction::ResumeProducer(producer)]);
    }

    #[test]
    fn the_newest_pause_wins_whatever_the_order_of_results() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let producer = stage.producer(&who, audio());
        stage.ask(&who, Request::PauseProducer(producer));
        stage.ask(&who, Request::ResumeProducer(producer));
        for command in stage.commands.clone().into_iter().rev() {
            stage.answer(&command, Ok(MediaReply::Done));
        }
        assert!(!stage.room.view().producers[&producer].paused);
    }

    #[test]
    fn what_the_seat_was_told_again_outranks_older_results() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let producer = stage.producer(&who, audio());
        stage.ask(&who, Request::PauseProducer(producer));
        stage.ask(&who, Request::ResumeProducer(producer));
        let [pause, resume] = [0, 1].map(|index: usize| stage.commands[index].clone());
        stage.answer(&resume, Err(MediaError::TimedOut));
        assert_eq!(stage.actions().last(), Some(&MediaAction::ResumeProducer(producer)));
        stage.answer(&pause, Ok(MediaReply::Done));
        assert!(!stage.room.view().producers[&producer].paused);
    }

    #[test]
    fn a_consumers_pause_concerns_its_peer_alone() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let producer = stage.producer(&ann, audio());
        let consumer = stage.consumer(&bob, producer);
        let version = stage.room.view().version;
        assert_eq!(
            stage.done(&ann, Request::ResumeConsumer(consumer)),
            Err(RequestError::ConsumerNotFound)
        );
        for request in [
            Request::ResumeConsumer(consumer),
            Request::ResumeConsumer(consumer),
            Request::PauseConsumer(consumer),
        ] {
            assert_eq!(stage.done(&bob, request), Ok(Reply::Done));
        }
        let resumed = |event: &RoomEvent| matches!(event, RoomEvent::ConsumerResumed { .. });
        assert_eq!(stage.events().iter().filter(|event| resumed(event)).count(), 1);
        assert_eq!(stage.room.view().version, version);
        assert_eq!(
            stage.done(&bob, Request::PauseProducer(producer)),
            Err(RequestError::ProducerNotFound)
        );
    }
}
