//! Replies, updates and notices → acks and events.

use model::{
    Consumed, ConsumerId, ConsumerKind, Direction, Epoch, Joined, JsonText, LeaveReason, MediaError, MediaKind, NodeId,
    Notice, PeerId, PeerView, ProducerClosedReason, ProducerId, ProducerView, PublicId, Reply, RequestError, Role,
    RoomId, RoomView, RouterId, Seat, ServedBy, Source, TransportId, TransportOpened, Update, WorkerId,
};
use serde_json::{Value, json};

use super::super::Rooms;
use super::super::render::{self, RoomsAnswer, Shape};
use super::{ACK, UUID, ack_of, facts};
use crate::Outbound;
use crate::dialect::{Answer, Dialect, Extension, Extensions, To};

fn peer(id: u128, public_id: &str, number: u64) -> PeerView {
    PeerView {
        id: PeerId::from_random(id),
        number,
        public_id: PublicId::new(public_id),
        connection: PublicId::new(&format!("s0cket-{public_id}")),
        dialect: "rooms".into(),
        name: public_id.to_uppercase().into(),
        image_url: None,
        role: Role::Member,
        audio_muted: false,
        video_paused: false,
        quality: None,
    }
}

fn producer(id: u128, number: u64, peer: &PeerView, source: Source) -> ProducerView {
    ProducerView {
        id: ProducerId::from_random(id),
        number,
        peer: peer.id,
        kind: MediaKind::Video,
        source,
        paused: false,
        consumer_kind: ConsumerKind::Simple,
        app_data: None,
    }
}

/// Two peers: `a`, the host, with a camera and a screen, and `b`, with a camera.
fn view() -> RoomView {
    let mut view = RoomView::new(RoomId::new("r").unwrap(), NodeId::new("home-1"), Epoch::default());
    let host = PeerView {
        role: Role::Host,
        ..peer(9, "a", 1)
    };
    let other = PeerView {
        image_url: Some("https://x/b.png".into()),
        ..peer(4, "b", 2)
    };
    for producer in [
        producer(8, 1, &host, Source::Camera),
        producer(3, 2, &other, Source::Camera),
        producer(5, 3, &host, Source::Screen),
    ] {
        view.apply(&Update::ProducerOpened(producer));
    }
    view.apply(&Update::PeerJoined(host));
    view.apply(&Update::PeerJoined(other));
    view
}

fn answer(shape: Shape, result: Result<Reply, RequestError>) -> Value {
    ack_of(&RoomsAnswer::new(Some(ACK), shape).render(result.as_ref(), Some(&view())))
}

fn join_shape(identified: bool, extensions: Extensions) -> Shape {
    Shape::Join {
        identified,
        extensions,
        facts: facts(),
    }
}

fn joined_reply(repeated: bool) -> Reply {
    Reply::Joined(Joined {
        public_id: PublicId::new("a"),
        role: Role::Host,
        repeated,
    })
}

#[test]
fn answers_to_joins_grow_with_what_the_client_said() {
    let others = json!([ProducerId::from_random(3).to_string()]);
    let none = Extensions::default();
    assert_eq!(
        answer(join_shape(false, none), Ok(joined_reply(false))),
        json!({"existingProducers": others})
    );
    assert_eq!(
        answer(join_shape(false, none), Ok(joined_reply(true))),
        json!({"existingProducers": others, "alreadyJoined": true})
    );
    assert_eq!(
        answer(join_shape(true, none), Ok(joined_reply(false))),
        json!({"existingProducers": others, "success": true, "isHost": true, "isCoHost": false})
    );
    let knows_us = none.with(Extension::Aware).with(Extension::Speaker);
    assert_eq!(
        answer(join_shape(false, knows_us), Ok(joined_reply(false))),
        json!({
            "existingProducers": others, "extensions": ["speaker"], "edges": [],
            "servedBy": {"edge": "edge-1", "home": "home-1"},
        })
    );
}

#[test]
fn a_joiner_hears_who_speaks_and_how_well_the_others_are_connected() {
    let (mut view, reply) = (view(), joined_reply(false));
    let host = view.roster()[0].id;
    view.apply(&Update::ActiveSpeakerChanged { peer: Some(host) });
    view.apply(&Update::QualityChanged { peer: host, score: 7 });
    let frames =
        |extensions| RoomsAnswer::new(Some(ACK), join_shape(false, extensions)).render(Ok(&reply), Some(&view));
    let aware = Extensions::default().with(Extension::Aware);
    assert_eq!(frames(aware).len(), 1, "the answer alone");
    let event = |name, data: Value| Outbound::Event {
        name,
        data: JsonText::from_value(&data),
    };
    assert_eq!(
        frames(aware.with(Extension::Speaker).with(Extension::Quality))[1..],
        [
            event("active-speaker", json!({"peerId": "a"})),
            event("connection-quality", json!({"peerId": "a", "score": 7})),
        ]
    );
}

