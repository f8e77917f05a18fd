//! RTP parameters of a client that sends, RTP capabilities of one that receives.

mod check;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32};

use mediasoup::types::rtp_parameters::{
    MediaKind, MimeType, RtcpFeedback, RtcpParameters, RtpCapabilities, RtpCodecCapability, RtpCodecParameters,
    RtpCodecParametersParameters, RtpCodecParametersParametersValue, RtpEncodingParameters, RtpEncodingParametersRtx,
    RtpHeaderExtension, RtpHeaderExtensionDirection, RtpHeaderExtensionParameters, RtpHeaderExtensionUri,
    RtpParameters,
};
use model::{JsonText, MediaError, limits};
use serde::Deserialize;
use serde_json::Value;

use super::{ensure, invalid, or_default, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParametersIn {
    mid: Option<String>,
    codecs: Vec<CodecIn>,
    #[serde(default, deserialize_with = "or_default")]
    header_extensions: Vec<ExtensionIn>,
    #[serde(default, deserialize_with = "or_default")]
    encodings: Vec<EncodingIn>,
    #[serde(default, deserialize_with = "or_default")]
    rtcp: RtcpIn,
    msid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CapabilitiesIn {
    #[serde(default, deserialize_with = "or_default")]
    codecs: Vec<CodecIn>,
    #[serde(default, deserialize_with = "or_default")]
    header_extensions: Vec<ExtensionIn>,
}

/// One codec of parameters (`payloadType`) or of capabilities (`preferredPayloadType`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CodecIn {
    mime_type: String,
    payload_type: Option<u8>,
    preferred_payload_type: Option<u8>,
    clock_rate: u32,
    channels: Option<u8>,
    #[serde(default, deserialize_with = "or_default")]
    parameters: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "or_default")]
    rtcp_feedback: Vec<FeedbackIn>,
}

#[derive(Deserialize)]
struct FeedbackIn {
    r#type: String,
    #[serde(default, deserialize_with = "or_default")]
    parameter: String,
}

/// One header extension of parameters (`id`) or of capabilities (`preferredId`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionIn {
    uri: String,
    kind: Option<MediaKind>,
    id: Option<u16>,
    preferred_id: Option<u16>,
    #[serde(default, deserialize_with = "or_default")]
    encrypt: bool,
    #[serde(default, deserialize_with = "or_default")]
    preferred_encrypt: bool,
    #[serde(default, deserialize_with = "or_default")]
    direction: RtpHeaderExtensionDirection,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncodingIn {
    ssrc: Option<u32>,
    rid: Option<String>,
    codec_payload_type: Option<u8>,
    rtx: Option<RtxIn>,
    dtx: Option<bool>,
    scalability_mode: Option<String>,
    max_bitrate: Option<f64>,
}

