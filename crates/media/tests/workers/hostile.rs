//! Everything that a client may write, put before a real worker: whatever is accepted or refused, the worker lives.

use std::time::Duration;

use model::{ConsumerId, Direction, JsonText, MediaAction, MediaError, MediaReply, ProducerId, RouterId, TransportId};
use serde_json::{Value, json};

use crate::home::{Home, MediaResult, opus, vp8_simulcast};

const PEER: u128 = 1;

/// Values to put in every place of good parameters.
fn bad_values() -> Vec<Value> {
    let numbers = [
        0_i64,
        1,
        8,
        15,
        96,
        97,
        111,
        127,
        128,
        255,
        256,
        65_536,
        2_147_483_648,
        4_294_967_295,
        -1,
        i64::MAX,
    ];
    let texts = [
        "",
        "0",
        "r0",
        "r1",
        "é",
        "\u{0}",
        "\n",
        "%s%n",
        "L1T1",
        "L3T3",
        "L3T3_KEY",
        "S3T3",
        "L4T4",
        "L99T99",
        "L0T0",
        "video/VP9",
        "video/AV1",
        "video/H264",
        "video/rtx",
        "video/red",
        "video/ulpfec",
        "audio/opus",
        "audio/CN",
        "audio/telephone-event",
        "audio/PCMU",
        "audio/rtx",
        "audio/red",
        "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "urn:3gpp:video-orientation",
    ];
    let mut values = vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(1.5),
        json!([[[]]]),
    ];
    values.extend(numbers.map(Value::from));
    values.extend(texts.map(Value::from));
    values.push(json!("x".repeat(300)));
    values.push(json!([{"ssrc": 1}, {"ssrc": 2}, {"ssrc": 3}]));
    values.push(json!([{"rid": "a", "scalabilityMode": "L1T4"}, {"rid": "b"}, {"rid": "c"}, {"rid": "d"}]));
    values.push(json!({"ssrc": 5, "rtx": {"ssrc": 6}, "dtx": true, "maxBitrate": -5}));
    values.push(json!({"apt": 96, "profile-id": 2, "packetization-mode": 1, "profile-level-id": "zzzzzz"}));
    values
}

/// A JSON pointer to every place in a value, the value itself included.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn full(mut rtp: Value) -> Value {
    rtp["msid"] = json!("stream track");
    rtp["rtcp"] = json!({"cname": "c", "reducedSize": true});
    rtp["headerExtensions"] = json!([
        {"uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 1, "encrypt": false, "parameters": {}},
        {"uri": "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", "id": 5},
    ]);
    for codec in rtp["codecs"].as_array_mut().unwrap() {
        codec["rtcpFeedback"] = json!([{"type": "nack", "parameter": "pli"}]);
        codec["channels"] = json!(if codec["channels"].is_null() { 1 } else { 2 });
    }
    for (index, encoding) in rtp["encodings"].as_array_mut().unwrap().iter_mut().enumerate() {
        encoding["ssrc"] = json!(100 + index);
        encoding["rtx"] = json!({"ssrc": 200 + index});
        encoding["scalabilityMode"] = json!("L1T2");
        encoding["codecPayloadType"] = rtp_payload_type(encoding);
    }
    rtp
}

fn rtp_payload_type(encoding: &Value) -> Value {
    json!(if encoding["rid"].is_string() { 96 } else { 111 })
}

