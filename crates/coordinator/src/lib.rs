//! Which node is home, which worker gets a room's router, and who may take a seat: decisions only. The shell brings the facts and
//! carries the decisions out. One policy, one file; ties end in an id, so that equal facts give equal decisions everywhere.
//!
//! Pure: no runtime, no clock, no randomness, no I/O. On one node there is no membership and no ring: [`Coordinator`] chooses
//! workers and projects what peers will cost.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod admission;
pub mod workers;

use std::collections::BTreeMap;

use model::WorkerId;

use crate::workers::WorkerFacts;

/// This node's choices, and the little it has to remember between them.
#[derive(Debug, Default)]
pub struct Coordinator {
    workers: BTreeMap<WorkerId, WorkerFacts>,
    choices: u64,
}

impl Coordinator {
    /// What is known of the living workers now; one that is missing is gone.
    pub fn handle_workers(&mut self, samples: impl IntoIterator<Item = (WorkerId, f64, usize)>) {
        let mut workers = BTreeMap::new();
        for (worker, cpu, routers) in samples {
            let last_used = self.workers.get(&worker).map_or(0, |known| known.last_used);
            workers.insert(
                worker,
                WorkerFacts {
                    worker,
                    cpu,
                    routers,
                    last_used,
                },
            );
        }
        self.workers = workers;
    }

    /// The worker for a room's next router; `None`: no worker is alive.
    pub fn choose_worker(&mut self) -> Option<WorkerId> {
        let facts: Vec<_> = self.workers.values().copied().collect();
        let chosen = workers::choose(&facts)?;
        self.choices += 1;
        if let Some(worker) = self.workers.get_mut(&chosen) {
            worker.last_used = self.choices;
            worker.routers += 1;
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_opened_between_two_samples_spread() {
        let mut coordinator = Coordinator::default();
        assert_eq!(coordinator.choose_worker(), None);
        coordinator.handle_workers((0..4).map(|n| (WorkerId(n), 0.0, 0)));
        let chosen: Vec<_> = (0..8).filter_map(|_| coordinator.choose_worker()).collect();
        for worker in 0..4 {
            assert_eq!(
                chosen.iter().filter(|w| **w == WorkerId(worker)).count(),
                2,
                "{chosen:?}"
            );
        }
    }

    #[test]
    fn a_dead_worker_is_not_chosen() {
        let mut coordinator = Coordinator::default();
        coordinator.handle_workers([(WorkerId(0), 0.0, 0), (WorkerId(1), 0.9, 50)]);
        assert_eq!(coordinator.choose_worker(), Some(WorkerId(0)));
        coordinator.handle_workers([(WorkerId(1), 0.9, 50)]);
        assert_eq!(coordinator.choose_worker(), Some(WorkerId(1)));
    }
}
