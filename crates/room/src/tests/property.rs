//! The room against the naive model of `world`, under random requests of several peers and edges, with results in any order,
//! late, doubled, failing or lost, with seats that die and time that passes.

use std::time::Duration;

use model::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::seats::Ending;
use super::world::{Known, Person, World};
use super::{audio, camera, rtp};

/// One thing that happens. Numbers pick among what is there.
#[derive(Clone, Debug)]
enum Step {
    Join { who: u8, must_exist: bool },
    Leave { who: u8 },
    Close { who: u8 },
    Ask { who: u8, ask: Ask, pick: u8, odd: bool },
    Steal { who: u8, from: u8, ask: Ask },
    Snapshot { who: u8 },
    Seat { pick: u8, ending: Ending },
    Deliver { pick: u8, again: bool },
    Choose { worker: Option<u16>, somebody: bool },
    Lose { pick: u8 },
    Levels { first: u8, second: u8, volume: i8 },
    Score { pick: u8, score: u8 },
    Stray { command: u64, stranger: bool },
    Wait { milliseconds: u64 },
    Pump,
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Join,
    Leave,
    OpenTransport(Direction),
    Connect,
    Produce { video: bool, parameters: u8 },
    CloseProducer,
    PauseProducer(bool),
    Consume,
    CloseConsumer,
    PauseConsumer(bool),
    Layers,
    KeyFrame,
    Mute,
    Stats(u8),
    Find,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        1 => Just(Ask::OpenTransport(Direction::Send)),
        1 => Just(Ask::OpenTransport(Direction::Recv)),
        2 => Just(Ask::Connect),
        8 => (any::<bool>(), 0..3_u8).prop_map(|(video, parameters)| Ask::Produce { video, parameters }),
        2 => Just(Ask::CloseProducer),
        6 => any::<bool>().prop_map(Ask::PauseProducer),
        8 => Just(Ask::Consume),
        2 => Just(Ask::CloseConsumer),
        3 => any::<bool>().prop_map(Ask::PauseConsumer),
        1 => Just(Ask::Layers),
        1 => Just(Ask::KeyFrame),
        1 => Just(Ask::Mute),
        1 => (0..3_u8).prop_map(Ask::Stats),
        1 => Just(Ask::Find),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        30 => Just(Ending::Good),
        1 => Just(Ending::Refused),
        1 => Just(Ending::DoneAndFailed),
        1 => Just(Ending::DoneAndLost),
        1 => Just(Ending::Lost),
        1 => Just(Ending::Nonsense),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..6_u8;
    prop_oneof![
        6 => (who.clone(), proptest::bool::weighted(0.1)).prop_map(|(who, must_exist)| Step::Join { who, must_exist }),
        1 => who.clone().prop_map(|who| Step::Leave { who }),
        1 => who.clone().prop_map(|who| Step::Close { who }),
        40 => (who.clone(), ask(), any::<u8>(), proptest::bool::weighted(0.1))
            .prop_map(|(who, ask, pick, odd)| Step::Ask { who, ask, pick, odd }),
        1 => (who.clone(), who.clone(), prop_oneof![ask(), Just(Ask::Leave), Just(Ask::Join)])
            .prop_map(|(who, from, ask)| Step::Steal { who, from, ask }),
        1 => who.prop_map(|who| Step::Snapshot { who }),
        40 => (any::<u8>(), ending()).prop_map(|(pick, ending)| Step::Seat { pick, ending }),
        40 => (any::<u8>(), proptest::bool::weighted(0.1)).prop_map(|(pick, again)| Step::Deliver { pick, again }),
        20 => (proptest::option::weighted(0.9, 0..2_u16), proptest::bool::weighted(0.1))
            .prop_map(|(worker, somebody)| Step::Choose { worker, somebody }),
        1 => any::<u8>().prop_map(|pick| Step::Lose { pick }),
        4 => Just(Step::Pump),
        3 => (any::<u8>(), any::<u8>(), -127..=0_i8)
            .prop_map(|(first, second, volume)| Step::Levels { first, second, volume }),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(pick, score)| Step::Score { pick, score }),
        1 => (0..300_u64, any::<bool>()).prop_map(|(command, stranger)| Step::Stray { command, stranger }),
        3 => (0..4_000_u64).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => Just(Step::Settle),
    ]
}

