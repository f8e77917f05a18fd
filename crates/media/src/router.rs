//! One room's router on one worker, with everything on it. The slot exists from the first command that names the router, the
//! router itself from the first transport, and a tombstone for a while after the end, so that late commands open nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mediasoup::audio_level_observer::AudioLevelObserver;
use mediasoup::consumer::Consumer;
use mediasoup::producer::Producer;
use mediasoup::router::{Router, RouterOptions};
use mediasoup::types::data_structures::DtlsParameters;
use mediasoup::webrtc_server::WebRtcServer;
use mediasoup::webrtc_transport::WebRtcTransport;
use model::{ConsumerId, MediaError, ProducerId, RouterId, TransportId, WorkerId, limits};
use tokio::time::timeout;
use tracing::info;

use crate::call::call;
use crate::report::ReportLine;
use crate::worker::{RouterTicket, Workers};
use crate::{lock, observer};

pub(crate) struct RouterSlot {
    pub(crate) id: RouterId,
    pub(crate) worker: WorkerId,
    pub(crate) line: Arc<ReportLine>,
    /// Held by whoever opens the router; others wait.
    opening: tokio::sync::Mutex<()>,
    state: Mutex<SlotState>,
}

enum SlotState {
    Live(Live),
    Ended { why: MediaError, at: Instant },
}

/// What is on a router. Dropping an entry closes it.
#[derive(Default)]
pub(crate) struct Live {
    // Before the router, so that everything on it is dropped first.
    pub(crate) consumers: BTreeMap<ConsumerId, ConsumerEntry>,
    pub(crate) producers: BTreeMap<ProducerId, ProducerEntry>,
    pub(crate) transports: BTreeMap<TransportId, TransportEntry>,
    open: Option<OpenRouter>,
    /// Counts the router at its worker until it ends.
    _ticket: Option<RouterTicket>,
}

#[derive(Clone)]
pub(crate) struct OpenRouter {
    pub(crate) levels: AudioLevelObserver,
    pub(crate) router: Router,
    pub(crate) server: WebRtcServer,
}

pub(crate) struct TransportEntry {
    pub(crate) transport: WebRtcTransport,
    /// What the client connected with.
    pub(crate) connected: Option<DtlsParameters>,
}

pub(crate) struct ProducerEntry {
    pub(crate) producer: Producer,
    pub(crate) transport: TransportId,
}

pub(crate) struct ConsumerEntry {
    pub(crate) consumer: Consumer,
    pub(crate) transport: TransportId,
    pub(crate) producer: ProducerId,
}

/// Entries taken out of a router, in the order in which they are to be dropped (outside of every lock).
#[derive(Default)]
pub(crate) struct Removed {
    _consumers: Vec<ConsumerEntry>,
    _producers: Vec<ProducerEntry>,
    _transports: Vec<TransportEntry>,
}

pub(crate) fn not_found(what: &str) -> MediaError {
    MediaError::NotFound(what.to_owned())
}

impl RouterSlot {
    /// A slot on a worker that lives (`ticket`), or one that is lost from the beginning.
    pub(crate) fn new(
        id: RouterId,
        worker: WorkerId,
        ticket: Option<RouterTicket>,
        line: Arc<ReportLine>,
    ) -> Arc<Self> {
        let state = match ticket {
            Some(ticket) => SlotState::Live(Live {
                _ticket: Some(ticket),
                ..Live::default()
            }),
            None => SlotState::Ended {
                why: MediaError::SeatLost,
                at: Instant::now(),
            },
        };
        Arc::new(Self {
            id,
            worker,
            line,
            opening: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        })
    }

