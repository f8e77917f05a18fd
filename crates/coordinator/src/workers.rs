//! Which worker gets a room's router: 40 % its CPU, 60 % its routers, then the least recently used. The weights are those of the
//! conference server whose clients the `conference` dialect serves.

use std::cmp::Ordering;

use model::WorkerId;

/// Weight of a worker's CPU in its score.
pub const CPU_WEIGHT: f64 = 0.4;
/// Weight of a worker's share of the routers in its score.
pub const ROUTERS_WEIGHT: f64 = 0.6;

/// What the choice depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerFacts {
    /// The worker.
    pub worker: WorkerId,
    /// Its use of one core over the last second, 0 to 1.
    pub cpu: f64,
    /// Its routers.
    pub routers: usize,
    /// When it was last chosen, as a growing number; 0: never.
    pub last_used: u64,
}

/// The worker of the lowest score; `None` of none.
#[must_use]
pub fn choose(workers: &[WorkerFacts]) -> Option<WorkerId> {
    let most_routers = workers.iter().map(|facts| facts.routers).max()?;
    workers
        .iter()
        .min_by(|a, b| compare(a, b, most_routers))
        .map(|facts| facts.worker)
}

/// 0 (idle, empty) to 1 (a full core, and no worker has more routers).
#[must_use]
pub fn score(facts: &WorkerFacts, most_routers: usize) -> f64 {
    let cpu = if facts.cpu.is_finite() {
        facts.cpu.clamp(0.0, 1.0)
    } else {
        1.0
    };
    let share = if most_routers == 0 {
        0.0
    } else {
        facts.routers as f64 / most_routers as f64
    };
    CPU_WEIGHT * cpu + ROUTERS_WEIGHT * share
}

fn compare(a: &WorkerFacts, b: &WorkerFacts, most_routers: usize) -> Ordering {
    score(a, most_routers)
        .total_cmp(&score(b, most_routers))
        .then(a.last_used.cmp(&b.last_used))
        .then(a.worker.cmp(&b.worker))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = Vec<WorkerFacts>> {
        let cpu = prop_oneof![8 => 0.0..1.5f64, 1 => Just(f64::NAN), 1 => Just(-1.0)];
        prop::collection::vec((cpu, 0usize..50, 0u64..20), 0..16).prop_map(|rows| {
            let rows = rows.into_iter().enumerate();
            rows.map(|(n, (cpu, routers, last_used))| WorkerFacts {
                worker: WorkerId(n as u16),
                cpu,
                routers,
                last_used,
            })
            .collect()
        })
    }

    proptest! {
        #[test]
        fn no_other_worker_was_better_or_there_is_none(facts in facts()) {
            let Some(chosen) = choose(&facts) else {
                prop_assert!(facts.is_empty());
                return Ok(());
            };
            let chosen = facts.iter().find(|f| f.worker == chosen).unwrap();
            let most = facts.iter().map(|f| f.routers).max().unwrap();
            for other in facts.iter().filter(|f| f.worker != chosen.worker) {
                let (mine, theirs) = (score(chosen, most), score(other, most));
                prop_assert!(mine <= theirs);
                prop_assert!(mine < theirs || chosen.last_used <= other.last_used);
            }
        }

        #[test]
        fn the_order_in_which_facts_come_does_not_matter(facts in facts(), seed in any::<u64>()) {
            let mut turned = facts.clone();
            if !turned.is_empty() {
                let by = (seed % turned.len() as u64) as usize;
                turned.rotate_left(by);
            }
            prop_assert_eq!(choose(&facts), choose(&turned));
        }

        #[test]
        fn scores_stay_between_nothing_and_one(facts in facts()) {
            let most = facts.iter().map(|f| f.routers).max().unwrap_or(0);
            for fact in &facts {
                prop_assert!((0.0..=1.0).contains(&score(fact, most)));
            }
        }
    }

    #[test]
    fn routers_weigh_more_than_cpu() {
        let busy = WorkerFacts {
            worker: WorkerId(0),
            cpu: 1.0,
            routers: 0,
            last_used: 0,
        };
        let crowded = WorkerFacts {
            worker: WorkerId(1),
            cpu: 0.0,
            routers: 10,
            last_used: 0,
        };
        assert_eq!(choose(&[busy, crowded]), Some(WorkerId(0)));
    }
}
