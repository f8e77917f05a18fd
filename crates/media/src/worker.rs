//! The worker threads of this node: starting them, each with its one port, and replacing those that died. Which worker a room
//! gets is decided elsewhere (`coordinator`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mediasoup::types::data_structures::{ListenInfo, Protocol, SocketFlags};
use mediasoup::types::rtp_parameters::RtpCodecCapability;
use mediasoup::webrtc_server::{WebRtcServer, WebRtcServerListenInfos, WebRtcServerOptions};
use mediasoup::worker::{CreateWebRtcServerError, Worker, WorkerSettings};
use mediasoup::worker_manager::WorkerManager;
use model::{WorkerId, limits};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{error, warn};

use crate::config::{MediaConfig, StartError};
use crate::load::{self, ThreadLoad};
use crate::lock;

/// What the placement of rooms looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerSample {
    /// The worker.
    pub worker: WorkerId,
    /// Its use of one core in the last second, 0 to 1.
    pub cpu: f64,
    /// Routers on it, open or being opened.
    pub routers: usize,
    /// Its port for media, UDP and TCP.
    pub port: u16,
}

/// Counts one router of a worker while it exists.
pub(crate) struct RouterTicket(Arc<AtomicUsize>);

impl Drop for RouterTicket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct Workers {
    config: MediaConfig,
    deaths: mpsc::Sender<WorkerId>,
    pool: Mutex<Pool>,
}

struct Pool {
    /// Absent once closing: nothing is started any more.
    manager: Option<WorkerManager>,
    live: BTreeMap<WorkerId, Record>,
    next_id: u16,
    /// Ports before this one were tried; the dead keep theirs.
    next_port: u32,
    died: u64,
}

struct Record {
    worker: Worker,
    server: WebRtcServer,
    port: u16,
    thread: i32,
    load: ThreadLoad,
    routers: Arc<AtomicUsize>,
}

impl Workers {
    /// No worker yet. The numbers of those that die come out of the receiver.
    pub(crate) fn new(config: MediaConfig) -> (Self, mpsc::Receiver<WorkerId>) {
        let (deaths, receiver) = mpsc::channel(usize::from(u16::MAX));
        let pool = Mutex::new(Pool {
            manager: Some(WorkerManager::new()),
            live: BTreeMap::new(),
            next_id: 0,
            next_port: u32::from(*config.ports.start()),
            died: 0,
        });
        let workers = Self { config, deaths, pool };
        (workers, receiver)
    }

    pub(crate) fn config(&self) -> &MediaConfig {
        &self.config
    }

    pub(crate) fn codecs(&self) -> Vec<RtpCodecCapability> {
        self.config.codecs.clone()
    }

    /// Starts one worker on the next free port.
    pub(crate) async fn start_one(&self) -> Result<WorkerId, StartError> {
        let thread = Arc::new(AtomicI32::new(0));
        let worker = self.start_thread(Arc::clone(&thread)).await?;
        let (server, port) = self.listen(&worker).await?;
        let id = {
            let mut pool = lock(&self.pool);
            let id = WorkerId(pool.next_id);
            pool.next_id = pool.next_id.wrapping_add(1);
            let thread = thread.load(Ordering::Relaxed);
            let record = Record {
                worker: worker.clone(),
                server,
                port,
                thread,
                load: ThreadLoad::new(thread),
                routers: Arc::default(),
            };
            pool.live.insert(id, record);
            id
        };
        self.watch(&worker, id);
        Ok(id)
    }

    async fn start_thread(&self, thread: Arc<AtomicI32>) -> Result<Worker, StartError> {
        let failed = |reason: &str| StartError::Worker(reason.to_owned());
        let manager = lock(&self.pool).manager.clone().ok_or_else(|| failed("closing"))?;
        let mut settings = WorkerSettings::default();
        settings.log_level = self.config.log_level.into();
        settings.log_tags = self.config.log_tags.iter().map(|tag| (*tag).into()).collect();
        settings.thread_initializer = Some(Arc::new(move || {
            thread.store(load::current_thread().unwrap_or(0), Ordering::Relaxed);
        }));
        let started = timeout(limits::WORKER_REQUEST_TIMEOUT, manager.create_worker(settings)).await;
        let started = started.map_err(|_| failed("no answer in time"))?;
        started.map_err(|error| StartError::Worker(error.to_string()))
    }

