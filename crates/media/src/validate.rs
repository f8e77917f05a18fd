//! What clients wrote, as JSON, to mediasoup's types. Nothing reaches a worker that could make it fail: a worker checks little
//! and answers a broken promise by ending its thread. What a client may leave out is filled in; what cannot be used (unknown
//! codecs of a receiver, unknown header extensions) is left out; everything else is refused by the name of its field.

mod dtls;
mod rtp;

pub(crate) use dtls::dtls_parameters;
pub(crate) use rtp::{rtp_capabilities, rtp_parameters};

use std::fmt::Display;

use model::{JsonText, MediaError, limits};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Longest reason for a refusal, in bytes: it may repeat what the client wrote.
const REASON_BYTES: usize = 4 * limits::ECHO_BYTES;

fn read<T: DeserializeOwned>(json: &JsonText) -> Result<T, MediaError> {
    let text = json.as_str();
    if text.len() > limits::PARAMETERS_BYTES {
        return Err(MediaError::Invalid(format!(
            "parameters: longer than {} bytes",
            limits::PARAMETERS_BYTES
        )));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        invalid(path, error.into_inner())
    })
}

fn invalid(path: impl Display, reason: impl Display) -> MediaError {
    let mut text = format!("{path}: {reason}");
    text.truncate(text.floor_char_boundary(REASON_BYTES));
    MediaError::Invalid(text)
}

fn ensure(holds: bool, path: impl Display, reason: impl Display) -> Result<(), MediaError> {
    if holds { Ok(()) } else { Err(invalid(path, reason)) }
}

/// Takes an explicit null for an absent field.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(reader: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(reader).map(Option::unwrap_or_default)
}
