//! What a request that concerns one peer allocates does not depend on how many peers its room has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use benches::conversation::Conversation;

const SMALL: usize = 2;
const LARGE: usize = 500;
/// Maps of a large room now and then get a node more.
const SLACK_BYTES: u64 = 512;
/// The least of so many runs counts: a map that grows in one of them does not in all.
const RUNS: usize = 10;

/// Bytes that one run of `request` allocates at the least, in a room of so many peers.
fn bytes(peers: usize, request: impl Fn(&mut Conversation)) -> u64 {
    let mut conversation = Conversation::new(peers);
    let runs = (0..RUNS).map(|_| allocation_counter::measure(|| request(&mut conversation)).bytes_total);
    runs.min().unwrap()
}

fn same_in_any_room(name: &str, request: impl Fn(&mut Conversation)) {
    let (small, large) = (bytes(SMALL, &request), bytes(LARGE, &request));
    assert!(small > 0, "{name}: the count works");
    assert!(
        large <= small + SLACK_BYTES,
        "{name}: {small} bytes with {SMALL} peers, {large} with {LARGE}"
    );
}

#[test]
fn requests_of_one_peer_allocate_the_same_in_a_large_room() {
    same_in_any_room("get-rtp-capabilities", |conversation| {
        conversation.request(0, "get-rtp-capabilities", r#"{"roomId":"bench"}"#);
    });
    same_in_any_room("get-socket-id-for-user", |conversation| {
        conversation.request(0, "get-socket-id-for-user", r#"{"userId":"nobody"}"#);
    });
    same_in_any_room("create-webrtc-transport", |conversation| {
        conversation.request(0, "create-webrtc-transport", r#"{"roomId":"bench","direction":"recv"}"#);
    });
    same_in_any_room("resume-consumer", |conversation| {
        conversation.request(0, "resume-consumer", r#"{"roomId":"bench","consumerId":"none"}"#);
    });
}
