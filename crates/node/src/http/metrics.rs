//! Every metric of the node: its name, its meaning, and the one function that changes it.
//!
//! Labels are closed sets (`&'static str`, or a worker's slot): nothing that a client wrote, no room, no peer.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const BUILD_INFO: &str = "ringcast_build_info";
const SESSIONS: &str = "ringcast_sessions";
const ROOMS: &str = "ringcast_rooms";
const PEERS: &str = "ringcast_peers";
const TRANSPORTS: &str = "ringcast_transports";
const PRODUCERS: &str = "ringcast_producers";
const CONSUMERS: &str = "ringcast_consumers";
const WORKERS: &str = "ringcast_workers";
const WORKER_CPU: &str = "ringcast_worker_cpu_ratio";
const WORKER_DEATHS: &str = "ringcast_worker_deaths_total";
const REQUESTS: &str = "ringcast_requests_total";
const REQUEST_DURATION: &str = "ringcast_request_duration_seconds";
const LIMITS_HIT: &str = "ringcast_limits_hit_total";

/// From what a room answers by itself to what waits for a worker, up to the deadline of a request.
const REQUEST_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often samples are folded into their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts the metrics of this process; the handle renders them. Once a process. Run [`upkeep`] as a task.
///
/// # Errors
/// A recorder is there already.
pub(crate) fn start() -> Result<PrometheusHandle, BuildError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    Ok(handle)
}

/// Folds samples into buckets, for ever: without it a histogram that nobody scrapes would grow.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        handle.run_upkeep();
    }
}

pub(super) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let matcher = Matcher::Full(REQUEST_DURATION.to_owned());
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(matcher, REQUEST_BUCKETS)?
        .build_recorder())
}

/// Names the meaning of every metric.
pub(super) fn describe() {
    describe_gauge!(
        BUILD_INFO,
        "1; the labels say which version runs and how its media worker was built"
    );
    describe_gauge!(SESSIONS, "signaling sessions whose edge is this node, by dialect");
    describe_gauge!(ROOMS, "rooms whose home is this node");
    describe_gauge!(PEERS, "peers of the rooms whose home is this node");
    describe_gauge!(TRANSPORTS, "WebRTC transports of this node's workers, by state");
    describe_gauge!(PRODUCERS, "producers of this node's workers, by kind");
    describe_gauge!(CONSUMERS, "consumers of this node's workers, by kind");
    describe_gauge!(WORKERS, "media workers that live");
    describe_gauge!(
        WORKER_CPU,
        "share of one core that a worker's thread used lately, 0 to 1, by slot"
    );
    describe_counter!(WORKER_DEATHS, Unit::Count, "media workers that died and were replaced");
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "requests of clients, by dialect, name and result"
    );
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "time from a request's frame to its reply, by dialect and name"
    );
    describe_counter!(
        LIMITS_HIT,
        Unit::Count,
        "times that a bound refused something, by limit"
    );
}

/// Which version runs, and how its media worker was built (`system` or `upstream`).
pub(crate) fn build_info(version: &'static str, mediasoup_deps: &'static str) {
    gauge!(BUILD_INFO, "version" => version, "mediasoup_deps" => mediasoup_deps).set(1.0);
}

/// A session began (+1) or ended (-1).
pub(crate) fn sessions(dialect: &'static str, change: i32) {
    gauge!(SESSIONS, "dialect" => dialect).increment(f64::from(change));
}

/// How many rooms have their home here.
pub(crate) fn rooms(count: usize) {
    gauge!(ROOMS).set(count as f64);
}

/// Peers joined (positive) or left (negative).
pub(crate) fn peers(change: i32) {
    gauge!(PEERS).increment(f64::from(change));
}

/// A transport came into a state (+1: `new`, `connecting`, `connected`, `failed`) or left it (-1).
pub(crate) fn transports(state: &'static str, change: i32) {
    gauge!(TRANSPORTS, "state" => state).increment(f64::from(change));
}

/// A producer was made (+1) or closed (-1). `kind`: `audio` or `video`.
pub(crate) fn producers(kind: &'static str, change: i32) {
    gauge!(PRODUCERS, "kind" => kind).increment(f64::from(change));
}

/// A consumer was made (+1) or closed (-1). `kind`: `audio` or `video`.
pub(crate) fn consumers(kind: &'static str, change: i32) {
    gauge!(CONSUMERS, "kind" => kind).increment(f64::from(change));
}

/// How many workers live.
pub(crate) fn workers(count: usize) {
    gauge!(WORKERS).set(count as f64);
}

/// What share of a core the worker of a slot used lately, 0 to 1. A replaced worker keeps its slot, so labels do not grow.
pub(crate) fn worker_cpu(slot: usize, ratio: f64) {
    gauge!(WORKER_CPU, "worker" => slot.to_string()).set(ratio);
}

/// A worker died.
pub(crate) fn worker_died() {
    counter!(WORKER_DEATHS).increment(1);
}

/// A request was answered (or dropped, with its result saying so). `name` is of the dialect's closed list, `other` beyond it.
pub(crate) fn request(dialect: &'static str, name: &'static str, result: &'static str, took: Duration) {
    counter!(REQUESTS, "dialect" => dialect, "name" => name, "result" => result).increment(1);
    histogram!(REQUEST_DURATION, "dialect" => dialect, "name" => name).record(took.as_secs_f64());
}

/// A bound refused something. `limit` is its name in `model::limits`, in lower case.
pub(crate) fn limit_hit(limit: &'static str) {
    counter!(LIMITS_HIT, "limit" => limit).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_described_and_has_its_prefix() {
        let recorder = recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            build_info("1.2.3", "system");
            sessions("rooms", 1);
            rooms(3);
            peers(2);
            peers(-1);
            transports("connected", 1);
            producers("audio", 1);
            consumers("video", 4);
            workers(2);
            worker_cpu(0, 0.25);
            worker_died();
            request("rooms", "produce", "ok", Duration::from_millis(3));
            limit_hit("peers_per_room");
        });
        let text = handle.render();
        for line in [
            "ringcast_build_info{version=\"1.2.3\",mediasoup_deps=\"system\"} 1",
            "ringcast_sessions{dialect=\"rooms\"} 1",
            "ringcast_rooms 3",
            "ringcast_peers 1",
            "ringcast_transports{state=\"connected\"} 1",
            "ringcast_producers{kind=\"audio\"} 1",
            "ringcast_consumers{kind=\"video\"} 4",
            "ringcast_workers 2",
            "ringcast_worker_cpu_ratio{worker=\"0\"} 0.25",
            "ringcast_worker_deaths_total 1",
            "ringcast_requests_total{dialect=\"rooms\",name=\"produce\",result=\"ok\"} 1",
            "ringcast_request_duration_seconds_bucket{dialect=\"rooms\",name=\"produce\",le=\"0.0025\"} 0",
            "ringcast_request_duration_seconds_bucket{dialect=\"rooms\",name=\"produce\",le=\"0.005\"} 1",
            "ringcast_limits_hit_total{limit=\"peers_per_room\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|rest| rest.split(' ').next());
        for name in names {
            assert!(
                name.starts_with("ringcast_") && text.contains(&format!("# HELP {name} ")),
                "{name}"
            );
        }
    }
}
