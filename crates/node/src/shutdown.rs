//! The end of a node: signals, telling the peers, closing the media, within the grace.

use std::sync::Arc;
use std::time::Duration;

use model::limits;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

use crate::node::Node;
use crate::session_task::SessionInput;

/// The exit status of a second signal.
const EXIT_AT_ONCE: i32 = 130;

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from the system's default, which would end the process.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(crate) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// From now on the next signal ends the process at once.
    pub(crate) fn exit_on_next(mut self) {
        tokio::spawn(async move {
            self.recv().await;
            tracing::warn!("second signal: exit at once");
            std::process::exit(EXIT_AT_ONCE);
        });
    }
}

/// Tells all sessions, ends them, and waits until no room is left, at most until the grace is over.
pub(crate) async fn drain(node: &Arc<Node>, grace: Duration) {
    let deadline = Instant::now() + grace;
    node.close();
    let sessions = node.sessions.keys();
    tracing::info!(sessions = sessions.len(), rooms = node.homes.len(), "closing");
    for session in &sessions {
        // A session whose mailbox is full closes anyway.
        let _told = node.sessions.send(session, SessionInput::ServerClosing, 0);
    }
    if !sessions.is_empty() {
        sleep(limits::CLOSING_TOLD.min(grace / 4)).await;
    }
    for session in node.sessions.keys() {
        node.sessions.remove(&session);
    }
    if timeout_at(deadline, all_gone(node)).await.is_err() {
        tracing::warn!(rooms = node.homes.len(), "grace is over: rooms are cut off");
    }
}

async fn all_gone(node: &Arc<Node>) {
    while node.sessions.len() + node.edges.len() + node.homes.len() > 0 {
        sleep(limits::CLOSING_POLL).await;
    }
}
