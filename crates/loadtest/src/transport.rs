//! A server's side of a WebRTC transport, read from the JSON that every mediasoup client gets.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Why a transport's parameters are of no use.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TransportError {
    /// The JSON has not the shape of transport parameters.
    #[error("malformed transport parameters: {0}")]
    Malformed(String),
    /// No candidate is an IP address over UDP.
    #[error("no udp candidate among the ice candidates")]
    NoCandidate,
    /// No usable SHA-256 fingerprint.
    #[error("no sha-256 fingerprint among the dtls parameters")]
    NoFingerprint,
}

/// What a peer must know of the server's transport to connect to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTransport {
    /// The server's id of it.
    pub id: String,
    /// ICE user name fragment.
    pub username_fragment: String,
    /// ICE password.
    pub password: String,
    /// The first UDP candidate.
    pub address: SocketAddr,
    /// SHA-256 of the server's certificate.
    pub fingerprint: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    id: String,
    ice_parameters: IceParameters,
    ice_candidates: Vec<IceCandidate>,
    dtls_parameters: DtlsParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IceParameters {
    username_fragment: String,
    password: String,
}

#[derive(Deserialize)]
struct IceCandidate {
    address: Option<String>,
    ip: Option<String>,
    protocol: String,
    port: u16,
}

#[derive(Deserialize)]
struct DtlsParameters {
    fingerprints: Vec<Fingerprint>,
}

#[derive(Deserialize)]
struct Fingerprint {
    algorithm: String,
    value: String,
}

impl ServerTransport {
    /// Reads `{id, iceParameters, iceCandidates, dtlsParameters}`; everything else in it is ignored.
    pub fn from_json(parameters: &Value) -> Result<Self, TransportError> {
        let parameters =
            Parameters::deserialize(parameters).map_err(|error| TransportError::Malformed(error.to_string()))?;
        let udp = |candidate: &IceCandidate| -> Option<SocketAddr> {
            let ip: IpAddr = candidate.address.as_ref().or(candidate.ip.as_ref())?.parse().ok()?;
            candidate
                .protocol
                .eq_ignore_ascii_case("udp")
                .then_some(SocketAddr::new(ip, candidate.port))
        };
        let address = parameters
            .ice_candidates
            .iter()
            .find_map(udp)
            .ok_or(TransportError::NoCandidate)?;
        let sha256 = |fingerprint: &Fingerprint| {
            fingerprint
                .algorithm
                .eq_ignore_ascii_case("sha-256")
                .then(|| bytes_of(&fingerprint.value))
                .flatten()
        };
        let fingerprint = parameters
            .dtls_parameters
            .fingerprints
            .iter()
            .find_map(sha256)
            .ok_or(TransportError::NoFingerprint)?;
        let IceParameters {
            username_fragment,
            password,
        } = parameters.ice_parameters;
        Ok(Self {
            id: parameters.id,
            username_fragment,
            password,
            address,
            fingerprint,
        })
    }
}

/// `"AA:0B:…"` → bytes; `None` unless it is 32 of them.
fn bytes_of(fingerprint: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = fingerprint
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes.filter(|bytes| bytes.len() == 32)
}

/// Bytes → `"AA:0B:…"`.
pub(crate) fn fingerprint_text(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters() -> Value {
        json!({
            "id": "t1", "iceParameters": { "usernameFragment": "u", "password": "p", "iceLite": true },
            "iceCandidates": [
                { "foundation": "tcpcandidate", "priority": 1, "address": "127.0.0.1", "protocol": "tcp", "port": 40_000, "type": "host" },
                { "foundation": "udpcandidate", "priority": 2, "address": "127.0.0.1", "protocol": "udp", "port": 40_001, "type": "host" },
            ],
            "dtlsParameters": { "role": "auto", "fingerprints": [
                { "algorithm": "sha-1", "value": "AA:BB" },
                { "algorithm": "sha-256", "value": fingerprint_text(&[171; 32]) },
            ] },
        })
    }

    #[test]
    fn the_udp_candidate_and_the_sha_256_fingerprint_are_found() {
        let transport = ServerTransport::from_json(&parameters()).unwrap();
        assert_eq!(transport.address, "127.0.0.1:40001".parse().unwrap());
        assert_eq!(transport.fingerprint, [171; 32]);
        assert_eq!(
            (transport.id.as_str(), transport.username_fragment.as_str()),
            ("t1", "u")
        );
    }

    #[test]
    fn older_candidates_say_ip() {
        let mut parameters = parameters();
        parameters["iceCandidates"] = json!([{ "ip": "::1", "protocol": "udp", "port": 5 }]);
        assert_eq!(
            ServerTransport::from_json(&parameters).unwrap().address,
            "[::1]:5".parse().unwrap()
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut without = parameters();
        without["iceCandidates"].as_array_mut().unwrap().remove(1);
        assert_eq!(ServerTransport::from_json(&without), Err(TransportError::NoCandidate));
        without = parameters();
        without["dtlsParameters"]["fingerprints"][1]["value"] = "AA:XX".into();
        assert_eq!(ServerTransport::from_json(&without), Err(TransportError::NoFingerprint));
        assert!(matches!(
            ServerTransport::from_json(&json!({})),
            Err(TransportError::Malformed(_))
        ));
    }
}
