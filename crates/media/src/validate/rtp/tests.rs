//! What is taken, what is filled in, what is refused and by which name; and that no JSON at all makes the readers fall over.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn vp8_simulcast() -> Value {
    json!({
        "mid": "1",
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {"x": true, "y": -1, "z": null},
             "rtcpFeedback": [{"type": "nack", "parameter": null}, {"type": "nack", "parameter": "pli"}, {"type": "odd"}]},
            {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
        ],
        "headerExtensions": [
            {"uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 1},
            {"uri": "urn:example:unknown", "id": 0},
        ],
        "encodings": [
            {"rid": "r0", "scalabilityMode": "L1T3", "maxBitrate": 100000.5},
            {"rid": "r1", "scalabilityMode": null, "unknown": {}},
        ],
        "rtcp": {"cname": ""},
        "junk": [1, 2, 3],
    })
}

fn audio() -> Value {
    json!({
        "mid": "0",
        "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": 1}],
    })
}

fn read_parameters(json: &Value, kind: MediaKind) -> Result<RtpParameters, MediaError> {
    rtp_parameters(&JsonText::from_value(json), kind)
}

#[test]
fn what_clients_leave_out_is_filled_in() {
    let parameters = read_parameters(&vp8_simulcast(), MediaKind::Video).unwrap();
    assert_eq!(parameters.rtcp, RtcpParameters::default());
    assert_eq!(parameters.header_extensions.len(), 1);
    assert!(!parameters.header_extensions[0].encrypt);
    assert_eq!(parameters.encodings[0].max_bitrate, Some(100_000));
    assert!(parameters.encodings[1].scalability_mode.is_none());
    let codec = &parameters.codecs[0];
    assert_eq!(codec.rtcp_feedback(), [RtcpFeedback::Nack, RtcpFeedback::NackPli]);
    assert_eq!(
        codec.parameters().get("x"),
        Some(&RtpCodecParametersParametersValue::Number(1))
    );
    assert_eq!(codec.parameters().get("y"), Some(&"-1".into()));
    assert_eq!(codec.parameters().get("z"), None);
    let parameters = read_parameters(&json!({"mid": "0", "codecs": audio()["codecs"]}), MediaKind::Audio).unwrap();
    assert_eq!(parameters.encodings, [RtpEncodingParameters::default()]);
}

/// Sets one value (by JSON pointer; a last `-` appends) of good parameters to something bad.
fn spoiled(mut json: Value, pointer: &str, bad: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match json.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.insert(name.to_owned(), bad);
        }
        Value::Array(items) if name == "-" => items.push(bad),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = bad,
        other => panic!("{other} has no {name}"),
    }
    json
}

/// A place, something bad to put there, and how it is refused.
type Refusal = (&'static str, Value, &'static str);

fn assert_refused(cases: &[Refusal]) {
    for (pointer, bad, reason) in cases {
        let result = read_parameters(&spoiled(vp8_simulcast(), pointer, bad.clone()), MediaKind::Video);
        let Err(MediaError::Invalid(text)) = result else {
            panic!("{pointer}: {result:?}");
        };
        assert!(text.starts_with(reason), "{pointer}: {text}");
    }
}

#[test]
fn codecs_that_a_worker_would_stumble_over_are_refused_by_name() {
    assert_refused(&[
        ("/codecs", json!([]), "codecs: too few or too many"),
        (
            "/codecs",
            json!("x"),
            "codecs: invalid type: string \"x\", expected a sequence",
        ),
        ("/codecs/0/mimeType", json!("video/VP7"), "codecs[0].mimeType: unknown"),
        (
            "/codecs/0/mimeType",
            json!("audio/opus"),
            "codecs[0].mimeType: not of the producer's kind",
        ),
        (
            "/codecs/0/mimeType",
            json!("video/ulpfec"),
            "codecs[0].mimeType: not supported",
        ),
        ("/codecs/0/clockRate", json!(0), "codecs[0].clockRate: must not be 0"),
        ("/codecs/0/channels", json!(0), "codecs[0].channels: must not be 0"),
        (
            "/codecs/0/payloadType",
            json!(128),
            "codecs[0].payloadType: must be 0 to 127",
        ),
        (
            "/codecs/0/payloadType",
            json!(null),
            "codecs[0].payloadType: must be 0 to 127",
        ),
        ("/codecs/0/payloadType", json!(97), "codecs[1].payloadType: twice"),
        (
            "/codecs/0/parameters",
            json!({"apt": "96"}),
            "codecs[0].parameters.apt: not a payload type",
        ),
        (
            "/codecs/0/parameters",
            json!({"a": [1]}),
            "codecs[0].parameters.a: neither a text nor a number",
        ),
        (
            "/codecs/1/parameters/apt",
            json!(97),
            "codecs[1].parameters.apt: names no media codec",
        ),
        (
            "/codecs/1/parameters",
            json!({}),
            "codecs[1].parameters.apt: names no media codec",
        ),
    ]);
}

