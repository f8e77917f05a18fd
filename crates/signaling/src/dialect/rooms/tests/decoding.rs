//! Events → requests, and what mistakes in them are called.

use std::collections::BTreeSet;

use model::{
    ConsumerId, Direction, JsonText, MediaKind, MediaObject, ProducerId, PublicId, Request, RoomId, Source,
    TransportId, limits,
};
use serde_json::{Value, json};

use super::super::{Rooms, decode as rows};
use super::{ACK, UUID, ack_of, facts};
use crate::Inbound;
use crate::dialect::{Asked, Audience, Decoded, Dialect, Extension, Translator};

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
            Request::GetStats(MediaObject::Consumer(consumer)),
        ),
        (
            "get-stats",
            json!({"roomId": "r", "transportId": UUID}),
            Request::GetStats(MediaObject::Transport(transport)),
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

#[test]
fn metrics_know_a_closed_set_of_names() {
    assert_eq!(rows::closed_name("produce"), "produce");
    assert_eq!(rows::closed_name("produce "), "unknown");
    let names: BTreeSet<_> = rows::EVENTS.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), rows::EVENTS.len(), "no event has two rows");
}
