//! Layering and the words of errors, through the same door as the program: `load`.

use std::ffi::OsString;
use std::path::Path;

use super::announced::MediaListen;
use super::*;

/// A folder with these files, flags and variables.
struct Case {
    folder: tempfile::TempDir,
    flags: Vec<(&'static str, &'static str)>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            flags: Vec::new(),
            environment: Vec::new(),
        }
    }

    fn flag(mut self, name: &'static str, value: &'static str) -> Self {
        self.flags.push((name, value));
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(Sources {
            flags: self
                .flags
                .iter()
                .map(|(name, value)| (settings::find(name).unwrap(), (*value).to_owned()))
                .collect(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value)))
                .collect(),
            directory: self.folder.path().to_owned(),
        })
    }

    /// The mistakes, with the folder's path taken away.
    fn mistakes(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.load()
            .unwrap_err()
            .0
            .into_iter()
            .map(|problem| problem.0.replace(&folder, ""))
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        // What is derived depends on the machine that runs the test.
        let ours = |warning: &String| !warning.starts_with("ANNOUNCED_IP is not set");
        self.load()
            .unwrap()
            .warnings
            .into_iter()
            .map(|warning| warning.replace(&folder, ""))
            .filter(ours)
            .collect()
    }

    fn value(&self, name: &str) -> (String, String) {
        let folder = format!("{}/", self.folder.path().display());
        let loaded = self.load().unwrap();
        let effective = loaded
            .effective
            .into_iter()
            .find(|effective| effective.name == name)
            .unwrap();
        (effective.value, effective.origin.to_string().replace(&folder, ""))
    }
}

#[test]
fn nothing_set_is_valid() {
    let Loaded { config, effective, .. } = Case::new().load().unwrap();
    assert_eq!(config.listen, ["0.0.0.0:3000".parse().unwrap()]);
    assert_eq!(config.media.ports, 40_000..=49_999);
    assert_eq!(
        config.media.listen[0],
        MediaListen {
            ip: "127.0.0.1".parse().unwrap(),
            announced: None
        }
    );
    assert_eq!(config.limits, Limits::default());
    assert_eq!(
        (
            config.ping_interval.as_secs(),
            config.ping_timeout.as_secs(),
            config.shutdown_grace.as_secs()
        ),
        (5, 20, 10)
    );
    assert!(config.auto_rooms && config.tls.is_none() && config.media.codecs.is_none());
    assert_eq!(config.media.log_level, "error");
    assert!(config.media.enable_udp && config.media.enable_tcp && config.media.prefer_udp);
    assert_eq!(config.media.initial_available_outgoing_bitrate, 1_000_000);
    assert_eq!(
        (config.media.max_sctp_message_size, config.media.sctp_send_buffer_size),
        (262_144, 262_144)
    );
    let shown: Vec<_> = effective.iter().map(|effective| effective.name).collect();
    let served: Vec<_> = SETTINGS
        .iter()
        .filter(|setting| setting.effect == Effect::Served)
        .map(|setting| setting.name)
        .collect();
    let expected: Vec<_> = served.into_iter().filter(|name| *name != "CONFIG").collect();
    assert_eq!(shown, expected, "every setting with an effect is shown");
}

#[test]
fn the_stronger_source_wins() {
    let mut case = Case::new();
    let mut holds = |change: fn(Case) -> Case, port: &str, from: &str| {
        case = change(std::mem::replace(&mut case, Case::new()));
        assert_eq!(case.value("PORT"), (port.to_owned(), from.to_owned()));
    };
    holds(|case| case, "3000", "default");
    holds(
        |case| case.file("ringcast.toml", "\nport = 1001\n"),
        "1001",
        "ringcast.toml line 2, port",
    );
    holds(
        |case| case.file(".env", "# ours\nexport PORT=\"1002\"\n"),
        "1002",
        ".env line 2, PORT",
    );
    holds(
        |case| case.variable("PORT", "1003"),
        "1003",
        "environment variable PORT",
    );
    holds(|case| case.flag("PORT", "1004"), "1004", "flag --port");
}

