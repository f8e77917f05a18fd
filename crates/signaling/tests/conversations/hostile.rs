//! Any frames at all: nothing panics, each ack is answered once within the deadline, and answers stay small.

use std::collections::BTreeMap;

use model::{JsonText, Limits, limits};
use proptest::prelude::*;
use serde_json::{Value, json};
use signaling::{AckId, Inbound};

use crate::world::{LONG, World};

const EVENTS: &[&str] = &[
    "get-rtp-capabilities",
    "join-mediasoup-room",
    "create-webrtc-transport",
    "connect-transport",
    "produce",
    "consume",
    "resume-consumer",
    "close-producer",
    "screen-share-started",
    "screen-share-stopped",
    "update-my-state",
    "set-user-id",
    "get-socket-id-for-user",
    "leave",
    "get-stats",
    "set-preferred-layers",
    "request-keyframe",
    "start-recording",
    "make-host",
];

const FIELDS: &[&str] = &[
    "roomId",
    "rtpCapabilities",
    "userId",
    "userName",
    "userImageUrl",
    "isCreator",
    "extensions",
    "direction",
    "transportId",
    "dtlsParameters",
    "kind",
    "rtpParameters",
    "appData",
    "producerId",
    "consumerId",
    "isAudioMuted",
    "spatialLayer",
];

/// Values that fit somewhere, and values that fit nowhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![
            Just("r"),
            Just("q"),
            Just("audio"),
            Just("video"),
            Just("send"),
            Just("recv"),
            Just("speaker")
        ]
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(FIELDS), inner, 0..4).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// An event with fields of likely names; the room is often a sensible one.
fn likely_data() -> impl Strategy<Value = String> {
    let fields = prop::collection::btree_map(prop::sample::select(FIELDS), value(), 0..6);
    let room = prop::option::weighted(0.8, prop_oneof![4 => Just("r"), 1 => Just("q")]);
    (fields, room).prop_map(|(fields, room)| {
        let mut object: serde_json::Map<_, _> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        room.map(|room| object.insert("roomId".to_owned(), room.into()));
        Value::from(object).to_string()
    })
}

fn frame() -> impl Strategy<Value = Inbound> {
    let name = prop_oneof![9 => prop::sample::select(EVENTS).prop_map(str::to_owned), 1 => any::<String>()];
    let data = prop_oneof![
        8 => likely_data(),
        2 => value().prop_map(|value| value.to_string()),
        // Not even JSON: the shell would not let it pass.
        1 => any::<String>(),
        1 => (0_usize..5_000).prop_map(|depth| format!("{{\"appData\":{}", "{\"a\":[".repeat(depth))),
    ];
    // The real ack ids are given when the frames are written.
    let ack = prop::option::weighted(0.8, Just(AckId(0)));
    prop_oneof![
        20 => (name, data, ack.clone()).prop_map(|(name, data, ack)| Inbound::Event {
            name,
            data: JsonText::from_valid(data),
            ack,
        }),
        1 => any::<String>().prop_map(Inbound::Text),
        1 => (ack, any::<String>()).prop_map(|(ack, what)| Inbound::Unreadable { ack, what }),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Inbound),
    Settle,
    Silence(bool),
    LoseUpdate,
    Deny(usize),
    RefuseJoins(bool),
    HangOpens(bool),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0_usize..3, frame()).prop_map(|(client, frame)| Step::Write(client, frame)),
        4 => Just(Step::Settle),
        1 => any::<bool>().prop_map(Step::Silence),
        1 => Just(Step::LoseUpdate),
        1 => (1_usize..4).prop_map(Step::Deny),
        1 => any::<bool>().prop_map(Step::RefuseJoins),
        1 => any::<bool>().prop_map(Step::HangOpens),
        1 => (0_u64..4_000).prop_map(Step::Pass),
    ]
}

fn run(world: &mut World, steps: Vec<Step>) -> BTreeMap<(usize, u64), usize> {
    let clients: Vec<_> = (0..3).map(|_| world.connect()).collect();
    let mut expected = BTreeMap::new();
    for (number, step) in (1_u64..).zip(steps) {
        match step {
            Step::Write(client, mut frame) => {
                if let Inbound::Event { ack: Some(ack), .. } | Inbound::Unreadable { ack: Some(ack), .. } = &mut frame {
                    *ack = AckId(number);
                    expected.insert((client, number), 0);
                }
                world.frame(clients[client], frame);
            }
            Step::Settle => world.settle(),
            Step::Silence(silent) => world.homes.values_mut().for_each(|home| home.silent = silent),
            Step::LoseUpdate => world.lose_updates += 1,
            Step::Deny(times) => world.homes.values_mut().for_each(|home| home.denials = times),
            Step::RefuseJoins(refuse) => {
                let error = refuse.then_some(model::RequestError::RoomFull);
                world
                    .homes
                    .values_mut()
                    .for_each(|home| home.refuses_joins = error.clone());
            }
            Step::HangOpens(hang) => world.open_hangs = hang,
            Step::Pass(milliseconds) => world.pass(std::time::Duration::from_millis(milliseconds)),
        }
    }
    world.pass(limits::REQUEST_TIMEOUT);
    for (index, client) in clients.into_iter().enumerate() {
        for line in world.heard(client) {
            assert!(line.len() < 20_000, "{line:.200}");
            if let Some(rest) = line.strip_prefix("ack ") {
                let (number, data) = rest.split_once(' ').unwrap();
                assert!(serde_json::from_str::<Value>(data).unwrap().is_object(), "{line:.200}");
                *expected
                    .get_mut(&(index, number.parse().unwrap()))
                    .expect("an ack that nobody asked for") += 1;
            }
        }
        world.close(client);
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_ack_is_answered_once_whatever_comes(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::with_limits(Limits { request_burst: 30, ..Limits::default() });
        let answered = run(&mut world, steps);
        prop_assert!(answered.values().all(|times| *times == 1), "{answered:?}");
        world.pass(LONG);
        prop_assert!(world.edges.is_empty(), "nothing is left when all sockets are closed");
        prop_assert!(world.homes.values().all(|home| home.was_deaf || home.view.peers.is_empty()));
    }
}

#[test]
fn a_megabyte_of_anything_is_answered_shortly() {
    let mut world = World::new();
    let client = world.connect();
    let long = "x".repeat(1_000_000);
    for data in [
        json!(long),
        json!({"roomId": long}),
        json!({"roomId": "r", "userName": long, "userImageUrl": long}),
    ] {
        for name in EVENTS.iter().copied().chain([long.as_str()]) {
            world.emit(client, name, &data);
        }
    }
    let heard = world.heard(client);
    assert!(
        heard.iter().all(|line| line.len() < 1_000),
        "no answer repeats what was sent"
    );
    assert_eq!(
        heard.iter().filter(|line| line.starts_with("ack")).count(),
        3 * (EVENTS.len() + 1)
    );
}
