//! The media side of a node: workers, routers, transports, producers, consumers. The only crate that links mediasoup.
//!
//! A home's [`MediaCommand`] goes in by [`Media::handle_command`], which never waits; everything that is said back, results
//! included, comes out as a [`SeatReport`]. The way between: `rooms` (newest home? answered before? whose queue?) →
//! `peer_queue` (one peer's commands in order) → `transport`, `producer`, `consumer` on one `router` of one `worker`.
//!
//! What lives where: a room's queues and results in `rooms`, the mediasoup objects in their `router` slot, the threads and
//! ports in `worker`. Dropping an object closes it, so each has one owner, and callbacks of workers hold only the line to the
//! home (`report`). Nothing here decides: which worker, which layers, who may consume whom is told by the home.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod call;
mod codecs;
mod config;
mod consumer;
mod convert;
mod counts;
#[cfg(all(feature = "fault-injection", mediasoup_deps_system))]
mod fault;
mod load;
mod observer;
mod peer_queue;
mod producer;
mod report;
mod results;
mod rooms;
mod router;
mod transport;
mod validate;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use mediasoup::router::RouterOptions;
pub use mediasoup::types::rtp_parameters::RtpCodecCapability;
use model::{JsonText, MediaCommand, NodeId, RoomId, WorkerId, limits};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

pub use codecs::default_codecs;
pub use config::{ListenAddress, LogLevel, LogTag, MediaConfig, StartError, UnknownWord};
pub use counts::MediaCounts;
pub use report::SeatReport;
pub use worker::WorkerSample;

use report::Home;
use rooms::Rooms;
use worker::Workers;

/// Which libraries the worker was built with: `system …` or `upstream …`.
#[must_use]
pub fn deps() -> &'static str {
    env!("MEDIASOUP_DEPS")
}

/// The version of the mediasoup crate.
#[must_use]
pub fn version() -> &'static str {
    "0.33.1"
}

/// The media side of this node. A cheap handle; all clones are one.
#[derive(Clone)]
pub struct Media {
    shared: Arc<Shared>,
}

struct Shared {
    workers: Arc<Workers>,
    rooms: Rooms,
    rtp_capabilities: JsonText,
    supervisor: AbortHandle,
}

