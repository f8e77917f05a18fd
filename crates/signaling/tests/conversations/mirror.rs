//! What clients believe, from nothing but what they heard, is what the home knows: also when updates are lost on the way.

use std::collections::{BTreeMap, BTreeSet};

use model::{SessionId, Update};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::World;

const CLIENTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    Reconnect(usize),
    Produce(usize),
    CloseProducer(usize),
    Mute(usize, bool),
    LoseUpdates(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    prop_oneof![
        4 => client().prop_map(Step::Join),
        1 => client().prop_map(Step::Leave),
        1 => client().prop_map(Step::Reconnect),
        4 => client().prop_map(Step::Produce),
        2 => client().prop_map(Step::CloseProducer),
        1 => (client(), any::<bool>()).prop_map(|(client, muted)| Step::Mute(client, muted)),
        1 => (1_usize..4).prop_map(Step::LoseUpdates),
    ]
}

/// What one client knows of the room.
#[derive(Default)]
struct Belief {
    session: Option<SessionId>,
    joined: bool,
    /// Producers of others.
    producers: BTreeSet<String>,
    /// Its own.
    own: Vec<String>,
    /// Public ids, in the order of the list.
    roster: Vec<String>,
    muted: BTreeMap<String, bool>,
}

impl Belief {
    fn hear(&mut self, line: &str) {
        let (name, data) = line
            .split_once(" {")
            .map_or((line, String::new()), |(name, data)| (name, format!("{{{data}")));
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        match name.split(' ').next().unwrap() {
            "ack" => self.hear_answer(&data),
            "new-producer" => assert!(self.producers.insert(text("producerId")), "told twice: {line}"),
            "producer-closed" => {
                let id = text("producerId");
                let known = self.producers.remove(&id);
                assert!(known || self.own.contains(&id), "never told of: {line}");
                self.own.retain(|own| *own != id);
            }
            "participant-state-changed" => {
                self.muted
                    .insert(text("userId"), data["isAudioMuted"].as_bool().unwrap());
            }
            _ => {}
        }
        if let Some(list) = line.strip_prefix("participant-list-update ") {
            let list: Vec<Value> = serde_json::from_str(list).unwrap();
            let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
            self.roster = list.iter().map(id).collect();
            self.muted = list
                .iter()
                .map(|row| (id(row), row["isAudioMuted"].as_bool().unwrap()))
                .collect();
        }
    }

    fn hear_answer(&mut self, data: &Value) {
        if let Some(existing) = data["existingProducers"].as_array() {
            let existing: BTreeSet<_> = existing.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
            if data["alreadyJoined"] == true {
                assert_eq!(self.producers, existing);
            }
            self.producers = existing;
            self.joined = true;
        }
        if let Some(id) = data["id"].as_str() {
            self.own.push(id.to_owned());
        }
    }
}

fn carry_out(world: &mut World, beliefs: &mut [Belief], step: Step) {
    let (client, name, data) = match step {
        Step::LoseUpdates(count) => {
            world.lose_updates += count;
            return;
        }
        Step::Reconnect(client) => {
            world.close(beliefs[client].session.unwrap());
            beliefs[client] = Belief {
                session: Some(world.connect()),
                ..Belief::default()
            };
            return;
        }
        Step::Join(client) => {
            let session = beliefs[client].session.unwrap();
            world.write(session, "get-rtp-capabilities", &json!({"roomId": "r"}));
            (client, "join-mediasoup-room", json!({}))
        }
        Step::Leave(client) => (client, "leave", json!({})),
        Step::Produce(client) => (client, "produce", json!({"kind": "video", "rtpParameters": {}})),
        Step::CloseProducer(client) => match beliefs[client].own.first() {
            Some(id) => (client, "close-producer", json!({"producerId": id})),
            None => return,
        },
        Step::Mute(client, muted) => (client, "update-my-state", json!({"isAudioMuted": muted})),
    };
    let mut data = data;
    data["roomId"] = json!("r");
    let session = beliefs[client].session.unwrap();
    world.emit(session, name, &data);
    if name == "leave" {
        world.heard(session);
        beliefs[client] = Belief {
            session: Some(session),
            ..Belief::default()
        };
    }
}

fn listen(world: &mut World, beliefs: &mut [Belief]) {
    for belief in beliefs {
        let heard = world.heard(belief.session.unwrap());
        heard.iter().for_each(|line| belief.hear(line));
    }
}

fn compare(world: &mut World, beliefs: &[Belief]) {
    let view = world.home("r").view.clone();
    let roster: Vec<_> = view
        .roster()
        .into_iter()
        .map(|peer| peer.public_id.to_string())
        .collect();
    assert_eq!(roster.len(), beliefs.iter().filter(|belief| belief.joined).count());
    for belief in beliefs.iter().filter(|belief| belief.joined) {
        let me = format!("s{}", belief.session.unwrap().0);
        let others = view
            .producers
            .values()
            .filter(|producer| view.peers[&producer.peer].public_id.as_str() != me);
        assert_eq!(
            belief.producers,
            others.map(|producer| producer.id.to_string()).collect(),
            "producers of {me}"
        );
        assert_eq!(belief.roster, roster, "roster of {me}");
        for peer in view.peers.values().filter(|peer| peer.public_id.as_str() != me) {
            assert_eq!(
                belief.muted[peer.public_id.as_str()],
                peer.audio_muted,
                "{me} about {}",
                peer.public_id
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn clients_believe_what_the_home_knows(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        let mut beliefs: Vec<_> =
            (0..CLIENTS).map(|_| Belief { session: Some(world.connect()), ..Belief::default() }).collect();
        carry_out(&mut world, &mut beliefs, Step::Join(0));
        for step in steps {
            carry_out(&mut world, &mut beliefs, step);
            listen(&mut world, &mut beliefs);
        }
        // A gap is noticed by the next update.
        world.lose_updates = 0;
        world.home("r").update(Update::ActiveSpeakerChanged { peer: None });
        world.settle();
        listen(&mut world, &mut beliefs);
        compare(&mut world, &beliefs);
    }
}
