//! What it costs to join: from the socket to both transports connected, DTLS included. Joins for each CPU-second of the node's
//! process, and how long one takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use benches::cpu::{self, WorkerThread};
use benches::node::Node;
use benches::report;
use loadtest::call::CallPeer;
use loadtest::driver::{Driver, DriverOptions};
use loadtest::network::Sockets;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Between two cases, for the node to forget the peers of the first.
const REST: Duration = Duration::from_secs(2);

struct Case {
    name: &'static str,
    joins: usize,
    peers_per_room: usize,
    /// Joins under way at once.
    at_once: usize,
}

const CASES: [Case; 3] = [
    Case {
        name: "rooms of 4, one by one",
        joins: 200,
        peers_per_room: 4,
        at_once: 1,
    },
    Case {
        name: "rooms of 4, 16 at once",
        joins: 200,
        peers_per_room: 4,
        at_once: 16,
    },
    Case {
        name: "one room, one by one",
        joins: 100,
        peers_per_room: 100,
        at_once: 1,
    },
];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let results = runtime.block_on(async {
        let node = Node::start();
        // What a process does only once shall not count.
        let warm_up = Case {
            name: "warm-up",
            joins: 20,
            peers_per_room: 4,
            at_once: 4,
        };
        measure(&node, &warm_up).await;
        println!("\nfull joins: socket, capabilities, join, two transports connected");
        println!("case                     joins  joins/CPU-s  CPU ms each  of it worker      p50      p99  joins/s");
        let mut results = Vec::new();
        for case in &CASES {
            tokio::time::sleep(REST).await;
            let result = measure(&node, case).await;
            print_result(case, &result);
            results.push(result.to_json(case));
        }
        results
    });
    report::write("joins", &json!({ "cases": results }));
}

struct Measured {
    /// Seconds of the whole process, and of its worker alone.
    cpu: f64,
    worker: f64,
    elapsed: f64,
    /// Milliseconds of each join.
    times: Vec<f64>,
}

impl Measured {
    fn joins_per_cpu_second(&self) -> f64 {
        self.times.len() as f64 / self.cpu
    }

    fn to_json(&self, case: &Case) -> Value {
        json!({ "case": case.name, "joins": case.joins, "peersPerRoom": case.peers_per_room, "atOnce": case.at_once,
                "joinsPerCpuSecond": self.joins_per_cpu_second(), "processCpuSeconds": self.cpu,
                "workerCpuSeconds": self.worker, "elapsedSeconds": self.elapsed,
                "p50Ms": report::quantile(&self.times, 0.5), "p99Ms": report::quantile(&self.times, 0.99) })
    }
}

/// Everybody stays until the last one has joined.
async fn measure(node: &Node, case: &Case) -> Measured {
    let driver = Driver::start(DriverOptions {
        sockets: Sockets::Shared,
        ..DriverOptions::default()
    })
    .unwrap();
    let worker = WorkerThread::of_process(node.process());
    let (cpu, worker_time, start) = (cpu::of_process(node.process()), worker.time(), Instant::now());
    let mut joining = JoinSet::new();
    let mut joined = Vec::new();
    for number in 0..case.joins {
        if joining.len() >= case.at_once {
            joined.extend(joining.join_next().await.transpose().unwrap());
        }
        let room = format!("{} {}", case.name, number / case.peers_per_room);
        joining.spawn(join(driver.clone(), node.url(), room, number));
    }
    joined.extend(joining.join_all().await);
    Measured {
        cpu: (cpu::of_process(node.process()) - cpu).as_secs_f64(),
        worker: worker.time().since(worker_time).running.as_secs_f64(),
        elapsed: start.elapsed().as_secs_f64(),
        times: joined.iter().map(|(_, took)| took.as_secs_f64() * 1e3).collect(),
    }
}

async fn join(driver: Driver, url: String, room: String, number: usize) -> (CallPeer, Duration) {
    let start = Instant::now();
    let mut peer = CallPeer::join(&driver, &url, &room, &format!("peer {number}"))
        .await
        .unwrap();
    peer.connect_transports().await.unwrap();
    (peer, start.elapsed())
}

fn print_result(case: &Case, result: &Measured) {
    let each = |seconds: f64| seconds * 1e3 / result.times.len() as f64;
    println!(
        "{:24} {:5}  {:11.0}  {:11.2}  {:12.2}  {:4.1} ms  {:4.1} ms  {:7.0}",
        case.name,
        result.times.len(),
        result.joins_per_cpu_second(),
        each(result.cpu),
        each(result.worker),
        report::quantile(&result.times, 0.5),
        report::quantile(&result.times, 0.99),
        result.times.len() as f64 / result.elapsed
    );
}
