//! Seats as the property test plays them: they hold what was opened, run each peer's commands in order and different peers' in
//! any order, and fail as they are told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::*;

use super::good;

/// How the next command of a queue ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Good,
    /// Nothing was done.
    Refused,
    /// It was done, and then said to have failed.
    DoneAndFailed,
    /// It was done, and the answer got lost.
    DoneAndLost,
    /// Nothing was done and nobody answers.
    Lost,
    /// It was done, and the answer is nonsense.
    Nonsense,
}

#[derive(Debug)]
struct Held {
    peer: PeerId,
    transport: TransportId,
    producer: ProducerId,
    paused: bool,
}

/// All that is open at all seats.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    queues: BTreeMap<PeerId, VecDeque<MediaCommand>>,
    routers: BTreeSet<Seat>,
    /// Routers that were closed by order: nothing may be sent there.
    closed: BTreeSet<RouterId>,
    /// Routers whose worker died: whatever is sent there fails.
    lost: BTreeSet<RouterId>,
    transports: BTreeMap<TransportId, (PeerId, RouterId)>,
    producers: BTreeMap<ProducerId, Held>,
    consumers: BTreeMap<ConsumerId, Held>,
    /// Producers whose last pause or resume was not done: what the room thinks of them may be wrong.
    uncertain: BTreeSet<ProducerId>,
    ids: BTreeSet<CommandId>,
    opened_transports: BTreeSet<TransportId>,
    opened_consumers: BTreeSet<ConsumerId>,
}

impl Seats {
    pub(crate) fn queue(&mut self, command: MediaCommand) {
        assert!(self.ids.insert(command.id), "a command id twice: {command:?}");
        let router = command.seat.router;
        assert!(
            !self.closed.contains(&router),
            "sent to a router that was closed: {command:?}"
        );
        if command.action == MediaAction::CloseRouter {
            self.closed.insert(router);
            return self.end_router(router);
        }
        self.queues.entry(command.peer).or_default().push_back(command);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// Runs the next command of the queue that `pick` chooses among those with work; the result to deliver, if any.
    pub(crate) fn run(&mut self, pick: usize, ending: Ending) -> Option<(NodeId, MediaEvent)> {
        let busy: Vec<_> = self.queues.iter().filter(|(_, queue)| !queue.is_empty()).collect();
        let peer = *busy.get(pick % busy.len().max(1))?.0;
        let command = self.queues.get_mut(&peer)?.pop_front()?;
        let failure = || Err(MediaError::Worker("worker says no".to_owned()));
        let done = match ending {
            _ if self.lost.contains(&command.seat.router) => Err(MediaError::SeatLost),
            Ending::Refused | Ending::Lost if !is_close(&command.action) => {
                self.skip(&command.action);
                failure()
            }
            _ => self.carry_out(&command),
        };
        let result = match ending {
            Ending::DoneAndLost | Ending::Lost => return None,
            Ending::DoneAndFailed if done.is_ok() => failure(),
            Ending::Nonsense => done.map(|_| MediaReply::Stats(super::rtp("nonsense"))),
            _ => done,
        };
        let event = MediaEvent::Result {
            command: command.id,
            result,
        };
        Some((command.seat.node, event))
    }

    fn skip(&mut self, action: &MediaAction) {
        if let MediaAction::PauseProducer(producer) | MediaAction::ResumeProducer(producer) = action {
            self.uncertain.insert(*producer);
        }
    }

    fn carry_out(&mut self, command: &MediaCommand) -> Result<MediaReply, MediaError> {
        let (peer, router) = (command.peer, command.seat.router);
        let not_found = |what: &str| MediaError::NotFound(what.to_owned());
        match &command.action {
            MediaAction::OpenTransport { transport, .. } => {
                self.routers.insert(command.seat.clone());
                let old = self.transports.insert(*transport, (peer, router));
                assert!(
                    old.is_none() && self.opened_transports.insert(*transport),
                    "an id twice"
                );
            }
            MediaAction::OpenProducer {
                transport, producer, ..
            } => {
                self.check_transport(*transport, peer)?;
                let held = Held {
                    peer,
                    transport: *transport,
                    producer: *producer,
                    paused: false,
                };
                assert!(self.producers.insert(*producer, held).is_none(), "a producer id twice");
            }
            MediaAction::OpenConsumer {
                transport,
                consumer,
                producer,
                ..
            } => {
                self.check_transport(*transport, peer)?;
                let source = self.producers.get(producer).ok_or_else(|| not_found("producer"))?;
                assert_ne!(source.peer, peer, "nobody consumes their own");
                let held = Held {
                    peer,
                    transport: *transport,
                    producer: *producer,
                    paused: true,
                };
                self.consumers.insert(*consumer, held);
                assert!(self.opened_consumers.insert(*consumer), "an id twice");
            }
            MediaAction::PauseProducer(producer) | MediaAction::ResumeProducer(producer) => {
                let held = self.producers.get_mut(producer).ok_or_else(|| not_found("producer"))?;
                held.paused = matches!(command.action, MediaAction::PauseProducer(_));
                self.uncertain.remove(producer);
            }
            MediaAction::PauseConsumer(consumer) | MediaAction::ResumeConsumer(consumer) => {
                let held = self.consumers.get_mut(consumer).ok_or_else(|| not_found("consumer"))?;
                assert_eq!(held.peer, peer);
                held.paused = matches!(command.action, MediaAction::PauseConsumer(_));
            }
            MediaAction::CloseTransport(transport) => self.end_transport(*transport),
            MediaAction::CloseProducer(producer) => self.end_producer(*producer),
            MediaAction::CloseConsumer(consumer) => {
                self.consumers.remove(consumer);
            }
            MediaAction::ConnectTransport { transport, .. } => self.check_transport(*transport, peer)?,
            MediaAction::SetPreferredLayers { .. }
            | MediaAction::RequestKeyFrame(_)
            | MediaAction::GetStats(_)
            | MediaAction::CloseRouter => {}
        }
        Ok(good(&command.action))
    }

    fn check_transport(&self, transport: TransportId, peer: PeerId) -> Result<(), MediaError> {
        let known = self.transports.get(&transport);
        let (owner, _) = known.ok_or_else(|| MediaError::NotFound("transport".to_owned()))?;
        assert_eq!(*owner, peer, "a peer uses its own transports");
        Ok(())
    }

    fn end_transport(&mut self, transport: TransportId) {
        self.transports.remove(&transport);
        self.consumers.retain(|_, held| held.transport != transport);
        let on_it = self.producers.iter().filter(|(_, held)| held.transport == transport);
        for producer in on_it.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end_producer(producer);
        }
    }

