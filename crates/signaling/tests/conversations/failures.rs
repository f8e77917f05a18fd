//! When rooms are silent, full, elsewhere or gone, and when messages are lost: every client still gets its answer.

use std::time::Duration;

use model::{EdgeMessage, Epoch, LeaveReason, Limits, NodeId, Notice, RequestError, Update, limits};
use serde_json::json;
use signaling::DisconnectReason;

use crate::world::{LONG, World};

const JOIN: &str = "join-mediasoup-room";

#[test]
fn a_silent_home_is_answered_for_at_the_deadline() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.home("r").silent = true;
    let (first, second) = (
        world.emit(
            ada,
            "create-webrtc-transport",
            &json!({"roomId": "r", "direction": "send"}),
        ),
        world.emit(ada, JOIN, &json!({"roomId": "r"})),
    );
    world.pass(limits::REQUEST_TIMEOUT - Duration::from_millis(1));
    assert!(world.heard(ada).is_empty());
    world.pass(Duration::from_millis(1));
    let timed_out = |ack| format!(r#"ack {ack} {{"error":"Request timed out"}}"#);
    assert_eq!(world.heard(ada), [timed_out(first), timed_out(second)]);
    assert_eq!(world.clients[&ada].counted[2], "create-webrtc-transport timeout");
    assert!(
        !world.home("r").heard.contains(&"Leave".to_owned()),
        "it was a peer before it joined again"
    );
}

#[test]
fn a_join_that_got_no_answer_is_taken_back() {
    let mut world = World::new();
    world.joined("r", "a");
    world.home("r").silent = true;
    let bob = world.connect();
    world.emit(bob, JOIN, &json!({"roomId": "r"}));
    world.emit(
        bob,
        "create-webrtc-transport",
        &json!({"roomId": "r", "direction": "send"}),
    );
    world.pass(limits::REQUEST_TIMEOUT);
    assert_eq!(
        world.heard(bob),
        [
            r#"ack 1 {"error":"Request timed out"}"#,
            r#"ack 2 {"error":"Peer not found"}"#
        ]
    );
    assert_eq!(world.home("r").heard.last().unwrap(), "Leave");
    world.pass(LONG);
    assert!(world.heard(bob).is_empty());
}

