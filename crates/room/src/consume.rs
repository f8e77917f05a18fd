//! Consuming: every request makes a new consumer, paused, of another peer's producer.

use model::{
    Consumed, ConsumerId, ConsumerKind, Direction, JsonText, MediaAction, MediaReply, PeerId, ProducerId, Reply,
    RequestError, TransportId,
};

use crate::flight::{Asker, What, unexpected};
use crate::state::{Consumer, within};
use crate::{Handled, Outcome, Room, RoomEvent};

impl Room {
    pub(crate) fn consume(
        &mut self,
        asker: &Asker,
        id: PeerId,
        producer: ProducerId,
        transport: Option<TransportId>,
        rtp_capabilities: Option<JsonText>,
    ) -> Outcome {
        let peer = self.peer(id)?;
        let transport = peer.transport(transport, Direction::Recv);
        let transport = transport.ok_or(RequestError::ReceiveTransportNotFound)?;
        let others = self.view.producers.get(&producer).filter(|view| view.peer != id);
        let kind = others.ok_or(RequestError::ProducerNotFound)?.kind;
        let rtp_capabilities = rtp_capabilities.or_else(|| peer.rtp_capabilities.clone());
        let rtp_capabilities = rtp_capabilities.ok_or(RequestError::CannotConsume)?;
        let used = peer.consumers.len();
        within(self.limits().consumers_per_peer, "consumers_per_peer", used)?;
        self.check_flight()?;

        let consumer = ConsumerId::from_random(self.random.next_id());
        let command = self.begin(asker, id, What::OpenConsumer(consumer));
        let opening = Consumer {
            peer: id,
            producer,
            kind,
            opening: Some(command),
            paused: true,
            score: None,
        };
        self.add_consumer(consumer, opening);
        let action = MediaAction::OpenConsumer {
            transport,
            consumer,
            producer,
            rtp_capabilities,
        };
        self.send(command, id, action);
        Ok(Handled::Later)
    }

    fn add_consumer(&mut self, id: ConsumerId, consumer: Consumer) {
        if let Some(peer) = self.peers.get_mut(&consumer.peer) {
            peer.consumers.insert(id);
        }
        if let Some(producer) = self.producers.get_mut(&consumer.producer) {
            producer.consumers.insert(id);
        }
        self.consumers.insert(id, consumer);
    }

    pub(crate) fn consumer_opened(
        &mut self,
        id: PeerId,
        consumer: ConsumerId,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        match result {
            Ok(MediaReply::ConsumerOpened { rtp_parameters, kind }) => {
                self.describe_consumer(id, consumer, rtp_parameters, kind)
            }
            other => {
                if self.remove_consumer(consumer).is_some() {
                    self.order(id, MediaAction::CloseConsumer(consumer));
                }
                Err(other.err().unwrap_or_else(unexpected))
            }
        }
    }

    fn describe_consumer(
        &mut self,
        id: PeerId,
        consumer: ConsumerId,
        rtp_parameters: JsonText,
        consumer_kind: ConsumerKind,
    ) -> Result<Reply, RequestError> {
        let consumer_of = self.peer(id)?.public_id.clone();
        let known = self.consumers.get_mut(&consumer);
        let known = known.ok_or(RequestError::ProducerNotFound)?;
        known.opening = None;
        let producer = self.view.producers.get(&known.producer);
        let producer = producer.ok_or(RequestError::ProducerNotFound)?;
        let peer = self.view.peers.get(&producer.peer);
        let peer = peer.ok_or(RequestError::ProducerNotFound)?;
        let consumed = Consumed {
            consumer,
            producer: producer.id,
            kind: producer.kind,
            rtp_parameters,
            consumer_kind,
            producer_paused: producer.paused,
            public_id: peer.public_id.clone(),
            connection: peer.connection.clone(),
            source: producer.source,
            app_data: producer.app_data.clone(),
        };
        self.event(RoomEvent::ConsumerOpened {
            consumer,
            producer: consumed.producer,
            kind: consumed.kind,
            public_id: consumer_of,
        });
        Ok(Reply::Consumed(Box::new(consumed)))
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, audio, camera, rtp};

    #[test]
    fn it_describes_the_producer_as_it_is_when_the_consumer_is_there() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let producer = stage.producer(&ann, camera());
        let request = stage.ask(&bob, Stage::consume(producer));
        stage.ask(&ann, Request::PauseProducer(producer));
        let pause = stage.commands[1].clone();
        stage.answer(&pause, Ok(MediaReply::Done));
        stage.settle();
        let Ok(Reply::Consumed(consumed)) = stage.reply(request) else {
            panic!("{:?}", stage.replies(request));
        };
        assert!(consumed.producer_paused);
        assert_eq!((consumed.producer, consumed.kind), (producer, MediaKind::Video));
        assert_eq!((consumed.source, consumed.app_data), (Source::Camera, Some(rtp("{}"))));
        assert_eq!(consumed.public_id, stage.room.view().peers[&ann.peer].public_id);
        assert_ne!(
            stage.consumer(&bob, producer),
            consumed.consumer,
            "every consume makes a new one"
        );
    }

    #[test]
    fn what_can_not_be_consumed() {
        let mut stage = Stage::with_limits(Limits {
            consumers_per_peer: 1,
            ..Limits::default()
        });
        let ann = stage.join_with_transports("e1");
        let producer = stage.producer(&ann, audio());
        assert_eq!(
            stage.done(&ann, Stage::consume(producer)),
            Err(RequestError::ProducerNotFound),
            "its own"
        );
        let (bob, _) = stage.join_with("e1", |join| join.rtp_capabilities = None);
        assert_eq!(
            stage.done(&bob, Stage::consume(producer)),
            Err(RequestError::ReceiveTransportNotFound)
        );
        stage.transport(&bob, Direction::Recv);
        let unknown = Stage::consume(ProducerId::UNKNOWN);
        assert_eq!(stage.done(&bob, unknown), Err(RequestError::ProducerNotFound));
        assert_eq!(
            stage.done(&bob, Stage::consume(producer)),
            Err(RequestError::CannotConsume)
        );
        let with_capabilities = Request::Consume {
            producer,
            transport: None,
            rtp_capabilities: Some(rtp("own")),
        };
        assert!(stage.done(&bob, with_capabilities.clone()).is_ok());
        let refused = stage.done(&bob, with_capabilities);
        assert!(matches!(refused, Err(RequestError::LimitReached { value: 1, .. })));
    }

    #[test]
    fn a_producer_that_is_still_opening_can_not_be_consumed() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e1"));
        stage.ask(&ann, Request::Produce(Box::new(audio())));
        let MediaAction::OpenProducer { producer, .. } = stage.actions()[0] else {
            panic!("{:?}", stage.actions());
        };
        let refused = stage.ask(&bob, Stage::consume(producer));
        assert_eq!(stage.reply(refused), Err(RequestError::ProducerNotFound));
        let refused = stage.ask(&ann, Request::CloseProducer(producer));
        assert_eq!(stage.reply(refused), Err(RequestError::ProducerNotFound));
    }
}
