//! The rooms that have seats here, and the way of a command: is its home the newest, was it answered before, whose queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use model::{
    MediaAction, MediaCommand, MediaError, MediaEvent, MediaReply, PeerId, RoomId, RouterId, WorkerId, limits,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::counts::MediaCounts;
use crate::lock;
use crate::peer_queue::{self, Job};
use crate::report::{Home, ReportLine, SeatReport};
use crate::results::{MediaResult, Results, Seen};
use crate::router::{RouterSlot, not_found};
use crate::worker::Workers;

pub(crate) struct Rooms {
    rooms: Mutex<BTreeMap<RoomId, Arc<Room>>>,
    workers: Arc<Workers>,
    reports: mpsc::Sender<SeatReport>,
    runtime: Handle,
}

/// One room's part on this node.
pub(crate) struct Room {
    line: Arc<ReportLine>,
    state: Mutex<RoomState>,
}

#[derive(Default)]
struct RoomState {
    routers: BTreeMap<RouterId, Arc<RouterSlot>>,
    /// Of peers whose queue has a task. The task ends, and takes the queue away, when nothing is left to do.
    queues: BTreeMap<PeerId, VecDeque<Job>>,
    results: Results,
}

/// What is to be done with a command at once.
enum Next {
    /// Nothing: it waits in its peer's queue, or is being carried out.
    Wait,
    /// Its peer's queue needs a task.
    StartQueue,
    /// It is answered.
    Answer(MediaResult),
    /// It ends a router.
    End(Arc<RouterSlot>),
}

impl Rooms {
    pub(crate) fn new(workers: Arc<Workers>, reports: mpsc::Sender<SeatReport>, runtime: Handle) -> Self {
        Self {
            rooms: Mutex::default(),
            workers,
            reports,
            runtime,
        }
    }

    /// Takes a command. Never waits.
    pub(crate) fn handle_command(&self, home: Home, room: RoomId, command: MediaCommand) {
        let (room, next, id, key) = {
            let mut rooms = lock(&self.rooms);
            let room = rooms
                .entry(room)
                .or_insert_with_key(|id| self.new_room(id.clone(), home.clone()));
            let room = Arc::clone(room);
            let (id, key) = (command.id, (command.epoch, command.id));
            let peer = command.peer;
            if !room.line.accept(&home) {
                drop(rooms);
                return room.line.answer(&home, id, Err(MediaError::Stale));
            }
            // Before the map is let go: a room without content is forgotten.
            let mut state = lock(&room.state);
            drop(rooms);
            let next = state.take(&self.workers, &room.line, home.clone(), command);
            if matches!(next, Next::StartQueue) {
                self.runtime
                    .spawn(peer_queue::run(Arc::clone(&room), Arc::clone(&self.workers), peer));
            }
            drop(state);
            (room, next, id, key)
        };
        match next {
            Next::Wait | Next::StartQueue => {}
            Next::Answer(result) => room.line.answer(&home, id, result),
            Next::End(slot) => {
                slot.end(not_found("router"));
                let result = Ok(MediaReply::Done);
                lock(&room.state).results.finish(key, &result);
                room.line.answer(&home, id, result);
            }
        }
    }

    fn new_room(&self, id: RoomId, home: Home) -> Arc<Room> {
        Arc::new(Room {
            line: ReportLine::new(id, home, self.reports.clone(), self.runtime.clone()),
            state: Mutex::default(),
        })
    }

    /// Ends every router of a worker that died, and tells their homes.
    pub(crate) fn lose_worker(&self, worker: WorkerId) {
        for slot in self.slots(|slot| slot.worker == worker) {
            if slot.end(MediaError::SeatLost) {
                slot.line.tell_surely(MediaEvent::SeatLost { router: slot.id });
            }
        }
    }

    pub(crate) fn end_all(&self) {
        for slot in self.slots(|_| true) {
            slot.end(MediaError::SeatLost);
        }
    }

