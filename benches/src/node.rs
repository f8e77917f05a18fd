//! A node as a process of its own, as it is shipped: one worker, free ports, every other setting at its default.

use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::report;

/// How long a node may take until it is ready.
const START_DEADLINE: Duration = Duration::from_secs(20);
const START_LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Media ports that a node may choose from.
const MEDIA_PORTS: u16 = 16;

/// A running node; dropping it ends it.
pub struct Node {
    child: Child,
    port: u16,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Fails only if it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    /// Starts the binary that `RINGCAST_BIN` names, else the one of this workspace, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not come up; its log is in `target/bench/node.log`.
    #[must_use]
    pub fn start() -> Self {
        let binary = env::var_os("RINGCAST_BIN").map_or_else(build, PathBuf::from);
        let port = free_port();
        let media_port = free_media_ports();
        let last_media_port = media_port + MEDIA_PORTS - 1;
        let log = File::create(report::folder().join("node.log")).unwrap();
        let child = Command::new(&binary)
            .args(["--host", "127.0.0.1", "--announced-ip", "127.0.0.1=127.0.0.1"])
            .args(["--mediasoup-num-workers", "1", "--port", &port.to_string()])
            .args(["--mediasoup-min-port", &media_port.to_string()])
            .args(["--mediasoup-max-port", &last_media_port.to_string()])
            // No `.env` and no ringcast.toml of the caller's.
            .current_dir(report::folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let node = Self { child, port };
        node.wait_until_ready();
        node
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + START_DEADLINE;
        while !self.is_ready() {
            assert!(
                Instant::now() < deadline,
                "the node is not ready: see target/bench/node.log"
            );
            std::thread::sleep(START_LOOK_INTERVAL);
        }
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(START_DEADLINE))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "node"])
        .current_dir(report::workspace())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the node cannot be built");
    report::target().join("release/ringcast")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The start of a range of which a node can use some: it steps over a busy port by itself.
fn free_media_ports() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port().min(u16::MAX - MEDIA_PORTS)
}
