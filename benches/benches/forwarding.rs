//! What forwarding costs: real peers publish and receive through a running node, and the same peers through the bare mediasoup crate
//! in this process. Packets forwarded for each CPU-second of the worker thread, five interleaved runs, with and without
//! transport-cc. Far below saturation, where both forward everything and only the cost differs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use benches::cpu::WorkerThread;
use benches::node::Node;
use benches::{bare, report};
use loadtest::call::{CallPeer, JoinOptions};
use loadtest::driver::{Driver, DriverOptions, PeerHandle};
use loadtest::network::Sockets;
use loadtest::peer::SourceId;
use loadtest::rtp::{Features, Kind};
use loadtest::source::Rate;
use serde_json::{Value, json};

const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);
/// For what is under way when the publisher stops.
const DRAIN: Duration = Duration::from_millis(300);
const SUBSCRIBERS: usize = 80;
const RATE: Rate = Rate {
    packets_per_second: 250,
    payload_bytes: 1_000,
};
/// The driver handles packets in batches of this time: it shall not take the core that the worker needs.
const DRIVER_PAUSE: Duration = Duration::from_millis(1);
/// A worker that waited longer for a core, as a share of the run, had company on it.
const CROWDED: f64 = 0.1;
const GOAL: f64 = 0.95;
const PATIENCE: Duration = Duration::from_secs(20);

/// One way from the publisher to the subscribers.
struct Side<'a> {
    name: &'static str,
    publisher: &'a PeerHandle,
    source: SourceId,
    worker: WorkerThread,
}

struct Run {
    packets: u64,
    /// Of what should have arrived.
    delivered: f64,
    /// Seconds that the worker ran.
    busy: f64,
    /// The share of the run in which the worker was ready and had no core.
    waited: f64,
}

impl Run {
    fn packets_per_cpu_second(&self) -> f64 {
        self.packets as f64 / self.busy
    }