/// The answer of a worker that lives.
fn assert_answered(what: &str, result: &MediaResult) {
    let unhealthy = matches!(
        result,
        Err(MediaError::SeatLost | MediaError::TimedOut | MediaError::NotFound(_))
    );
    assert!(!unhealthy, "{what}: {result:?}");
    if let Err(MediaError::Worker(text)) = result {
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
}

#[tokio::test]
async fn no_rtp_parameters_end_a_worker() {
    let mut home = Home::start(21_400..=21_401).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    let (mut id, mut accepted) = (0, 0);
    for good in [full(opus(7)), full(vp8_simulcast("v"))] {
        let mut found = Vec::new();
        places(&good, "", &mut found);
        let kind = if good["codecs"].as_array().unwrap().len() == 1 {
            model::MediaKind::Audio
        } else {
            model::MediaKind::Video
        };
        for place in &found {
            for bad in bad_values() {
                let mut rtp = good.clone();
                *rtp.pointer_mut(place).unwrap() = bad.clone();
                id += 1;
                let producer = ProducerId::from_random(id);
                let action = MediaAction::OpenProducer {
                    transport: TransportId::from_random(1),
                    producer,
                    kind,
                    rtp_parameters: JsonText::from_value(&rtp),
                    paused: false,
                };
                let what = format!("{place} = {bad}");
                let result = home.ask(PEER, action).await;
                assert_answered(&what, &result);
                if result.is_ok() {
                    accepted += 1;
                    consume_and_close(&mut home, &what, producer, id).await;
                }
            }
        }
    }
    assert!(
        accepted > 100,
        "{accepted} of {id} accepted: the good parameters are not good"
    );
    assert_eq!(home.media.counts().workers_died, 0);
    home.media.close().await;
}

async fn consume_and_close(home: &mut Home, what: &str, producer: ProducerId, id: u128) {
    let action = MediaAction::OpenConsumer {
        transport: TransportId::from_random(1),
        consumer: ConsumerId::from_random(id),
        producer,
        rtp_capabilities: home.media.rtp_capabilities(),
    };
    let result = home.ask(PEER, action).await;
    assert_answered(what, &result);
    let closed = home.ask(PEER, MediaAction::CloseProducer(producer)).await;
    assert_eq!(closed, Ok(MediaReply::Done));
}

#[tokio::test]
async fn no_capabilities_and_no_dtls_parameters_end_a_worker() {
    let mut home = Home::start(21_410..=21_411).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    home.open_producer(PEER, 1, 1, &full(vp8_simulcast("v"))).await.unwrap();
    let dtls = json!({
        "role": "server",
        "fingerprints": [{"algorithm": "sha-256", "value": (["AB"; 32].join(":"))}],
    });
    let mut capabilities: Value = crate::home::read(&home.media.rtp_capabilities());
    capabilities["codecs"].as_array_mut().unwrap().truncate(3);
    capabilities["headerExtensions"].as_array_mut().unwrap().truncate(2);
    let mut id = 10;
    for good in [dtls, capabilities] {
        let mut found = Vec::new();
        places(&good, "", &mut found);
        for place in &found {
            for bad in bad_values() {
                let mut spoiled = good.clone();
                *spoiled.pointer_mut(place).unwrap() = bad.clone();
                id += 1;
                let what = format!("{place} = {bad}");
                let text = JsonText::from_value(&spoiled);
                if good.get("role").is_some() {
                    try_dtls(&mut home, &what, text, id).await;
                } else {
                    try_capabilities(&mut home, &what, text, id).await;
                }
            }
        }
    }
    assert_eq!(home.media.counts().workers_died, 0);
    home.router = RouterId::from_random(2);
    tokio::time::timeout(Duration::from_secs(5), home.open_transport(PEER, 1, Direction::Send))
        .await
        .unwrap()
        .unwrap();
    home.media.close().await;
}

async fn try_dtls(home: &mut Home, what: &str, dtls_parameters: JsonText, id: u128) {
    home.open_transport(PEER, id, Direction::Send).await.unwrap();
    let transport = TransportId::from_random(id);
    let action = MediaAction::ConnectTransport {
        transport,
        dtls_parameters,
    };
    assert_answered(what, &home.ask(PEER, action).await);
    home.ask(PEER, MediaAction::CloseTransport(transport)).await.unwrap();
}

async fn try_capabilities(home: &mut Home, what: &str, rtp_capabilities: JsonText, id: u128) {
    let consumer = ConsumerId::from_random(id);
    let action = MediaAction::OpenConsumer {
        transport: TransportId::from_random(1),
        consumer,
        producer: ProducerId::from_random(1),
        rtp_capabilities,
    };
    assert_answered(what, &home.ask(PEER, action).await);
    home.ask(PEER, MediaAction::CloseConsumer(consumer)).await.unwrap();
}
