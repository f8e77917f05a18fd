//! DTLS parameters of a client.

use mediasoup::types::data_structures::{DtlsFingerprint, DtlsParameters, DtlsRole};
use model::{JsonText, MediaError, limits};
use serde::Deserialize;

use super::{ensure, invalid, or_default, read};

#[derive(Deserialize)]
struct DtlsIn {
    #[serde(default, deserialize_with = "or_default")]
    role: DtlsRole,
    fingerprints: Vec<FingerprintIn>,
}

#[derive(Deserialize)]
struct FingerprintIn {
    algorithm: String,
    value: String,
}

/// Reads a client's DTLS parameters. Fingerprints of unknown algorithms are left out; one must remain.
pub(crate) fn dtls_parameters(json: &JsonText) -> Result<DtlsParameters, MediaError> {
    let DtlsIn { role, fingerprints } = read(json)?;
    let count = fingerprints.len();
    ensure(
        (1..=limits::DTLS_FINGERPRINTS).contains(&count),
        "fingerprints",
        "too few or too many",
    )?;
    let mut known = Vec::with_capacity(count);
    for (index, fingerprint) in fingerprints.iter().enumerate() {
        let path = || format!("fingerprints[{index}].value");
        match read_fingerprint(fingerprint) {
            Reading::Known(fingerprint) => known.push(fingerprint),
            Reading::UnknownAlgorithm => {}
            Reading::NotHex => return Err(invalid(path(), "not hexadecimal pairs with colons between")),
            Reading::WrongLength => return Err(invalid(path(), "of the wrong length for its algorithm")),
        }
    }
    ensure(!known.is_empty(), "fingerprints", "none has a known algorithm")?;
    Ok(DtlsParameters {
        role,
        fingerprints: known,
    })
}

enum Reading {
    Known(DtlsFingerprint),
    UnknownAlgorithm,
    NotHex,
    WrongLength,
}

fn read_fingerprint(fingerprint: &FingerprintIn) -> Reading {
    let algorithm = fingerprint.algorithm.to_ascii_lowercase();
    if !["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"].contains(&algorithm.as_str()) {
        return Reading::UnknownAlgorithm;
    }
    let Some(bytes) = hex_pairs(&fingerprint.value) else {
        return Reading::NotHex;
    };
    let known = match algorithm.as_str() {
        "sha-1" => bytes.try_into().map(|value| DtlsFingerprint::Sha1 { value }),
        "sha-224" => bytes.try_into().map(|value| DtlsFingerprint::Sha224 { value }),
        "sha-256" => bytes.try_into().map(|value| DtlsFingerprint::Sha256 { value }),
        "sha-384" => bytes.try_into().map(|value| DtlsFingerprint::Sha384 { value }),
        _ => bytes.try_into().map(|value| DtlsFingerprint::Sha512 { value }),
    };
    known.map_or(Reading::WrongLength, Reading::Known)
}

/// `"1B:EA"` to bytes.
fn hex_pairs(text: &str) -> Option<Vec<u8>> {
    text.split(':')
        .map(|pair| match pair.as_bytes() {
            [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => u8::from_str_radix(pair, 16).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<DtlsParameters, MediaError> {
        dtls_parameters(&JsonText::from_valid(text))
    }

    fn one(algorithm: &str, value: &str) -> Result<DtlsParameters, MediaError> {
        read_text(&format!(
            r#"{{"role":"client","fingerprints":[{{"algorithm":"{algorithm}","value":"{value}"}}]}}"#
        ))
    }

    #[test]
    fn good_parameters_are_read_and_the_role_may_be_absent() {
        let value = vec!["aB"; 32].join(":");
        let parameters = one("SHA-256", &value).unwrap();
        assert_eq!(parameters.role, DtlsRole::Client);
        assert_eq!(parameters.fingerprints, [DtlsFingerprint::Sha256 { value: [0xab; 32] }]);
        let text = format!(
            r#"{{"role":null,"fingerprints":[{{"algorithm":"md5","value":"?"}},{{"algorithm":"sha-1","value":"{}"}}]}}"#,
            vec!["00"; 20].join(":")
        );
        let parameters = read_text(&text).unwrap();
        assert_eq!(parameters.role, DtlsRole::Auto);
        assert_eq!(parameters.fingerprints.len(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let cases = [
            (
                one("sha-256", "AB:CD"),
                "fingerprints[0].value: of the wrong length for its algorithm",
            ),
            (
                one("sha-256", "+1:é"),
                "fingerprints[0].value: not hexadecimal pairs with colons between",
            ),
            (one("md5", "AB"), "fingerprints: none has a known algorithm"),
            (read_text(r#"{"fingerprints":[]}"#), "fingerprints: too few or too many"),
        ];
        for (result, reason) in cases {
            assert_eq!(result, Err(MediaError::Invalid(reason.to_owned())));
        }
        let error = read_text(r#"{"role":"boss","fingerprints":[]}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("invalid parameters: role: unknown variant"),
            "{error}"
        );
    }
}