    fn to_json(&self) -> Value {
        json!({ "packets": self.packets, "delivered": self.delivered, "workerSeconds": self.busy,
                "packetsPerCpuSecond": self.packets_per_cpu_second(), "runQueueWait": self.waited,
                "crowded": self.waited > CROWDED })
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let results = runtime.block_on(async {
        let node = Node::start();
        let bare = bare::Server::start().await;
        let mut results = Vec::new();
        for transport_cc in [false, true] {
            results.push(compare(&node, &bare, transport_cc).await);
        }
        results
    });
    let settings = json!({ "subscribers": SUBSCRIBERS, "packetsPerSecond": RATE.packets_per_second,
                           "payloadBytes": RATE.payload_bytes, "runSeconds": RUN.as_secs(), "goal": GOAL });
    report::write("forwarding", &json!({ "settings": settings, "cases": results }));
}

async fn compare(node: &Node, bare: &bare::Server, transport_cc: bool) -> Value {
    let driver = Driver::start(DriverOptions {
        sockets: Sockets::Shared,
        pause: DRIVER_PAUSE,
        core: None,
    })
    .unwrap();
    let features = Features {
        transport_cc,
        ..Features::default()
    };
    let (peers, source) = node_call(node, &driver, features).await;
    let bare_call = bare.call(&driver, features, SUBSCRIBERS).await;
    let sides = [
        Side {
            name: "node",
            publisher: peers[0].sending().unwrap(),
            source,
            worker: WorkerThread::of_process(node.process()),
        },
        Side {
            name: "bare",
            publisher: &bare_call.publisher,
            source: bare_call.source,
            worker: WorkerThread::of_process(std::process::id()),
        },
    ];
    let with = if transport_cc { "with" } else { "without" };
    println!(
        "\nforwarding {with} transport-cc: 1 publisher, {SUBSCRIBERS} subscribers, {} packets/s",
        RATE.packets_per_second
    );
    println!("run        packets   delivered  packets/CPU-s  worker core  waited for a core");
    for side in &sides {
        run(side, &driver, WARM_UP).await;
    }
    let mut runs = [Vec::new(), Vec::new()];
    for number in 1..=RUNS {
        for (side, runs) in sides.iter().zip(&mut runs) {
            let run = run(side, &driver, RUN).await;
            print_run(side.name, number, &run);
            runs.push(run);
        }
    }
    conclude(transport_cc, &runs)
}

/// A room of the node; its first peer publishes, silent so far.
async fn node_call(node: &Node, driver: &Driver, features: Features) -> (Vec<CallPeer>, SourceId) {
    let room = format!("forwarding-{}", features.transport_cc);
    let mut peers: Vec<CallPeer> = Vec::new();
    let mut source = None;
    for number in 0..=SUBSCRIBERS {
        let options = JoinOptions {
            features,
            ..JoinOptions::default()
        };
        let name = format!("peer {number}");
        let mut peer = CallPeer::join_with(driver, &node.url(), &room, &name, options)
            .await
            .unwrap();
        if number == 0 {
            let published = peer.publish(Kind::Video, RATE).await.unwrap();
            peer.sending().unwrap().stop_source(published.source).await.unwrap();
            source = Some(published.source);
        } else {
            peer.subscribe_to(1, PATIENCE).await.unwrap();
        }
        peers.push(peer);
    }
    (peers, source.expect("the first peer publishes"))
}

/// Everything that is sent is counted, and all CPU time from before the first packet until after the last.
async fn run(side: &Side<'_>, driver: &Driver, length: Duration) -> Run {
    let (before, time_before, start) = (driver.totals().await.unwrap(), side.worker.time(), Instant::now());
    side.publisher.start_source(side.source, RATE).await.unwrap();
    tokio::time::sleep(length).await;
    side.publisher.stop_source(side.source).await.unwrap();
    tokio::time::sleep(DRAIN).await;
    let (after, time) = (driver.totals().await.unwrap(), side.worker.time().since(time_before));
    let packets = after.received.packets - before.received.packets;
    let sent = after.sent.packets - before.sent.packets;
    Run {
        packets,
        delivered: packets as f64 / (sent * SUBSCRIBERS as u64) as f64,
        busy: time.running.as_secs_f64(),
        waited: time.waiting.as_secs_f64() / start.elapsed().as_secs_f64(),
    }
}

fn print_run(name: &str, number: usize, run: &Run) {
    println!(
        "{name} {number}  {:12}  {:8.2} %  {:13.0}  {:9.1} %  {:6.1} %{}",
        run.packets,
        run.delivered * 100.0,
        run.packets_per_cpu_second(),
        run.busy / (RUN + DRAIN).as_secs_f64() * 100.0,
        run.waited * 100.0,
        if run.waited > CROWDED { "  crowded" } else { "" }
    );
}

fn conclude(transport_cc: bool, runs: &[Vec<Run>; 2]) -> Value {
    let rates = |runs: &[Run]| runs.iter().map(Run::packets_per_cpu_second).collect::<Vec<f64>>();
    let (node, bare) = (rates(&runs[0]), rates(&runs[1]));
    let (node_median, bare_median) = (report::median(&node), report::median(&bare));
    let ratio = node_median / bare_median;
    let pairs: Vec<f64> = node.iter().zip(&bare).map(|(node, bare)| node / bare).collect();
    println!(
        "median: node {node_median:.0}, bare {bare_median:.0} packets/CPU-s; ratio {ratio:.3} (goal {GOAL}), median of the pairs' ratios {:.3}",
        report::median(&pairs)
    );
    let json = |runs: &[Run]| runs.iter().map(Run::to_json).collect::<Vec<Value>>();
    json!({ "transportCc": transport_cc, "ratio": ratio, "medianOfPairs": report::median(&pairs),
            "node": { "median": node_median, "runs": json(&runs[0]) },
            "bare": { "median": bare_median, "runs": json(&runs[1]) } })
}
