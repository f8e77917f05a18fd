//! JSON that passes through the pure crates unread: RTP parameters, DTLS parameters, statistics, what a client wrote.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One JSON value as text. Nobody between the dialect and the media crate looks inside; cheap to clone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// Takes text that is already known to be one JSON value: produced by a serializer, or checked by a parser.
    #[must_use]
    pub fn from_valid(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Writes a value as JSON text.
    #[must_use]
    pub fn from_value(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