#[test]
fn answers_to_all_other_requests() {
    let json_text = |text: &str| JsonText::from_valid(text);
    let opened = TransportOpened {
        transport: TransportId::parse_or_unknown(UUID),
        direction: Direction::Send,
        ice_parameters: json_text(r#"{"iceLite":true}"#),
        ice_candidates: json_text("[]"),
        dtls_parameters: json_text(r#"{"role":"auto"}"#),
        sctp_parameters: None,
    };
    let consumed = Consumed {
        consumer: ConsumerId::parse_or_unknown(UUID),
        producer: ProducerId::parse_or_unknown(UUID),
        kind: MediaKind::Video,
        rtp_parameters: json_text(r#"{"mid":"3"}"#),
        consumer_kind: ConsumerKind::Simulcast,
        producer_paused: false,
        public_id: PublicId::new("user_1"),
        connection: PublicId::new("s1"),
        source: Source::Screen,
        app_data: None,
    };
    let rows = [
        (
            Reply::TransportOpened(Box::new(opened)),
            json!({"params": {"id": UUID, "iceParameters": {"iceLite": true}, "iceCandidates": [], "dtlsParameters": {"role": "auto"}}}),
        ),
        (
            Reply::Produced {
                producer: ProducerId::parse_or_unknown(UUID),
            },
            json!({"id": UUID}),
        ),
        (
            Reply::Consumed(Box::new(consumed)),
            json!({
                "id": UUID, "producerId": UUID, "kind": "video", "rtpParameters": {"mid": "3"}, "peerId": "user_1",
                "userId": "user_1", "isScreenShare": true, "appData": {}, "producerPaused": false, "type": "simulcast",
                "producerSocketId": "s1",
            }),
        ),
        (
            Reply::Stats(json_text(r#"[{"type":"t"}]"#)),
            json!({"stats": [{"type": "t"}]}),
        ),
        (Reply::Found(Some(PublicId::new("s1"))), json!({"socketId": "s1"})),
        (Reply::Found(None), json!({"socketId": null})),
        (Reply::Done, json!({})),
    ];
    for (reply, expected) in rows {
        assert_eq!(answer(Shape::Empty, Ok(reply)), expected);
    }
    assert_eq!(answer(Shape::Success, Ok(Reply::Done)), json!({"success": true}));
    assert_eq!(
        answer(Shape::Found, Err(RequestError::NotJoined)),
        json!({"socketId": null})
    );
}

#[test]
fn the_words_of_errors() {
    let limit = |limit: &str| RequestError::LimitReached {
        limit: limit.to_owned(),
        value: 32,
    };
    let rows = [
        (RequestError::RoomNotFound, "Room not found"),
        (RequestError::RoomFull, "Room is full"),
        (RequestError::ClusterFull, "Cluster is full"),
        (RequestError::NotJoined, "Peer not found"),
        (RequestError::NotAuthorized, "Not authorized to join room"),
        (RequestError::TransportNotFound, "Transport not found"),
        (RequestError::SendTransportNotFound, "Send transport not found"),
        (RequestError::ReceiveTransportNotFound, "Receive transport not found"),
        (RequestError::ProducerNotFound, "Producer not found"),
        (RequestError::ConsumerNotFound, "Consumer not found"),
        (RequestError::CannotConsume, "Cannot consume"),
        (RequestError::Invalid("kind is odd".to_owned()), "kind is odd"),
        (limit("requests_per_second"), "Too many requests"),
        (limit("producers_per_peer"), "Limit reached: producers_per_peer (32)"),
        (RequestError::Media(MediaError::SeatLost), "seat lost"),
        (RequestError::Busy, "Server is busy"),
        (RequestError::TimedOut, "Request timed out"),
        (RequestError::Closing, "Server is closing"),
    ];
    for (error, words) in rows {
        assert_eq!(answer(Shape::Success, Err(error)), json!({"error": words}));
    }
}

fn event(frame: &Outbound) -> (&'static str, Value) {
    match frame {
        Outbound::Event { name, data } => (name, serde_json::from_str(data.as_str()).unwrap()),
        other => panic!("no event: {other:?}"),
    }
}

#[test]
fn the_roster_is_a_bare_list_in_the_order_of_joins() {
    let row = |id: &str, image: Value, host: bool| {
        json!({
            "id": id, "name": id.to_uppercase(), "isAudioMuted": false, "isVideoPaused": false, "imageUrl": image,
            "isHost": host, "isCoHost": false, "audioLocked": false, "screenShareLocked": false,
        })
    };
    let (name, data) = event(&render::roster(&view()));
    assert_eq!(name, "participant-list-update");
    assert_eq!(
        data,
        json!([row("a", Value::Null, true), row("b", json!("https://x/b.png"), false)])
    );
}

/// Renders one update of [`view`] and returns who gets which event.
fn told(update: &Update) -> Vec<(To, Option<Extension>, &'static str, Value)> {
    let mut view = view();
    let removed = view.apply(update);
    let rendered = Rooms.render_update(&view, update, &removed);
    rendered
        .iter()
        .map(|addressed| {
            let (name, data) = event(&addressed.frame);
            (addressed.to, addressed.needs, name, data)
        })
        .collect()
}

#[test]
fn updates_become_events() {
    let (a, b) = (PeerId::from_random(9), PeerId::from_random(4));
    let facts = |id: u128, peer: &str, screen: bool| {
        let id = ProducerId::from_random(id).to_string();
        json!({"producerId": id, "peerId": peer, "userId": peer, "kind": "video", "isScreenShare": screen})
    };
    assert_eq!(
        told(&Update::PeerJoined(peer(6, "c", 3))),
        [(
            To::Except(PeerId::from_random(6)),
            None,
            "new-peer-joined",
            json!({"peerId": "c", "name": "C", "imageUrl": null})
        )]
    );
    assert_eq!(
        told(&Update::PeerLeft {
            peer: a,
            reason: LeaveReason::SeatLost
        }),
        [
            (To::Except(a), None, "producer-closed", facts(8, "a", false)),
            (To::Except(a), None, "producer-closed", facts(5, "a", true)),
            (
                To::Except(a),
                None,
                "participant-left",
                json!({"peerId": "a", "userId": "a"})
            ),
        ]
    );
    assert_eq!(
        told(&Update::MuteStateChanged {
            peer: b,
            audio_muted: Some(true),
            video_paused: None
        }),
        [(
            To::Except(b),
            None,
            "participant-state-changed",
            json!({"userId": "b", "isAudioMuted": true})
        )]
    );
    assert_eq!(
        told(&Update::ProducerOpened(producer(
            7,
            4,
            &peer(4, "b", 2),
            Source::Screen
        ))),
        [(To::Except(b), None, "new-producer", facts(7, "b", true))]
    );
    let close = |reason| Update::ProducerClosed {
        producer: ProducerId::from_random(3),
        reason,
    };
    assert_eq!(
        told(&close(ProducerClosedReason::Closed)),
        [(To::All, None, "producer-closed", facts(3, "b", false))]
    );
    assert_eq!(
        told(&close(ProducerClosedReason::MediaLost))[0].3["reason"],
        "media lost"
    );
    assert_eq!(
        told(&Update::ActiveSpeakerChanged { peer: Some(a) }),
        [(
            To::All,
            Some(Extension::Speaker),
            "active-speaker",
            json!({"peerId": "a"})
        )]
    );
    assert_eq!(
        told(&Update::ActiveSpeakerChanged { peer: None })[0].3,
        json!({"peerId": null})
    );
    assert_eq!(
        told(&Update::QualityChanged { peer: b, score: 7 }),
        [(
            To::All,
            Some(Extension::Quality),
            "connection-quality",
            json!({"peerId": "b", "score": 7})
        )]
    );
    assert_eq!(
        told(&Update::ProducerPaused {
            producer: ProducerId::from_random(3),
            paused: true
        }),
        []
    );
}

#[test]
fn notices_are_for_those_who_understand_them() {
    let facts = facts();
    let none = Extensions::default();
    let served = |seat| {
        Notice::ServedBy(ServedBy {
            home: NodeId::new("home-1"),
            seat,
        })
    };
    let seat = Seat {
        node: NodeId::new("seat-1"),
        worker: WorkerId(3),
        router: RouterId::from_random(1),
    };
    let told = |notice: &Notice, extensions| render::notice(notice, extensions, &facts).as_ref().map(event);
    assert_eq!(told(&Notice::RebuildMedia, none), None);
    assert_eq!(
        told(&Notice::RebuildMedia, none.with(Extension::Rebuild)),
        Some(("rebuild-media", json!({"deadlineMs": 20_000})))
    );
    assert_eq!(told(&served(None), none), None);
    assert_eq!(
        told(&served(Some(seat)), none.with(Extension::Aware)),
        Some((
            "served-by",
            json!({"edge": "edge-1", "home": "home-1", "seat": "seat-1", "worker": 3})
        ))
    );
    let (name, data) = told(&Notice::SeatLost, none).unwrap();
    assert_eq!((name, &data["by"]), ("kicked-from-room", &json!("server")));
    assert!(data["reason"].is_string());
    assert_eq!(render::closing(none, &facts), None);
    let closing = render::closing(none.with(Extension::Aware), &facts).unwrap();
    assert_eq!(event(&closing), ("server-closing", json!({"edges": []})));
}
