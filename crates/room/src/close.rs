//! The end of producers and consumers. A producer takes its consumers along; mediasoup closes those by itself.

use std::collections::BTreeSet;

use model::{ConsumerId, MediaAction, PeerId, ProducerClosedReason, ProducerId, Reply, RequestError, Update};

use crate::state::{Consumer, Producer};
use crate::{Handled, Outcome, Room, RoomEvent};

impl Room {
    pub(crate) fn close_own_producer(&mut self, peer: PeerId, producer: ProducerId) -> Outcome {
        self.own_producer(peer, producer)?;
        self.close_producer(producer, ProducerClosedReason::Closed);
        Ok(Handled::Now(Reply::Done))
    }

    pub(crate) fn close_own_consumer(&mut self, peer: PeerId, consumer: ConsumerId) -> Outcome {
        self.own_consumer(peer, consumer)?;
        self.drop_consumer(consumer);
        self.order(peer, MediaAction::CloseConsumer(consumer));
        Ok(Handled::Now(Reply::Done))
    }

    /// Ends a producer whose peer stays. One that never opened is answered as replaced and was never shown.
    pub(crate) fn close_producer(&mut self, producer: ProducerId, reason: ProducerClosedReason) {
        if let Some(command) = self.producers.get(&producer).and_then(|known| known.opening) {
            let text = "rtpParameters: replaced by a later produce of the same mid";
            return self.finish(command, Err(RequestError::Invalid(text.to_owned())));
        }
        let Some(known) = self.remove_producer(producer) else {
            return;
        };
        self.update(&Update::ProducerClosed { producer, reason });
        self.order(known.peer, MediaAction::CloseProducer(producer));
        self.event(RoomEvent::ProducerClosed {
            producer,
            kind: known.made_of.kind,
            reason: Some(reason),
        });
        self.drop_consumers(known.consumers);
    }

    pub(crate) fn remove_producer(&mut self, producer: ProducerId) -> Option<Producer> {
        let known = self.producers.remove(&producer)?;
        if let Some(peer) = self.peers.get_mut(&known.peer) {
            peer.producers.remove(&producer);
        }
        Some(known)
    }

    /// Forgets all producers of a peer that leaves; returns others' consumers of them.
    pub(crate) fn take_producers_of(&mut self, peer: PeerId) -> BTreeSet<ConsumerId> {
        let mut orphans = BTreeSet::new();
        let producers = self.peers.get(&peer).map(|peer| peer.producers.clone());
        for producer in producers.unwrap_or_default() {
            let Some(known) = self.remove_producer(producer) else {
                continue;
            };
            orphans.extend(known.consumers);
            if known.opening.is_none() {
                self.event(RoomEvent::ProducerClosed {
                    producer,
                    kind: known.made_of.kind,
                    reason: None,
                });
            }
        }
        orphans
    }

    /// Forgets consumers whose producer is gone; requests for them that are in flight fail.
    pub(crate) fn drop_consumers(&mut self, consumers: BTreeSet<ConsumerId>) {
        for consumer in consumers {
            match self.consumers.get(&consumer).and_then(|known| known.opening) {
                Some(command) => self.finish(command, Err(RequestError::ProducerNotFound)),
                None => self.drop_consumer(consumer),
            }
        }
    }

    /// Forgets what a peer consumes, because its transports end.
    pub(crate) fn drop_consumers_of(&mut self, peer: PeerId) {
        let consumers = self.peers.get(&peer).map(|peer| peer.consumers.clone());
        for consumer in consumers.unwrap_or_default() {
            self.drop_consumer(consumer);
        }
    }

    fn drop_consumer(&mut self, consumer: ConsumerId) {
        if let Some(known) = self.remove_consumer(consumer)
            && known.opening.is_none()
        {
            self.event(RoomEvent::ConsumerClosed {
                consumer,
                kind: known.kind,
            });
        }
    }

    pub(crate) fn remove_consumer(&mut self, consumer: ConsumerId) -> Option<Consumer> {
        let known = self.consumers.remove(&consumer)?;
        if let Some(peer) = self.peers.get_mut(&known.peer) {
            peer.consumers.remove(&consumer);
        }
        if let Some(producer) = self.producers.get_mut(&known.producer) {
            producer.consumers.remove(&consumer);
        }
        Some(known)
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::RoomEvent;
    use crate::tests::{Stage, camera};

    #[test]
    fn a_closed_producer_ends_its_consumers_also_those_in_flight() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let producer = stage.producer(&ann, camera());
        let consumer = stage.consumer(&bob, producer);
        let flying = stage.ask(&bob, Stage::consume(producer));
        let open = stage.commands[0].clone();
        stage.forget_log();
        let closed = stage.ask(&ann, Request::CloseProducer(producer));
        assert_eq!(stage.reply(closed), Ok(Reply::Done), "the seat is not waited for");
        assert_eq!(stage.reply(flying), Err(RequestError::ProducerNotFound));
        let told = stage.told("e2");
        assert!(
            matches!(told[..], [EdgeMessage::Update { .. }, EdgeMessage::Reply { .. }]),
            "{told:?}"
        );
        assert!(matches!(
            stage.actions()[1..],
            [MediaAction::CloseProducer(closed), MediaAction::CloseConsumer(_)] if closed == producer
        ));
        stage.answer(&open, Ok(crate::tests::good(&open.action)));
        let kind = MediaKind::Video;
        assert!(stage.events().contains(&RoomEvent::ConsumerClosed { consumer, kind }));
        assert_eq!(
            stage.done(&bob, Request::ResumeConsumer(consumer)),
            Err(RequestError::ConsumerNotFound)
        );
        assert_eq!(stage.replies(flying).len(), 1, "the late result is nobody's");
        assert!(stage.room.consumers.is_empty());
    }

    #[test]
    fn only_own_things_are_closed() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let producer = stage.producer(&ann, camera());
        let consumer = stage.consumer(&bob, producer);
        assert_eq!(
            stage.done(&bob, Request::CloseProducer(producer)),
            Err(RequestError::ProducerNotFound)
        );
        assert_eq!(
            stage.done(&ann, Request::CloseConsumer(consumer)),
            Err(RequestError::ConsumerNotFound)
        );
        let closed = stage.ask(&bob, Request::CloseConsumer(consumer));
        assert_eq!(stage.reply(closed), Ok(Reply::Done));
        assert_eq!(stage.actions(), [MediaAction::CloseConsumer(consumer)]);
        assert_eq!(
            stage.done(&bob, Request::CloseConsumer(consumer)),
            Err(RequestError::ConsumerNotFound)
        );
    }
}
