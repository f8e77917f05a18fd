//! Once a second: what `/health` and `/metrics` show of rooms and workers, and whether this node can take work at all.

use std::sync::Arc;
use std::time::Duration;

use crate::http::{HttpState, metrics};
use crate::node::Node;

const INTERVAL: Duration = Duration::from_secs(1);

/// Samples until the node ends.
pub(crate) async fn run(node: Arc<Node>, state: HttpState) {
    let mut died = 0;
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let workers = node.media.workers();
        state.set_workers(workers.len());
        state.set_rooms(node.homes.len());
        metrics::rooms(node.homes.len());
        metrics::workers(workers.len());
        for (slot, worker) in workers.iter().enumerate() {
            metrics::worker_cpu(slot, worker.cpu);
        }
        let counts = node.media.counts();
        for _ in died..counts.workers_died {
            metrics::worker_died();
        }
        died = counts.workers_died;
        if node.is_closing() {
            continue;
        }
        if workers.is_empty() {
            state.set_not_ready("no media worker");
        } else {
            state.set_ready();
        }
    }
}
