//! What changes when many look at a room: lists are joined together, and extensions choose their listeners.

use std::time::Duration;

use model::{Update, limits};
use serde_json::json;

use crate::world::{LONG, World};

#[test]
fn in_a_large_room_newcomers_get_the_list_at_once_and_others_together() {
    let mut world = World::new();
    let watcher = world.joined("r", "watcher");
    for n in 2..limits::ROSTER_AT_ONCE_PEERS {
        world.joined("r", &format!("u{n}"));
    }
    let lists = |heard: Vec<String>| heard.iter().filter(|line| line.starts_with("participant-list")).count();
    assert_eq!(
        lists(world.heard(watcher)),
        limits::ROSTER_AT_ONCE_PEERS - 2,
        "one for each while the room is small"
    );

    let newcomers: Vec<_> = (0..10).map(|n| (n, world.connect())).collect();
    for (n, newcomer) in newcomers {
        world.emit(newcomer, "get-rtp-capabilities", &json!({"roomId": "r"}));
        world.heard(newcomer);
        world.emit(
            newcomer,
            "join-mediasoup-room",
            &json!({"roomId": "r", "userId": format!("late{n}")}),
        );
        let heard = world.heard(newcomer);
        assert!(heard[0].starts_with("participant-list-update") && heard[0].contains(&format!("late{n}")));
        assert!(heard[1].starts_with("ack 2"), "{heard:?}");
    }
    assert_eq!(lists(world.heard(watcher)), 0);
    world.pass(limits::ROSTER_INTERVAL * 2);
    let heard = world.heard(watcher);
    assert_eq!(heard.len(), 1, "one list for ten joins");
    assert!(heard[0].contains("late0") && heard[0].contains("late9"));
    world.pass(LONG);
    assert!(world.heard(watcher).is_empty());
}

#[test]
fn the_wait_for_a_list_grows_with_the_room() {
    let mut world = World::new();
    let watcher = world.joined("r", "watcher");
    for n in 0..99 {
        world.joined("r", &format!("u{n}"));
    }
    world.pass(LONG);
    world.joined("r", "first");
    assert_eq!(
        world.heard_names(watcher).last().unwrap(),
        "participant-list-update",
        "nobody waited long enough"
    );
    world.joined("r", "second");
    world.pass(Duration::from_millis(500));
    assert_eq!(world.heard_names(watcher), ["new-peer-joined"], "102 peers wait 510 ms");
    world.pass(Duration::from_millis(10));
    assert_eq!(world.heard_names(watcher), ["participant-list-update"]);
}

#[test]
fn extensions_choose_who_hears_what() {
    let mut world = World::new();
    let plain = world.joined("r", "a");
    let knows = world.connect();
    world.emit(knows, "get-rtp-capabilities", &json!({"roomId": "r"}));
    let extensions = json!({"roomId": "r", "userId": "b", "extensions": ["speaker", "pin"]});
    world.emit(knows, "join-mediasoup-room", &extensions);
    let ack = world.heard(knows).pop().unwrap();
    assert!(
        ack.contains(r#""extensions":["speaker"],"edges":[],"servedBy":{"edge":"edge-1","home":"home-1"}"#),
        "{ack}"
    );
    assert!(ack.contains(r#""success":true,"isHost":false"#), "{ack}");
    world.heard(plain);
    let speaker = world.home("r").peer("a");
    world
        .home("r")
        .update(Update::ActiveSpeakerChanged { peer: Some(speaker) });
    world.home("r").update(Update::QualityChanged {
        peer: speaker,
        score: 3,
    });
    world.settle();
    assert_eq!(world.heard(knows), [r#"active-speaker {"peerId":"a"}"#]);
    assert!(world.heard(plain).is_empty());
    for client in world.clients.values_mut() {
        client.session.handle_server_closing();
    }
    world.settle();
    assert_eq!(world.heard(knows), [r#"server-closing {"edges":[]}"#]);
    assert!(world.heard(plain).is_empty());
}
