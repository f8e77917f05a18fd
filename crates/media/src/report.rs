//! The way back: what a seat has to say, addressed to the home of its room.

use std::sync::{Arc, Mutex};

use model::{CommandId, Epoch, MediaError, MediaEvent, MediaReply, NodeId, RoomId};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use crate::lock;

/// Something that a seat reports, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReport {
    /// The node to tell: for a result the one that asked, else the room's newest known home.
    pub home: NodeId,
    /// The room.
    pub room: RoomId,
    /// The epoch of that home.
    pub epoch: Epoch,
    /// What it is told.
    pub event: MediaEvent,
}

/// A home of a room, as it showed itself by a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) node: NodeId,
    pub(crate) epoch: Epoch,
}

/// One room's line to its home. Callbacks of workers hold it; it holds no mediasoup object.
#[derive(Debug)]
pub(crate) struct ReportLine {
    room: RoomId,
    newest: Mutex<Home>,
    reports: mpsc::Sender<SeatReport>,
    runtime: Handle,
}

impl ReportLine {
    pub(crate) fn new(room: RoomId, home: Home, reports: mpsc::Sender<SeatReport>, runtime: Handle) -> Arc<Self> {
        let newest = Mutex::new(home);
        Arc::new(Self {
            room,
            newest,
            reports,
            runtime,
        })
    }

    pub(crate) fn room(&self) -> &RoomId {
        &self.room
    }

    /// Notes who speaks for the room; false if `home` was replaced by one that spoke before.
    pub(crate) fn accept(&self, home: &Home) -> bool {
        let mut newest = lock(&self.newest);
        if home.epoch.is_stale(newest.epoch) {
            return false;
        }
        if *newest != *home {
            *newest = home.clone();
        }
        true
    }

    /// Tells the newest home something that a later report makes up for: dropped when the reports are not taken.
    pub(crate) fn tell(&self, event: MediaEvent) {
        let report = self.report(lock(&self.newest).clone(), event);
        if let Err(TrySendError::Full(_)) = self.reports.try_send(report) {
            warn!(room = %self.room, "media reports are not taken fast enough: one is dropped");
        }
    }

    /// Tells the newest home something that must not be lost.
    pub(crate) fn tell_surely(&self, event: MediaEvent) {
        self.send_surely(self.report(lock(&self.newest).clone(), event));
    }

    /// Answers a command to the home that gave it.
    pub(crate) fn answer(&self, asker: &Home, command: CommandId, result: Result<MediaReply, MediaError>) {
        self.send_surely(self.report(asker.clone(), MediaEvent::Result { command, result }));
    }

    fn report(&self, home: Home, event: MediaEvent) -> SeatReport {
        SeatReport {
            home: home.node,
            room: self.room.clone(),
            epoch: home.epoch,
            event,
        }
    }

    /// Waits aside for room in the queue; at most as many wait as commands are in flight.
    fn send_surely(&self, report: SeatReport) {
        if let Err(TrySendError::Full(report)) = self.reports.try_send(report) {
            let reports = self.reports.clone();
            self.runtime.spawn(async move {
                // An error means that nobody takes reports any more: the process is closing.
                let _ = reports.send(report).await;
            });
        }
    }
}