    /// Looks at what is on the router, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Live) -> Result<T, MediaError>) -> Result<T, MediaError> {
        match &mut *lock(&self.state) {
            SlotState::Live(live) => look(live),
            SlotState::Ended { why, .. } => Err(why.clone()),
        }
    }

    /// Why nothing can be done here any more, if so.
    pub(crate) fn ended(&self) -> Option<(MediaError, Instant)> {
        match &*lock(&self.state) {
            SlotState::Live(_) => None,
            SlotState::Ended { why, at } => Some((why.clone(), *at)),
        }
    }

    /// Why a command failed: the end of the router or the death of its worker come before what a single call said.
    pub(crate) fn reason(&self, error: MediaError) -> MediaError {
        match self.with(|live| Ok(live.open.as_ref().is_some_and(|open| open.router.worker().closed()))) {
            Err(why) => why,
            Ok(true) => MediaError::SeatLost,
            Ok(false) => error,
        }
    }

    /// Drops the router with everything on it; true the first time.
    pub(crate) fn end(&self, why: MediaError) -> bool {
        let mut state = lock(&self.state);
        if matches!(*state, SlotState::Ended { .. }) {
            return false;
        }
        let at = Instant::now();
        let before = std::mem::replace(&mut *state, SlotState::Ended { why, at });
        drop(state);
        drop(before);
        true
    }

    /// The router, opened by the first who asks; the others wait for it.
    pub(crate) async fn open(&self, workers: &Workers) -> Result<OpenRouter, MediaError> {
        let turn = timeout(limits::WORKER_REQUEST_TIMEOUT, self.opening.lock());
        let _turn = turn.await.map_err(|_| MediaError::TimedOut)?;
        if let Some(open) = self.with(|live| Ok(live.open.clone()))? {
            return Ok(open);
        }
        let (worker, server) = workers.get(self.worker).ok_or(MediaError::SeatLost)?;
        let options = RouterOptions::new(workers.codecs());
        let line = Arc::clone(&self.line);
        let id = self.id;
        let open = call(async move {
            let router = match worker.create_router(options).await {
                Ok(router) => router,
                Err(_) if worker.closed() => return Err(MediaError::SeatLost),
                Err(error) => return Err(MediaError::Worker(error.to_string())),
            };
            let levels = observer::watch_levels(&router, id, line).await?;
            Ok(OpenRouter { levels, router, server })
        })
        .await?;
        let opened = open.clone();
        self.with(move |live| {
            live.open = Some(opened);
            Ok(())
        })?;
        info!(worker = %self.worker, "Created router for room: {}", self.line.room());
        Ok(open)
    }

    pub(crate) fn transport(&self, id: TransportId) -> Result<WebRtcTransport, MediaError> {
        self.with(|live| {
            let entry = live.transports.get(&id).ok_or_else(|| not_found("transport"))?;
            Ok(entry.transport.clone())
        })
    }

    pub(crate) fn producer(&self, id: ProducerId) -> Result<Producer, MediaError> {
        self.with(|live| {
            let entry = live.producers.get(&id).ok_or_else(|| not_found("producer"))?;
            Ok(entry.producer.clone())
        })
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> Result<Consumer, MediaError> {
        self.with(|live| {
            let entry = live.consumers.get(&id).ok_or_else(|| not_found("consumer"))?;
            Ok(entry.consumer.clone())
        })
    }

    pub(crate) fn remove_transport(&self, id: TransportId) {
        self.remove(|live| live.remove_transport(id));
    }

    pub(crate) fn remove_producer(&self, id: ProducerId) {
        self.remove(|live| live.remove_producers(|other, _| *other == id));
    }

    pub(crate) fn remove_consumer(&self, id: ConsumerId) {
        self.remove(|live| Removed {
            _consumers: live.consumers.remove(&id).into_iter().collect(),
            ..Removed::default()
        });
    }

    fn remove(&self, take: impl FnOnce(&mut Live) -> Removed) {
        // An ended router has nothing left to remove.
        let removed = self.with(|live| Ok(take(live)));
        drop(removed);
    }
}

impl Live {
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn remove_transport(&mut self, id: TransportId) -> Removed {
        let mut removed = self.remove_producers(|_, producer| producer.transport == id);
        let consumers = self.consumers.extract_if(.., |_, consumer| consumer.transport == id);
        removed._consumers.extend(consumers.map(|(_, entry)| entry));
        removed._transports.extend(self.transports.remove(&id));
        removed
    }

    fn remove_producers(&mut self, mut which: impl FnMut(&ProducerId, &ProducerEntry) -> bool) -> Removed {
        let producers: Vec<_> = self.producers.extract_if(.., |id, entry| which(id, entry)).collect();
        let orphaned = |consumer: &ConsumerEntry| producers.iter().any(|(id, _)| *id == consumer.producer);
        let consumers = self.consumers.extract_if(.., |_, consumer| orphaned(consumer));
        Removed {
            _consumers: consumers.map(|(_, entry)| entry).collect(),
            _producers: producers.into_iter().map(|(_, entry)| entry).collect(),
            _transports: Vec::new(),
        }
    }
}