fn pick_of<T: Copy>(among: &[T], pick: u8) -> Option<T> {
    among.get(usize::from(pick) % among.len().max(1)).copied()
}

/// What a client without anything to ask about would ask first.
fn sensible(ask: Ask, known: Option<&Known>, pick: u8) -> Ask {
    let has = |any_of: fn(&Known) -> bool| known.is_some_and(any_of);
    let video = pick.is_multiple_of(2);
    let ask = match ask {
        Ask::CloseProducer | Ask::PauseProducer(_) if !has(|known| !known.producers.is_empty()) => {
            Ask::Produce { video, parameters: 0 }
        }
        Ask::CloseConsumer | Ask::PauseConsumer(_) | Ask::Layers | Ask::KeyFrame
            if !has(|known| !known.consumers.is_empty()) =>
        {
            Ask::Consume
        }
        ask => ask,
    };
    match ask {
        Ask::Produce { .. } if !has(|known| !known.send.is_empty()) => Ask::OpenTransport(Direction::Send),
        Ask::Consume if !has(|known| !known.recv.is_empty()) => Ask::OpenTransport(Direction::Recv),
        ask => ask,
    }
}

/// Words a request of one peer; unless it is to be `odd`, the peer has what it needs, or asks for that first.
fn request(world: &World, person: &Person, ask: Ask, pick: u8, odd: bool) -> Request {
    let of = |peer: PeerId| world.known.get(&peer);
    let owners: Vec<_> = world.known.keys().copied().collect();
    let owner = pick_of(&owners, pick).filter(|_| odd).unwrap_or(person.peer);
    let send = of(owner).and_then(|known| pick_of(&known.send, pick));
    let recv = of(owner).and_then(|known| pick_of(&known.recv, pick));
    let ask = if odd { ask } else { sensible(ask, of(owner), pick) };
    let transport = if pick.is_multiple_of(2) {
        send.or(recv)
    } else {
        recv.or(send)
    };
    let producer = of(owner).and_then(|known| pick_of(&known.producers, pick));
    let producer = producer.unwrap_or(ProducerId::UNKNOWN);
    let consumer = of(owner).and_then(|known| pick_of(&known.consumers, pick));
    let consumer = consumer.unwrap_or(ConsumerId::UNKNOWN);
    match ask {
        Ask::Join => Request::Join(Box::new(person.join.clone())),
        Ask::Leave => Request::Leave,
        Ask::OpenTransport(direction) => Request::OpenTransport(direction),
        Ask::Connect => Request::ConnectTransport {
            transport: transport.unwrap_or(TransportId::UNKNOWN),
            dtls_parameters: rtp(if pick < 200 { "dtls" } else { "other" }),
        },
        Ask::Produce { video, parameters } => {
            let mut made_of = if video { camera() } else { audio() };
            made_of.transport = send.filter(|_| pick < 128);
            made_of.rtp_parameters = rtp(&parameters.to_string());
            made_of.mid = made_of.mid.filter(|_| pick < 200);
            Request::Produce(Box::new(made_of))
        }
        Ask::CloseProducer => Request::CloseProducer(producer),
        Ask::PauseProducer(true) => Request::PauseProducer(producer),
        Ask::PauseProducer(false) => Request::ResumeProducer(producer),
        Ask::Consume => {
            let shown = world.view().producers.values();
            let shown: Vec<_> = shown
                .filter(|view| odd || view.peer != person.peer)
                .map(|view| view.id)
                .collect();
            Request::Consume {
                producer: pick_of(&shown, pick).unwrap_or(ProducerId::UNKNOWN),
                transport: recv.filter(|_| pick < 128),
                rtp_capabilities: pick.is_multiple_of(2).then(|| rtp("own")),
            }
        }
        Ask::CloseConsumer => Request::CloseConsumer(consumer),
        Ask::PauseConsumer(true) => Request::PauseConsumer(consumer),
        Ask::PauseConsumer(false) => Request::ResumeConsumer(consumer),
        Ask::Layers => Request::SetPreferredLayers {
            consumer,
            spatial: pick,
            temporal: None,
        },
        Ask::KeyFrame => Request::RequestKeyFrame(consumer),
        Ask::Mute => Request::SetMuteState {
            audio_muted: Some(pick.is_multiple_of(2)),
            video_paused: (pick < 100).then_some(pick < 50),
        },
        Ask::Stats(0) => Request::GetStats(MediaObject::Transport(transport.unwrap_or(TransportId::UNKNOWN))),
        Ask::Stats(1) => Request::GetStats(MediaObject::Producer(producer)),
        Ask::Stats(_) => Request::GetStats(MediaObject::Consumer(consumer)),
        Ask::Find => Request::Find(PublicId::new(if pick < 128 { "ann" } else { "bob-2" })),
    }
}

