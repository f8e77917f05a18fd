//! The configuration: typed, validated once, at the start. Every mistake of every source is reported, not the first only.
//!
//! `settings.rs` is the table of names; `layers.rs` says which source wins; `values.rs` turns text into types. Nothing here is
//! read again while the node runs, but for the TLS files (`tls.rs`).

mod announced;
#[cfg(test)]
mod documents;
mod layers;
mod limits;
mod media;
mod problem;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod toml_file;
mod values;

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use model::{Limits, NodeId};
use tracing_subscriber::filter::Targets;

pub(crate) use layers::Sources;
pub(crate) use media::MediaSettings;
pub(crate) use problem::{ConfigError, Origin, Problem};
pub(crate) use settings::{Effect, Fallback, SETTINGS, Setting};

use layers::Layers;
use reader::Reader;
use values::Wrong;

/// Everything that the node is told from outside.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The name of this node.
    pub(crate) node_id: NodeId,
    /// Where signaling and the page are listened for.
    pub(crate) listen: Vec<SocketAddr>,
    /// Web origins that may use this node; empty: all.
    pub(crate) frontend_origins: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Certificate and key, if this node speaks TLS itself.
    pub(crate) tls: Option<TlsPaths>,
    /// The media workers.
    pub(crate) media: MediaSettings,
    /// Bounds that an operator may change.
    pub(crate) limits: Limits,
    /// What is logged.
    pub(crate) log_level: Targets,
    /// How a log line looks.
    pub(crate) log_format: LogFormat,
    /// A client's first request for a room makes it.
    pub(crate) auto_rooms: bool,
    /// Longest time from a signal to the end.
    pub(crate) shutdown_grace: Duration,
    /// How often a Socket.IO client is asked whether it is there.
    pub(crate) ping_interval: Duration,
    /// How long it may take to answer.
    pub(crate) ping_timeout: Duration,
}

/// The PEM files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsPaths {
    /// The certificate chain.
    pub(crate) cert: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A valid configuration, and what is worth saying about it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Config,
    /// What looks wrong and does not stop the start.
    pub(crate) warnings: Vec<String>,
    /// Each setting that has an effect, for `ringcast check-config`.
    pub(crate) effective: Vec<Effective>,
}

/// A setting as it holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its value; secrets are masked.
    pub(crate) value: String,
    /// Who set it.
    pub(crate) origin: Origin,
}

/// Reads and checks everything.
///
/// # Errors
/// All that is wrong, each with its place.
pub(crate) fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let mut reader = Reader::new(Layers::read(sources));
    reader.refuse_what_is_not_served();
    let hosts = reader.get("HOST", |text| {
        values::list(text, values::ip_address)
            .and_then(values::distinct)
            .and_then(one_wildcard)
    });
    let ports = reader.get("PORT", |text| {
        values::list(text, port_or_any).and_then(values::distinct)
    });
    let frontend_origins = reader.get("FRONTEND_URL", origins).unwrap_or_default();
    let trusted_proxies = reader
        .get("TRUSTED_PROXIES", |text| values::list(text, values::network))
        .unwrap_or_default();
    let ipv6 = hosts.iter().flatten().any(IpAddr::is_ipv6);
    let media = reader.media(ipv6, frontend_origins.iter().any(|origin| is_public(origin)));
    let limits = reader.limits();
    let tls = reader.tls();
    let log_level = reader.get("LOG_LEVEL", log_level);
    let log_format = reader.log_format();
    let node_id = reader.node_id();
    let second = Duration::from_secs(1);
    let auto_rooms = reader.get("AUTO_ROOMS", values::switch);
    let shutdown_grace = reader.get("SHUTDOWN_GRACE", |text| {
        values::duration(text, Duration::ZERO..=second * 3_600)
    });
    let ping = |text: &str| values::duration(text, second..=second * 300);
    let (ping_interval, ping_timeout) = (reader.get("PING_INTERVAL", ping), reader.get("PING_TIMEOUT", ping));

    let config = (|| {
        let (hosts, ports) = (hosts?, ports?);
        let listen = hosts
            .iter()
            .flat_map(|host| ports.iter().map(|port| SocketAddr::new(*host, *port)))
            .collect();
        Some(Config {
            node_id: node_id?,
            listen,
            frontend_origins,
            trusted_proxies,
            tls,
            media: media?,
            limits: limits?,
            log_level: log_level?,
            log_format: log_format?,
            auto_rooms: auto_rooms?,
            shutdown_grace: shutdown_grace?,
            ping_interval: ping_interval?,
            ping_timeout: ping_timeout?,
        })
    })();
    reader.finish(config)
}

