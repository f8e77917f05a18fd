//! Settings of the media workers: ports, codecs, transports.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use super::announced::MediaListen;
use super::problem::{Origin, Problem};
use super::toml_file::{Located, Value, unknown_key};

/// What the media workers are made with.
#[derive(Clone, Debug)]
pub(crate) struct MediaSettings {
    /// How many workers.
    pub(crate) workers: usize,
    /// What they log: `none`, `error`, `warn` or `debug`.
    pub(crate) log_level: &'static str,
    /// Which of their parts write debug lines, in mediasoup's words.
    pub(crate) log_tags: Vec<&'static str>,
    /// Where media is listened for, and what clients are told.
    pub(crate) listen: Vec<MediaListen>,
    /// Ports of the workers, UDP and TCP.
    pub(crate) ports: RangeInclusive<u16>,
    /// Router codecs as JSON in mediasoup's form; `None` is the product's default.
    pub(crate) codecs: Option<Vec<Json>>,
    /// Media over UDP.
    pub(crate) enable_udp: bool,
    /// Media over TCP.
    pub(crate) enable_tcp: bool,
    /// UDP candidates come first.
    pub(crate) prefer_udp: bool,
    /// First estimate of a transport towards its client, bits a second.
    pub(crate) initial_available_outgoing_bitrate: u32,
    /// Least estimate of it, bits a second; 0 is no bound.
    pub(crate) minimum_available_outgoing_bitrate: u32,
    /// Largest message of a data channel, bytes.
    pub(crate) max_sctp_message_size: u32,
    /// What may wait on the data channels of one transport, bytes.
    pub(crate) sctp_send_buffer_size: u32,
}

/// The parts of a worker that can write debug lines.
pub(crate) const LOG_TAGS: &[&str] = &[
    "info",
    "ice",
    "dtls",
    "rtp",
    "srtp",
    "rtcp",
    "rtx",
    "bwe",
    "score",
    "simulcast",
    "svc",
    "sctp",
    "message",
];

/// The codecs that a room can have: MIME type, clock rate, channels of an audio codec.
const CODECS: &[(&str, u32, Option<u8>)] = &[
    ("audio/opus", 48_000, Some(2)),
    ("audio/PCMU", 8_000, Some(1)),
    ("audio/PCMA", 8_000, Some(1)),
    ("video/VP8", 90_000, None),
    ("video/VP9", 90_000, None),
    ("video/H264", 90_000, None),
    ("video/AV1", 90_000, None),
];

/// How many ports this many workers need: one each, and one each for a replacement.
pub(crate) fn ports_needed(workers: usize) -> usize {
    workers * 2
}

/// Reads `media_codecs`: JSON for mediasoup, or every mistake with its line. `place` is the origin of the whole value.
pub(crate) fn codecs(value: &Value, place: &Origin) -> Result<Vec<Json>, Vec<Problem>> {
    let Value::List(entries) = value else {
        return Err(vec![Problem::at(
            place,
            "expected an array of tables, one [[media_codecs]] for each codec",
        )]);
    };
    let mut problems = Vec::new();
    let codecs = entries
        .iter()
        .filter_map(|entry| codec(entry, place, &mut problems))
        .collect::<Vec<_>>();
    if codecs.is_empty() && problems.is_empty() {
        problems.push(Problem::at(place, "it is empty: a room without codecs carries nothing"));
    }
    if problems.is_empty() { Ok(codecs) } else { Err(problems) }
}

/// The place of a key within a value of the TOML file.
pub(crate) fn inner(place: &Origin, line: usize, key: &str) -> Origin {
    match place {
        Origin::Line(path, _, name) => Origin::Line(path.clone(), line, format!("{name}.{key}")),
        other => other.clone(),
    }
}

fn codec(entry: &Located, place: &Origin, problems: &mut Vec<Problem>) -> Option<Json> {
    let Value::Table(fields) = &entry.value else {
        problems.push(Problem::at(
            &inner(place, entry.line, "[]"),
            "expected a table with mime_type",
        ));
        return None;
    };
    let Some((line, mime_type)) = fields
        .iter()
        .find(|(key, _)| key == "mime_type")
        .map(|(_, found)| (found.line, found.value.text()))
    else {
        problems.push(Problem::at(
            &inner(place, entry.line, "mime_type"),
            format!("it is missing; expected {}", names()),
        ));
        return None;
    };
    let mime_type = mime_type.unwrap_or_default();
    let Some((name, clock_rate, channels)) = CODECS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&mime_type))
    else {
        problems.push(Problem::at(
            &inner(place, line, "mime_type"),
            format!("\"{mime_type}\" is wrong; expected {}", names()),
        ));
        return None;
    };
    let mut json = Map::new();
    json.insert(
        "kind".to_owned(),
        if channels.is_some() { "audio" } else { "video" }.into(),
    );
    json.insert("mimeType".to_owned(), (*name).into());
    json.insert("clockRate".to_owned(), (*clock_rate).into());
    if let Some(channels) = channels {
        json.insert("channels".to_owned(), (*channels).into());
    }
    for (key, field) in fields.iter().filter(|(key, _)| key != "mime_type") {
        match codec_field(key, &field.value) {
            Ok((key, value)) => drop(json.insert(key.to_owned(), value)),
            Err(text) => problems.push(Problem::at(&inner(place, field.line, key), text)),
        }
    }
    Some(json.into())
}

fn codec_field(key: &str, value: &Value) -> Result<(&'static str, Json), String> {
    let number = |least: u64, most: u64| match value.json() {
        Json::Number(number) if number.as_u64().is_some_and(|found| (least..=most).contains(&found)) => {
            Ok(number.into())
        }
        found => Err(format!("{found} is wrong; expected a number from {least} to {most}")),
    };
    match key {
        "clock_rate" => Ok(("clockRate", number(1, u32::MAX.into())?)),
        "channels" => Ok(("channels", number(1, 8)?)),
        "preferred_payload_type" => Ok(("preferredPayloadType", number(96, 127)?)),
        "parameters" => match value {
            Value::Table(fields)
                if fields
                    .iter()
                    .all(|(_, field)| matches!(field.value, Value::Scalar(Json::String(_) | Json::Number(_)))) =>
            {
                Ok(("parameters", value.json()))
            }
            _ => Err("expected a table of numbers and texts".to_owned()),
        },
        _ => {
            let known = [
                "mime_type",
                "clock_rate",
                "channels",
                "parameters",
                "preferred_payload_type",
            ];
            Err(unknown_key(key, &known.map(str::to_owned)))
        }
    }
}

fn names() -> String {
    CODECS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}