#[test]
fn config_names_the_toml_file() {
    let case = Case::new()
        .file("other.toml", "host = \"::1\"\n")
        .variable("CONFIG", "other.toml");
    assert_eq!(case.value("HOST").1, "other.toml line 1, host");
    let case = Case::new().file(".env", "CONFIG=gone.toml");
    assert_eq!(
        case.mistakes(),
        [".env line 1, CONFIG: gone.toml cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn empty_variables_are_not_set_and_the_last_line_of_env_holds() {
    let case = Case::new().variable("PORT", "").file(".env", "PORT=1\nPORT=2\nHOST=\n");
    assert_eq!(case.value("PORT"), ("2".to_owned(), ".env line 2, PORT".to_owned()));
    assert_eq!(case.value("HOST").1, "default");
}

#[test]
fn lists_of_ports_and_addresses_are_all_listened_on() {
    let case = Case::new().file(
        "ringcast.toml",
        "port = [3000, 8080]\nhost = [\"127.0.0.1\", \"::1\"]\n",
    );
    let listen: Vec<_> = case
        .load()
        .unwrap()
        .config
        .listen
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listen, ["127.0.0.1:3000", "127.0.0.1:8080", "[::1]:3000", "[::1]:8080"]);
}

#[test]
fn every_mistake_of_every_source_is_named() {
    let case = Case::new()
        .flag("PORT", "70000")
        .variable("LOG_LEVEL", "loud")
        .variable("PING_TIMEOUT", "20000")
        .file(".env", "HOST=localhost\nnonsense\n")
        .file(
            "ringcast.toml",
            "prot = 3\nenable_udp = \"perhaps\"\n[limits]\npeers_per_room = 0\npeer_per_room = 5\n",
        );
    assert_eq!(
        case.mistakes(),
        [
            ".env line 2: this is not NAME=value",
            "ringcast.toml line 1, prot: there is no such key; did you mean port?",
            ".env line 1, HOST: \"localhost\" is wrong (\"localhost\" is none); expected an IP address, or a comma list of them",
            "flag --port: \"70000\" is wrong (\"70000\" is none); expected a port from 0 to 65535, or a comma list of them",
            "ringcast.toml line 2, enable_udp: \"perhaps\" is wrong; expected true or false",
            "ringcast.toml line 4, limits.peers_per_room: 0 is wrong; expected a number from 1 to 4294967295",
            "ringcast.toml line 5, limits.peer_per_room: there is no such key; did you mean peers_per_room?",
            "environment variable LOG_LEVEL: \"loud\" is wrong (\"loud\" is none); expected off, error, warn, info, debug or \
             trace, or a list such as `info,ringcast=debug`",
            "environment variable PING_TIMEOUT: \"20000\" is wrong (it is not between 1s and 5m); expected a time such as \
             500ms, 10s or 5m (a bare number is seconds)",
        ]
    );
}

#[test]
fn each_wrong_value_has_its_text() {
    for (name, value, mistake) in [
        (
            "HOST",
            "0.0.0.0,::",
            "(0.0.0.0 is every address, so it must stand alone; `::` is IPv6 and IPv4)",
        ),
        ("PORT", "80,80", "(an entry is there twice)"),
        (
            "FRONTEND_URL",
            "meet.example.com",
            "an origin begins with http:// or https://",
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/99",
            "expected a comma list of addresses or networks such as 10.0.0.0/8",
        ),
        ("NODE_ID", "a b", "expected 1 to 64 letters, digits, `.`, `_` and `-`"),
        ("MEDIASOUP_NUM_WORKERS", "0", "expected a number from 1 to 1024"),
        ("MEDIASOUP_LOG_LEVEL", "info", "expected none, error, warn or debug"),
        ("LOG_FORMAT", "xml", "expected human or json"),
        ("ANNOUNCED_IP", "0.0.0.0", "no client can send media to 0.0.0.0"),
        ("TLS_CERT", "cert.pem", "TLS_KEY is missing; expected both or neither"),
        ("TLS_KEY", "key.pem", "TLS_CERT is missing; expected both or neither"),
        (
            "NATS_URL",
            "nats://a",
            "NATS_URL is set, but this version runs as one node alone; several of them would each keep rooms of their own",
        ),
        (
            "AUTH_REQUIRED",
            "true",
            "AUTH_REQUIRED is set, but this version checks no tokens and would let everybody in",
        ),
    ] {
        let mistakes = Case::new().variable(name, value).mistakes();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(
            mistakes[0].starts_with(&format!("environment variable {name}: ")),
            "{mistakes:?}"
        );
        assert!(mistakes[0].contains(mistake), "{mistakes:?}");
    }
}

#[test]
fn too_few_media_ports_are_an_error_that_says_how_many_are_needed() {
    let ports = |workers| {
        Case::new()
            .variable("MEDIASOUP_NUM_WORKERS", workers)
            .variable("MEDIASOUP_MIN_PORT", "10000")
            .variable("MEDIASOUP_MAX_PORT", "10100")
    };
    assert_eq!(ports("16").load().unwrap().config.media.ports, 10_000..=10_100);
    assert_eq!(
        ports("64").mistakes(),
        [
            "environment variable MEDIASOUP_MAX_PORT: the media ports 10000 to 10100 are 101, but 64 workers need 128 (one each, \
          and as many to replace them); expected MEDIASOUP_MAX_PORT of at least 10127"
        ]
    );
}

#[test]
fn codecs_become_mediasoups_json() {
    let text = "[[media_codecs]]\nmime_type = \"audio/OPUS\"\n\n[[media_codecs]]\nmime_type = \"video/VP9\"\nparameters = { profile-id = 2 }\n";
    let codecs = Case::new()
        .file("ringcast.toml", text)
        .load()
        .unwrap()
        .config
        .media
        .codecs
        .unwrap();
    assert_eq!(
        serde_json::Value::from(codecs),
        serde_json::json!([
            { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48_000, "channels": 2 },
            { "kind": "video", "mimeType": "video/VP9", "clockRate": 90_000, "parameters": { "profile-id": 2 } },
        ])
    );
    let text = "[[media_codecs]]\nmime_type = \"video/VP10\"\n[[media_codecs]]\nmime_type = \"video/VP8\"\nclock = 1\nchannels = 9\n[[media_codecs]]\n";
    assert_eq!(
        Case::new().file("ringcast.toml", text).mistakes(),
        [
            "ringcast.toml line 2, media_codecs.mime_type: \"video/VP10\" is wrong; expected audio/opus, audio/PCMU, audio/PCMA, \
             video/VP8, video/VP9, video/H264, video/AV1",
            "ringcast.toml line 5, media_codecs.clock: there is no such key; expected one of mime_type, clock_rate, channels, \
             parameters, preferred_payload_type",
            "ringcast.toml line 6, media_codecs.channels: 9 is wrong; expected a number from 1 to 8",
            "ringcast.toml line 7, media_codecs.mime_type: it is missing; expected audio/opus, audio/PCMU, audio/PCMA, video/VP8, \
             video/VP9, video/H264, video/AV1",
        ]
    );
}

#[test]
fn limits_are_set_one_by_one() {
    let case = Case::new().file("ringcast.toml", "[limits]\npeers_per_room = 12\n");
    let limits = case.load().unwrap().config.limits;
    assert_eq!(
        limits,
        Limits {
            peers_per_room: 12,
            ..Limits::default()
        }
    );
}

#[test]
fn variables_of_other_programs_are_warned_about_where_that_helps() {
    let case = Case::new()
        .variable("REDIS_HOST", "a")
        .variable("REDIS_PORT", "1")
        .variable("DEBUG", "mediasoup*")
        .variable("SOMETHING", "of somebody else")
        .file(".env", "PROT=1\nENABLE_UDP=true\nMEDIASOUP_DEPS=system\nCXXFLAGS=-O3\nREDIS_URL=x\nADMIN_KEY=abc\nCLUSTER=ringcast\n");
    let mut warnings = case.warnings();
    warnings.sort();
    assert_eq!(
        warnings,
        [
            ".env line 1: PROT is no setting of Ringcast, and is ignored; did you mean PORT?",
            ".env line 2: ENABLE_UDP is a setting of the TOML file only, and is ignored here",
            ".env line 6, ADMIN_KEY: ADMIN_KEY is set, but has no effect: this version has no admin API",
            "DEBUG names mediasoup, but that has no effect here: set MEDIASOUP_LOG_LEVEL (none, error, warn or debug)",
            "REDIS_HOST is set, but Ringcast uses no Redis: the nodes of a cluster share NATS, named by NATS_URL",
        ]
    );
}

#[test]
fn tls_files_are_looked_at() {
    let case = Case::new()
        .variable("TLS_CERT", "/nowhere/cert.pem")
        .variable("TLS_KEY", "/nowhere/key.pem");
    assert_eq!(
        case.mistakes(),
        ["environment variable TLS_CERT: /nowhere/cert.pem cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn every_default_that_is_a_text_is_a_right_value() {
    for setting in SETTINGS.iter().filter(|setting| setting.effect == Effect::Served) {
        let Fallback::Text(text) = setting.default else {
            continue;
        };
        let file = format!("{} = \"{text}\"\n", setting.key());
        let loaded = Case::new().file("ringcast.toml", &file).load();
        assert!(loaded.is_ok(), "{}: {}", setting.name, loaded.unwrap_err());
    }
}

#[test]
fn the_example_has_no_effect_until_it_is_edited() {
    let example = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example")).unwrap();
    assert_eq!(Case::new().file(".env", &example).warnings(), Vec::<String>::new());
    // With every # of a value taken away it is a valid file: it holds the defaults, or nothing.
    let uncommented = example.lines().map(|line| {
        line.strip_prefix('#')
            .filter(|rest| !rest.starts_with(' '))
            .unwrap_or(line)
    });
    let case = Case::new().file(".env", &uncommented.collect::<Vec<_>>().join("\n"));
    assert_eq!(case.warnings(), Vec::<String>::new());
    assert_eq!(case.value("PORT").0, "3000");
}
