//! From a router's RTP capabilities to what our peers offer: Opus and VP8 with the router's own payload types and
//! header-extension ids, so that nothing needs to be translated. JSON in, JSON out, in mediasoup's shapes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

/// Header extension that names the media section of a packet.
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Header extension with the time of sending.
pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// Header extension that numbers all packets of a transport, for bandwidth estimation.
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Sound or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

impl Kind {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    fn mime_type(self) -> &'static str {
        match self {
            Self::Audio => "audio/opus",
            Self::Video => "video/VP8",
        }
    }
}

/// What a peer takes part in, beyond plain RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Transport-wide congestion control: the server gets feedback on every packet and probes for bandwidth, which costs
    /// it CPU. (mediasoup estimates bandwidth without it too, from receiver reports, unless its transport says otherwise.)
    pub transport_cc: bool,
    /// NACK, answered over RTX, for video.
    pub retransmission: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            transport_cc: false,
            retransmission: true,
        }
    }
}

/// Why a router's capabilities are of no use to our peers.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProfileError {
    /// The JSON has not the shape of RTP capabilities.
    #[error("malformed rtp capabilities: {0}")]
    Malformed(String),
    /// A codec or extension that our peers need is missing.
    #[error("the router does not offer {0}")]
    Missing(&'static str),
}

/// The codec of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Its payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions.
    pub rtx_payload_type: Option<u8>,
    /// Ticks of its RTP timestamps a second.
    pub clock_rate: u32,
    /// Channels, for audio.
    pub channels: Option<u8>,
    feedback: Vec<Value>,
    parameters: Value,
}

/// What our peers speak with one router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaProfile {
    audio: Codec,
    video: Codec,
    extensions: Vec<HeaderExtension>,
    features: Features,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderExtension {
    kind: Kind,
    uri: String,
    preferred_id: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouterCapabilities {
    codecs: Vec<RouterCodec>,
    header_extensions: Vec<HeaderExtension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouterCodec {
    mime_type: String,
    preferred_payload_type: u8,
    clock_rate: u32,
    channels: Option<u8>,
    #[serde(default)]
    parameters: Value,
    #[serde(default)]
    rtcp_feedback: Vec<Value>,
}

/// The names of one published stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    /// Media section, unique within its transport.
    pub mid: String,
    /// SSRC of the media packets.
    pub ssrc: u32,
    /// SSRC of retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Canonical name in RTCP; must not be empty.
    pub cname: String,
}

impl MediaProfile {
    /// Picks what our peers use from `rtpCapabilities` of a router.
    pub fn from_router(capabilities: &Value, features: Features) -> Result<Self, ProfileError> {
        let router = RouterCapabilities::deserialize(capabilities)
            .map_err(|error| ProfileError::Malformed(error.to_string()))?;
        let mut wanted = vec![MID, ABS_SEND_TIME];
        wanted.extend(features.transport_cc.then_some(TRANSPORT_CC));
        for uri in &wanted {
            if !router.header_extensions.iter().any(|extension| extension.uri == *uri) {
                return Err(ProfileError::Missing(uri));
            }
        }
        let audio = pick_codec(&router.codecs, Kind::Audio, features)?;
        let video = pick_codec(&router.codecs, Kind::Video, features)?;
        let mut extensions = router.header_extensions;
        extensions.retain(|extension| wanted.contains(&extension.uri.as_str()));
        Ok(Self {
            audio,
            video,
            extensions,
            features,
        })
    }

    /// The codec of a kind.
    pub fn codec(&self, kind: Kind) -> &Codec {
        match kind {
            Kind::Audio => &self.audio,
            Kind::Video => &self.video,
        }
    }

    /// What peers of this profile take part in.
    pub fn features(&self) -> Features {
        self.features
    }

    /// Header extensions in use: URI and id, each once.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, u8)> {
        let first = |index: usize| {
            !self.extensions[..index]
                .iter()
                .any(|e| e.uri == self.extensions[index].uri)
        };
        self.extensions
            .iter()
            .enumerate()
            .filter(move |(index, _)| first(*index))
            .map(|(_, e)| (e.uri.as_str(), e.preferred_id))
    }

    /// `rtpCapabilities` to send with `join` and `consume`.
    pub fn rtp_capabilities(&self) -> Value {
        let mut codecs = Vec::new();
        for kind in [Kind::Audio, Kind::Video] {
            let codec = self.codec(kind);
            codecs.push(codec.json(kind, "preferredPayloadType"));
            codecs.extend(codec.rtx_json("preferredPayloadType"));
        }
        for (codec, kind) in codecs.iter_mut().zip(["audio", "video", "video"]) {
            codec["kind"] = kind.into();
        }
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|extension| {
                json!({ "kind": extension.kind, "uri": extension.uri, "preferredId": extension.preferred_id,
                        "preferredEncrypt": false, "direction": "sendrecv" })
            })
            .collect();
        json!({ "codecs": codecs, "headerExtensions": extensions })
    }

    /// `rtpParameters` to send with `produce`.
    pub fn rtp_parameters(&self, kind: Kind, names: &StreamNames) -> Value {
        let codec = self.codec(kind);
        let mut codecs = vec![codec.json(kind, "payloadType")];
        let mut encoding = json!({ "ssrc": names.ssrc });
        if let (Some(rtx), Some(rtx_ssrc)) = (codec.rtx_json("payloadType"), names.rtx_ssrc) {
            codecs.push(rtx);
            encoding["rtx"] = json!({ "ssrc": rtx_ssrc });
        }
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .filter(|extension| extension.kind == kind)
            .map(|extension| json!({ "uri": extension.uri, "id": extension.preferred_id, "encrypt": false, "parameters": {} }))
            .collect();
        json!({ "mid": names.mid, "codecs": codecs, "headerExtensions": extensions, "encodings": [encoding],
                "rtcp": { "cname": names.cname, "reducedSize": true } })
    }
}

