//! The table of every setting: its name, its default, what it means and which values it may have.
//!
//! The command line, the environment, `.env`, the TOML file, `docs/configuration.md` and `.env.example` all follow this table.
//! How a value's text becomes a type is in `values.rs`; which source wins is in `layers.rs`.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The name of its environment variable. Its flag is this in kebab-case, its TOML key this in lower case.
    pub(crate) name: &'static str,
    /// What holds when no source sets it.
    pub(crate) default: Fallback,
    /// The values it may have, as error messages and the documents say it (after "expected").
    pub(crate) values: &'static str,
    /// What it is for, in a sentence or two.
    pub(crate) meaning: &'static str,
    /// Where it may be set.
    pub(crate) place: Place,
    /// Its value is never printed.
    pub(crate) secret: bool,
    /// Whether this version does anything with it.
    pub(crate) effect: Effect,
}

/// What holds when no source sets a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This text, read as if it had been set.
    Text(&'static str),
    /// Something found out at the start, or nothing at all; the text says what.
    Described(&'static str),
}

/// Where a setting may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Flag, environment, `.env` and TOML file.
    Everywhere,
    /// The TOML file only.
    Toml,
    /// Flag, environment and `.env`: it says where the TOML file is.
    NotToml,
}

/// Whether this version does anything with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It works.
    Served,
    /// Known, without effect yet: setting it is a warning that ends in this text.
    NotYet(&'static str),
    /// Known, and running without its effect would be unsafe: setting it stops the start with this text.
    Refused(&'static str),
}

impl Setting {
    /// The flag without its dashes: `MEDIASOUP_MIN_PORT` is `mediasoup-min-port`.
    pub(crate) fn flag(&self) -> String {
        self.key().replace('_', "-")
    }

    /// The TOML key: `MEDIASOUP_MIN_PORT` is `mediasoup_min_port`.
    pub(crate) fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Whether it has a flag, a variable and a line in `.env`.
    pub(crate) fn in_environment(&self) -> bool {
        self.place != Place::Toml
    }

    /// Whether it is a key of the TOML file.
    pub(crate) fn in_toml(&self) -> bool {
        self.place != Place::NotToml
    }

    /// Whether it is either on or off, so that its flag needs no value.
    pub(crate) fn is_switch(&self) -> bool {
        self.values == SWITCH
    }

    /// Marks the value as one that is never printed.
    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Keeps the setting to the TOML file.
    const fn toml_only(mut self) -> Self {
        self.place = Place::Toml;
        self
    }

    /// Keeps the setting out of the TOML file.
    const fn not_toml(mut self) -> Self {
        self.place = Place::NotToml;
        self
    }

    /// Marks the setting as known and without effect yet.
    const fn not_yet(mut self, text: &'static str) -> Self {
        self.effect = Effect::NotYet(text);
        self
    }

    /// Marks the setting as one that must not be set in this version.
    const fn refused(mut self, text: &'static str) -> Self {
        self.effect = Effect::Refused(text);
        self
    }
}

/// The values of a setting that is on or off.
const SWITCH: &str = "true or false";
const DURATION: &str = "a time such as 500ms, 10s or 5m (a bare number is seconds)";
const PORT: &str = "a port from 1 to 65535";
const BITRATE: &str = "a number of bits a second from 0 to 4294967295";
const TEXT: &str = "a text";
const NO_TOKENS: &str = "this version has no token route and checks no tokens";
const NO_PIPES: &str = "this version makes no pipes between routers";
const NO_ADDRESSES: &str = "this version tells no client and no node another address";
const ONE_NODE: &str = "this version runs as one node alone";

/// A setting that may be set everywhere, is no secret and works.
const fn setting(name: &'static str, default: Fallback, values: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        values,
        meaning,
        place: Place::Everywhere,
        secret: false,
        effect: Effect::Served,
    }
}

use Fallback::{Described, Text};