    pub(crate) fn count(&self, counts: &mut MediaCounts) {
        for slot in self.slots(|_| true) {
            // An ended router counts for nothing.
            let _ = slot.with(|live| {
                counts.add(live);
                Ok(())
            });
        }
    }

    /// Forgets old results, the tombstones of routers, and rooms of which nothing is left.
    pub(crate) fn forget_expired(&self, now: Instant) {
        lock(&self.rooms).retain(|_, room| {
            let mut state = lock(&room.state);
            state.results.forget_expired(now);
            state.routers.retain(|_, slot| match slot.ended() {
                None => true,
                Some((_, ended)) => now.saturating_duration_since(ended) < limits::MEDIA_RESULT_KEPT,
            });
            !(state.routers.is_empty() && state.queues.is_empty() && state.results.is_empty())
        });
    }

    fn slots(&self, which: impl Fn(&RouterSlot) -> bool) -> Vec<Arc<RouterSlot>> {
        let rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        let mut slots = Vec::new();
        for room in rooms {
            slots.extend(lock(&room.state).routers.values().filter(|slot| which(slot)).cloned());
        }
        slots
    }
}

impl RoomState {
    fn take(&mut self, workers: &Workers, line: &Arc<ReportLine>, home: Home, command: MediaCommand) -> Next {
        let key = (command.epoch, command.id);
        // Asking again for statistics is as good as the first answer, and those are large.
        let kept = !matches!(command.action, MediaAction::GetStats(_));
        if kept {
            match self.results.begin(key, Instant::now()) {
                Seen::New => {}
                Seen::Running => return Next::Wait,
                Seen::Answered(result) => return Next::Answer(result),
            }
        }
        let slot = match self.slot(workers, line, &command) {
            Ok(slot) => slot,
            Err(result) => {
                self.results.finish(key, &result);
                return Next::Answer(result);
            }
        };
        if matches!(command.action, MediaAction::CloseRouter) {
            return Next::End(slot);
        }
        let peer = command.peer;
        let job = Job { home, command, slot };
        match self.queues.get_mut(&peer) {
            Some(queue) if queue.len() >= limits::MEDIA_PEER_QUEUE => {
                self.results.forget(key);
                Next::Answer(Err(MediaError::Busy))
            }
            Some(queue) => {
                queue.push_back(job);
                Next::Wait
            }
            None => {
                self.queues.insert(peer, VecDeque::from([job]));
                Next::StartQueue
            }
        }
    }

    /// The router that a command names; a first transport makes its slot.
    fn slot(
        &mut self,
        workers: &Workers,
        line: &Arc<ReportLine>,
        command: &MediaCommand,
    ) -> Result<Arc<RouterSlot>, MediaResult> {
        if command.seat.node != workers.config().node {
            return Err(Err(not_found("seat")));
        }
        let id = command.seat.router;
        if let Some(slot) = self.routers.get(&id) {
            return Ok(Arc::clone(slot));
        }
        match command.action {
            MediaAction::OpenTransport { .. } => {
                let worker = command.seat.worker;
                let slot = RouterSlot::new(id, worker, workers.ticket(worker), Arc::clone(line));
                self.routers.insert(id, Arc::clone(&slot));
                Ok(slot)
            }
            MediaAction::CloseTransport(_)
            | MediaAction::CloseProducer(_)
            | MediaAction::CloseConsumer(_)
            | MediaAction::CloseRouter => Err(Ok(MediaReply::Done)),
            _ => Err(Err(not_found("router"))),
        }
    }
}

impl Room {
    /// The next job of a peer. None ends the queue: a later command starts a new one.
    pub(crate) fn next_job(&self, peer: PeerId) -> Option<Job> {
        let mut state = lock(&self.state);
        let job = state.queues.get_mut(&peer).and_then(VecDeque::pop_front);
        if job.is_none() {
            state.queues.remove(&peer);
        }
        job
    }

    pub(crate) fn finish(&self, job: &Job, result: MediaResult) {
        let key = (job.command.epoch, job.command.id);
        lock(&self.state).results.finish(key, &result);
        self.line.answer(&job.home, job.command.id, result);
    }
}
