//! The JSON of the `rooms` dialect: what fields requests have and how each is read, and the shapes of answers and events.

use std::borrow::Cow;

use model::{Direction, JsonText, MediaKind, PublicId, RequestError, RoomId, RoomIdError, ServedBy, limits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::dialect::EdgeFacts;

/// A field as it came; absent and `null` are the same.
pub(super) type Field<'a> = Option<&'a RawValue>;

pub(super) type Read<T> = Result<T, RequestError>;

/// Every field of every request. What it is called here and on the wire differs only in style.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    pub(super) room_id: Field<'a>,
    #[serde(borrow)]
    pub(super) rtp_capabilities: Field<'a>,
    #[serde(borrow)]
    pub(super) user_id: Field<'a>,
    #[serde(borrow)]
    pub(super) user_name: Field<'a>,
    #[serde(borrow)]
    pub(super) user_image_url: Field<'a>,
    #[serde(borrow)]
    pub(super) is_creator: Field<'a>,
    #[serde(borrow)]
    pub(super) extensions: Field<'a>,
    #[serde(borrow)]
    pub(super) direction: Field<'a>,
    #[serde(borrow)]
    pub(super) transport_id: Field<'a>,
    #[serde(borrow)]
    pub(super) dtls_parameters: Field<'a>,
    #[serde(borrow)]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) rtp_parameters: Field<'a>,
    #[serde(borrow)]
    pub(super) app_data: Field<'a>,
    #[serde(borrow)]
    pub(super) producer_id: Field<'a>,
    #[serde(borrow)]
    pub(super) consumer_id: Field<'a>,
    #[serde(borrow)]
    pub(super) is_audio_muted: Field<'a>,
    #[serde(borrow)]
    pub(super) is_video_paused: Field<'a>,
    #[serde(borrow)]
    pub(super) spatial_layer: Field<'a>,
    #[serde(borrow)]
    pub(super) temporal_layer: Field<'a>,
}

impl<'a> Fields<'a> {
    /// Reads the only argument of an event; `null` has no fields.
    pub(super) fn read(data: &'a str) -> Read<Self> {
        match data.trim_start().as_bytes().first() {
            Some(b'{') => serde_json::from_str(data).map_err(|error| invalid(format!("data is not readable: {error}"))),
            _ if data.trim() == "null" => Ok(Self::default()),
            _ => Err(invalid("data must be an object")),
        }
    }

    pub(super) fn room(&self) -> Read<RoomId> {
        let text = required_string("roomId", self.room_id)?;
        RoomId::new(&text).map_err(|error| match error {
            RoomIdError::Empty => invalid("roomId is empty"),
            RoomIdError::TooLong => too_long("roomId", limits::ROOM_ID_BYTES),
        })
    }

    pub(super) fn user(&self) -> Read<Option<PublicId>> {
        match string("userId", self.user_id)? {
            Some(text) => public_id("userId", &text),
            None => Ok(None),
        }
    }

    pub(super) fn direction(&self) -> Read<Direction> {
        match required_string("direction", self.direction)?.as_ref() {
            "send" => Ok(Direction::Send),
            "recv" => Ok(Direction::Recv),
            _ => Err(invalid("direction must be \"send\" or \"recv\"")),
        }
    }

    pub(super) fn kind(&self) -> Read<MediaKind> {
        match string("kind", self.kind).ok().flatten().as_deref() {
            Some("audio") => Ok(MediaKind::Audio),
            Some("video") => Ok(MediaKind::Video),
            _ => Err(invalid("Only audio and video are allowed")),
        }
    }
}

/// An id that a client chose; an empty one is none.
pub(super) fn public_id(name: &str, text: &str) -> Read<Option<PublicId>> {
    match text.len() {
        0 => Ok(None),
        1..=limits::PUBLIC_ID_BYTES => Ok(Some(PublicId::new(text))),
        _ => Err(too_long(name, limits::PUBLIC_ID_BYTES)),
    }
}

pub(super) fn string<'a>(name: &str, field: Field<'a>) -> Read<Option<Cow<'a, str>>> {
    let Some(raw) = field else {
        return Ok(None);
    };
    // Most strings have no escapes: they are read where they are.
    if let Ok(text) = serde_json::from_str::<&str>(raw.get()) {
        return Ok(Some(Cow::Borrowed(text)));
    }
    value(name, "a string", field).map(|text: Option<String>| text.map(Cow::Owned))
}

pub(super) fn required_string<'a>(name: &str, field: Field<'a>) -> Read<Cow<'a, str>> {
    string(name, field)?.ok_or_else(|| required(name))
}

pub(super) fn boolean(name: &str, field: Field<'_>) -> Read<Option<bool>> {
    value(name, "true or false", field)
}

pub(super) fn layer(name: &str, field: Field<'_>) -> Read<Option<u8>> {
    value(name, "a number from 0 to 255", field)
}

/// A JSON object that is passed on unread, at most so many bytes of it.
pub(super) fn object(name: &str, field: Field<'_>, bytes: usize) -> Read<Option<JsonText>> {
    let Some(text) = field.map(RawValue::get) else {
        return Ok(None);
    };
    if !text.starts_with('{') {
        return Err(invalid(format!("{name} must be an object")));
    }
    if text.len() > bytes {
        return Err(too_long(name, bytes));
    }
    if depth(text) > limits::JSON_DEPTH {
        return Err(invalid(format!(
            "{name} is nested deeper than {} levels",
            limits::JSON_DEPTH
        )));
    }
    Ok(Some(JsonText::from_valid(text)))
}

