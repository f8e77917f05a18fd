//! The log: one subscriber for this process, for people or as JSON lines, on the standard output.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt};

use crate::config::{Config, LogFormat};

/// Starts the log, that of mediasoup's crate (which uses `log`) included. Once a process.
///
/// # Errors
/// A subscriber is there already.
pub(crate) fn start(config: &Config) -> Result<(), TryInitError> {
    let lines = match config.log_format {
        LogFormat::Human => fmt::layer().with_ansi(std::io::stdout().is_terminal()).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(config.log_level.clone())
        .with(lines)
        .try_init()
}