impl Codec {
    fn json(&self, kind: Kind, payload_type: &str) -> Value {
        let mut codec = json!({ "mimeType": kind.mime_type(), "clockRate": self.clock_rate,
                                "parameters": self.parameters, "rtcpFeedback": self.feedback });
        codec[payload_type] = self.payload_type.into();
        if let Some(channels) = self.channels {
            codec["channels"] = channels.into();
        }
        codec
    }

    fn rtx_json(&self, payload_type: &str) -> Option<Value> {
        let mut codec = json!({ "mimeType": "video/rtx", "clockRate": self.clock_rate,
                                "parameters": { "apt": self.payload_type }, "rtcpFeedback": [] });
        codec[payload_type] = self.rtx_payload_type?.into();
        Some(codec)
    }
}

fn pick_codec(codecs: &[RouterCodec], kind: Kind, features: Features) -> Result<Codec, ProfileError> {
    let is = |codec: &RouterCodec, mime_type: &str| codec.mime_type.eq_ignore_ascii_case(mime_type);
    let codec = codecs
        .iter()
        .find(|codec| is(codec, kind.mime_type()))
        .ok_or(ProfileError::Missing(kind.mime_type()))?;
    let rtx = codecs
        .iter()
        .find(|rtx| is(rtx, "video/rtx") && rtx.parameters["apt"] == codec.preferred_payload_type)
        .map(|rtx| rtx.preferred_payload_type)
        .filter(|_| features.retransmission);
    let parameters = if codec.parameters.is_object() {
        codec.parameters.clone()
    } else {
        json!({})
    };
    Ok(Codec {
        payload_type: codec.preferred_payload_type,
        rtx_payload_type: rtx,
        clock_rate: codec.clock_rate,
        channels: codec.channels,
        feedback: codec
            .rtcp_feedback
            .iter()
            .filter(|feedback| takes_part(feedback, features))
            .cloned()
            .collect(),
        parameters,
    })
}

/// `goog-remb` is never wanted: it would switch on the older bandwidth estimation where transport-cc is off.
fn takes_part(feedback: &Value, features: Features) -> bool {
    match feedback["type"].as_str() {
        Some("goog-remb") | None => false,
        Some("transport-cc") => features.transport_cc,
        Some("nack") => features.retransmission || feedback["parameter"] == "pli",
        Some(_) => true,
    }
}

