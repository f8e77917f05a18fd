//! One request from its frame to the frame of its answer: session, edge room, room and back, with a seat that answers at once.
//! Rooms of two sizes show that a request which concerns one peer costs the same in both.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use benches::conversation::Conversation;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const SIZES: [usize; 2] = [2, 500];

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rooms");
    for peers in SIZES {
        let mut conversation = Conversation::new(peers);
        group.bench_function(BenchmarkId::new("get-rtp-capabilities", peers), |bencher| {
            bencher.iter(|| conversation.request(0, "get-rtp-capabilities", r#"{"roomId":"bench"}"#));
        });
        group.bench_function(BenchmarkId::new("get-socket-id-for-user", peers), |bencher| {
            bencher.iter(|| conversation.request(0, "get-socket-id-for-user", r#"{"userId":"nobody"}"#));
        });
        // The producer is new in each iteration and closed after it, outside the measured time: the room does not grow.
        group.bench_function(BenchmarkId::new("consume and resume", peers), |bencher| {
            bencher.iter_custom(|iterations| (0..iterations).map(|_| consume_and_resume(&mut conversation)).sum());
        });
    }
    group.finish();
}

/// The time of the two requests.
fn consume_and_resume(conversation: &mut Conversation) -> Duration {
    let producer = conversation.produce(1);
    let consume = format!(
        r#"{{"roomId":"bench","producerId":"{producer}","rtpCapabilities":{{"codecs":[],"headerExtensions":[]}}}}"#
    );
    let start = Instant::now();
    let answer = conversation.request(0, "consume", &consume);
    let answer: serde_json::Value = serde_json::from_str(answer.as_str()).unwrap();
    let resume = format!(r#"{{"roomId":"bench","consumerId":{}}}"#, answer["id"]);
    conversation.request(0, "resume-consumer", &resume);
    let took = start.elapsed();
    conversation.request(
        1,
        "close-producer",
        &format!(r#"{{"roomId":"bench","producerId":"{producer}"}}"#),
    );
    took
}

criterion_group!(benches, requests);
criterion_main!(benches);
