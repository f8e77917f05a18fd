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

pub(crate) use announced::MediaListen;
pub(crate) use layers::Sources;
pub(crate) use media::MediaSettings;
pub(crate) use problem::{ConfigError, Origin, Problem};
pub(crate) use settings::{Effect, Fallback, SETTINGS, Setting};

use announced::ThisMachine;
use layers::Layers;
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

/// Asks the layers for one setting after the other, and keeps what is wrong.
struct Reader {
    layers: Layers,
    effective: Vec<Effective>,
}

impl Reader {
    fn new(layers: Layers) -> Self {
        Self {
            layers,
            effective: Vec::new(),
        }
    }

    /// The value of a setting; `None` if it is unset or wrong (then the mistake is kept).
    fn get<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let setting = settings::find(name)?;
        let Some(set) = self.layers.get(setting) else {
            if let Fallback::Described(text) = setting.default {
                self.show(name, text.to_owned(), Origin::Default);
            }
            return None;
        };
        let Some(text) = set.value.text() else {
            self.wrong(Problem::at(&set.origin, format!("expected {}", setting.values)));
            return None;
        };
        match parse(&text) {
            Ok(value) => {
                self.show(
                    name,
                    if setting.secret { "(hidden)".to_owned() } else { text },
                    set.origin,
                );
                Some(value)
            }
            Err(wrong) => {
                let shown = if setting.secret {
                    "the value".to_owned()
                } else {
                    format!("\"{text}\"")
                };
                let detail = if wrong.is_empty() {
                    String::new()
                } else {
                    format!(" ({wrong})")
                };
                self.wrong(Problem::at(
                    &set.origin,
                    format!("{shown} is wrong{detail}; expected {}", setting.values),
                ));
                None
            }
        }
    }

    /// The value of a setting, or this one if it is unset; `None` if it is wrong.
    fn get_or<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
        unset: (T, String),
    ) -> Option<T> {
        if settings::find(name).is_some_and(|setting| self.layers.get(setting).is_some()) {
            return self.get(name, parse);
        }
        self.show(name, unset.1, Origin::Default);
        Some(unset.0)
    }

    fn origin(&self, name: &str) -> Origin {
        settings::find(name)
            .and_then(|setting| self.layers.get(setting))
            .map_or(Origin::Default, |set| set.origin)
    }

    fn show(&mut self, name: &'static str, value: String, origin: Origin) {
        self.effective.push(Effective { name, value, origin });
    }

    fn wrong(&mut self, problem: Problem) {
        self.layers.problems.push(problem);
    }

    fn refuse_what_is_not_served(&mut self) {
        for setting in SETTINGS
            .iter()
            .filter(|setting| self.layers.is_set(setting))
            .collect::<Vec<_>>()
        {
            let Some(set) = self.layers.get(setting) else { continue };
            // Written out as it is anyway: nothing is missing then.
            if matches!(setting.default, Fallback::Text(default) if set.value.text().as_deref() == Some(default)) {
                continue;
            }
            let name = setting.name;
            match setting.effect {
                Effect::Served => {}
                Effect::NotYet(text) => {
                    self.layers
                        .warnings
                        .push(format!("{}: {name} is set, but has no effect: {text}", set.origin));
                }
                Effect::Refused(text) => self.wrong(Problem::at(&set.origin, format!("{name} is set, but {text}"))),
            }
        }
    }

    fn media(&mut self, ipv6: bool, public: bool) -> Option<MediaSettings> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(1_024));
        let workers = self.get_or(
            "MEDIASOUP_NUM_WORKERS",
            |text| values::number(text, 1..=1_024),
            (cores, cores.to_string()),
        );
        let log_level = self.get("MEDIASOUP_LOG_LEVEL", |text| {
            values::word(text, &["none", "error", "warn", "debug"])
        });
        let log_tags = self
            .get("LOG_TAGS", |text| {
                values::list(text, |tag| values::word(tag, media::LOG_TAGS))
            })
            .unwrap_or_default();
        let listen = self.media_listen(ipv6, public);
        let ports = self.media_ports(workers);
        let codecs = self.structured("MEDIA_CODECS", media::codecs);
        let (enable_udp, enable_tcp) = (
            self.get("ENABLE_UDP", values::switch),
            self.get("ENABLE_TCP", values::switch),
        );
        if (enable_udp, enable_tcp) == (Some(false), Some(false)) {
            let place = self.origin("ENABLE_TCP");
            self.wrong(Problem::at(
                &place,
                "enable_udp and enable_tcp are both false; expected one of them true",
            ));
        }
        let bitrate = |text: &str| values::number(text, 0..=u32::MAX);
        let bytes = |text: &str| values::number(text, 1_024..=1_073_741_824);
        let prefer_udp = self.get("PREFER_UDP", values::switch);
        let initial = self.get("INITIAL_AVAILABLE_OUTGOING_BITRATE", bitrate);
        let minimum = self.get("MINIMUM_AVAILABLE_OUTGOING_BITRATE", bitrate);
        let message = self.get("MAX_SCTP_MESSAGE_SIZE", bytes);
        let buffer = self.get("SCTP_SEND_BUFFER_SIZE", bytes);
        Some(MediaSettings {
            workers: workers?,
            log_level: log_level?,
            log_tags,
            listen: listen?,
            ports: ports?,
            codecs,
            enable_udp: enable_udp?,
            enable_tcp: enable_tcp?,
            prefer_udp: prefer_udp?,
            initial_available_outgoing_bitrate: initial?,
            minimum_available_outgoing_bitrate: minimum?,
            max_sctp_message_size: message?,
            sctp_send_buffer_size: buffer?,
        })
    }

    fn media_listen(&mut self, ipv6: bool, public: bool) -> Option<Vec<MediaListen>> {
        let derived = announced::derive(ipv6, public, &ThisMachine);
        let shown = derived
            .0
            .iter()
            .map(|listen| listen.ip.to_string())
            .collect::<Vec<_>>()
            .join(",");
        let read = |text: &str| {
            let entries = values::distinct(values::list(text, announced::entry)?)?;
            announced::resolve(&entries, &ThisMachine)
        };
        let (listen, warnings) = self.get_or("ANNOUNCED_IP", read, (derived, shown))?;
        self.layers.warnings.extend(warnings);
        Some(listen)
    }

    fn media_ports(&mut self, workers: Option<usize>) -> Option<std::ops::RangeInclusive<u16>> {
        let port = |text: &str| values::number(text, 1..=u16::MAX);
        let (first, last) = (
            self.get("MEDIASOUP_MIN_PORT", port)?,
            self.get("MEDIASOUP_MAX_PORT", port)?,
        );
        let (workers, ports) = (
            workers?,
            usize::from(last).saturating_add(1).saturating_sub(first.into()),
        );
        let needed = media::ports_needed(workers);
        if ports >= needed {
            return Some(first..=last);
        }
        // The place that the operator has written, if only one of the two.
        let names = ["MEDIASOUP_MAX_PORT", "MEDIASOUP_MIN_PORT", "MEDIASOUP_NUM_WORKERS"];
        let written = names
            .map(|name| self.origin(name))
            .into_iter()
            .find(|origin| *origin != Origin::Default);
        let place = written.unwrap_or(Origin::Default);
        self.wrong(Problem::at(
            &place,
            format!(
                "the media ports {first} to {last} are {ports}, but {workers} workers need {needed} (one each, and as many to \
                 replace them); expected MEDIASOUP_MAX_PORT of at least {}",
                usize::from(first) + needed - 1
            ),
        ));
        None
    }

    /// A table or array of the TOML file; `None` if it is unset or wrong.
    fn structured<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&toml_file::Value, &Origin) -> Result<T, Vec<Problem>>,
    ) -> Option<T> {
        let setting = settings::find(name)?;
        let Some(set) = self.layers.get(setting) else {
            if let Fallback::Described(text) = setting.default {
                self.show(name, text.to_owned(), Origin::Default);
            }
            return None;
        };
        match read(&set.value, &set.origin) {
            Ok(value) => {
                self.show(name, set.value.json().to_string(), set.origin);
                Some(value)
            }
            Err(problems) => {
                self.layers.problems.extend(problems);
                None
            }
        }
    }

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

    fn finish(self, config: Option<Config>) -> Result<Loaded, ConfigError> {
        let Layers {
            mut problems, warnings, ..
        } = self.layers;
        match config {
            Some(config) if problems.is_empty() => {
                let order = |effective: &Effective| SETTINGS.iter().position(|setting| setting.name == effective.name);
                let mut effective = self.effective;
                effective.sort_by_key(order);
                Ok(Loaded {
                    config,
                    warnings,
                    effective,
                })
            }
            _ => {
                if problems.is_empty() {
                    problems.push(Problem("a setting has no value".to_owned()));
                }
                Err(ConfigError(problems))
            }
        }
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