/// RTP capabilities of a router as mediasoup gives them, shortened; for tests of this crate.
#[cfg(test)]
pub(crate) fn router_capabilities() -> Value {
    let feedback = |kinds: &[(&str, &str)]| -> Vec<Value> {
        kinds
            .iter()
            .map(|(kind, parameter)| json!({ "type": kind, "parameter": parameter }))
            .collect()
    };
    let mut extensions = Vec::new();
    for kind in ["audio", "video"] {
        for (uri, id) in [
            (MID, 1),
            (ABS_SEND_TIME, 4),
            (TRANSPORT_CC, 5),
            ("urn:3gpp:video-orientation", 11),
        ] {
            extensions.push(
                json!({ "kind": kind, "uri": uri, "preferredId": id, "preferredEncrypt": false,
                                    "direction": "sendrecv" }),
            );
        }
    }
    json!({
        "codecs": [
            { "kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48000, "channels": 2,
              "parameters": { "useinbandfec": 1 }, "rtcpFeedback": feedback(&[("nack", ""), ("transport-cc", "")]) },
            { "kind": "video", "mimeType": "video/VP8", "preferredPayloadType": 101, "clockRate": 90000, "parameters": {},
              "rtcpFeedback": feedback(&[("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", ""), ("transport-cc", "")]) },
            { "kind": "video", "mimeType": "video/rtx", "preferredPayloadType": 102, "clockRate": 90000,
              "parameters": { "apt": 101 }, "rtcpFeedback": [] },
            { "kind": "video", "mimeType": "video/H264", "preferredPayloadType": 103, "clockRate": 90000,
              "parameters": { "packetization-mode": 1 }, "rtcpFeedback": [] },
        ],
        "headerExtensions": extensions
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> StreamNames {
        StreamNames {
            mid: "s0".into(),
            ssrc: 1_234,
            rtx_ssrc: Some(1_235),
            cname: "c".into(),
        }
    }

    fn feedback_of(parameters: &Value) -> Vec<String> {
        let feedback = parameters["codecs"][0]["rtcpFeedback"].as_array().unwrap();
        feedback
            .iter()
            .map(|f| format!("{} {}", f["type"].as_str().unwrap(), f["parameter"].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn parameters_use_the_ids_of_the_router() {
        let profile = MediaProfile::from_router(&router_capabilities(), Features::default()).unwrap();
        let parameters = profile.rtp_parameters(Kind::Video, &names());
        assert_eq!(parameters["codecs"][0]["payloadType"], 101);
        assert_eq!(parameters["codecs"][1]["payloadType"], 102);
        assert_eq!(parameters["codecs"][1]["parameters"]["apt"], 101);
        assert_eq!(
            parameters["encodings"],
            json!([{ "ssrc": 1_234, "rtx": { "ssrc": 1_235 } }])
        );
        assert_eq!(parameters["headerExtensions"].as_array().unwrap().len(), 2);
        assert_eq!(parameters["rtcp"]["cname"], "c");
        assert_eq!(profile.extensions().collect::<Vec<_>>(), [(MID, 1), (ABS_SEND_TIME, 4)]);

        let audio = profile.rtp_parameters(Kind::Audio, &names());
        assert_eq!(audio["codecs"].as_array().unwrap().len(), 1);
        assert_eq!(audio["codecs"][0]["channels"], 2);
        assert_eq!(audio["encodings"], json!([{ "ssrc": 1_234 }]));
    }

    #[test]
    fn features_decide_about_feedback_and_extensions() {
        let of = |transport_cc, retransmission| {
            let features = Features {
                transport_cc,
                retransmission,
            };
            MediaProfile::from_router(&router_capabilities(), features).unwrap()
        };
        let plain = of(false, false).rtp_parameters(Kind::Video, &names());
        assert_eq!(feedback_of(&plain), ["nack pli", "ccm fir"]);
        assert_eq!(plain["encodings"], json!([{ "ssrc": 1_234 }]));
        let full = of(true, true);
        let parameters = full.rtp_parameters(Kind::Video, &names());
        assert_eq!(
            feedback_of(&parameters),
            ["nack ", "nack pli", "ccm fir", "transport-cc "]
        );
        assert!(full.extensions().any(|(uri, id)| uri == TRANSPORT_CC && id == 5));
    }

    #[test]
    fn capabilities_hold_only_our_codecs_each_with_its_kind() {
        let profile = MediaProfile::from_router(&router_capabilities(), Features::default()).unwrap();
        let capabilities = profile.rtp_capabilities();
        let codecs: Vec<_> = capabilities["codecs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (&c["kind"], &c["mimeType"]))
            .collect();
        assert_eq!(
            json!(codecs),
            json!([["audio", "audio/opus"], ["video", "video/VP8"], ["video", "video/rtx"]])
        );
        assert_eq!(capabilities["headerExtensions"].as_array().unwrap().len(), 4);
        // What we offer is itself something that our peers can work with.
        assert!(MediaProfile::from_router(&capabilities, Features::default()).is_ok());
    }

    #[test]
    fn a_router_without_our_codecs_is_refused_by_name() {
        let mut capabilities = router_capabilities();
        capabilities["codecs"].as_array_mut().unwrap().remove(1);
        assert_eq!(
            MediaProfile::from_router(&capabilities, Features::default()),
            Err(ProfileError::Missing("video/VP8"))
        );
        capabilities = router_capabilities();
        capabilities["headerExtensions"] = json!([]);
        assert_eq!(
            MediaProfile::from_router(&capabilities, Features::default()),
            Err(ProfileError::Missing(MID))
        );
        let malformed = MediaProfile::from_router(&json!({ "codecs": 3 }), Features::default());
        assert!(matches!(malformed, Err(ProfileError::Malformed(_))));
    }
}