    fn end_producer(&mut self, producer: ProducerId) {
        self.producers.remove(&producer);
        self.consumers.retain(|_, held| held.producer != producer);
    }

    /// The worker under a router dies; true if the router was there to report it.
    pub(crate) fn lose_router(&mut self, router: RouterId) -> bool {
        let there = self.routers.iter().any(|seat| seat.router == router);
        self.lost.insert(router);
        self.end_media(router);
        there
    }

    /// The router ends by order, which overtakes what waits.
    fn end_router(&mut self, router: RouterId) {
        for queue in self.queues.values_mut() {
            queue.retain(|command| command.seat.router != router);
        }
        self.end_media(router);
    }

    fn end_media(&mut self, router: RouterId) {
        self.routers.retain(|seat| seat.router != router);
        let on_it = self.transports.iter().filter(|(_, (_, on))| *on == router);
        for transport in on_it.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end_transport(transport);
        }
    }

    pub(crate) fn routers(&self) -> Vec<Seat> {
        self.routers.iter().cloned().collect()
    }

    pub(crate) fn transports(&self) -> BTreeSet<TransportId> {
        self.transports.keys().copied().collect()
    }

    /// Nothing is open, and nothing waits that would open anything: what is sent to a dead worker can not.
    pub(crate) fn check_empty(&self) {
        assert!(self.routers.is_empty() && self.transports.is_empty());
        assert!(self.producers.is_empty() && self.consumers.is_empty());
        let mut waiting = self.queues.values().flatten();
        assert!(waiting.all(|command| self.lost.contains(&command.seat.router)));
    }

    /// It was there, and may have died with its worker since.
    pub(crate) fn opened_transport(&self, transport: TransportId) -> bool {
        self.opened_transports.contains(&transport)
    }

    /// It was there, and may have died with its worker since.
    pub(crate) fn opened_consumer(&self, consumer: ConsumerId) -> bool {
        self.opened_consumers.contains(&consumer)
    }

    /// The producers, and whether each is paused, where that is certain.
    pub(crate) fn producers(&self) -> BTreeMap<ProducerId, Option<bool>> {
        let certain = |id: &ProducerId| !self.uncertain.contains(id);
        let producers = self.producers.iter();
        producers
            .map(|(id, held)| (*id, certain(id).then_some(held.paused)))
            .collect()
    }

    pub(crate) fn consumers(&self) -> BTreeSet<ConsumerId> {
        self.consumers.keys().copied().collect()
    }
}

fn is_close(action: &MediaAction) -> bool {
    matches!(
        action,
        MediaAction::CloseTransport(_) | MediaAction::CloseProducer(_) | MediaAction::CloseConsumer(_)
    )
}
