//! One thread that runs any number of peers on their sockets, and the handles that steer it from outside.
//!
//! The loop is closed: commands, datagrams and deadlines are all that can happen; each is given to the peer that it
//! concerns, what peers want to send is sent, and then the thread sleeps until the next of them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::clock::MediaClock;
use crate::counters::{Received, Sent};
use crate::network::{Endpoint, Network, Sockets, Waker};
use crate::peer::{Counters, MediaPeer, PeerError, PeerSetup, SourceId, State, StreamId};
use crate::rtp::Kind;
use crate::source::Rate;

/// Commands that may wait for the driver.
const COMMANDS_MAX: usize = 16_384;
/// How long an answer of the driver may take; it is busy with packets, not with other waits.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Batches read off one socket before peers may send and deadlines are looked at again.
const BATCHES_AT_ONCE: usize = 32;
/// How often [`PeerHandle::wait_for`] looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How a driver works.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverOptions {
    /// How peers get their sockets.
    pub sockets: Sockets,
    /// Pause after packets came in, so that the next ones come in batches: 1 ms takes a third of the CPU per packet
    /// and adds that much to every latency. Zero: packets are handled at once.
    pub pause: Duration,
    /// The core to run on; `None` leaves it to the system.
    pub core: Option<usize>,
}

/// Why a driver did not do what it was asked.
#[derive(Debug, Error)]
pub enum DriverError {
    /// The driver has stopped.
    #[error("the driver has stopped")]
    Stopped,
    /// Too many commands wait.
    #[error("the driver has too many commands waiting")]
    Busy,
    /// No answer in time.
    #[error("no answer from the driver in time")]
    NoAnswer,
    /// The peer does not exist (any more).
    #[error("no such peer")]
    NoPeer,
    /// The peer refused.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// No socket, epoll or thread could be had, or the core cannot be used.
    #[error("driver: {0}")]
    Io(#[from] io::Error),
    /// A peer's transport failed.
    #[error("the transport failed: {0}")]
    Failed(String),
    /// What was waited for did not happen in time; the text has the counters.
    #[error("not in time: {0}")]
    NotInTime(String),
}

/// Counts over all peers of a driver.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Living peers.
    pub peers: usize,
    /// Of these, connected ones.
    pub connected: usize,
    /// Sum of what they sent.
    pub sent: Sent,
    /// Sum of what they received.
    pub received: Received,
    /// Datagrams that the kernel did not take.
    pub unsent: u64,
}

type PeerId = u64;
type Answer<T> = oneshot::Sender<T>;

enum Command {
    AddPeer {
        setup: Box<PeerSetup>,
        answer: Answer<Result<(PeerId, Value), DriverError>>,
    },
    RemovePeer {
        peer: PeerId,
    },
    Connected {
        peer: PeerId,
        answer: Answer<Result<(), DriverError>>,
    },
    AddSource {
        peer: PeerId,
        kind: Kind,
        answer: Answer<Result<(SourceId, Value), DriverError>>,
    },
    StartSource {
        peer: PeerId,
        source: SourceId,
        rate: Rate,
        answer: Answer<Result<(), DriverError>>,
    },
    StopSource {
        peer: PeerId,
        source: SourceId,
        answer: Answer<Result<(), DriverError>>,
    },
    Expect {
        peer: PeerId,
        rtp_parameters: Value,
        answer: Answer<Result<StreamId, DriverError>>,
    },
    RequestKeyFrame {
        peer: PeerId,
        stream: StreamId,
    },
    Counters {
        peer: PeerId,
        answer: Answer<Result<Counters, DriverError>>,
    },
    Totals {
        answer: Answer<Totals>,
    },
}

/// A running driver; a clone steers the same one. Its thread ends with the last handle, peers' handles included.
#[derive(Clone)]
pub struct Driver {
    link: Arc<Link>,
}