    /// Takes the next port of the range that is free on all addresses.
    async fn listen(&self, worker: &Worker) -> Result<(WebRtcServer, u16), StartError> {
        while let Some(port) = self.take_port() {
            let creating = worker.create_webrtc_server(WebRtcServerOptions::new(self.listen_infos(port)?));
            let Ok(created) = timeout(limits::WORKER_REQUEST_TIMEOUT, creating).await else {
                return Err(StartError::Listen("no answer of the worker in time".to_owned()));
            };
            match created {
                Ok(server) => return Ok((server, port)),
                Err(CreateWebRtcServerError::Request(error)) => {
                    let reason = error.to_string();
                    if !reason.contains("address already in use") {
                        return Err(StartError::Listen(reason));
                    }
                    warn!(port, "media port is busy, the next one of the range is taken");
                }
            }
        }
        Err(self.config.ports_error())
    }

    /// The next port that no worker of ours holds; from the start again for a replacement, whose predecessors' ports may be free
    /// again by then.
    fn take_port(&self) -> Option<u16> {
        let mut pool = lock(&self.pool);
        let port = u16::try_from(pool.next_port)
            .ok()
            .filter(|port| self.config.ports.contains(port))?;
        pool.next_port += 1;
        Some(port)
    }

    fn listen_infos(&self, port: u16) -> Result<WebRtcServerListenInfos, StartError> {
        let mut infos = Vec::new();
        for address in &self.config.listen {
            let mut protocols = Vec::new();
            protocols.extend(self.config.enable_udp.then_some(Protocol::Udp));
            protocols.extend(self.config.enable_tcp.then_some(Protocol::Tcp));
            infos.extend(protocols.into_iter().map(|protocol| ListenInfo {
                protocol,
                ip: address.ip,
                announced_address: address.announced.clone(),
                expose_internal_ip: false,
                port: Some(port),
                port_range: None,
                // `::` shall not take the port from `0.0.0.0`.
                flags: address.ip.is_ipv6().then_some(SocketFlags {
                    ipv6_only: true,
                    udp_reuse_port: false,
                }),
                send_buffer_size: Some(limits::MEDIA_SOCKET_BUFFER_BYTES),
                recv_buffer_size: Some(limits::MEDIA_SOCKET_BUFFER_BYTES),
            }));
        }
        infos
            .try_into()
            .map_err(|_| StartError::Config("no address to listen on for media".to_owned()))
    }

    fn watch(&self, worker: &Worker, id: WorkerId) {
        let deaths = self.deaths.clone();
        worker
            .on_dead(move |status| {
                error!(worker = %id, ?status, "mediasoup worker died");
                // The queue holds more than there can be workers.
                let _ = deaths.try_send(id);
            })
            .detach();
    }

    /// Forgets a dead worker; false if it was forgotten before.
    pub(crate) fn bury(&self, id: WorkerId) -> bool {
        let mut pool = lock(&self.pool);
        let record = pool.live.remove(&id);
        pool.died += u64::from(record.is_some());
        // The port of a dead worker stays bound; only when the range is used up is it worth another try from the start.
        if pool.next_port > u32::from(*self.config.ports.end()) {
            pool.next_port = u32::from(*self.config.ports.start());
        }
        drop(pool);
        record.is_some()
    }

    pub(crate) fn get(&self, id: WorkerId) -> Option<(Worker, WebRtcServer)> {
        let pool = lock(&self.pool);
        let record = pool.live.get(&id)?;
        Some((record.worker.clone(), record.server.clone()))
    }

    /// Counts a router on a worker, while the worker lives.
    pub(crate) fn ticket(&self, id: WorkerId) -> Option<RouterTicket> {
        let pool = lock(&self.pool);
        let routers = &pool.live.get(&id)?.routers;
        routers.fetch_add(1, Ordering::Relaxed);
        Some(RouterTicket(Arc::clone(routers)))
    }

    pub(crate) fn sample(&self, now: Instant) {
        for record in lock(&self.pool).live.values_mut() {
            record.load.sample(now);
        }
    }

    pub(crate) fn samples(&self) -> Vec<WorkerSample> {
        let pool = lock(&self.pool);
        let sample = |(id, record): (&WorkerId, &Record)| WorkerSample {
            worker: *id,
            cpu: record.load.cpu,
            routers: record.routers.load(Ordering::Relaxed),
            port: record.port,
        };
        pool.live.iter().map(sample).collect()
    }

    /// Workers alive, and died since the start.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let pool = lock(&self.pool);
        (pool.live.len(), pool.died)
    }

    /// The Linux thread id of a worker.
    pub(crate) fn thread(&self, id: WorkerId) -> Option<i32> {
        lock(&self.pool).live.get(&id).map(|record| record.thread)
    }

    /// Closes all workers. The manager that is returned waits in its drop for their threads to end.
    pub(crate) fn close(&self) -> Option<WorkerManager> {
        let mut pool = lock(&self.pool);
        let manager = pool.manager.take();
        let live = std::mem::take(&mut pool.live);
        drop(pool);
        drop(live);
        manager
    }
}