#[test]
fn a_refused_join_leaves_nothing_behind() {
    for (error, words) in [
        (RequestError::RoomFull, "Room is full"),
        (RequestError::NotAuthorized, "Not authorized to join room"),
    ] {
        let mut world = World::new();
        world.joined("r", "a");
        world.home("r").refuses_joins = Some(error);
        let bob = world.connect();
        world.emit(bob, JOIN, &json!({"roomId": "r"}));
        assert_eq!(world.heard(bob), [format!(r#"ack 1 {{"error":"{words}"}}"#)]);
        world.home("r").refuses_joins = None;
        world.emit(bob, JOIN, &json!({"roomId": "r"}));
        assert_eq!(world.heard_names(bob), ["participant-list-update", "ack 2"]);
    }
}

#[test]
fn when_no_node_takes_the_room_all_that_waited_is_answered() {
    let mut world = World::new();
    world.open_hangs = true;
    let ada = world.connect();
    world.emit(ada, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.emit(ada, JOIN, &json!({"roomId": "r"}));
    world.emit(
        ada,
        "create-webrtc-transport",
        &json!({"roomId": "r", "direction": "send"}),
    );
    world.heard(ada);
    let (now, room) = (world.now, model::RoomId::new("r").unwrap());
    world
        .edges
        .get_mut(&room)
        .unwrap()
        .handle_opened(Err(RequestError::ClusterFull), now);
    world.settle();
    let full = |ack| format!(r#"ack {ack} {{"error":"Cluster is full"}}"#);
    assert_eq!(world.heard(ada), [full(2), full(3)]);
    assert!(world.edges.is_empty());
}

#[test]
fn a_search_for_the_home_that_hangs_ends() {
    let mut world = World::new();
    world.open_hangs = true;
    let ada = world.connect();
    world.emit(ada, JOIN, &json!({"roomId": "r"}));
    world.pass(limits::OPEN_TIMEOUT);
    assert_eq!(world.heard(ada), [r#"ack 1 {"error":"Request timed out"}"#]);
    assert!(world.edges.is_empty());
}

#[test]
fn who_may_make_the_room_makes_it_for_all_that_wait() {
    let mut world = World::new();
    world.open_hangs = true;
    let (ada, bob) = (world.connect(), world.connect());
    world.emit(ada, JOIN, &json!({"roomId": "r"}));
    world.emit(bob, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.heard(bob);
    world.emit(bob, JOIN, &json!({"roomId": "r"}));
    world.open_hangs = false;
    let (now, room) = (world.now, model::RoomId::new("r").unwrap());
    world
        .edges
        .get_mut(&room)
        .unwrap()
        .handle_opened(Err(RequestError::RoomNotFound), now);
    world.settle();
    assert_eq!(world.opens, [true, false]);
    assert_eq!(world.heard_names(bob).last().unwrap(), "ack 2");
    assert!(world.heard_names(ada).contains(&"ack 1".to_owned()));
}

#[test]
fn joins_follow_the_home_and_other_requests_do_not() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.home("r").denials = 2;
    let bob = world.connect();
    world.emit(bob, JOIN, &json!({"roomId": "r"}));
    assert!(world.heard(bob).is_empty());
    world.pass(limits::REOPEN_BACKOFF);
    world.pass(limits::REOPEN_BACKOFF);
    assert_eq!(world.heard_names(bob), ["participant-list-update", "ack 1"]);
    assert_eq!(world.opens.len(), 3);
    world.heard(ada);
    world.home("r").denials = 1;
    world.emit(
        ada,
        "create-webrtc-transport",
        &json!({"roomId": "r", "direction": "send"}),
    );
    assert_eq!(world.heard(ada), [r#"ack 3 {"error":"Room not found"}"#]);
}

#[test]
fn a_join_that_finds_no_home_gives_up() {
    let mut world = World::new();
    world.joined("r", "a");
    world.home("r").denials = usize::MAX;
    let bob = world.connect();
    world.emit(bob, JOIN, &json!({"roomId": "r"}));
    world.pass(limits::OPEN_TIMEOUT + limits::REOPEN_BACKOFF);
    assert_eq!(world.heard(bob), [r#"ack 1 {"error":"Request timed out"}"#]);
    assert!(world.opens.len() <= 102, "it asked {} times", world.opens.len());
}

#[test]
fn lost_updates_are_healed_by_one_snapshot() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.joined("r", "c");
    world.emit(
        bob,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    world.heard(ada);
    world.lose_updates = 3;
    let gone = world.home("r").peer("c");
    world.home("r").end(gone, LeaveReason::Left);
    world.emit(
        bob,
        "produce",
        &json!({"roomId": "r", "kind": "video", "rtpParameters": {}}),
    );
    world.emit(bob, "update-my-state", &json!({"roomId": "r", "isAudioMuted": true}));
    assert!(world.heard(ada).is_empty());
    world.emit(bob, "update-my-state", &json!({"roomId": "r", "isVideoPaused": true}));
    assert_eq!(
        world.heard_names(ada),
        [
            "participant-state-changed",
            "participant-left",
            "new-producer",
            "participant-list-update"
        ]
    );
    let asked = world
        .home("r")
        .heard
        .iter()
        .filter(|kind| *kind == "SnapshotRequest")
        .count();
    assert_eq!(asked, 1);
    world.emit(bob, "update-my-state", &json!({"roomId": "r", "isVideoPaused": false}));
    assert_eq!(world.heard_names(ada), ["participant-state-changed"]);
}

#[test]
fn who_joins_while_updates_are_missing_waits_for_the_snapshot() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.lose_updates = 1;
    world.emit(
        ada,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    let bob = world.connect();
    world.emit(bob, JOIN, &json!({"roomId": "r"}));
    let heard = world.heard(bob);
    assert_eq!(heard.len(), 2, "the list and the answer, once each: {heard:?}");
    assert!(heard[0].starts_with("participant-list-update") && !heard[1].contains(r#""existingProducers":[]"#));
}

#[test]
fn a_snapshot_that_does_not_come_is_asked_for_again() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.home("r").silent = true;
    let peer = world.home("r").peer("a");
    world.lose_updates = 1;
    for score in [1, 2] {
        world.home("r").update(Update::QualityChanged { peer, score });
    }
    world.pass(limits::SNAPSHOT_TIMEOUT);
    let asked = world
        .home("r")
        .heard
        .iter()
        .filter(|kind| *kind == "SnapshotRequest")
        .count();
    assert_eq!(asked, 2);
    world.close(ada);
    world.pass(LONG);
    assert!(world.edges.is_empty());
}

#[test]
fn an_older_home_is_not_listened_to_and_a_newer_one_takes_over() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.joined("r", "b");
    world.heard(ada);
    let room = model::RoomId::new("r").unwrap();
    let mut view = world.home("r").view.clone();
    let gone = world.home("r").peer("b");
    let old = view.epoch;
    view.epoch = Epoch {
        store: 1,
        sequence: 100,
    };
    view.home = NodeId::new("home-2");
    view.apply(&Update::PeerLeft {
        peer: gone,
        reason: LeaveReason::Disconnected,
    });
    let (now, version) = (world.now, view.version);
    let edge = world.edges.get_mut(&room).unwrap();
    edge.handle_message(view.epoch, EdgeMessage::Snapshot(Box::new(view.clone())), now);
    let stale = Update::PeerLeft {
        peer: gone,
        reason: LeaveReason::Left,
    };
    edge.handle_message(
        old,
        EdgeMessage::Update {
            version: version + 1,
            update: stale,
        },
        now,
    );
    world.settle();
    assert_eq!(world.heard_names(ada), ["participant-left", "participant-list-update"]);
}

#[test]
fn who_missed_its_own_end_is_told_by_the_snapshot() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.lose_updates = 1;
    let peer = world.home("r").peer("a");
    world.home("r").end(peer, LeaveReason::SeatLost);
    world.settle();
    assert_eq!(world.clients[&ada].disconnected, None, "nobody knows yet");
    world.emit(bob, "update-my-state", &json!({"roomId": "r", "isAudioMuted": true}));
    assert!(world.heard_names(ada).contains(&"kicked-from-room".to_owned()));
    assert_eq!(world.clients[&ada].disconnected, Some(DisconnectReason::SeatLost));
}

#[test]
fn a_lost_seat_is_told_and_ends_the_session() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.emit(
        ada,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    world.heard(ada);
    world.heard(bob);
    let peer = world.home("r").peer("a");
    world.home("r").end(peer, LeaveReason::SeatLost);
    world.home("r").sent.push_back(EdgeMessage::Notice {
        peer,
        notice: Notice::SeatLost,
    });
    world.settle();
    assert_eq!(world.heard_names(ada), ["kicked-from-room"]);
    assert_eq!(world.clients[&ada].disconnected, Some(DisconnectReason::SeatLost));
    assert_eq!(
        world.heard_names(bob),
        ["producer-closed", "participant-left", "participant-list-update"]
    );
    world.emit(
        ada,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    assert!(world.heard(ada).is_empty(), "nothing more is read");
    world.close(ada);
    world.close(bob);
    assert!(world.edges.is_empty());
}

#[test]
fn too_many_requests_are_refused_and_in_the_end_disconnected() {
    let limits = Limits {
        requests_per_second: 10,
        request_burst: 5,
        refused_requests_in_a_row: 3,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    let ada = world.connect();
    for _ in 0..5 {
        world.emit(ada, "screen-share-started", &json!({}));
    }
    world.heard(ada);
    let refused = world.emit(ada, "produce", &json!({}));
    assert_eq!(
        world.heard(ada),
        [format!(r#"ack {refused} {{"error":"Too many requests"}}"#)]
    );
    assert_eq!(world.clients[&ada].counted.last().unwrap(), "produce limited");
    world.pass(Duration::from_millis(150));
    world.emit(ada, "screen-share-started", &json!({}));
    assert_eq!(world.heard(ada), ["ack 7 {}"]);
    for _ in 0..3 {
        assert_eq!(world.clients[&ada].disconnected, None);
        world.emit(ada, "produce", &json!({}));
    }
    assert_eq!(
        world.clients[&ada].disconnected,
        Some(DisconnectReason::TooManyRequests)
    );
    assert_eq!(world.heard(ada).len(), 3);
}

#[test]
fn requests_under_way_are_bounded() {
    let limits = Limits {
        request_burst: 10_000,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    let ada = world.joined("r", "a");
    world.home("r").silent = true;
    for _ in 0..limits::REQUESTS_IN_FLIGHT {
        world.emit(ada, "resume-consumer", &json!({"roomId": "r", "consumerId": "c"}));
    }
    assert!(world.heard(ada).is_empty());
    let ack = world.emit(ada, "resume-consumer", &json!({"roomId": "r", "consumerId": "c"}));
    assert_eq!(world.heard(ada), [format!(r#"ack {ack} {{"error":"Server is busy"}}"#)]);
    world.pass(limits::REQUEST_TIMEOUT);
    assert_eq!(world.heard(ada).len(), limits::REQUESTS_IN_FLIGHT);
}