struct Link {
    /// `None` only while the link is dropped.
    commands: Option<SyncSender<Command>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.commands = None;
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by it; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Driver {
    /// Starts the thread.
    pub fn start(options: DriverOptions) -> Result<Self, DriverError> {
        let network = Network::new(options.sockets)?;
        let waker = network.waker();
        let (commands, queue) = sync_channel(COMMANDS_MAX);
        let (ready, started) = sync_channel(1);
        let run = move || {
            let pinned = options.core.map_or(Ok(()), pin_to);
            let usable = pinned.is_ok();
            if ready.send(pinned).is_ok() && usable {
                Machine::new(network, queue, options.pause).run();
            }
        };
        let thread = std::thread::Builder::new()
            .name("loadtest-driver".to_owned())
            .spawn(run)?;
        started
            .recv_timeout(ANSWER_DEADLINE)
            .map_err(|_| DriverError::Stopped)??;
        Ok(Self {
            link: Arc::new(Link {
                commands: Some(commands),
                waker,
                thread: Some(thread),
            }),
        })
    }

    /// Brings a peer to life; it begins to connect at once, and gets through as soon as the server knows its
    /// [`PeerHandle::dtls_parameters`].
    pub async fn add_peer(&self, setup: PeerSetup) -> Result<PeerHandle, DriverError> {
        let setup = Box::new(setup);
        let (id, dtls_parameters) = self.ask(|answer| Command::AddPeer { setup, answer }).await??;
        Ok(PeerHandle {
            driver: self.clone(),
            id,
            dtls_parameters,
        })
    }

    /// Counts over all its peers.
    pub async fn totals(&self) -> Result<Totals, DriverError> {
        self.ask(|answer| Command::Totals { answer }).await
    }

    fn tell(&self, command: Command) -> Result<(), DriverError> {
        let commands = self.link.commands.as_ref().ok_or(DriverError::Stopped)?;
        commands.try_send(command).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(_) => DriverError::Busy,
            std::sync::mpsc::TrySendError::Disconnected(_) => DriverError::Stopped,
        })?;
        self.link.waker.wake();
        Ok(())
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, DriverError> {
        self.ask_within(ANSWER_DEADLINE, command).await
    }

    async fn ask_within<T>(
        &self,
        deadline: Duration,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, DriverError> {
        let (answer, answered) = oneshot::channel();
        self.tell(command(answer))?;
        let answered = tokio::time::timeout(deadline, answered)
            .await
            .map_err(|_| DriverError::NoAnswer)?;
        answered.map_err(|_| DriverError::Stopped)
    }
}

/// A peer of a driver; dropping it ends the peer.
pub struct PeerHandle {
    driver: Driver,
    id: PeerId,
    dtls_parameters: Value,
}

impl Drop for PeerHandle {
    fn drop(&mut self) {
        // A driver that is gone or drowning has no use for it.
        let _ = self.driver.tell(Command::RemovePeer { peer: self.id });
    }
}

impl PeerHandle {
    /// `dtlsParameters` to send with the request that connects the transport.
    pub fn dtls_parameters(&self) -> &Value {
        &self.dtls_parameters
    }

    /// Waits until media may flow.
    pub async fn connected(&self, within: Duration) -> Result<(), DriverError> {
        let answer = self
            .driver
            .ask_within(within, |answer| Command::Connected { peer: self.id, answer })
            .await;
        match answer {
            Err(DriverError::NoAnswer) => Err(DriverError::NotInTime("ice and dtls are not finished".to_owned())),
            answer => answer?,
        }
    }

    /// Declares a stream to publish, silent at first; the JSON is the `rtpParameters` for `produce`.
    pub async fn add_source(&self, kind: Kind) -> Result<(SourceId, Value), DriverError> {
        self.driver
            .ask(|answer| Command::AddSource {
                peer: self.id,
                kind,
                answer,
            })
            .await?
    }

    /// Starts a published stream, or changes its rate.
    pub async fn start_source(&self, source: SourceId, rate: Rate) -> Result<(), DriverError> {
        self.driver
            .ask(|answer| Command::StartSource {
                peer: self.id,
                source,
                rate,
                answer,
            })
            .await?
    }

    /// Silences a published stream.
    pub async fn stop_source(&self, source: SourceId) -> Result<(), DriverError> {
        self.driver
            .ask(|answer| Command::StopSource {
                peer: self.id,
                source,
                answer,
            })
            .await?
    }

