//! mediasoup's types to the JSON that clients parse. The other way, with its distrust, is `validate`.

use mediasoup::consumer::ConsumerRtpStreamStat;
use mediasoup::producer::ProducerStat;
use mediasoup::types::data_structures::IceCandidate;
use mediasoup::types::rtp_parameters::{RtpCapabilitiesFinalized, RtpParameters};
use mediasoup::types::sctp_parameters::SctpParameters;
use mediasoup::webrtc_transport::{WebRtcTransport, WebRtcTransportStat};
use model::{JsonText, MediaError, MediaReply, TransportId};
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) fn rtp_capabilities(capabilities: &RtpCapabilitiesFinalized) -> Result<JsonText, MediaError> {
    Ok(JsonText::from_value(&to_json(capabilities)?))
}

/// A transport as a client needs it to make its own end.
pub(crate) fn transport_opened(transport: &WebRtcTransport) -> Result<MediaReply, MediaError> {
    let ice = transport.ice_parameters();
    let ice_parameters = json!({
        "usernameFragment": ice.username_fragment,
        "password": ice.password,
        "iceLite": true,
    });
    let candidates = transport.ice_candidates().iter().map(ice_candidate);
    let ice_candidates = Value::Array(candidates.collect::<Result<_, _>>()?);
    let dtls_parameters = to_json(&transport.dtls_parameters())?;
    let sctp_parameters = transport.sctp_parameters().as_ref().map(sctp_parameters);
    Ok(MediaReply::TransportOpened {
        ice_parameters: JsonText::from_value(&ice_parameters),
        ice_candidates: JsonText::from_value(&ice_candidates),
        dtls_parameters: JsonText::from_value(&dtls_parameters),
        sctp_parameters: sctp_parameters.as_ref().map(JsonText::from_value),
    })
}

/// Some clients read `ip`, others `address`.
fn ice_candidate(candidate: &IceCandidate) -> Result<Value, MediaError> {
    let mut json = to_json(candidate)?;
    json["ip"] = json["address"].clone();
    Ok(json)
}

/// Clients of all ages know these four fields and no others.
fn sctp_parameters(sctp: &SctpParameters) -> Value {
    json!({
        "port": sctp.port,
        "OS": sctp.os,
        "MIS": sctp.mis,
        "maxMessageSize": sctp.max_message_size,
    })
}

pub(crate) fn rtp_parameters(parameters: &RtpParameters) -> Result<JsonText, MediaError> {
    let mut json = to_json(parameters)?;
    if let Some(extensions) = json["headerExtensions"].as_array_mut() {
        for extension in extensions {
            extension["parameters"] = json!({});
        }
    }
    Ok(JsonText::from_value(&json))
}

pub(crate) fn transport_stats(id: TransportId, stats: &[WebRtcTransportStat]) -> Result<MediaReply, MediaError> {
    stats_reply(stats.iter().map(|stat| {
        let mut json = to_json(stat)?;
        json["type"] = "webrtc-transport".into();
        // The worker's own id for it is nobody's business.
        json["transportId"] = id.to_string().into();
        Ok(json)
    }))
}

pub(crate) fn producer_stats(stats: &[ProducerStat]) -> Result<MediaReply, MediaError> {
    stats_reply(stats.iter().map(|stat| {
        let mut json = to_json(stat)?;
        json["type"] = "inbound-rtp".into();
        Ok(json)
    }))
}

pub(crate) fn consumer_stats(stats: &[ConsumerRtpStreamStat]) -> Result<MediaReply, MediaError> {
    stats_reply(stats.iter().map(|stat| {
        let mut json = to_json(stat)?;
        let inbound = matches!(stat, ConsumerRtpStreamStat::Inbound(_));
        json["type"] = if inbound { "inbound-rtp" } else { "outbound-rtp" }.into();
        Ok(json)
    }))
}

fn stats_reply(stats: impl Iterator<Item = Result<Value, MediaError>>) -> Result<MediaReply, MediaError> {
    let mut list = stats.collect::<Result<Vec<_>, _>>()?;
    for stat in list.iter_mut().filter_map(Value::as_object_mut) {
        stat.retain(|_, value| !value.is_null());
    }
    Ok(MediaReply::Stats(JsonText::from_value(&Value::Array(list))))
}

fn to_json(value: &impl Serialize) -> Result<Value, MediaError> {
    serde_json::to_value(value).map_err(|error| MediaError::Worker(format!("unreadable answer: {error}")))
}