/// Every setting, in the order of the documents.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    setting("PORT", Text("3000"), "a port from 0 to 65535, or a comma list of them",
        "The port that clients open; with a list, each of them is listened on. 0 takes any free port."),
    setting("HOST", Text("0.0.0.0"), "an IP address, or a comma list of them",
        "The address to listen on for signaling and the page. `::` listens on IPv6 and IPv4."),
    setting("ANNOUNCED_IP", Described("127.0.0.1 and the default route's address"),
        "a comma list of `announced` or `listen=announced`, where announced is an IP address or a host name",
        "Where clients shall send media. An entry `announced` listens on `0.0.0.0` (or `::`), an entry `listen=announced` on that address of this machine."),
    setting("MEDIASOUP_NUM_WORKERS", Described("the number of cores"), "a number from 1 to 1024",
        "Media workers, each a thread with a port of its own."),
    setting("MEDIASOUP_LOG_LEVEL", Text("error"), "none, error, warn or debug",
        "What the media workers write into the log."),
    setting("MEDIASOUP_MIN_PORT", Text("40000"), PORT,
        "The first media port (UDP and TCP). A worker takes one, and as many again are kept for replaced workers; a busy one is skipped."),
    setting("MEDIASOUP_MAX_PORT", Text("49999"), PORT,
        "The last media port."),
    setting("FRONTEND_URL", Described("any origin"), "a comma list of origins such as https://meet.example.com",
        "The web origins whose pages may use this node. Without it every origin is allowed."),
    setting("TRUSTED_PROXIES", Described("none"), "a comma list of addresses or networks such as 10.0.0.0/8",
        "The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."),
    setting("NODE_ID", Described("the host name"), "1 to 64 letters, digits, `.`, `_` and `-`",
        "What this node is called in the details panel and in logs."),
    setting("CONFIG", Described("ringcast.toml, if it is there"), "the path of a TOML file",
        "The TOML file. A file that is named here must exist.").not_toml(),
    setting("TLS_CERT", Described("no TLS"), "the path of a PEM file",
        "The certificate chain. Needs TLS_KEY; both files are read again when they change."),
    setting("TLS_KEY", Described("no TLS"), "the path of a PEM file",
        "The private key of that certificate."),
    setting("LOG_LEVEL", Text("info"), "off, error, warn, info, debug or trace, or a list such as `info,ringcast=debug`",
        "What is logged; a list sets the level of single parts."),
    setting("LOG_FORMAT", Described("human on a terminal, else json"), "human or json",
        "How a log line looks."),
    setting("AUTO_ROOMS", Text("true"), SWITCH,
        "Whether a client's first request for a room makes it. With false nobody can make rooms, since this version has no API for that."),
    setting("SHUTDOWN_GRACE", Text("10s"), DURATION,
        "The longest time from a signal (SIGTERM, SIGINT) to the end. 0 to 1 hour."),
    setting("PING_INTERVAL", Text("5s"), DURATION,
        "How often a Socket.IO client is asked whether it is still there. 1 s to 5 minutes."),
    setting("PING_TIMEOUT", Text("20s"), DURATION,
        "How long it may take to answer before its session ends. 1 s to 5 minutes."),

    setting("MEDIA_CODECS", Described("opus, VP8, VP9 (profiles 0 and 2), H264 (baseline, main, high), AV1"), "an array of tables with mime_type and, as needed, clock_rate, channels, parameters, preferred_payload_type",
        "The codecs of every room, the preferred first.").toml_only(),
    setting("ENABLE_UDP", Text("true"), SWITCH,
        "Media over UDP.").toml_only(),
    setting("ENABLE_TCP", Text("true"), SWITCH,
        "Media over TCP, for networks that let no UDP through.").toml_only(),
    setting("PREFER_UDP", Text("true"), SWITCH,
        "UDP candidates come before TCP ones.").toml_only(),
    setting("INITIAL_AVAILABLE_OUTGOING_BITRATE", Text("1000000"), BITRATE,
        "What a new transport is believed to carry towards its client, in bits a second.").toml_only(),
    setting("MINIMUM_AVAILABLE_OUTGOING_BITRATE", Text("0"), BITRATE,
        "The least that the estimate of a transport falls to, in bits a second; 0 is no bound.").toml_only(),
    setting("MAX_SCTP_MESSAGE_SIZE", Text("262144"), "a number of bytes from 1024 to 1073741824",
        "The largest message of a data channel, in bytes.").toml_only(),
    setting("SCTP_SEND_BUFFER_SIZE", Text("262144"), "a number of bytes from 1024 to 1073741824",
        "What may wait to be sent on the data channels of one transport, in bytes.").toml_only(),
    setting("LOG_TAGS", Described("none"), "an array of info, ice, dtls, rtp, srtp, rtcp, rtx, bwe, score, simulcast, svc, sctp, message",
        "The parts of a media worker that write debug lines (with MEDIASOUP_LOG_LEVEL debug).").toml_only(),
    setting("LIMITS", Described("see below"), "a table `[limits]`",
        "Bounds of this node.").toml_only(),

    setting("PUBLIC_URL", Described("Host and X-Forwarded-Proto"), "an origin such as https://meet.example.com",
        "What clients can reach this node by.").not_yet(NO_ADDRESSES),
    setting("PIPE_MIN_PORT", Described("the middle of the media ports"), PORT,
        "The first port for pipes between nodes.").not_yet(NO_PIPES),
    setting("PIPE_MAX_PORT", Described("the last media port"), PORT,
        "The last port for pipes between nodes.").not_yet(NO_PIPES),
    setting("API_KEY", Described("none"), TEXT,
        "The name of the key that signs tokens.").secret().not_yet(NO_TOKENS),
    setting("API_SECRET", Described("none"), TEXT,
        "The secret that signs tokens.").secret().not_yet(NO_TOKENS),
    setting("JWT_EXPIRES_IN", Text("24h"), DURATION,
        "How long a token holds.").not_yet(NO_TOKENS),
    setting("TOKEN_ENDPOINT", Text("open"), "open, key or off",
        "Who may ask for tokens.").not_yet(NO_TOKENS),
    setting("AUTH_REQUIRED", Text("false"), SWITCH,
        "No join without a token.").refused("this version checks no tokens and would let everybody in"),
    setting("ROOMS", Described("every room is open"), "a table `[rooms]` with `access`",
        "Which rooms need a token.").toml_only().refused("this version checks no tokens and would let everybody in"),
    setting("ADMIN_KEY", Described("none"), TEXT,
        "The key of the admin API.").secret().not_yet("this version has no admin API"),
    setting("ICE_SERVERS", Described("none"), "a JSON list",
        "STUN and TURN servers for the clients.").secret().not_yet("this version tells clients of no STUN or TURN servers"),
    setting("TURN_SECRET", Described("none"), TEXT,
        "The secret for time-limited TURN credentials.").secret().not_yet("this version tells clients of no STUN or TURN servers"),
    setting("NATS_URL", Described("one node alone"), "the URL of a NATS server",
        "The bus of a cluster.").secret().refused("this version runs as one node alone; several of them would each keep rooms of their own"),
    setting("CLUSTER", Text("ringcast"), TEXT,
        "The name of the cluster.").not_yet(ONE_NODE),
    setting("NATS_CREDS", Described("none"), "the path of a file",
        "Credentials for NATS.").not_yet(ONE_NODE),
    setting("NATS_ALLOW_PLAINTEXT", Text("false"), SWITCH,
        "Allows a bus without TLS.").not_yet(ONE_NODE),
    setting("NODE_ADDRESS", Described("HOST if specific, else the default route's address"), "an IP address",
        "Where other nodes reach this one.").not_yet(ONE_NODE),
    setting("REGION", Described("none"), TEXT,
        "Where this node is; a room prefers nodes of one region.").not_yet(ONE_NODE),
    setting("CAPACITY", Described("measured"), "a number",
        "How much this node can carry.").not_yet(ONE_NODE),
    setting("DRAIN_LIMIT", Text("540s"), DURATION,
        "The longest time that a node of a cluster takes to hand over its rooms.").not_yet(ONE_NODE),
];

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_made_of_capitals() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for name in names {
            assert!(
                name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'),
                "{name}"
            );
        }
    }

    #[test]
    fn one_name_in_three_spellings() {
        let setting = find("MEDIASOUP_MIN_PORT").unwrap();
        assert_eq!(
            (setting.flag().as_str(), setting.key().as_str()),
            ("mediasoup-min-port", "mediasoup_min_port")
        );
    }
}
