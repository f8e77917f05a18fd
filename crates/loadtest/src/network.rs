//! The sockets of a driver: either one for each peer, or, against a server on this machine, one shared by all, on
//! which every peer has a loopback address of its own. The shared socket is read in batches and costs a fraction.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{EventfdFlags, Timespec, epoll};
use rustix::net::sockopt;

/// Receive buffer asked for per socket of one peer, in bytes.
const PEER_BUFFER_BYTES: usize = 4 << 20;
/// Receive buffer asked for on the shared socket, in bytes.
const SHARED_BUFFER_BYTES: usize = 256 << 20;
/// Room for one datagram, or for several that the kernel joined.
const DATAGRAM_BYTES: usize = 65_536;
/// Loopback addresses on the shared socket: 127.1.1.1 to 127.1.200.250.
const SHARED_PEERS_MAX: u32 = 200 * 250;
/// Ready sockets told of by one wait.
const EVENTS_AT_ONCE: usize = 64;
/// The event of the waker; sockets count from one.
const WAKER: u64 = 0;

/// How peers get their sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sockets {
    /// A socket for each peer; works with any server.
    #[default]
    OnePerPeer,
    /// One socket for all peers of a server on a loopback address (peers of other servers still get their own).
    Shared,
}

/// Ends a [`Network::wait`] early, from any thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Does so.
    pub fn wake(&self) {
        // Fails only if the counter is full, and then the wake-up is already under way.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// A peer's place on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    socket: u64,
    /// The address that the server sees.
    pub local: SocketAddr,
}

/// All sockets of one driver.
pub struct Network {
    plan: Sockets,
    epoll: OwnedFd,
    waker: Waker,
    sockets: BTreeMap<u64, Socket>,
    next_socket: u64,
    shared: Option<u64>,
    shared_peers: u32,
    buffer: Vec<u8>,
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    port: u16,
}

impl Network {
    /// A network without sockets.
    pub fn new(plan: Sockets) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &waker, epoll::EventData::new_u64(WAKER), epoll::EventFlags::IN)?;
        Ok(Self {
            plan,
            epoll,
            waker: Waker(Arc::new(waker)),
            sockets: BTreeMap::new(),
            next_socket: WAKER + 1,
            shared: None,
            shared_peers: 0,
            buffer: vec![0; DATAGRAM_BYTES * BATCH_SIZE],
        })
    }

    /// What ends a wait early.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// A place from which `server` can be reached.
    pub fn open(&mut self, server: SocketAddr) -> io::Result<Endpoint> {
        if self.plan == Sockets::OnePerPeer || !server.ip().is_loopback() || server.is_ipv6() {
            return self.bind(own_address(server)?, PEER_BUFFER_BYTES);
        }
        let socket = match self.shared {
            Some(socket) => socket,
            None => self.bind(Ipv4Addr::UNSPECIFIED.into(), SHARED_BUFFER_BYTES)?.socket,
        };
        self.shared = Some(socket);
        let number = self.shared_peers;
        if number >= SHARED_PEERS_MAX {
            return Err(io::Error::other("no loopback address is left"));
        }
        self.shared_peers += 1;
        let ip = Ipv4Addr::new(127, 1, 1 + (number / 250) as u8, 1 + (number % 250) as u8);
        let port = self.sockets.get(&socket).map_or(0, |socket| socket.port);
        Ok(Endpoint {
            socket,
            local: (ip, port).into(),
        })
    }

    /// Gives an endpoint's socket back, unless others share it.
    pub fn close(&mut self, endpoint: Endpoint) {
        if self.shared != Some(endpoint.socket) {
            self.sockets.remove(&endpoint.socket);
        }
    }

    /// Waits until a socket has something, the time is over (`None`: never) or the waker is used; gives the sockets
    /// to [`Network::receive`] from.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<Vec<u64>> {
        // A day is as good as for ever, and fits.
        let limit = limit
            .unwrap_or(Duration::from_secs(86_400))
            .min(Duration::from_secs(86_400));
        let limit = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_AT_ONCE);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = Vec::with_capacity(events.len());
        for event in &events {
            let token = event.data.u64();
            if token == WAKER {
                // Only emptied here; what there is to do lies in the driver's queue.
                let _ = rustix::io::read(&self.waker.0, &mut [0_u8; 8]);
            } else {
                ready.push(token);
            }
        }
        Ok(ready)
    }

    /// Reads one batch off a socket and hands each datagram over with its local and its remote address. Gives the
    /// number of datagrams, 0 once the socket is empty.
    pub fn receive(&mut self, socket: u64, mut handle: impl FnMut(SocketAddr, SocketAddr, &[u8])) -> usize {
        let Some(Socket { socket, state, port }) = self.sockets.get(&socket) else {
            return 0;
        };
        let mut slices = self.buffer.chunks_exact_mut(DATAGRAM_BYTES).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap_or(IoSliceMut::new(&mut [])));
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        // Nothing there and an answer of the kernel to an earlier datagram look the same to a peer: no datagram.
        let Ok(batches) = state.recv(socket.into(), &mut slices, &mut metas) else {
            return 0;
        };
        let mut datagrams = 0;
        for (slice, meta) in slices.iter().zip(&metas).take(batches) {
            let Some(ip) = meta.dst_ip else { continue };
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                handle(SocketAddr::new(ip, *port), meta.addr, datagram);
                datagrams += 1;
            }
        }
        datagrams
    }

    /// Sends one datagram; `false` if the kernel had no room for it.
    pub fn send(&self, endpoint: Endpoint, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(Socket { socket, state, .. }) = self.sockets.get(&endpoint.socket) else {
            return false;
        };
        let src_ip = Some(endpoint.local.ip());
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip,
        };
        state.try_send(socket.into(), &transmit).is_ok()
    }

    fn bind(&mut self, ip: IpAddr, buffer_bytes: usize) -> io::Result<Endpoint> {
        let socket = UdpSocket::bind((ip, 0))?;
        let local = socket.local_addr()?;
        let state = UdpSocketState::new((&socket).into())?;
        // Root may go past the system's limit; others get as much as it allows.
        sockopt::set_socket_recv_buffer_size_force(&socket, buffer_bytes)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&socket, buffer_bytes))?;
        let token = self.next_socket;
        epoll::add(
            &self.epoll,
            socket.as_fd(),
            epoll::EventData::new_u64(token),
            epoll::EventFlags::IN,
        )?;
        self.next_socket += 1;
        self.sockets.insert(
            token,
            Socket {
                socket,
                state,
                port: local.port(),
            },
        );
        Ok(Endpoint { socket: token, local })
    }
}

