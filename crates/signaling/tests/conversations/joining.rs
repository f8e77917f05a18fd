//! The ordinary course: join, produce, leave, and the requests that come too early or for the wrong room.

use model::{ConsumerKind, MediaKind, ProducerId, ProducerView, Source, Update};
use serde_json::json;

use crate::world::World;

#[test]
fn a_joiner_hears_the_list_then_its_answer_and_others_hear_of_it() {
    let mut world = World::new();
    let ada = world.connect();
    let ack = world.emit(ada, "get-rtp-capabilities", &json!({"roomId": "r"}));
    assert_eq!(
        world.heard(ada),
        [format!(r#"ack {ack} {{"rtpCapabilities":{{"codecs":[]}}}}"#)]
    );
    let ack = world.emit(
        ada,
        "join-mediasoup-room",
        &json!({"roomId": "r", "rtpCapabilities": {}}),
    );
    let list = concat!(
        r#"participant-list-update [{"id":"s1","name":"User s1","isAudioMuted":false,"isVideoPaused":false,"#,
        r#""imageUrl":null,"isHost":true,"isCoHost":false,"audioLocked":false,"screenShareLocked":false}]"#
    );
    assert_eq!(
        world.heard(ada),
        [list.to_owned(), format!(r#"ack {ack} {{"existingProducers":[]}}"#)]
    );

    let bob = world.connect();
    world.emit(bob, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.heard(bob);
    world.emit(
        bob,
        "join-mediasoup-room",
        &json!({"roomId": "r", "userId": "user_b", "userName": "Bob"}),
    );
    assert_eq!(world.heard_names(bob), ["participant-list-update", "ack 2"]);
    let heard = world.heard(ada);
    assert_eq!(
        heard[0],
        r#"new-peer-joined {"peerId":"user_b","name":"Bob","imageUrl":null}"#
    );
    assert!(
        heard[1].starts_with("participant-list-update [") && heard[1].contains(r#""id":"user_b""#),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 2);
}

#[test]
fn producers_are_told_before_the_answer_and_listed_for_those_who_come_later() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.heard(ada);
    let produce = json!({"roomId": "r", "transportId": "x", "kind": "video", "rtpParameters": {}});
    let ack = world.emit(ada, "produce", &produce);
    let answer = world.heard(ada);
    assert_eq!(answer.len(), 1, "not told of its own: {answer:?}");
    let id = answer[0]
        .strip_prefix(&format!(r#"ack {ack} {{"id":""#))
        .unwrap()
        .trim_end_matches("\"}")
        .to_owned();
    let facts = format!(r#"{{"producerId":"{id}","peerId":"a","userId":"a","kind":"video","isScreenShare":false}}"#);
    assert_eq!(world.heard(bob), [format!("new-producer {facts}")]);

    let carol = world.connect();
    world.emit(carol, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.emit(carol, "join-mediasoup-room", &json!({"roomId": "r"}));
    let heard = world.heard(carol);
    assert_eq!(
        heard.last().unwrap(),
        &format!(r#"ack 2 {{"existingProducers":["{id}"]}}"#)
    );

    world.heard(bob);
    let ack = world.emit(ada, "close-producer", &json!({"roomId": "r", "producerId": id}));
    let closed = format!("producer-closed {facts}");
    assert_eq!(world.heard(bob).join("\n"), closed);
    assert!(
        world
            .heard(ada)
            .ends_with(&[closed, format!(r#"ack {ack} {{"success":true}}"#)])
    );
}

#[test]
fn a_closed_socket_is_told_as_closed_producers_then_the_peer_then_the_list() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    for kind in ["audio", "video"] {
        world.emit(
            ada,
            "produce",
            &json!({"roomId": "r", "kind": kind, "rtpParameters": {}}),
        );
    }
    world.heard(bob);
    world.close(ada);
    assert_eq!(
        world.heard_names(bob),
        [
            "producer-closed",
            "producer-closed",
            "participant-left",
            "participant-list-update"
        ]
    );
    world.close(bob);
    assert!(world.edges.is_empty(), "a room that nobody looks at is forgotten");
    assert_eq!(world.home("r").heard.last().unwrap(), "SessionClosed");
    assert!(world.home("r").view.peers.is_empty());
}

#[test]
fn mute_states_are_told_without_a_new_list() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.heard(ada);
    let ack = world.emit(
        ada,
        "update-my-state",
        &json!({"roomId": "r", "userId": "a", "isVideoPaused": true}),
    );
    assert_eq!(world.heard(ada), [format!("ack {ack} {{}}")]);
    assert_eq!(
        world.heard(bob),
        [r#"participant-state-changed {"userId":"a","isVideoPaused":true}"#]
    );
    let carol = world.joined("r", "c");
    world.heard(carol);
    assert!(
        world
            .heard(bob)
            .last()
            .unwrap()
            .contains(r#""id":"a","name":"User s1","isAudioMuted":false,"isVideoPaused":true"#)
    );
}

#[test]
fn joining_again_repeats_the_answer_and_joining_elsewhere_leaves_first() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    world.heard(bob);
    let ack = world.emit(ada, "join-mediasoup-room", &json!({"roomId": "r"}));
    let heard = world.heard(ada);
    assert_eq!(
        heard.last().unwrap(),
        &format!(r#"ack {ack} {{"existingProducers":[],"alreadyJoined":true}}"#)
    );
    assert!(world.heard(bob).is_empty());

    world.emit(ada, "get-rtp-capabilities", &json!({"roomId": "other"}));
    world.heard(ada);
    world.emit(ada, "join-mediasoup-room", &json!({"roomId": "other"}));
    assert_eq!(world.heard_names(ada), ["participant-list-update", "ack 5"]);
    assert_eq!(world.heard_names(bob), ["participant-left", "participant-list-update"]);
    assert_eq!(world.home("r").heard.last().unwrap(), "Leave");
    world.emit(bob, "update-my-state", &json!({"roomId": "r", "isAudioMuted": true}));
    assert!(world.heard(ada).is_empty(), "it hears of its new room only");
}

#[test]
fn a_room_must_have_been_asked_for_or_exist() {
    let mut world = World::new();
    let ada = world.connect();
    world.emit(ada, "join-mediasoup-room", &json!({"roomId": "r"}));
    assert_eq!(world.heard(ada), [r#"ack 1 {"error":"Room not found"}"#]);
    assert_eq!(world.opens, [true]);
    assert!(world.edges.is_empty());
    world.joined("r", "b");
    world.emit(ada, "join-mediasoup-room", &json!({"roomId": "r"}));
    assert_eq!(world.heard_names(ada), ["participant-list-update", "ack 2"]);
    assert_eq!(
        world.clients[&ada].counted,
        ["join-mediasoup-room error", "join-mediasoup-room ok"]
    );
}

#[test]
fn requests_before_the_join_or_for_another_room_are_refused() {
    let mut world = World::new();
    let ada = world.connect();
    let transport = |room: &str| json!({"roomId": room, "direction": "send"});
    world.emit(ada, "create-webrtc-transport", &transport("r"));
    world.emit(ada, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.heard(ada).remove(0);
    world.emit(ada, "create-webrtc-transport", &transport("r"));
    world.emit(ada, "get-socket-id-for-user", &json!({"userId": "b"}));
    world.emit(ada, "leave", &json!({"roomId": "r"}));
    world.emit(ada, "join-mediasoup-room", &json!({"roomId": "r"}));
    world.emit(ada, "create-webrtc-transport", &transport("r2"));
    world.emit(ada, "leave", &json!({"roomId": "r2"}));
    let answers: Vec<_> = world
        .heard(ada)
        .into_iter()
        .filter(|line| !line.contains("existingProducers"))
        .collect();
    assert_eq!(
        answers
            .iter()
            .filter(|line| line.starts_with("ack"))
            .collect::<Vec<_>>(),
        [
            r#"ack 3 {"error":"Peer not found"}"#,
            r#"ack 4 {"socketId":null}"#,
            "ack 5 {}",
            r#"ack 7 {"error":"Room not found"}"#,
            r#"ack 8 {"error":"Room not found"}"#,
        ]
    );
}

#[test]
fn the_room_of_an_early_request_that_nobody_asked_for_is_not_found() {
    let mut world = World::new();
    let ada = world.connect();
    world.emit(ada, "consume", &json!({"roomId": "r", "producerId": "p"}));
    assert_eq!(world.heard(ada), [r#"ack 1 {"error":"Room not found"}"#]);
}

#[test]
fn frames_written_at_once_are_handled_in_their_order() {
    let mut world = World::new();
    let ada = world.connect();
    world.write(ada, "get-rtp-capabilities", &json!({"roomId": "r"}));
    world.write(ada, "join-mediasoup-room", &json!({"roomId": "r"}));
    world.write(
        ada,
        "create-webrtc-transport",
        &json!({"roomId": "r", "direction": "send"}),
    );
    world.write(
        ada,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    world.write(ada, "leave", &json!({"roomId": "r"}));
    world.write(
        ada,
        "produce",
        &json!({"roomId": "r", "kind": "audio", "rtpParameters": {}}),
    );
    world.settle();
    let heard = world.heard(ada);
    let refused: Vec<_> = heard.iter().filter(|line| line.contains("Peer not found")).collect();
    assert_eq!(
        refused.len(),
        4,
        "what was under way when it left, and what came after: {heard:?}"
    );
    assert!(world.edges.is_empty(), "nothing is left of it");
}

#[test]
fn a_client_that_left_may_join_again_as_a_new_peer() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.joined("r", "b"));
    let first = world.home("r").peer("a");
    world.emit(ada, "leave", &json!({"roomId": "r"}));
    assert!(world.heard(bob).iter().any(|line| line.starts_with("participant-left")));
    world.emit(ada, "join-mediasoup-room", &json!({"roomId": "r", "userId": "a"}));
    assert_ne!(world.home("r").peer("a"), first);
    assert_eq!(world.heard_names(bob), ["new-peer-joined", "participant-list-update"]);
}

#[test]
fn a_taken_user_id_falls_back_to_the_socket() {
    let mut world = World::new();
    let ada = world.joined("r", "a");
    world.joined("r", "a");
    let list = world.heard(ada).pop().unwrap();
    assert!(list.contains(r#""id":"a""#) && list.contains(r#""id":"s2""#), "{list}");
    world.emit(ada, "get-socket-id-for-user", &json!({"userId": "a"}));
    assert_eq!(world.heard(ada), [r#"ack 3 {"socketId":"s1"}"#]);
}

#[test]
fn what_a_joiner_finds_it_is_not_told_as_well() {
    let mut world = World::new();
    let (ada, bob) = (world.joined("r", "a"), world.connect());
    world.heard(ada);
    let update = Update::ProducerOpened(ProducerView {
        id: ProducerId::from_random(99),
        number: 99,
        peer: world.home("r").peer("a"),
        kind: MediaKind::Audio,
        source: Source::Microphone,
        paused: false,
        consumer_kind: ConsumerKind::Simple,
        app_data: None,
    });
    world.home("r").slips_in = Some(update);
    world.emit(bob, "join-mediasoup-room", &json!({"roomId": "r"}));
    let found = ProducerId::from_random(99);
    let answer = format!(r#"ack 1 {{"existingProducers":["{found}"]}}"#);
    let heard = world.heard(bob);
    assert!(heard[0].starts_with("participant-list-update"));
    assert_eq!(heard[1..].join("\n"), answer);
}