/// What needs more than one setting, or finds something out.
impl Reader {
    fn limits(&mut self) -> Option<Limits> {
        let setting = settings::find("LIMITS")?;
        let Some(set) = self.layers.get(setting) else {
            self.show(
                "LIMITS",
                serde_json::Value::Object(limits::defaults()).to_string(),
                Origin::Default,
            );
            return Some(Limits::default());
        };
        debug_assert_eq!(set.origin, self.origin("LIMITS"));
        self.structured("LIMITS", limits::read)
    }

    fn tls(&mut self) -> Option<TlsPaths> {
        let path = |text: &str| {
            if text.is_empty() {
                Err(Wrong::new())
            } else {
                Ok(PathBuf::from(text))
            }
        };
        match (self.get("TLS_CERT", path), self.get("TLS_KEY", path)) {
            (Some(cert), Some(key)) => {
                let paths = TlsPaths { cert, key };
                if let Err(error) = crate::tls::check(&paths) {
                    let place = self.origin("TLS_CERT");
                    self.wrong(Problem::at(&place, error));
                }
                Some(paths)
            }
            (None, None) => None,
            (cert, _) => {
                let (set, missing) = if cert.is_some() {
                    ("TLS_CERT", "TLS_KEY")
                } else {
                    ("TLS_KEY", "TLS_CERT")
                };
                let place = self.origin(set);
                self.wrong(Problem::at(
                    &place,
                    format!("{missing} is missing; expected both or neither"),
                ));
                None
            }
        }
    }

    fn log_format(&mut self) -> Option<LogFormat> {
        let terminal = std::io::stdout().is_terminal();
        let unset = if terminal {
            (LogFormat::Human, "human".to_owned())
        } else {
            (LogFormat::Json, "json".to_owned())
        };
        let read = |text: &str| {
            values::word(text, &["human", "json"]).map(|word| {
                if word == "json" {
                    LogFormat::Json
                } else {
                    LogFormat::Human
                }
            })
        };
        self.get_or("LOG_FORMAT", read, unset)
    }

    fn node_id(&mut self) -> Option<NodeId> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // A host name that is no node name (or none at all) must not stop the start.
        let host = values::node_name(&host).unwrap_or_else(|_| "ringcast".to_owned());
        self.get_or("NODE_ID", values::node_name, (host.clone(), host))
            .map(|name| NodeId::new(&name))
    }
}

fn port_or_any(text: &str) -> Result<u16, Wrong> {
    values::number(text, 0..=u16::MAX)
}

/// `0.0.0.0` and `::` together would be one address twice: `::` takes IPv4 as well.
fn one_wildcard(hosts: Vec<IpAddr>) -> Result<Vec<IpAddr>, Wrong> {
    let wildcard = hosts.iter().find(|host| host.is_unspecified());
    match wildcard {
        Some(wildcard) if hosts.len() > 1 => Err(format!(
            "{wildcard} is every address, so it must stand alone; `::` is IPv6 and IPv4"
        )),
        _ => Ok(hosts),
    }
}

/// Origins; `*` alone is every origin, as for other servers.
fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    if text.trim() == "*" {
        Ok(Vec::new())
    } else {
        values::list(text, values::origin)
    }
}

/// Whether an origin is meant for others than this machine and its network.
fn is_public(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let named = host.contains('.') && host.chars().any(|letter| letter.is_ascii_alphabetic());
    named && !host.ends_with(".local") && !host.ends_with(".localhost") && !host.starts_with('[')
}

/// A level, or a list of `part=level`.
fn log_level(text: &str) -> Result<Targets, Wrong> {
    const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
    let entry = |text: &str| match text.split_once('=') {
        Some((_, level)) => values::word(level, LEVELS),
        None => values::word(text, LEVELS),
    };
    values::distinct(values::list(text, |part| entry(part).map(|_| part.to_owned()))?)?;
    text.parse().map_err(|_| Wrong::new())
}
