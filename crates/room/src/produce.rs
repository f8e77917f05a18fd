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
