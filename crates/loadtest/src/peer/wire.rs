//! What a peer reads off the wire and off parameters, and how it sets the WebRTC library up for a router.

use serde::Deserialize;
use serde_json::Value;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaKind, Pt};
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

use super::PeerError;
use crate::counters::Packet;
use crate::rtp::{self, Kind, MediaProfile};

pub(super) fn media_kind(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

/// Payload types and extension ids are the router's own, for every stream.
pub(super) fn rtc_config(profile: &MediaProfile) -> RtcConfig {
    let mut config = Rtc::builder()
        .set_rtp_mode(true)
        .set_stats_interval(None)
        .set_reordering_size_video(0)
        .set_reordering_size_audio(0)
        .clear_codecs()
        .clear_extension_map();
    for (uri, id) in profile.extensions() {
        let extension = match uri {
            rtp::MID => Extension::RtpMid,
            rtp::ABS_SEND_TIME => Extension::AbsoluteSendTime,
            rtp::TRANSPORT_CC => Extension::TransportSequenceNumber,
            _ => continue,
        };
        config = config.set_extension(id, extension);
    }
    for kind in [Kind::Audio, Kind::Video] {
        let codec = profile.codec(kind);
        let (name, frequency) = match kind {
            Kind::Audio => (Codec::Opus, Frequency::FORTY_EIGHT_KHZ),
            Kind::Video => (Codec::Vp8, Frequency::NINETY_KHZ),
        };
        let payload_type = Pt::new_with_value(codec.payload_type);
        let rtx = codec.rtx_payload_type.map(Pt::new_with_value);
        config.codec_config().add_config(
            payload_type,
            rtx,
            name,
            frequency,
            codec.channels,
            FormatParams::default(),
        );
    }
    config
}

/// What a peer reads of a consumer's `rtpParameters`.
pub(super) struct ConsumerParameters {
    pub(super) kind: Kind,
    pub(super) mid: String,
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: Option<u32>,
}

impl ConsumerParameters {
    pub(super) fn read(rtp_parameters: &Value) -> Result<Self, PeerError> {
        #[derive(Deserialize)]
        struct Parameters {
            mid: String,
            codecs: Vec<Codec>,
            encodings: Vec<Encoding>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Codec {
            mime_type: String,
        }
        #[derive(Deserialize)]
        struct Encoding {
            ssrc: u32,
            rtx: Option<Rtx>,
        }
        #[derive(Deserialize)]
        struct Rtx {
            ssrc: u32,
        }
        let malformed = |what: &str| PeerError::RtpParameters(what.to_owned());
        let parameters = Parameters::deserialize(rtp_parameters).map_err(|error| malformed(&error.to_string()))?;
        let codec = parameters.codecs.first().ok_or_else(|| malformed("no codec"))?;
        let encoding = parameters.encodings.first().ok_or_else(|| malformed("no encoding"))?;
        let kind = if codec.mime_type.starts_with("audio/") {
            Kind::Audio
        } else {
            Kind::Video
        };
        let rtx_ssrc = encoding.rtx.as_ref().map(|rtx| rtx.ssrc);
        Ok(Self {
            kind,
            mid: parameters.mid,
            ssrc: encoding.ssrc,
            rtx_ssrc,
        })
    }
}

/// The plain header of an SRTP packet.
pub(super) struct RtpHeader {
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    pub(super) packet: Packet,
}

impl RtpHeader {
    /// `None` for whatever is not RTP: STUN, DTLS and RTCP.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; 12] = bytes.first_chunk()?;
        let is_rtp = header[0] >> 6 == 2 && !(64..96).contains(&(header[1] & 0x7f));
        let packet = Packet {
            sequence: u16::from_be_bytes([header[2], header[3]]),
            marker: header[1] & 0x80 != 0,
            bytes: bytes.len(),
            key_frame: false,
            latency: None,
        };
        is_rtp.then_some(Self {
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            packet,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_consumer_with_and_without_retransmissions_is_read() {
        let mut parameters = json!({
            "mid": "3", "codecs": [{ "mimeType": "video/VP8" }, { "mimeType": "video/rtx" }],
            "encodings": [{ "ssrc": 7, "rtx": { "ssrc": 8 } }],
        });
        let consumer = ConsumerParameters::read(&parameters).unwrap();
        assert_eq!((consumer.mid.as_str(), consumer.kind), ("3", Kind::Video));
        assert_eq!((consumer.ssrc, consumer.rtx_ssrc), (7, Some(8)));
        parameters["codecs"] = json!([{ "mimeType": "audio/opus" }]);
        parameters["encodings"] = json!([{ "ssrc": 9 }]);
        let consumer = ConsumerParameters::read(&parameters).unwrap();
        assert_eq!(
            (consumer.kind, consumer.ssrc, consumer.rtx_ssrc),
            (Kind::Audio, 9, None)
        );
        for missing in ["mid", "codecs", "encodings"] {
            let mut parameters = parameters.clone();
            parameters[missing] = json!([]);
            assert!(ConsumerParameters::read(&parameters).is_err(), "{missing}");
        }
    }

    #[test]
    fn only_rtp_has_an_rtp_header() {
        let rtp = [0x80, 0x80 | 101, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 2, 0, 9, 9];
        let header = RtpHeader::read(&rtp).unwrap();
        assert_eq!((header.ssrc, header.timestamp), (0x200, 0x100));
        assert_eq!(
            (header.packet.sequence, header.packet.marker, header.packet.bytes),
            (0x1234, true, 14)
        );
        let rtcp = [0x80, 200, 0, 6, 0, 0, 1, 0, 0, 0, 2, 0];
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0];
        let dtls = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for other in [rtcp, stun, dtls] {
            assert!(RtpHeader::read(&other).is_none());
        }
        assert!(RtpHeader::read(&rtp[..11]).is_none());
    }
}