#[derive(Deserialize)]
struct RtxIn {
    ssrc: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RtcpIn {
    cname: Option<String>,
    reduced_size: Option<bool>,
}

/// Reads what a client is going to send.
pub(crate) fn rtp_parameters(json: &JsonText, kind: MediaKind) -> Result<RtpParameters, MediaError> {
    let read: ParametersIn = read(json)?;
    let count = read.codecs.len();
    ensure(
        (1..=limits::RTP_CODECS).contains(&count),
        "codecs",
        "too few or too many",
    )?;
    let mut codecs = Vec::with_capacity(count);
    for (index, codec) in read.codecs.into_iter().enumerate() {
        codecs.push(codec_parameters(codec, kind, &format!("codecs[{index}]"))?);
    }
    let mut encodings = Vec::with_capacity(read.encodings.len().max(1));
    ensure(read.encodings.len() <= limits::RTP_ENCODINGS, "encodings", "too many")?;
    for (index, encoding) in read.encodings.into_iter().enumerate() {
        encodings.push(encoding_parameters(encoding, &format!("encodings[{index}]"))?);
    }
    if encodings.is_empty() {
        encodings.push(RtpEncodingParameters::default());
    }
    let parameters = RtpParameters {
        mid: text(read.mid, "mid", TextKind::Token)?,
        codecs,
        header_extensions: extension_parameters(read.header_extensions)?,
        encodings,
        rtcp: RtcpParameters {
            cname: text(read.rtcp.cname, "rtcp.cname", TextKind::Free)?,
            reduced_size: read.rtcp.reduced_size.unwrap_or(true),
        },
        msid: text(read.msid, "msid", TextKind::Free)?,
    };
    check::check_together(&parameters)?;
    Ok(parameters)
}

/// Reads what a client can receive. Codecs and header extensions that mediasoup does not know are left out.
pub(crate) fn rtp_capabilities(json: &JsonText) -> Result<RtpCapabilities, MediaError> {
    let read: CapabilitiesIn = read(json)?;
    ensure(read.codecs.len() <= limits::RTP_CODECS, "codecs", "too many")?;
    let mut codecs = Vec::with_capacity(read.codecs.len());
    for (index, codec) in read.codecs.into_iter().enumerate() {
        codecs.extend(codec_capability(codec, &format!("codecs[{index}]"))?);
    }
    ensure(
        read.header_extensions.len() <= limits::RTP_HEADER_EXTENSIONS,
        "headerExtensions",
        "too many",
    )?;
    let mut header_extensions = Vec::new();
    for (index, extension) in read.header_extensions.into_iter().enumerate() {
        let Ok(uri) = extension.uri.parse() else { continue };
        header_extensions.push(RtpHeaderExtension {
            kind: extension.kind.unwrap_or(MediaKind::Video),
            uri,
            preferred_id: extension_id(
                extension.preferred_id,
                &format!("headerExtensions[{index}].preferredId"),
            )?,
            preferred_encrypt: extension.preferred_encrypt,
            direction: extension.direction,
        });
    }
    Ok(RtpCapabilities {
        codecs,
        header_extensions,
    })
}

fn codec_parameters(codec: CodecIn, kind: MediaKind, path: &str) -> Result<RtpCodecParameters, MediaError> {
    let Ok(mime_type) = codec.mime_type.parse() else {
        return Err(invalid(format!("{path}.mimeType"), "unknown"));
    };
    let payload_type = codec.payload_type.filter(|payload_type| *payload_type <= 127);
    let Some(payload_type) = payload_type else {
        return Err(invalid(format!("{path}.payloadType"), "must be 0 to 127"));
    };
    let clock_rate = clock_rate(&codec, path)?;
    let channels = channels(&codec, path)?;
    let rtcp_feedback = feedback(&codec, path)?;
    let parameters = format_parameters(codec.parameters, path)?;
    match (mime_type, kind) {
        (MimeType::Audio(mime_type), MediaKind::Audio) => Ok(RtpCodecParameters::Audio {
            mime_type,
            payload_type,
            clock_rate,
            channels,
            parameters,
            rtcp_feedback,
        }),
        (MimeType::Video(mime_type), MediaKind::Video) => Ok(RtpCodecParameters::Video {
            mime_type,
            payload_type,
            clock_rate,
            parameters,
            rtcp_feedback,
        }),
        _ => Err(invalid(format!("{path}.mimeType"), "not of the producer's kind")),
    }
}

fn codec_capability(codec: CodecIn, path: &str) -> Result<Option<RtpCodecCapability>, MediaError> {
    let Ok(mime_type) = codec.mime_type.parse() else {
        return Ok(None);
    };
    let preferred_payload_type = codec.preferred_payload_type;
    let clock_rate = clock_rate(&codec, path)?;
    let channels = channels(&codec, path)?;
    let rtcp_feedback = feedback(&codec, path)?;
    let parameters = format_parameters(codec.parameters, path)?;
    Ok(Some(match mime_type {
        MimeType::Audio(mime_type) => RtpCodecCapability::Audio {
            mime_type,
            preferred_payload_type,
            clock_rate,
            channels,
            parameters,
            rtcp_feedback,
        },
        MimeType::Video(mime_type) => RtpCodecCapability::Video {
            mime_type,
            preferred_payload_type,
            clock_rate,
            parameters,
            rtcp_feedback,
        },
    }))
}

fn clock_rate(codec: &CodecIn, path: &str) -> Result<NonZeroU32, MediaError> {
    NonZeroU32::new(codec.clock_rate).ok_or_else(|| invalid(format!("{path}.clockRate"), "must not be 0"))
}

fn channels(codec: &CodecIn, path: &str) -> Result<NonZeroU8, MediaError> {
    NonZeroU8::new(codec.channels.unwrap_or(1)).ok_or_else(|| invalid(format!("{path}.channels"), "must not be 0"))
}

fn feedback(codec: &CodecIn, path: &str) -> Result<Vec<RtcpFeedback>, MediaError> {
    let path = format!("{path}.rtcpFeedback");
    ensure(codec.rtcp_feedback.len() <= limits::RTP_CODEC_DETAILS, path, "too many")?;
    Ok(codec
        .rtcp_feedback
        .iter()
        .filter_map(|feedback| RtcpFeedback::from_type_parameter(&feedback.r#type, &feedback.parameter).ok())
        .collect())
}

/// Format parameters: texts and whole numbers that a worker can hold; other numbers become text, truth becomes 1 or 0.
fn format_parameters(
    parameters: BTreeMap<String, Value>,
    path: &str,
) -> Result<RtpCodecParametersParameters, MediaError> {
    let path = format!("{path}.parameters");
    ensure(parameters.len() <= limits::RTP_CODEC_DETAILS, &path, "too many")?;
    let mut taken = RtpCodecParametersParameters::default();
    for (name, value) in parameters {
        ensure(name.len() <= limits::RTP_TEXT_BYTES, &path, "a name is too long")?;
        let value = match value {
            Value::Null => continue,
            Value::Bool(value) => RtpCodecParametersParametersValue::Number(u32::from(value)),
            Value::Number(number) => match number.as_u64().and_then(|number| i32::try_from(number).ok()) {
                Some(number) => RtpCodecParametersParametersValue::Number(number.unsigned_abs()),
                None => RtpCodecParametersParametersValue::String(Cow::Owned(number.to_string())),
            },
            Value::String(text) if text.len() <= limits::RTP_TEXT_BYTES => {
                RtpCodecParametersParametersValue::String(Cow::Owned(text))
            }
            Value::String(_) => return Err(invalid(format!("{path}.{name}"), "too long")),
            Value::Array(_) | Value::Object(_) => {
                return Err(invalid(format!("{path}.{name}"), "neither a text nor a number"));
            }
        };
        let is_number = matches!(value, RtpCodecParametersParametersValue::Number(_));
        ensure(name != "apt" || is_number, format!("{path}.apt"), "not a payload type")?;
        taken.insert(name, value);
    }
    Ok(taken)
}

fn encoding_parameters(encoding: EncodingIn, path: &str) -> Result<RtpEncodingParameters, MediaError> {
    let rtx = encoding.rtx.and_then(|rtx| rtx.ssrc);
    ensure(encoding.ssrc != Some(0), format!("{path}.ssrc"), "must not be 0")?;
    ensure(rtx != Some(0), format!("{path}.rtx.ssrc"), "must not be 0")?;
    let mode_path = format!("{path}.scalabilityMode");
    let scalability_mode = match encoding.scalability_mode {
        None => Default::default(),
        Some(mode) if mode.is_empty() => Default::default(),
        Some(mode) => match text(Some(mode), &mode_path, TextKind::Token)?
            .unwrap_or_default()
            .parse()
        {
            Ok(mode) => mode,
            Err(_) => return Err(invalid(mode_path, "unknown")),
        },
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let max_bitrate = encoding
        .max_bitrate
        .map(|bits| bits.clamp(0.0, f64::from(u32::MAX)) as u64);
    Ok(RtpEncodingParameters {
        ssrc: encoding.ssrc,
        rid: text(encoding.rid, &format!("{path}.rid"), TextKind::Token)?,
        codec_payload_type: encoding.codec_payload_type,
        rtx: rtx.map(|ssrc| RtpEncodingParametersRtx { ssrc }),
        dtx: encoding.dtx,
        scalability_mode,
        max_bitrate,
    })
}

fn extension_parameters(extensions: Vec<ExtensionIn>) -> Result<Vec<RtpHeaderExtensionParameters>, MediaError> {
    ensure(
        extensions.len() <= limits::RTP_HEADER_EXTENSIONS,
        "headerExtensions",
        "too many",
    )?;
    let mut taken: Vec<RtpHeaderExtensionParameters> = Vec::with_capacity(extensions.len());
    for (index, extension) in extensions.into_iter().enumerate() {
        let Ok(uri) = extension.uri.parse::<RtpHeaderExtensionUri>() else {
            continue;
        };
        let path = format!("headerExtensions[{index}].id");
        let id = extension_id(extension.id, &path)?;
        ensure(taken.iter().all(|other| other.id != id), path, "twice")?;
        taken.push(RtpHeaderExtensionParameters {
            uri,
            id,
            encrypt: extension.encrypt,
        });
    }
    Ok(taken)
}

fn extension_id(id: Option<u16>, path: &str) -> Result<u16, MediaError> {
    id.filter(|id| (1..=255).contains(id))
        .ok_or_else(|| invalid(path, "must be 1 to 255"))
}

/// What may stand in a text that reaches the worker, which repeats it in its logs.
#[derive(Clone, Copy, PartialEq)]
enum TextKind {
    /// Visible ASCII.
    Token,
    /// Anything but control characters.
    Free,
}

/// An empty text counts as absent.
fn text(text: Option<String>, path: &str, kind: TextKind) -> Result<Option<String>, MediaError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    ensure(text.len() <= limits::RTP_TEXT_BYTES, path, "too long")?;
    let clean = match kind {
        TextKind::Token => text.bytes().all(|byte| byte.is_ascii_graphic()),
        TextKind::Free => !text.chars().any(char::is_control),
    };
    ensure(clean, path, "contains characters that it may not")?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
