//! What the media side is told at its start, and why it may refuse to start. Reading settings from files and flags is the
//! node's work.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use mediasoup::types::rtp_parameters::RtpCodecCapability;
use mediasoup::worker::{WorkerLogLevel, WorkerLogTag};
use model::NodeId;
use serde::Deserialize;
use thiserror::Error;

/// Everything that the media side has to know.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// This node.
    pub node: NodeId,
    /// How many worker threads to run; at least 1.
    pub workers: usize,
    /// What the workers log (through the `log` crate, target `mediasoup`).
    pub log_level: LogLevel,
    /// About what the workers log.
    pub log_tags: Vec<LogTag>,
    /// Where to listen for media, in the order in which clients shall prefer it; at least one.
    pub listen: Vec<ListenAddress>,
    /// One port a worker is taken from its start, and as many are kept for replaced workers.
    pub ports: RangeInclusive<u16>,
    /// What rooms can carry; [`crate::default_codecs`] if nothing else is wanted.
    pub codecs: Vec<RtpCodecCapability>,
    /// Offer UDP candidates.
    pub enable_udp: bool,
    /// Offer TCP candidates.
    pub enable_tcp: bool,
    /// Give UDP candidates the higher priority.
    pub prefer_udp: bool,
    /// Where the bandwidth estimate to a client begins, in bits a second.
    pub initial_available_outgoing_bitrate: u32,
    /// What that estimate never falls below, in bits a second; absent: the worker's own bound.
    pub minimum_available_outgoing_bitrate: Option<u32>,
    /// Largest data channel message, in bytes.
    pub max_sctp_message_size: u32,
    /// Data channel messages that may wait to be sent on one transport, in bytes.
    pub sctp_send_buffer_size: u32,
}

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// An address of this machine, or `0.0.0.0` or `::` with `announced` set.
    pub ip: IpAddr,
    /// What clients are told instead: an address or a host name.
    pub announced: Option<String>,
}

/// Why the media side did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The settings contradict themselves; the text says how.
    #[error("{0}")]
    Config(String),
    /// The port range is too small, or too many of its ports are taken.
    #[error(
        "ports {first} to {last} are not enough: {workers} workers need {needed} free ones \
         (one each, and as many spare ones for replaced workers)"
    )]
    Ports {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
        /// Workers to run.
        workers: usize,
        /// Ports needed.
        needed: usize,
    },
    /// A port could not be opened for another reason than being in use.
    #[error("cannot listen for media: {0}")]
    Listen(String),
    /// A worker thread did not come up.
    #[error("cannot start a mediasoup worker: {0}")]
    Worker(String),
    /// No router can be made of the codecs.
    #[error("cannot use the media codecs: {0}")]
    Codecs(String),
}

/// A word that names no log level or tag.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{word:?} is none of {known}")]
pub struct UnknownWord {
    word: String,
    known: &'static str,
}

/// How much workers log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Warnings and errors.
    Warn,
    /// Errors.
    #[default]
    Error,
    /// Nothing.
    None,
}

impl FromStr for LogLevel {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        read_word(word, "debug, warn, error, none")
    }
}

/// What workers log about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogTag {
    Info,
    Ice,
    Dtls,
    Rtp,
    Srtp,
    Rtcp,
    Rtx,
    Bwe,
    Score,
    Simulcast,
    Svc,
    Sctp,
    Message,
}

impl FromStr for LogTag {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        read_word(
            word,
            "info, ice, dtls, rtp, srtp, rtcp, rtx, bwe, score, simulcast, svc, sctp, message",
        )
    }
}

fn read_word<'de, T: Deserialize<'de>>(word: &'de str, known: &'static str) -> Result<T, UnknownWord> {
    let reader = serde::de::value::BorrowedStrDeserializer::<serde::de::value::Error>::new(word);
    T::deserialize(reader).map_err(|_| UnknownWord {
        word: word.to_owned(),
        known,
    })
}

impl From<LogLevel> for WorkerLogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
            LogLevel::None => Self::None,
        }
    }
}

impl From<LogTag> for WorkerLogTag {
    fn from(tag: LogTag) -> Self {
        match tag {
            LogTag::Info => Self::Info,
            LogTag::Ice => Self::Ice,
            LogTag::Dtls => Self::Dtls,
            LogTag::Rtp => Self::Rtp,
            LogTag::Srtp => Self::Srtp,
            LogTag::Rtcp => Self::Rtcp,
            LogTag::Rtx => Self::Rtx,
            LogTag::Bwe => Self::Bwe,
            LogTag::Score => Self::Score,
            LogTag::Simulcast => Self::Simulcast,
            LogTag::Svc => Self::Svc,
            LogTag::Sctp => Self::Sctp,
            LogTag::Message => Self::Message,
        }
    }
}

impl MediaConfig {
    /// Ports that the range must have: one a worker, and as many spare ones.
    #[must_use]
    pub fn ports_needed(&self) -> usize {
        self.workers * 2
    }

    pub(crate) fn ports_error(&self) -> StartError {
        StartError::Ports {
            first: *self.ports.start(),
            last: *self.ports.end(),
            workers: self.workers,
            needed: self.ports_needed(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let refuse = |reason: &str| Err(StartError::Config(reason.to_owned()));
        if self.workers == 0 || self.workers > usize::from(u16::MAX) / 2 {
            return refuse("the number of workers must be between 1 and 32767");
        }
        if self.listen.is_empty() {
            return refuse("no address to listen on for media");
        }
        if !self.enable_udp && !self.enable_tcp {
            return refuse("UDP and TCP are both disabled: no media could flow");
        }
        if let Some(address) = self
            .listen
            .iter()
            .find(|a| a.ip.is_unspecified() && a.announced.is_none())
        {
            return refuse(&format!("listening on {} needs an announced address", address.ip));
        }
        if *self.ports.start() == 0 {
            return refuse("media ports start at 1");
        }
        if self.ports.len() < self.ports_needed() {
            return Err(self.ports_error());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_words_are_read_and_unknown_ones_named() {
        assert_eq!("warn".parse(), Ok(LogLevel::Warn));
        assert_eq!("simulcast".parse(), Ok(LogTag::Simulcast));
        let error = "loud".parse::<LogLevel>().unwrap_err();
        assert_eq!(error.to_string(), "\"loud\" is none of debug, warn, error, none");
    }
}
