//! What must hold between the parts of one set of RTP parameters: unique numbers, references that lead somewhere.

use std::collections::BTreeSet;

use mediasoup::types::rtp_parameters::{
    MimeType, MimeTypeAudio, MimeTypeVideo, RtpCodecParameters, RtpCodecParametersParametersValue, RtpParameters,
};
use model::{MediaError, limits};

use super::{ensure, invalid};

/// Everything that a worker takes for granted.
pub(super) fn check_together(parameters: &RtpParameters) -> Result<(), MediaError> {
    check_codecs(parameters)?;
    check_streams(parameters)?;
    check_layers(parameters)
}

fn check_codecs(parameters: &RtpParameters) -> Result<(), MediaError> {
    let codecs = &parameters.codecs;
    let mut payload_types = BTreeSet::new();
    for (index, codec) in codecs.iter().enumerate() {
        let path = format!("codecs[{index}]");
        ensure(
            payload_types.insert(codec.payload_type()),
            format!("{path}.payloadType"),
            "twice",
        )?;
        if codec.is_rtx() {
            let target = codecs.iter().find(|other| names(codec, other));
            ensure(
                target.is_some_and(is_media),
                format!("{path}.parameters.apt"),
                "names no media codec",
            )?;
        } else {
            // Their packets cannot be forwarded alone, and a worker stumbles over those without `apt`.
            ensure(is_media(codec), format!("{path}.mimeType"), "not supported")?;
        }
    }
    ensure(codecs.iter().any(is_media), "codecs", "no media codec")
}

/// An RTX codec's `apt` is the payload type of the other one.
fn names(rtx: &RtpCodecParameters, other: &RtpCodecParameters) -> bool {
    let payload_type = RtpCodecParametersParametersValue::Number(u32::from(other.payload_type()));
    rtx.parameters().get("apt") == Some(&payload_type)
}

fn is_media(codec: &RtpCodecParameters) -> bool {
    !matches!(
        codec.mime_type(),
        MimeType::Audio(MimeTypeAudio::Rtx | MimeTypeAudio::Red | MimeTypeAudio::Cn | MimeTypeAudio::TelephoneEvent)
            | MimeType::Video(MimeTypeVideo::Rtx | MimeTypeVideo::Red | MimeTypeVideo::Ulpfec)
    )
}

fn check_streams(parameters: &RtpParameters) -> Result<(), MediaError> {
    let encodings = &parameters.encodings;
    let mut ssrcs = BTreeSet::new();
    let mut rids = BTreeSet::new();
    for (index, encoding) in encodings.iter().enumerate() {
        let path = format!("encodings[{index}]");
        for ssrc in encoding.ssrc.into_iter().chain(encoding.rtx.map(|rtx| rtx.ssrc)) {
            ensure(ssrcs.insert(ssrc), format!("{path}.ssrc"), "twice")?;
        }
        if let Some(rid) = &encoding.rid {
            ensure(rids.insert(rid), format!("{path}.rid"), "twice")?;
        }
        let named = encoding.ssrc.is_some() || encoding.rid.is_some();
        let found_by_mid = encodings.len() == 1 && parameters.mid.is_some();
        ensure(named || found_by_mid, &path, "has neither ssrc nor rid")?;
        if let Some(payload_type) = encoding.codec_payload_type {
            let mut media = parameters.codecs.iter().filter(|codec| is_media(codec));
            let known = media.any(|codec| codec.payload_type() == payload_type);
            ensure(known, format!("{path}.codecPayloadType"), "names no media codec")?;
        }
    }
    Ok(())
}

fn check_layers(parameters: &RtpParameters) -> Result<(), MediaError> {
    let simulcast = parameters.encodings.len() > 1;
    for (index, encoding) in parameters.encodings.iter().enumerate() {
        let mode = &encoding.scalability_mode;
        let spatial = mode.spatial_layers().get();
        let path = format!("encodings[{index}].scalabilityMode");
        if spatial.max(mode.temporal_layers().get()) > limits::RTP_LAYERS {
            return Err(invalid(path, "too many layers"));
        }
        ensure(
            !simulcast || spatial == 1,
            path,
            "spatial layers and simulcast exclude each other",
        )?;
    }
    Ok(())
}
