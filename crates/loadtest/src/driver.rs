//! One thread that runs any number of peers on their sockets (`machine.rs`), and the handles that steer it from
//! outside. The handles' waits need a tokio runtime, the thread needs none.

mod machine;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::counters::{Received, Sent};
use crate::network::{Network, Sockets, Waker};
use crate::peer::{Counters, PeerError, PeerSetup, SourceId, State, StreamId};
use crate::rtp::Kind;
use crate::source::Rate;
use machine::{Machine, pin_to};

/// Commands that may wait for the driver.
const COMMANDS_MAX: usize = 16_384;
/// How long an answer of the driver may take; it is busy with packets, not with other waits.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// How often [`PeerHandle::wait_for`] looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How a driver works.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverOptions {
    /// How peers get their sockets.
    pub sockets: Sockets,
    /// Pause after packets came in, so that the next ones come in batches: 1 ms saves CPU, most of it with
    /// [`crate::peer::Reception::HeaderOnly`], and adds that much to every latency. Zero: packets are handled at once.
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
    Connect {
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

    /// Brings a peer to life: hand its [`PeerHandle::dtls_parameters`] to the server, then [`PeerHandle::connect`].
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

    /// Starts ICE and DTLS and waits until media may flow. The server must have the DTLS parameters by then.
    pub async fn connect(&self, within: Duration) -> Result<(), DriverError> {
        let answer = self
            .driver
            .ask_within(within, |answer| Command::Connect { peer: self.id, answer })
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
