//! Settings of the media workers: ports, codecs, transports.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use super::announced::{self, MediaListen, ThisMachine};
use super::problem::{Origin, Problem};
use super::reader::Reader;
use super::toml_file::{Located, Value, unknown_key};
use super::values;

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

impl Reader {
    /// Reads all of them; `None` if one is wrong. `ipv6`, `public`: what the node's own listening and site say.
    pub(super) fn media(&mut self, ipv6: bool, public: bool) -> Option<MediaSettings> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(1_024));
        let workers = self.get_or(
            "MEDIASOUP_NUM_WORKERS",
            |text| values::number(text, 1..=1_024),
            (cores, cores.to_string()),
        );
        let log_level = self.get("MEDIASOUP_LOG_LEVEL", |text| {
            values::word(text, &["none", "error", "warn", "debug"])
        });
        let log_tags = self
            .get("LOG_TAGS", |text| values::list(text, |tag| values::word(tag, LOG_TAGS)))
            .unwrap_or_default();
        let listen = self.media_listen(ipv6, public);
        let ports = self.media_ports(workers);
        let codecs = self.structured("MEDIA_CODECS", codecs);
        let (enable_udp, enable_tcp) = (
            self.get("ENABLE_UDP", values::switch),
            self.get("ENABLE_TCP", values::switch),
        );
        if (enable_udp, enable_tcp) == (Some(false), Some(false)) {
            let place = self.origin("ENABLE_TCP");
            self.wrong(Problem::at(
                &place,
                "enable_udp and enable_tcp are both false; expected one of them true",
            ));
        }
        let bitrate = |text: &str| values::number(text, 0..=u32::MAX);
        let bytes = |text: &str| values::number(text, 1_024..=1_073_741_824);
        let prefer_udp = self.get("PREFER_UDP", values::switch);
        let initial = self.get("INITIAL_AVAILABLE_OUTGOING_BITRATE", bitrate);
        let minimum = self.get("MINIMUM_AVAILABLE_OUTGOING_BITRATE", bitrate);
        let message = self.get("MAX_SCTP_MESSAGE_SIZE", bytes);
        let buffer = self.get("SCTP_SEND_BUFFER_SIZE", bytes);
        Some(MediaSettings {
            workers: workers?,
            log_level: log_level?,
            log_tags,
            listen: listen?,
            ports: ports?,
            codecs,
            enable_udp: enable_udp?,
            enable_tcp: enable_tcp?,
            prefer_udp: prefer_udp?,
            initial_available_outgoing_bitrate: initial?,
            minimum_available_outgoing_bitrate: minimum?,
            max_sctp_message_size: message?,
            sctp_send_buffer_size: buffer?,
        })
    }

    fn media_listen(&mut self, ipv6: bool, public: bool) -> Option<Vec<MediaListen>> {
        let derived = announced::derive(ipv6, public, &ThisMachine);
        let shown = derived
            .0
            .iter()
            .map(|listen| listen.ip.to_string())
            .collect::<Vec<_>>()
            .join(",");
        let read = |text: &str| {
            let entries = values::distinct(values::list(text, announced::entry)?)?;
            announced::resolve(&entries, &ThisMachine)
        };
        let (listen, warnings) = self.get_or("ANNOUNCED_IP", read, (derived, shown))?;
        self.layers.warnings.extend(warnings);
        Some(listen)
    }

    fn media_ports(&mut self, workers: Option<usize>) -> Option<RangeInclusive<u16>> {
        let port = |text: &str| values::number(text, 1..=u16::MAX);
        let (first, last) = (
            self.get("MEDIASOUP_MIN_PORT", port)?,
            self.get("MEDIASOUP_MAX_PORT", port)?,
        );
        let (workers, ports) = (
            workers?,
            usize::from(last).saturating_add(1).saturating_sub(first.into()),
        );
        let needed = ports_needed(workers);
        if ports >= needed {
            return Some(first..=last);
        }
        // The place that the operator has written, if only one of the two.
        let names = ["MEDIASOUP_MAX_PORT", "MEDIASOUP_MIN_PORT", "MEDIASOUP_NUM_WORKERS"];
        let written = names
            .map(|name| self.origin(name))
            .into_iter()
            .find(|origin| *origin != Origin::Default);
        let place = written.unwrap_or(Origin::Default);
        self.wrong(Problem::at(
            &place,
            format!(
                "the media ports {first} to {last} are {ports}, but {workers} workers need {needed} (one each, and as many to \
                 replace them); expected MEDIASOUP_MAX_PORT of at least {}",
                usize::from(first) + needed - 1
            ),
        ));
        None
    }
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