pub(super) fn required_object(name: &str, field: Field<'_>, bytes: usize) -> Read<JsonText> {
    object(name, field, bytes)?.ok_or_else(|| required(name))
}

/// The names in a list of extensions; what is no text in it is ignored.
pub(super) fn names<'a>(name: &str, field: Field<'a>) -> Read<Vec<Cow<'a, str>>> {
    let Some(raw) = field else {
        return Ok(Vec::new());
    };
    let listed: Vec<&'a RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| invalid(format!("{name} must be a list of strings")))?;
    Ok(listed
        .into_iter()
        .filter_map(|listed| string(name, Some(listed)).ok().flatten())
        .collect())
}

/// The longest beginning of a text that has at most so many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

pub(super) fn invalid(text: impl Into<String>) -> RequestError {
    RequestError::Invalid(text.into())
}

pub(super) fn required(name: &str) -> RequestError {
    invalid(format!("{name} is required"))
}

fn too_long(name: &str, bytes: usize) -> RequestError {
    invalid(format!("{name} is longer than {bytes} bytes"))
}

fn value<T: DeserializeOwned>(name: &str, what: &str, field: Field<'_>) -> Read<Option<T>> {
    let read = field.map(|raw| serde_json::from_str(raw.get())).transpose();
    read.map_err(|_| invalid(format!("{name} must be {what}")))
}

/// How deep the arrays and objects of valid JSON are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Writes a shape as JSON.
pub(super) fn json(shape: &impl Serialize) -> JsonText {
    // The shapes below cannot fail to be written; if one did, its client would get an empty object.
    JsonText::from_valid(serde_json::to_string(shape).unwrap_or_else(|_| "{}".to_owned()))
}

/// JSON that is passed on unread.
pub(super) struct Opaque<'a>(pub(super) &'a JsonText);

impl Serialize for Opaque<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[derive(Serialize)]
pub(super) struct Failure<'a> {
    pub(super) error: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JoinAnswer<'a> {
    pub(super) existing_producers: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) already_joined: bool,
    #[serde(flatten)]
    pub(super) standing: Option<Standing>,
    #[serde(flatten)]
    pub(super) cluster: Option<Cluster<'a>>,
}

/// For clients that said who they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    pub(super) success: bool,
    pub(super) is_host: bool,
    pub(super) is_co_host: bool,
}

/// For clients that know this server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster<'a> {
    pub(super) extensions: Vec<&'static str>,
    pub(super) edges: &'a [String],
    pub(super) served_by: Serving<'a>,
}

#[derive(Serialize)]
pub(super) struct Serving<'a> {
    edge: &'a str,
    home: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<u16>,
}

impl<'a> Serving<'a> {
    pub(super) fn new(facts: &'a EdgeFacts, home: &'a model::NodeId) -> Self {
        Self {
            edge: facts.node.as_str(),
            home: home.as_str(),
            seat: None,
            worker: None,
        }
    }

    pub(super) fn of(facts: &'a EdgeFacts, served: &'a ServedBy) -> Self {
        let seat = served.seat.as_ref();
        Self {
            seat: seat.map(|seat| seat.node.as_str()),
            worker: seat.map(|seat| seat.worker.0),
            ..Self::new(facts, &served.home)
        }
    }
}

#[derive(Serialize)]
pub(super) struct TransportAnswer<'a> {
    pub(super) params: TransportParams<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransportParams<'a> {
    pub(super) id: String,
    pub(super) ice_parameters: Opaque<'a>,
    pub(super) ice_candidates: Opaque<'a>,
    pub(super) dtls_parameters: Opaque<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sctp_parameters: Option<Opaque<'a>>,
}

#[derive(Serialize)]
pub(super) struct Produced {
    pub(super) id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsumeAnswer<'a> {
    pub(super) id: String,
    pub(super) producer_id: String,
    pub(super) kind: &'static str,
    pub(super) rtp_parameters: Opaque<'a>,
    pub(super) peer_id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) is_screen_share: bool,
    pub(super) app_data: Opaque<'a>,
    pub(super) producer_paused: bool,
    #[serde(rename = "type")]
    pub(super) consumer_kind: &'static str,
    pub(super) producer_socket_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct StatsAnswer<'a> {
    pub(super) stats: Opaque<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundAnswer<'a> {
    pub(super) socket_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Participant<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) is_audio_muted: bool,
    pub(super) is_video_paused: bool,
    pub(super) image_url: Option<&'a str>,
    pub(super) is_host: bool,
    pub(super) is_co_host: bool,
    pub(super) audio_locked: bool,
    pub(super) screen_share_locked: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPeer<'a> {
    pub(super) peer_id: &'a str,
    pub(super) name: &'a str,
    pub(super) image_url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeerGone<'a> {
    pub(super) peer_id: &'a str,
    pub(super) user_id: &'a str,
}

/// Of `new-producer` and `producer-closed`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProducerFacts<'a> {
    pub(super) producer_id: String,
    pub(super) peer_id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) kind: &'static str,
    pub(super) is_screen_share: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StateChanged<'a> {
    pub(super) user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_audio_muted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_video_paused: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Speaker<'a> {
    pub(super) peer_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Quality<'a> {
    pub(super) peer_id: &'a str,
    pub(super) score: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rebuild {
    pub(super) deadline_ms: u128,
}

#[derive(Serialize)]
pub(super) struct Kicked {
    pub(super) by: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct Closing<'a> {
    pub(super) edges: &'a [String],
}
