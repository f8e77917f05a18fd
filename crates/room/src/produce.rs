//! Producing. A repeat is known by transport, mid and RTP parameters; the same mid with other parameters replaces.

use std::collections::BTreeSet;

use model::{
    ConsumerKind, Direction, MediaAction, MediaReply, PeerId, Produce, ProducerClosedReason, ProducerId, ProducerView,
    Reply, RequestError, TransportId, Update,
};

use crate::flight::{Asker, What, unexpected};
use crate::state::{Producer, within};
use crate::{Handled, Outcome, Room, RoomEvent};

impl Room {
    pub(crate) fn produce(&mut self, asker: &Asker, id: PeerId, made_of: Produce) -> Outcome {
        let transport = self.peer(id)?.transport(made_of.transport, Direction::Send);
        let transport = transport.ok_or(RequestError::SendTransportNotFound)?;
        let same_key = self.same_key(id, transport, &made_of);
        if let Some((producer, true)) = same_key {
            return match self.producers.get(&producer).and_then(|known| known.opening) {
                Some(command) => self.join_row(asker, command).map(|()| Handled::Later),
                None => Ok(Handled::Now(Reply::Produced { producer })),
            };
        }
        self.check_flight()?;
        let used = self.peer(id)?.producers.len() - usize::from(same_key.is_some());
        within(self.limits().producers_per_peer, "producers_per_peer", used)?;
        if let Some((replaced, _)) = same_key {
            self.close_producer(replaced, ProducerClosedReason::Replaced);
        }
        self.open_producer(asker, id, transport, made_of)?;
        Ok(Handled::Later)
    }

    /// The live producer that the request repeats (`true`) or replaces (`false`).
    fn same_key(&self, id: PeerId, transport: TransportId, made_of: &Produce) -> Option<(ProducerId, bool)> {
        let own = self.peers.get(&id)?.producers.iter();
        let mut own = own.filter_map(|id| Some((*id, self.producers.get(id)?)));
        own.find_map(|(id, known)| {
            let same_mid = known.transport == transport && known.made_of.mid == made_of.mid;
            let same = same_mid && known.made_of.rtp_parameters == made_of.rtp_parameters;
            (same || (same_mid && made_of.mid.is_some())).then_some((id, same))
        })
    }

    fn open_producer(
        &mut self,
        asker: &Asker,
        id: PeerId,
        transport: TransportId,
        made_of: Produce,
    ) -> Result<(), RequestError> {
        let producer = ProducerId::from_random(self.random.next_id());
        let command = self.begin(asker, id, What::OpenProducer(producer));
        let action = MediaAction::OpenProducer {
            transport,
            producer,
            kind: made_of.kind,
            rtp_parameters: made_of.rtp_parameters.clone(),
            paused: false,
        };
        let opening = Producer {
            peer: id,
            transport,
            made_of,
            opening: Some(command),
            consumers: BTreeSet::new(),
            score: None,
            pause_sent: None,
            pause_shown: None,
        };
        self.producers.insert(producer, opening);
        self.peer_mut(id)?.producers.insert(producer);
        self.send(command, id, action);
        Ok(())
    }

    pub(crate) fn producer_opened(
        &mut self,
        id: PeerId,
        producer: ProducerId,
        result: Result<MediaReply, RequestError>,
    ) -> Result<Reply, RequestError> {
        match result {
            Ok(MediaReply::ProducerOpened { kind }) => self.show_producer(id, producer, kind),
            other => {
                if self.remove_producer(producer).is_some() {
                    self.order(id, MediaAction::CloseProducer(producer));
                }
                Err(other.err().unwrap_or_else(unexpected))
            }
        }
    }