impl Media {
    /// Starts the workers. Everything that seats report comes out of the receiver.
    ///
    /// # Errors
    /// The settings contradict themselves, the port range is used up, or a worker does not come up.
    pub async fn start(config: MediaConfig) -> Result<(Self, mpsc::Receiver<SeatReport>), StartError> {
        config.check()?;
        let wanted = config.workers;
        let (workers, deaths) = Workers::new(config);
        let workers = Arc::new(workers);
        for _ in 0..wanted {
            workers.start_one().await?;
        }
        info!("Created {wanted} mediasoup workers");
        let rtp_capabilities = router_capabilities(&workers).await?;
        info!("Mediasoup workers ready");
        let (reports, receiver) = mpsc::channel(limits::MEDIA_EVENTS);
        let rooms = Rooms::new(Arc::clone(&workers), reports, Handle::current());
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            workers,
            rooms,
            rtp_capabilities,
            supervisor: tokio::spawn(supervise(Weak::clone(shared), deaths)).abort_handle(),
        });
        Ok((Self { shared }, receiver))
    }

    /// JSON `RtpCapabilities` of every router of this node.
    #[must_use]
    pub fn rtp_capabilities(&self) -> JsonText {
        self.shared.rtp_capabilities.clone()
    }

    /// Takes a command of `home` for a seat of `room` on this node. Never waits; the result comes as a [`SeatReport`].
    pub fn handle_command(&self, home: NodeId, room: RoomId, command: MediaCommand) {
        let home = Home {
            node: home,
            epoch: command.epoch,
        };
        self.shared.rooms.handle_command(home, room, command);
    }

    /// The workers that live, by number.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerSample> {
        self.shared.workers.samples()
    }

    /// How many of everything there are.
    #[must_use]
    pub fn counts(&self) -> MediaCounts {
        let mut counts = MediaCounts::default();
        self.shared.rooms.count(&mut counts);
        (counts.workers_alive, counts.workers_died) = self.shared.workers.counts();
        counts
    }

    /// Closes everything and waits for the workers' threads to end, at most [`limits::MEDIA_CLOSE_TIMEOUT`].
    pub async fn close(&self) {
        self.shared.supervisor.abort();
        self.shared.rooms.end_all();
        let manager = self.shared.workers.close();
        let (ended, wait) = oneshot::channel();
        // Not a task of the runtime, which would wait for it at its own end.
        std::thread::spawn(move || {
            drop(manager);
            let _ = ended.send(());
        });
        if timeout(limits::MEDIA_CLOSE_TIMEOUT, wait).await.is_err() {
            warn!("a mediasoup worker has not ended in time");
        }
    }

    /// Makes a worker's thread fail at its next SRTP packet; false if there is no such worker, or no such seam in it (it is in
    /// workers that were built with `MEDIASOUP_DEPS=system`).
    #[cfg(feature = "fault-injection")]
    #[must_use]
    pub fn fail_worker(&self, worker: WorkerId) -> bool {
        match self.shared.workers.thread(worker) {
            #[cfg(mediasoup_deps_system)]
            Some(thread) if thread != 0 => {
                fault::fail_thread(thread);
                true
            }
            _ => false,
        }
    }

    /// The Linux thread id of a worker, for measuring it.
    #[must_use]
    pub fn worker_thread(&self, worker: WorkerId) -> Option<i32> {
        self.shared.workers.thread(worker)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

async fn router_capabilities(workers: &Workers) -> Result<JsonText, StartError> {
    let Some((worker, _)) = workers.samples().first().and_then(|sample| workers.get(sample.worker)) else {
        return Err(StartError::Worker("it died at once".to_owned()));
    };
    let creating = worker.create_router(RouterOptions::new(workers.codecs()));
    let Ok(created) = timeout(limits::WORKER_REQUEST_TIMEOUT, creating).await else {
        return Err(StartError::Worker("no answer in time".to_owned()));
    };
    let router = created.map_err(|error| StartError::Codecs(error.to_string()))?;
    convert::rtp_capabilities(&router.rtp_capabilities()).map_err(|error| StartError::Codecs(error.to_string()))
}

/// Replaces dead workers, and does what has to be done from time to time.
async fn supervise(shared: Weak<Shared>, mut deaths: mpsc::Receiver<WorkerId>) {
    let mut tick = interval(limits::MEDIA_SAMPLE_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missing = 0_usize;
    let mut retry_at = Instant::now();
    loop {
        let death = tokio::select! {
            death = deaths.recv() => death,
            _ = tick.tick() => None,
        };
        let Some(shared) = shared.upgrade() else { return };
        let now = Instant::now();
        match death {
            Some(worker) => {
                missing += usize::from(shared.workers.bury(worker));
                shared.rooms.lose_worker(worker);
                retry_at = now;
            }
            None => {
                shared.workers.sample(now);
                shared.rooms.forget_expired(now);
            }
        }
        if missing > 0 && now >= retry_at {
            match shared.workers.start_one().await {
                Ok(worker) => {
                    missing -= 1;
                    info!(%worker, "a dead mediasoup worker is replaced");
                }
                Err(reason) => {
                    error!(%reason, missing, "a dead mediasoup worker could not be replaced");
                    retry_at = now + limits::WORKER_RETRY_INTERVAL;
                }
            }
        }
    }
}

/// Locks state that no thread leaves half-changed: a panic elsewhere does not make it unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_locked_crate() {
        let locked = format!("name = \"mediasoup\"\nversion = \"{}\"\n", super::version());
        assert!(include_str!("../../../Cargo.lock").contains(&locked));
    }
}