/// The address of this machine from which the server is reached. Nothing is sent to find it out.
fn own_address(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(server)?;
    Ok(probe.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo_of(plan: Sockets) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let address = server.local_addr().unwrap();
        let mut network = Network::new(plan).unwrap();
        let endpoints = [network.open(address).unwrap(), network.open(address).unwrap()];
        let mut heard = Vec::new();
        for (number, endpoint) in endpoints.into_iter().enumerate() {
            assert!(network.send(endpoint, address, &[number as u8; 3]));
            let mut datagram = [0; 10];
            let (length, from) = server.recv_from(&mut datagram).unwrap();
            assert_eq!(from, endpoint.local);
            server.send_to(&datagram[..length], from).unwrap();
            for socket in network.wait(Some(Duration::from_secs(2))).unwrap() {
                while network.receive(socket, |local, from, bytes| heard.push((local, from, bytes.to_vec()))) > 0 {}
            }
            assert_eq!(heard[number], (endpoint.local, address, vec![number as u8; 3]));
        }
        assert_ne!(endpoints[0].local, endpoints[1].local);
        heard
    }

    #[test]
    fn both_plans_tell_peers_apart_by_their_own_address() {
        assert_eq!(echo_of(Sockets::OnePerPeer).len(), 2);
        let heard = echo_of(Sockets::Shared);
        assert_eq!(heard[0].0.port(), heard[1].0.port());
        assert_eq!(heard[1].0.ip(), Ipv4Addr::new(127, 1, 1, 2));
    }

    #[test]
    fn the_waker_ends_a_wait() {
        let mut network = Network::new(Sockets::OnePerPeer).unwrap();
        let waker = network.waker();
        let thread = std::thread::spawn(move || waker.wake());
        assert!(network.wait(None).unwrap().is_empty());
        thread.join().unwrap();
        let waited = std::time::Instant::now();
        assert!(network.wait(Some(Duration::from_millis(20))).unwrap().is_empty());
        assert!(waited.elapsed() >= Duration::from_millis(19));
    }
}