    fn show_producer(
        &mut self,
        id: PeerId,
        producer: ProducerId,
        consumer_kind: ConsumerKind,
    ) -> Result<Reply, RequestError> {
        let public_id = self.peer(id)?.public_id.clone();
        let number = self.next_number();
        let known = self.producers.get_mut(&producer);
        let known = known.ok_or(RequestError::ProducerNotFound)?;
        known.opening = None;
        let view = ProducerView {
            id: producer,
            number,
            peer: id,
            kind: known.made_of.kind,
            source: known.made_of.source,
            paused: false,
            consumer_kind,
            app_data: known.made_of.app_data.clone(),
        };
        let (kind, source) = (view.kind, view.source);
        self.update(&Update::ProducerOpened(view));
        self.event(RoomEvent::ProducerOpened {
            producer,
            kind,
            source,
            public_id,
        });
        Ok(Reply::Produced { producer })
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::{Stage, audio, camera, rtp};

    fn produce(made_of: Produce) -> Request {
        Request::Produce(Box::new(made_of))
    }

    fn transport_of(action: &MediaAction) -> Option<TransportId> {
        match action {
            MediaAction::OpenProducer { transport, .. } => Some(*transport),
            _ => None,
        }
    }

    #[test]
    fn it_takes_the_named_transport_else_the_newest_that_sends() {
        let mut stage = Stage::new();
        let who = stage.join("e1");
        assert_eq!(
            stage.done(&who, produce(audio())),
            Err(RequestError::SendTransportNotFound)
        );
        let recv = stage.transport(&who, Direction::Recv);
        assert_eq!(
            stage.done(&who, produce(audio())),
            Err(RequestError::SendTransportNotFound)
        );
        let (old, new) = (
            stage.transport(&who, Direction::Send),
            stage.transport(&who, Direction::Send),
        );
        for (named, taken) in [
            (Some(old), old),
            (None, new),
            (Some(TransportId::UNKNOWN), new),
            (Some(recv), new),
        ] {
            let mut made_of = audio();
            made_of.transport = named;
            made_of.mid = None;
            made_of.rtp_parameters = rtp(&format!("{named:?}"));
            stage.ask(&who, produce(made_of));
            assert_eq!(stage.actions().iter().find_map(transport_of), Some(taken));
            stage.settle();
        }
    }

    #[test]
    fn all_are_told_before_the_reply_and_only_after_the_seat_did_it() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        stage.forget_log();
        let request = stage.ask(&who, produce(audio()));
        assert!(stage.updates("e1").is_empty());
        stage.settle();
        let told = stage.told("e1");
        let [EdgeMessage::Update { update, .. }, EdgeMessage::Reply { .. }] = &told[..] else {
            panic!("{told:?}");
        };
        let Update::ProducerOpened(view) = update else {
            panic!("{update:?}");
        };
        assert_eq!(stage.reply(request), Ok(Reply::Produced { producer: view.id }));
    }

    #[test]
    fn a_repeat_is_the_same_producer_and_a_changed_one_replaces_it() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let (first, second) = (stage.ask(&who, produce(camera())), stage.ask(&who, produce(camera())));
        assert_eq!(stage.commands.len(), 1);
        stage.settle();
        assert_eq!(stage.reply(first), stage.reply(second));
        let version = stage.room.view().version;
        let producer = stage.producer(&who, camera());
        assert_eq!(stage.reply(first), Ok(Reply::Produced { producer }));
        assert_eq!(stage.room.view().version, version, "told once");

        let mut changed = camera();
        changed.rtp_parameters = rtp("changed");
        let replacement = stage.producer(&who, changed);
        assert_ne!(replacement, producer);
        let closed = Update::ProducerClosed {
            producer,
            reason: ProducerClosedReason::Replaced,
        };
        assert!(stage.updates("e1").contains(&closed));
        assert_eq!(stage.room.view().producers.keys().collect::<Vec<_>>(), [&replacement]);
    }

    #[test]
    fn one_in_flight_can_be_replaced() {
        let mut stage = Stage::new();
        let who = stage.join_with_transports("e1");
        let first = stage.ask(&who, produce(camera()));
        let mut changed = camera();
        changed.rtp_parameters = rtp("changed");
        let second = stage.ask(&who, produce(changed));
        assert!(matches!(stage.reply(first), Err(RequestError::Invalid(_))));
        let actions = stage.actions();
        assert!(matches!(
            actions[..],
            [MediaAction::OpenProducer { producer: a, .. }, MediaAction::CloseProducer(b), MediaAction::OpenProducer { .. }]
                if a == b
        ));
        stage.settle();
        assert!(stage.reply(second).is_ok());
        assert_eq!(stage.room.view().producers.len(), 1);
    }

    #[test]
    fn producers_are_bounded_and_a_replacement_is_no_more() {
        let mut stage = Stage::with_limits(Limits {
            producers_per_peer: 1,
            ..Limits::default()
        });
        let who = stage.join_with_transports("e1");
        stage.producer(&who, camera());
        let refused = stage.done(&who, produce(audio()));
        let limit = "producers_per_peer".to_owned();
        assert_eq!(refused, Err(RequestError::LimitReached { limit, value: 1 }));
        let mut changed = camera();
        changed.rtp_parameters = rtp("changed");
        stage.producer(&who, changed);
    }
}