    /// Announces a consumer's stream by its `rtpParameters`; do so before the consumer is resumed.
    pub async fn expect_stream(&self, rtp_parameters: Value) -> Result<StreamId, DriverError> {
        self.driver
            .ask(|answer| Command::Expect {
                peer: self.id,
                rtp_parameters,
                answer,
            })
            .await?
    }

    /// Asks the server for a key frame of a received video stream.
    pub fn request_key_frame(&self, stream: StreamId) -> Result<(), DriverError> {
        self.driver.tell(Command::RequestKeyFrame { peer: self.id, stream })
    }

    /// What it counted so far.
    pub async fn counters(&self) -> Result<Counters, DriverError> {
        self.driver
            .ask(|answer| Command::Counters { peer: self.id, answer })
            .await?
    }

    /// Waits until its counters please `enough`, and gives them.
    pub async fn wait_for(
        &self,
        within: Duration,
        enough: impl Fn(&Counters) -> bool,
    ) -> Result<Counters, DriverError> {
        let deadline = Instant::now() + within;
        loop {
            let counters = self.counters().await?;
            if enough(&counters) {
                return Ok(counters);
            }
            if let State::Failed(reason) = counters.state {
                return Err(DriverError::Failed(reason));
            }
            if Instant::now() >= deadline {
                let received = counters.total_received();
                let text = format!(
                    "{:?}, sent {:?}, received {}",
                    counters.state, counters.sent, received.packets
                );
                return Err(DriverError::NotInTime(text));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn pin_to(core: usize) -> io::Result<()> {
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such core"));
    }
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// What the thread owns.
struct Machine {
    network: Network,
    commands: Receiver<Command>,
    pause: Duration,
    clock: MediaClock,
    peers: BTreeMap<PeerId, Running>,
    addresses: HashMap<SocketAddr, PeerId>,
    next_peer: PeerId,
    unsent: u64,
}

struct Running {
    peer: MediaPeer,
    endpoint: Endpoint,
    waiting: Vec<Answer<Result<(), DriverError>>>,
}

impl Machine {
    fn new(network: Network, commands: Receiver<Command>, pause: Duration) -> Self {
        Self {
            network,
            commands,
            pause,
            clock: MediaClock::start(),
            peers: BTreeMap::new(),
            addresses: HashMap::new(),
            next_peer: 0,
            unsent: 0,
        }
    }

    fn run(mut self) {
        while self.handle_commands() {
            self.handle_timeouts();
            let deadline = self
                .peers
                .values()
                .filter_map(|running| running.peer.poll_timeout())
                .min();
            let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Without its epoll the driver can do nothing; its handles then get "stopped".
            let Ok(ready) = self.network.wait(limit) else { return };
            let mut datagrams = 0;
            for socket in ready {
                datagrams += self.handle_socket(socket);
            }
            if datagrams > 0 && !self.pause.is_zero() {
                std::thread::sleep(self.pause);
            }
        }
    }

    /// `false` once the last handle is gone.
    fn handle_commands(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.handle_command(command, Instant::now()),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn handle_timeouts(&mut self) {
        let now = Instant::now();
        for running in self.peers.values_mut() {
            if running.peer.poll_timeout().is_some_and(|at| at <= now) {
                running.peer.handle_timeout(now);
                self.unsent += running.flush(&self.network);
            }
        }
    }

    fn handle_socket(&mut self, socket: u64) -> usize {
        let mut total = 0;
        for _ in 0..BATCHES_AT_ONCE {
            let now = Instant::now();
            let (peers, addresses) = (&mut self.peers, &self.addresses);
            let mut touched = Vec::new();
            let datagrams = self.network.receive(socket, |local, from, bytes| {
                let Some(id) = addresses.get(&local) else { return };
                let Some(running) = peers.get_mut(id) else { return };
                running.peer.handle_datagram(from, bytes, now);
                if touched.last() != Some(id) {
                    touched.push(*id);
                }
            });
            for id in touched {
                if let Some(running) = self.peers.get_mut(&id) {
                    self.unsent += running.flush(&self.network);
                }
            }
            if datagrams == 0 {
                break;
            }
            total += datagrams;
        }
        total
    }

    /// Answers that nobody waits for any more are dropped.
    fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::AddPeer { setup, answer } => drop(answer.send(self.add_peer(*setup, now))),
            Command::RemovePeer { peer } => self.remove_peer(peer, now),
            Command::Connected { peer, answer } => match self.peers.get_mut(&peer) {
                Some(running) => {
                    running.waiting.push(answer);
                    running.answer_waiting();
                }
                None => drop(answer.send(Err(DriverError::NoPeer))),
            },
            Command::AddSource { peer, kind, answer } => {
                drop(answer.send(self.with_peer(peer, |peer| Ok(peer.add_source(kind)?))));
            }
            Command::StartSource {
                peer,
                source,
                rate,
                answer,
            } => {
                drop(answer.send(self.with_peer(peer, |peer| Ok(peer.start_source(source, rate, now)?))));
            }
            Command::StopSource { peer, source, answer } => {
                drop(answer.send(self.with_peer(peer, |peer| Ok(peer.stop_source(source)?))));
            }
            Command::Expect {
                peer,
                rtp_parameters,
                answer,
            } => {
                drop(answer.send(self.with_peer(peer, |peer| Ok(peer.expect_stream(&rtp_parameters, now)?))));
            }
            Command::RequestKeyFrame { peer, stream } => {
                if let Some(running) = self.peers.get_mut(&peer) {
                    running.peer.request_key_frame(stream, now);
                    self.unsent += running.flush(&self.network);
                }
            }
            Command::Counters { peer, answer } => {
                drop(answer.send(self.with_peer(peer, |peer| Ok(peer.counters()))));
            }
            Command::Totals { answer } => drop(answer.send(self.totals())),
        }
    }

    fn with_peer<T>(
        &mut self,
        peer: PeerId,
        ask: impl FnOnce(&mut MediaPeer) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        ask(&mut self.peers.get_mut(&peer).ok_or(DriverError::NoPeer)?.peer)
    }

    fn add_peer(&mut self, setup: PeerSetup, now: Instant) -> Result<(PeerId, Value), DriverError> {
        let endpoint = self.network.open(setup.transport.address)?;
        let mut peer = match MediaPeer::new(setup, endpoint.local, self.clock, now) {
            Ok(peer) => peer,
            Err(error) => {
                self.network.close(endpoint);
                return Err(error.into());
            }
        };
        let dtls_parameters = peer.dtls_parameters();
        let id = self.next_peer;
        self.next_peer += 1;
        self.addresses.insert(endpoint.local, id);
        self.peers.insert(
            id,
            Running {
                peer,
                endpoint,
                waiting: Vec::new(),
            },
        );
        Ok((id, dtls_parameters))
    }

    fn remove_peer(&mut self, id: PeerId, now: Instant) {
        if let Some(mut running) = self.peers.remove(&id) {
            running.peer.close(now);
            running.flush(&self.network);
            self.addresses.remove(&running.endpoint.local);
            self.network.close(running.endpoint);
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            peers: self.peers.len(),
            unsent: self.unsent,
            ..Totals::default()
        };
        for running in self.peers.values() {
            let counters = running.peer.counters();
            totals.connected += usize::from(counters.state == State::Connected);
            totals.sent.merge(&counters.sent);
            totals.received.merge(&counters.total_received());
        }
        totals
    }
}

impl Running {
    /// Sends what the peer wants to send, and tells who waits for its state. Gives the datagrams not taken.
    fn flush(&mut self, network: &Network) -> u64 {
        let mut unsent = 0;
        while let Some(outgoing) = self.peer.poll_outgoing() {
            unsent += u64::from(!network.send(self.endpoint, outgoing.to, &outgoing.bytes));
        }
        self.answer_waiting();
        unsent
    }

    fn answer_waiting(&mut self) {
        let answer = match self.peer.state() {
            State::Connecting => return,
            State::Connected => None,
            State::Failed(reason) => Some(reason),
        };
        for waiting in self.waiting.drain(..) {
            let failed = answer.map(|reason| DriverError::Failed(reason.clone()));
            let _ = waiting.send(failed.map_or(Ok(()), Err));
        }
    }
}