fn speak(world: &mut World, voices: &[(u8, i8)]) {
    let producers: Vec<_> = world.view().producers.keys().copied().collect();
    let routers = world.seats.routers();
    let router = routers.first().map_or(RouterId::UNKNOWN, |seat| seat.router);
    let level = |(pick, volume): &(u8, i8)| {
        let producer = pick_of(&producers, *pick)?;
        Some(AudioLevel {
            producer,
            volume: *volume,
        })
    };
    let levels = voices.iter().filter_map(level).collect();
    world.media(&NodeId::new("home"), MediaEvent::AudioLevels { router, levels });
}

fn take(world: &mut World, step: Step) {
    let person = |world: &World, who: u8| world.people[usize::from(who)].clone();
    let home = NodeId::new("home");
    match step {
        Step::Join { who, must_exist } => world.join(usize::from(who), must_exist),
        Step::Leave { who } => world.ask(&person(world, who), Request::Leave),
        Step::Close { who } => world.close_session(&person(world, who)),
        Step::Ask { who, ask, pick, odd } => {
            let who = if odd {
                person(world, who)
            } else {
                world.somebody_joined(usize::from(who))
            };
            let body = request(world, &who, ask, pick, odd);
            world.ask(&who, body);
        }
        Step::Steal { who, from, ask } => {
            let (who, victim) = (person(world, who), world.somebody_joined(usize::from(from)));
            if !world.is_joined(&victim) {
                return;
            }
            let body = request(world, &victim, ask, 0, false);
            let thief = Person {
                peer: victim.peer,
                ..who
            };
            world.ask(&thief, body);
        }
        Step::Snapshot { who } => world.request_snapshot(&person(world, who).edge),
        Step::Seat { pick, ending } => world.run_seat(usize::from(pick), ending),
        Step::Deliver { pick, again } => world.deliver(usize::from(pick), again),
        Step::Choose { worker, somebody } => {
            let peer = world.choice().or(somebody.then_some(world.people[0].peer));
            if let Some(peer) = peer {
                world.choose_seat(peer, worker);
            }
        }
        Step::Lose { pick } => world.lose_seat(usize::from(pick)),
        Step::Levels { first, second, volume } => {
            let levels = [(first, volume), (second, -60)];
            speak(world, &levels[..usize::from(first % 3)]);
        }
        Step::Score { pick, score } => {
            let producers: Vec<_> = world.view().producers.keys().copied().collect();
            let producer = pick_of(&producers, pick).unwrap_or(ProducerId::UNKNOWN);
            world.media(&home, MediaEvent::ProducerScore { producer, score });
            let consumers: Vec<_> = world.seats.consumers().into_iter().collect();
            let consumer = pick_of(&consumers, pick).unwrap_or(ConsumerId::UNKNOWN);
            world.media(&home, MediaEvent::ConsumerScore { consumer, score });
        }
        Step::Stray { command, stranger } => {
            let event = MediaEvent::Result {
                command: CommandId(if stranger { command } else { command + 1_000_000 }),
                result: Ok(MediaReply::Done),
            };
            world.media(&NodeId::new(if stranger { "stranger" } else { "home" }), event);
        }
        Step::Wait { milliseconds } => world.later(Duration::from_millis(milliseconds)),
        Step::Pump => world.pump(),
        Step::Settle => world.settle(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No reply is lost or doubled, updates have no gaps and precede their replies, every edge's copy equals the view, nobody
    /// consumes their own, ids never dangle; settled, home and seats hold the same; ended, nothing is left.
    #[test]
    fn a_room_keeps_its_promises(in_call in any::<bool>(), steps in vec(step(), 1..400)) {
        let mut world = if in_call { World::in_call() } else { World::new() };
        for step in steps {
            take(&mut world, step);
        }
        world.settle();
        world.end();
    }
}