#[test]
fn encodings_that_a_worker_would_stumble_over_are_refused_by_name() {
    assert_refused(&[
        (
            "/headerExtensions/0/id",
            json!(0),
            "headerExtensions[0].id: must be 1 to 255",
        ),
        (
            "/headerExtensions/0/id",
            json!(256),
            "headerExtensions[0].id: must be 1 to 255",
        ),
        (
            "/headerExtensions/-",
            json!({"uri": "urn:3gpp:video-orientation", "id": 1}),
            "headerExtensions[2].id: twice",
        ),
        ("/encodings/0/rid", json!("r1"), "encodings[1].rid: twice"),
        (
            "/encodings/0/rid",
            json!("r\n"),
            "encodings[0].rid: contains characters that it may not",
        ),
        ("/encodings/0", json!({}), "encodings[0]: has neither ssrc nor rid"),
        ("/encodings/0/ssrc", json!(0), "encodings[0].ssrc: must not be 0"),
        (
            "/encodings/0",
            json!({"ssrc": 5, "rtx": {"ssrc": 5}}),
            "encodings[0].ssrc: twice",
        ),
        (
            "/encodings/0/codecPayloadType",
            json!(97),
            "encodings[0].codecPayloadType: names no media codec",
        ),
        (
            "/encodings/0/scalabilityMode",
            json!("L9T9"),
            "encodings[0].scalabilityMode: too many layers",
        ),
        (
            "/encodings/0/scalabilityMode",
            json!("fast"),
            "encodings[0].scalabilityMode: unknown",
        ),
        (
            "/encodings/0/scalabilityMode",
            json!("L3T3"),
            "encodings[0].scalabilityMode: spatial layers and simulcast exclude each other",
        ),
        ("/encodings", json!(vec![json!({"rid": "r"}); 9]), "encodings: too many"),
        ("/rtcp/cname", json!("c".repeat(256)), "rtcp.cname: too long"),
        ("/mid", json!("é"), "mid: contains characters that it may not"),
    ]);
}

#[test]
fn what_a_client_wrote_is_repeated_only_in_part() {
    let error = read_parameters(&json!({"codecs": "é".repeat(20_000)}), MediaKind::Video).unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
    let error = read_parameters(
        &json!({"codecs": "x".repeat(limits::PARAMETERS_BYTES)}),
        MediaKind::Video,
    );
    assert_eq!(
        error,
        Err(MediaError::Invalid("parameters: longer than 65536 bytes".to_owned()))
    );
}

#[test]
fn unknown_parts_of_capabilities_are_left_out() {
    let capabilities = json!({
        "codecs": [
            {"mimeType": "video/flexfec-03", "clockRate": 90000},
            {"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2, "preferredPayloadType": 111},
        ],
        "headerExtensions": [
            {"kind": "audio", "uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "preferredId": 10},
            {"kind": "audio", "uri": "urn:example:unknown", "preferredId": 0},
        ],
        "fecMechanisms": [],
    });
    let read = rtp_capabilities(&JsonText::from_value(&capabilities)).unwrap();
    assert_eq!((read.codecs.len(), read.header_extensions.len()), (1, 1));
    assert_eq!(
        rtp_capabilities(&JsonText::from_valid("{}")).unwrap(),
        RtpCapabilities::default()
    );
}

/// JSON of any shape, rich in the names and texts that the readers look for.
fn junk() -> impl Strategy<Value = Value> {
    static WORDS: &[&str] = &[
        "codecs",
        "encodings",
        "headerExtensions",
        "rtcp",
        "cname",
        "mid",
        "mimeType",
        "payloadType",
        "clockRate",
        "channels",
        "parameters",
        "apt",
        "rtcpFeedback",
        "type",
        "uri",
        "id",
        "preferredId",
        "ssrc",
        "rid",
        "rtx",
        "scalabilityMode",
        "fingerprints",
        "algorithm",
        "value",
        "role",
        "audio/opus",
        "video/VP8",
        "video/rtx",
        "L3T3",
        "sha-256",
        "urn:ietf:params:rtp-hdrext:sdes:mid",
        "AB:CD",
        "é",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(WORDS).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 8, move |inner| {
        let name = proptest::sample::select(WORDS).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(name, inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Good parameters with some values replaced.
fn nearly_good() -> impl Strategy<Value = Value> {
    static PLACES: &[&str] = &[
        "/mid",
        "/codecs/0",
        "/codecs/0/mimeType",
        "/codecs/0/payloadType",
        "/codecs/0/parameters",
        "/codecs/1/parameters",
        "/codecs/1/parameters/apt",
        "/codecs/-",
        "/encodings/0",
        "/encodings/0/ssrc",
        "/encodings/1/rid",
        "/encodings/-",
        "/encodings/0/scalabilityMode",
        "/headerExtensions/0",
        "/headerExtensions/0/id",
        "/headerExtensions/-",
        "/rtcp/cname",
    ];
    let change = (proptest::sample::select(PLACES), junk());
    proptest::collection::vec(change, 0..4).prop_map(|changes| {
        changes.into_iter().fold(vp8_simulcast(), |json, (pointer, bad)| {
            let Some((parent, name)) = pointer.rsplit_once('/') else {
                return json;
            };
            let fits = match json.pointer(parent) {
                Some(Value::Object(_)) => true,
                Some(Value::Array(items)) => name == "-" || name.parse().is_ok_and(|index: usize| index < items.len()),
                _ => false,
            };
            if fits { spoiled(json, pointer, bad) } else { json }
        })
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(json in prop_oneof![junk(), nearly_good()]) {
        let text = JsonText::from_value(&json);
        let _ = super::super::dtls_parameters(&text);
        let _ = rtp_capabilities(&text);
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if let Ok(parameters) = rtp_parameters(&text, kind) {
                let ssrcs: Vec<_> = parameters.encodings.iter().filter_map(|encoding| encoding.ssrc).collect();
                prop_assert!(!ssrcs.contains(&0));
                prop_assert!(parameters.codecs.iter().all(|codec| codec.payload_type() <= 127));
                prop_assert!(parameters.header_extensions.iter().all(|extension| (1..=255).contains(&extension.id)));
                prop_assert!(parameters.rtcp.cname != Some(String::new()));
            }
        }
    }
}
