//! Row by row: what each event becomes, what each mistake is called, what each reply and update looks like on the wire.

use std::sync::Arc;

use model::{
    Consumed, ConsumerId, ConsumerKind, Direction, Epoch, Joined, JsonText, LeaveReason, MediaError, MediaKind, NodeId,
    Notice, PeerId, PeerView, ProducerClosedReason, ProducerId, ProducerView, PublicId, Reply, Request, RequestError,
    Role, RoomId, RoomView, Seat, ServedBy, Source, TransportId, TransportOpened, Update, WorkerId, limits,
};
use serde_json::{Value, json};

use super::render::{RoomsAnswer, Shape};
use super::*;
use crate::AckId;
use crate::dialect::{Answer, Asked, Audience, Extension, To};

const ACK: AckId = AckId(7);
const UUID: &str = "4f1c9d3a-0c7e-4b7e-9d0a-1f2e3d4c5b6a";

fn facts() -> Arc<EdgeFacts> {
    Arc::new(EdgeFacts {
        connection: PublicId::new("s0cket-a"),
        node: NodeId::new("edge-1"),
        rtp_capabilities: JsonText::from_valid(r#"{"codecs":[],"headerExtensions":[]}"#),
        edges: Vec::new(),
    })
}

fn translator() -> Box<dyn Translator> {
    Rooms.translator(facts())
}

fn decode_text(translator: &mut dyn Translator, name: &str, data: &str) -> Decoded {
    translator.decode(&Inbound::Event {
        name: name.to_owned(),
        data: JsonText::from_valid(data),
        ack: Some(ACK),
    })
}

fn decode(name: &str, data: &Value) -> Decoded {
    decode_text(&mut *translator(), name, &data.to_string())
}

fn request(name: &str, data: &Value) -> Request {
    match decode(name, data) {
        Decoded::Request { body, asked, .. } => {
            assert_eq!(asked.request, name);
            body
        }
        _ => panic!("{name} is no request to the room"),
    }
}

fn ack_of(frames: &[Outbound]) -> Value {
    match frames {
        [Outbound::Ack { id, data }] => {
            assert_eq!(*id, ACK);
            serde_json::from_str(data.as_str()).unwrap()
        }
        other => panic!("not one ack: {other:?}"),
    }
}

/// The answer that the edge gives by itself.
fn edge_answer(name: &str, data: &str) -> Value {
    match decode_text(&mut *translator(), name, data) {
        Decoded::Answered(answer) | Decoded::AskedFor { answer, .. } => ack_of(&answer.frames),
        _ => panic!("{name} {data:.80} goes on to a room"),
    }
}

fn joined(data: &Value) -> (Box<model::Join>, Audience, Asked) {
    match decode("join-mediasoup-room", data) {
        Decoded::Join {
            room,
            join,
            audience,
            asked,
        } => {
            assert_eq!(room.as_str(), "r");
            (join, audience, asked)
        }
        _ => panic!("no join"),
    }
}

#[test]
fn capabilities_are_answered_by_the_edge_and_mark_the_room() {
    match decode("get-rtp-capabilities", &json!({"roomId": "r"})) {
        Decoded::AskedFor { room, answer } => {
            assert_eq!(room.as_str(), "r");
            assert!(answer.ok);
            let expected = json!({"rtpCapabilities": {"codecs": [], "headerExtensions": []}});
            assert_eq!(ack_of(&answer.frames), expected);
        }
        _ => panic!("not answered"),
    }
}

#[test]
fn a_seed_join_is_named_after_its_socket() {
    let (join, audience, _) = joined(&json!({"roomId": "r", "rtpCapabilities": {"codecs": []}}));
    assert_eq!(&*join.identity.name, "User s0ck");
    assert_eq!(join.identity.chosen, None);
    assert_eq!(join.identity.connection.as_str(), "s0cket-a");
    assert_eq!(&*join.identity.dialect, "rooms");
    assert_eq!(join.rtp_capabilities.unwrap().as_str(), r#"{"codecs":[]}"#);
    assert!(join.room_must_exist && !join.creator && !join.rebuilds);
    assert!(!audience.extensions.has(Extension::Aware));
}

#[test]
fn a_second_generation_join_says_who_it_is() {
    let (join, audience, _) = joined(&json!({
        "roomId": "r", "rtpCapabilities": {}, "userId": "user_1", "userName": "Ada", "userImageUrl": "https://x/a.png",
        "isCreator": true, "extensions": ["rebuild", "speaker", "resume", 5], "unknown": [1],
    }));
    assert_eq!(join.identity.chosen, Some(PublicId::new("user_1")));
    assert_eq!(&*join.identity.name, "Ada");
    assert_eq!(join.identity.image_url.as_deref(), Some("https://x/a.png"));
    assert!(join.creator && join.rebuilds);
    let has = |extension| audience.extensions.has(extension);
    assert!(has(Extension::Aware) && has(Extension::Rebuild) && has(Extension::Speaker) && !has(Extension::Quality));
}

#[test]
fn long_names_are_cut_between_characters_and_long_pictures_left_out() {
    let (join, ..) = joined(&json!({
        "roomId": "r",
        "userName": format!("x{}", "é".repeat(limits::NAME_BYTES)),
        "userImageUrl": "u".repeat(limits::IMAGE_URL_BYTES + 1),
        "userId": "", "isCreator": null,
    }));
    assert_eq!(join.identity.name.len(), limits::NAME_BYTES - 1);
    assert_eq!(join.identity.image_url, None);
    assert_eq!(join.identity.chosen, None);
}

#[test]
fn a_user_id_said_before_the_join_counts() {
    let mut translator = translator();
    match decode_text(&mut *translator, "set-user-id", r#""user_9""#) {
        Decoded::Answered(answer) => assert_eq!(ack_of(&answer.frames), json!({})),
        _ => panic!("not answered"),
    }
    match decode_text(&mut *translator, "join-mediasoup-room", r#"{"roomId":"r"}"#) {
        Decoded::Join { join, .. } => assert_eq!(join.identity.chosen, Some(PublicId::new("user_9"))),
        _ => panic!("no join"),
    }
}

#[test]
fn requests_to_the_room() {
    let (transport, producer) = (TransportId::parse_or_unknown(UUID), ProducerId::parse_or_unknown(UUID));
    let consumer = ConsumerId::parse_or_unknown(UUID);
    let rows = [
        (
            "create-webrtc-transport",
            json!({"roomId": "r", "direction": "send"}),
            Request::OpenTransport(Direction::Send),
        ),
        (
            "create-webrtc-transport",
            json!({"roomId": "r", "direction": "recv"}),
            Request::OpenTransport(Direction::Recv),
        ),
        (
            "connect-transport",
            json!({"roomId": "r", "transportId": UUID, "dtlsParameters": {"role": "client"}}),
            Request::ConnectTransport {
                transport,
                dtls_parameters: JsonText::from_valid(r#"{"role":"client"}"#),
            },
        ),
        (
            "consume",
            json!({"roomId": "r", "producerId": UUID, "rtpCapabilities": {}}),
            Request::Consume {
                producer,
                transport: None,
                rtp_capabilities: Some(JsonText::from_valid("{}")),
            },
        ),
        (
            "resume-consumer",
            json!({"roomId": "r", "consumerId": UUID}),
            Request::ResumeConsumer(consumer),
        ),
        (
            "close-producer",
            json!({"roomId": "r", "producerId": UUID}),
            Request::CloseProducer(producer),
        ),
        (
            "screen-share-stopped",
            json!({"roomId": "r", "userId": "u", "producerId": UUID}),
            Request::CloseProducer(producer),
        ),
        (
            "update-my-state",
            json!({"roomId": "r", "userId": "u", "isAudioMuted": true}),
            Request::SetMuteState {
                audio_muted: Some(true),
                video_paused: None,
            },
        ),
        (
            "get-socket-id-for-user",
            json!({"userId": "u"}),
            Request::Find(PublicId::new("u")),
        ),
        (
            "get-stats",
            json!({"roomId": "r", "consumerId": UUID}),
            Request::GetStats(model::MediaObject::Consumer(consumer)),
        ),
        (
            "get-stats",
            json!({"roomId": "r", "transportId": UUID}),
            Request::GetStats(model::MediaObject::Transport(transport)),
        ),
        (
            "set-preferred-layers",
            json!({"roomId": "r", "consumerId": UUID, "spatialLayer": 2, "temporalLayer": null}),
            Request::SetPreferredLayers {
                consumer,
                spatial: 2,
                temporal: None,
            },
        ),
        (
            "request-keyframe",
            json!({"roomId": "r", "consumerId": UUID}),
            Request::RequestKeyFrame(consumer),
        ),
        (
            "consume",
            json!({"roomId": "r", "producerId": "no id"}),
            Request::Consume {
                producer: ProducerId::UNKNOWN,
                transport: None,
                rtp_capabilities: None,
            },
        ),
    ];
    for (name, data, expected) in rows {
        assert_eq!(request(name, &data), expected, "{name} {data}");
    }
}

#[test]
fn what_is_produced_follows_from_kind_and_app_data() {
    let produce = |kind: &str, app_data: Value| {
        let data = json!({"roomId": "r", "transportId": UUID, "kind": kind, "rtpParameters": {"mid": "0"}, "appData": app_data});
        match request("produce", &data) {
            Request::Produce(produce) => *produce,
            other => panic!("{other:?}"),
        }
    };
    let camera = produce("video", json!({"share": false}));
    assert_eq!((camera.kind, camera.source), (MediaKind::Video, Source::Camera));
    assert_eq!(camera.mid.as_deref(), Some("0"));
    assert_eq!(camera.transport, Some(TransportId::parse_or_unknown(UUID)));
    assert_eq!(camera.rtp_parameters.as_str(), r#"{"mid":"0"}"#);
    assert_eq!(produce("audio", Value::Null).source, Source::Microphone);
    assert_eq!(produce("audio", Value::Null).app_data, None);
    assert_eq!(produce("video", json!({"share": true})).source, Source::Screen);
    assert_eq!(produce("video", json!({"share": "true"})).source, Source::Camera);
}

#[test]
fn mistakes_are_named() {
    let long = "x".repeat(1_000_000);
    let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let rows = [
        ("get-rtp-capabilities", "null".to_owned(), "roomId is required"),
        ("get-rtp-capabilities", "{}".to_owned(), "roomId is required"),
        ("get-rtp-capabilities", "[\"r\"]".to_owned(), "data must be an object"),
        ("get-rtp-capabilities", "5".to_owned(), "data must be an object"),
        ("get-rtp-capabilities", deep.clone(), "data must be an object"),
        (
            "get-rtp-capabilities",
            r#"{"roomId":5}"#.to_owned(),
            "roomId must be a string",
        ),
        ("get-rtp-capabilities", r#"{"roomId":""}"#.to_owned(), "roomId is empty"),
        (
            "join-mediasoup-room",
            format!(r#"{{"roomId":"{long}"}}"#),
            "roomId is longer than 256 bytes",
        ),
        (
            "join-mediasoup-room",
            r#"{"roomId":"r","userId":5}"#.to_owned(),
            "userId must be a string",
        ),
        (
            "join-mediasoup-room",
            format!(r#"{{"roomId":"r","userId":"{long}"}}"#),
            "userId is longer than 256 bytes",
        ),
        (
            "join-mediasoup-room",
            r#"{"roomId":"r","isCreator":1}"#.to_owned(),
            "isCreator must be true or false",
        ),
        (
            "join-mediasoup-room",
            r#"{"roomId":"r","extensions":1}"#.to_owned(),
            "extensions must be a list of strings",
        ),
        (
            "join-mediasoup-room",
            r#"{"roomId":"r","rtpCapabilities":"x"}"#.to_owned(),
            "rtpCapabilities must be an object",
        ),
        (
            "create-webrtc-transport",
            r#"{"roomId":"r","direction":"up"}"#.to_owned(),
            "direction must be \"send\" or \"recv\"",
        ),
        (
            "create-webrtc-transport",
            r#"{"roomId":"r"}"#.to_owned(),
            "direction is required",
        ),
        (
            "create-webrtc-transport",
            r#"{"direction":"send"}"#.to_owned(),
            "roomId is required",
        ),
        (
            "connect-transport",
            r#"{"roomId":"r"}"#.to_owned(),
            "transportId is required",
        ),
        (
            "connect-transport",
            format!(r#"{{"roomId":"r","transportId":"{UUID}"}}"#),
            "dtlsParameters is required",
        ),
        (
            "produce",
            r#"{"roomId":"r","kind":"text"}"#.to_owned(),
            "Only audio and video are allowed",
        ),
        (
            "produce",
            r#"{"roomId":"r"}"#.to_owned(),
            "Only audio and video are allowed",
        ),
        (
            "produce",
            r#"{"roomId":"r","kind":"audio"}"#.to_owned(),
            "rtpParameters is required",
        ),
        (
            "produce",
            r#"{"roomId":"r","kind":"audio","rtpParameters":{"mid":1}}"#.to_owned(),
            "rtpParameters.mid must be a string",
        ),
        (
            "produce",
            format!(r#"{{"roomId":"r","kind":"audio","rtpParameters":{{"a":{deep}}}}}"#),
            "rtpParameters is nested deeper than 64 levels",
        ),
        (
            "produce",
            format!(r#"{{"roomId":"r","kind":"audio","rtpParameters":{{"a":"{long}"}}}}"#),
            "rtpParameters is longer than 65536 bytes",
        ),
        (
            "produce",
            r#"{"roomId":"r","kind":"audio","rtpParameters":{},"appData":[]}"#.to_owned(),
            "appData must be an object",
        ),
        ("consume", r#"{"roomId":"r"}"#.to_owned(), "producerId is required"),
        (
            "resume-consumer",
            r#"{"roomId":"r","consumerId":{}}"#.to_owned(),
            "consumerId must be a string",
        ),
        (
            "close-producer",
            r#"{"roomId":"r"}"#.to_owned(),
            "producerId is required",
        ),
        (
            "screen-share-stopped",
            r#"{"roomId":"r"}"#.to_owned(),
            "producerId is required",
        ),
        (
            "update-my-state",
            r#"{"roomId":"r","isAudioMuted":"yes"}"#.to_owned(),
            "isAudioMuted must be true or false",
        ),
        ("set-user-id", r#"{"userId":"u"}"#.to_owned(), "userId must be a string"),
        ("get-socket-id-for-user", "{}".to_owned(), "userId is required"),
        (
            "get-stats",
            r#"{"roomId":"r"}"#.to_owned(),
            "one of transportId, producerId and consumerId is required",
        ),
        (
            "set-preferred-layers",
            format!(r#"{{"roomId":"r","consumerId":"{UUID}","spatialLayer":256}}"#),
            "spatialLayer must be a number from 0 to 255",
        ),
        (
            "set-preferred-layers",
            format!(r#"{{"roomId":"r","consumerId":"{UUID}"}}"#),
            "spatialLayer is required",
        ),
        (
            "start-recording",
            r#"{"roomId":"r"}"#.to_owned(),
            "Recording is not enabled",
        ),
        ("stop-recording", "null".to_owned(), "Recording is not enabled"),
        ("make-host", "{}".to_owned(), "Event not supported: make-host"),
        (
            "getRouterRtpCapabilities",
            "null".to_owned(),
            "Event not supported: getRouterRtpCapabilities",
        ),
    ];
    for (name, data, error) in rows {
        assert_eq!(edge_answer(name, &data), json!({"error": error}), "{name} {data:.80}");
    }
}

#[test]
fn a_field_given_twice_is_named_and_a_long_event_name_is_cut() {
    let twice = edge_answer("get-rtp-capabilities", r#"{"roomId":"a","roomId":"b"}"#);
    assert!(
        twice["error"].as_str().unwrap().contains("duplicate field `roomId`"),
        "{twice}"
    );
    let unknown = edge_answer(&"ü".repeat(500_000), "null");
    assert!(
        unknown["error"].as_str().unwrap().len() < 2 * limits::ECHO_BYTES,
        "{unknown}"
    );
}

#[test]
fn without_an_ack_nothing_is_said() {
    let mut translator = translator();
    for (name, data) in [
        ("produce", "{}"),
        ("nonsense", "null"),
        ("set-user-id", "5"),
        ("start-recording", "{}"),
    ] {
        let frame = Inbound::Event {
            name: name.to_owned(),
            data: JsonText::from_valid(data),
            ack: None,
        };
        match translator.decode(&frame) {
            Decoded::Answered(answer) => assert!(!answer.ok && answer.frames.is_empty(), "{name}"),
            _ => panic!("{name} goes on to a room"),
        }
    }
}

#[test]
fn frames_that_are_no_events_are_counted_and_answered() {
    let mut translator = translator();
    let binary = Inbound::Unreadable {
        ack: Some(ACK),
        what: "binary data is not supported".to_owned(),
    };
    match translator.decode(&binary) {
        Decoded::Answered(answer) => {
            assert_eq!(answer.request, "unknown");
            assert_eq!(ack_of(&answer.frames), json!({"error": "binary data is not supported"}));
        }
        _ => panic!("goes on to a room"),
    }
}

#[test]
fn leaving_needs_no_room() {
    for (data, expected) in [(json!({"roomId": "r"}), Some("r")), (json!(null), None)] {
        match decode("leave", &data) {
            Decoded::Leave { room, .. } => assert_eq!(room.as_ref().map(RoomId::as_str), expected),
            _ => panic!("no leave"),
        }
    }
    assert_eq!(edge_answer("screen-share-started", "{}"), json!({}));
}

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

fn join_shape(identified: bool, extensions: crate::dialect::Extensions) -> Shape {
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
        router: model::RouterId::from_random(1),
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

#[test]
fn metrics_know_a_closed_set_of_names() {
    assert_eq!(decode::closed_name("produce"), "produce");
    assert_eq!(decode::closed_name("produce "), "unknown");
    let names: std::collections::BTreeSet<_> = decode::EVENTS.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), decode::EVENTS.len(), "no event has two rows");
}
