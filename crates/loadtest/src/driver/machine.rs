//! The driver's thread. Its loop is closed: commands, datagrams and deadlines are all that can happen; each is given
//! to the peer that it concerns, what peers want to send is sent, and then the thread sleeps until the next of them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Answer, Command, DriverError, PeerId, Totals};
use crate::clock::MediaClock;
use crate::network::{Endpoint, Network};
use crate::peer::{MediaPeer, PeerSetup, State};

/// Batches read off one socket before peers may send and deadlines are looked at again.
const BATCHES_AT_ONCE: usize = 32;

/// Keeps the calling thread on one core.
pub(super) fn pin_to(core: usize) -> io::Result<()> {
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such core"));
    }
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// What the thread owns.
pub(super) struct Machine {
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
    pub(super) fn new(network: Network, commands: Receiver<Command>, pause: Duration) -> Self {
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

    pub(super) fn run(mut self) {
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
            Command::Connect { peer, answer } => match self.peers.get_mut(&peer) {
                Some(running) => {
                    running.waiting.push(answer);
                    running.peer.connect(now);
                    self.unsent += running.flush(&self.network);
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
            State::New | State::Connecting => return,
            State::Connected => None,
            State::Failed(reason) => Some(reason),
        };
        for waiting in self.waiting.drain(..) {
            let failed = answer.map(|reason| DriverError::Failed(reason.clone()));
            let _ = waiting.send(failed.map_or(Ok(()), Err));
        }
    }
}
