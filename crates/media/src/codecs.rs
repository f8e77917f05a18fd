//! Which codecs a router offers when the configuration names none.

use std::num::{NonZeroU8, NonZeroU32};

use mediasoup::types::rtp_parameters::{
    MimeTypeAudio, MimeTypeVideo, RtpCodecCapability, RtpCodecParametersParameters, RtpCodecParametersParametersValue,
};

/// Where browsers begin to send, in kilobits a second, for the codecs that read this parameter.
const START_BITRATE: u32 = 1_000;
const VIDEO_CLOCK: NonZeroU32 = NonZeroU32::new(90_000).unwrap();
const OPUS_CLOCK: NonZeroU32 = NonZeroU32::new(48_000).unwrap();
const STEREO: NonZeroU8 = NonZeroU8::new(2).unwrap();

/// Opus (stereo, FEC, DTX), VP8, VP9 profiles 0 and 2, H264 baseline, main and high with packetization mode 1, AV1.
#[must_use]
pub fn default_codecs() -> Vec<RtpCodecCapability> {
    let mut codecs = vec![opus(), video(MimeTypeVideo::Vp8, start_bitrate())];
    for profile in [0_u32, 2] {
        let mut parameters = start_bitrate();
        parameters.insert("profile-id", profile);
        codecs.push(video(MimeTypeVideo::Vp9, parameters));
    }
    for profile in ["42e01f", "4d0032", "640032"] {
        let mut parameters = start_bitrate();
        parameters
            .insert("packetization-mode", 1_u32)
            .insert("profile-level-id", profile)
            .insert("level-asymmetry-allowed", 1_u32);
        codecs.push(video(MimeTypeVideo::H264, parameters));
    }
    codecs.push(video(MimeTypeVideo::AV1, RtpCodecParametersParameters::default()));
    codecs
}

fn opus() -> RtpCodecCapability {
    RtpCodecCapability::Audio {
        mime_type: MimeTypeAudio::Opus,
        preferred_payload_type: None,
        clock_rate: OPUS_CLOCK,
        channels: STEREO,
        parameters: ["useinbandfec", "usedtx", "stereo", "sprop-stereo"]
            .map(|name| (name, RtpCodecParametersParametersValue::Number(1)))
            .into(),
        rtcp_feedback: Vec::new(),
    }
}

fn video(mime_type: MimeTypeVideo, parameters: RtpCodecParametersParameters) -> RtpCodecCapability {
    RtpCodecCapability::Video {
        mime_type,
        preferred_payload_type: None,
        clock_rate: VIDEO_CLOCK,
        parameters,
        rtcp_feedback: Vec::new(),
    }
}

fn start_bitrate() -> RtpCodecParametersParameters {
    RtpCodecParametersParameters::from([("x-google-start-bitrate", START_BITRATE.into())])
}
