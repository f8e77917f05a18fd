//! Which source sets what: flags before the environment, before `.env`, before the TOML file, before the table's defaults.
//!
//! Here are the sources' own mistakes (unknown names, files that cannot be read). Whether a value is right is asked later.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::problem::{Origin, Problem};
use super::settings::{self, Fallback, SETTINGS, Setting};
use super::toml_file::{self, Value};

/// Where settings come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The flags of the command line.
    pub(crate) flags: Vec<(&'static Setting, String)>,
    /// The environment's variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Where `.env` and `ringcast.toml` are looked for.
    pub(crate) directory: PathBuf,
}

impl Sources {
    /// These flags, this process's environment and its working directory.
    pub(crate) fn of_this_process(flags: Vec<(&'static Setting, String)>) -> Self {
        Self {
            flags,
            environment: std::env::vars_os().collect(),
            directory: PathBuf::new(),
        }
    }
}

/// A value as it was written, and where.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// What was written.
    pub(crate) value: Value,
    /// Where.
    pub(crate) origin: Origin,
}

/// What each source sets, the strongest of each name kept.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    set: BTreeMap<&'static str, Set>,
    /// What is wrong with the sources.
    pub(crate) problems: Vec<Problem>,
    /// What looks wrong and does no harm.
    pub(crate) warnings: Vec<String>,
}

impl Layers {
    /// Reads all sources.
    pub(crate) fn read(sources: Sources) -> Self {
        let mut layers = Self::default();
        for (setting, text) in sources.flags {
            layers.offer(
                setting,
                Value::Scalar(text.into()),
                Origin::Flag(format!("--{}", setting.flag())),
            );
        }
        layers.read_environment(&sources.environment);
        let dot_env = layers.read_dot_env(&sources.directory.join(".env"));
        layers.warn_of_other_programs(&sources.environment, &dot_env);
        layers.read_toml(&sources.directory);
        layers
    }

    /// The strongest value of a setting; the table's default, if that is a text and no source sets it.
    pub(crate) fn get(&self, setting: &Setting) -> Option<Set> {
        self.set.get(setting.name).cloned().or_else(|| match setting.default {
            Fallback::Text(text) => Some(Set {
                value: Value::Scalar(text.into()),
                origin: Origin::Default,
            }),
            Fallback::Described(_) => None,
        })
    }

    /// Whether any source sets it.
    pub(crate) fn is_set(&self, setting: &Setting) -> bool {
        self.set.contains_key(setting.name)
    }

    /// Takes a value unless a stronger source has set one.
    fn offer(&mut self, setting: &'static Setting, value: Value, origin: Origin) {
        self.set.entry(setting.name).or_insert(Set { value, origin });
    }

    fn read_environment(&mut self, environment: &[(OsString, OsString)]) {
        for setting in SETTINGS.iter().filter(|setting| setting.in_environment()) {
            let Some((_, value)) = environment.iter().find(|(name, _)| name == setting.name) else {
                continue;
            };
            let origin = Origin::Variable(setting.name.to_owned());
            match value.to_str() {
                // Compose files and the like set variables to nothing where they mean "not set".
                Some("") => {}
                Some(text) => self.offer(setting, Value::Scalar(text.into()), origin),
                None => self.problems.push(Problem::at(&origin, "its value is not UTF-8 text")),
            }
        }
    }

    /// Reads `.env`, if there is one, and returns its variables.
    fn read_dot_env(&mut self, path: &Path) -> Vec<(String, String)> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.problems
                    .push(Problem(format!("{}: it cannot be read: {error}", path.display())));
                return Vec::new();
            }
        };
        let mut variables = Vec::new();
        for entry in dotenvy::from_read_iter(text.as_bytes()) {
            match entry {
                Ok(variable) => variables.push(variable),
                Err(dotenvy::Error::LineParse(line, _)) => {
                    let number = text
                        .lines()
                        .position(|found| found.trim() == line.trim())
                        .map_or(1, |index| index + 1);
                    self.problems.push(Problem(format!(
                        "{} line {number}: this is not NAME=value",
                        path.display()
                    )));
                }
                Err(error) => self.problems.push(Problem(format!("{}: {error}", path.display()))),
            }
        }
        // As in a shell, the last line of a name is the one that holds.
        for (name, value) in variables.iter().rev() {
            let line = line_of_variable(&text, name);
            match settings::find(name).filter(|setting| setting.in_environment()) {
                Some(_) if value.is_empty() => {}
                Some(setting) => {
                    let origin = Origin::Line(path.to_owned(), line, name.clone());
                    self.offer(setting, Value::Scalar(value.as_str().into()), origin);
                }
                None if is_other_programs(name) => {}
                None => self.warnings.push(unknown_variable(path, line, name)),
            }
        }
        variables
    }

    fn warn_of_other_programs(&mut self, environment: &[(OsString, OsString)], dot_env: &[(String, String)]) {
        let in_environment = environment
            .iter()
            .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()));
        let in_file = dot_env.iter().map(|(name, value)| (name.into(), value.into()));
        let all: Vec<_> = in_environment.chain(in_file).collect();
        if let Some((name, _)) = all.iter().find(|(name, _)| name.starts_with("REDIS_")) {
            self.warnings.push(format!(
                "{name} is set, but Ringcast uses no Redis: the nodes of a cluster share NATS, named by NATS_URL"
            ));
        }
        if all
            .iter()
            .any(|(name, value)| name == "DEBUG" && value.contains("mediasoup"))
        {
            self.warnings.push(
                "DEBUG names mediasoup, but that has no effect here: set MEDIASOUP_LOG_LEVEL (none, error, warn or debug)"
                    .to_owned(),
            );
        }
    }

    fn read_toml(&mut self, directory: &Path) {
        let named = settings::find("CONFIG").and_then(|setting| self.get(setting));
        let path = named
            .as_ref()
            .and_then(|set| set.value.text())
            .unwrap_or_else(|| "ringcast.toml".to_owned());
        let path = directory.join(path);
        let text = match (std::fs::read_to_string(&path), named) {
            (Ok(text), _) => text,
            (Err(error), None) if error.kind() == ErrorKind::NotFound => return,
            (Err(error), named) => {
                let text = format!("{} cannot be read: {error}", path.display());
                let problem = named.map_or_else(|| Problem(text.clone()), |set| Problem::at(&set.origin, &text));
                return self.problems.push(problem);
            }
        };
        let (settings, problems) = toml_file::read(&path, &text);
        self.problems.extend(problems);
        for (setting, located) in settings {
            let origin = Origin::Line(path.clone(), located.line, setting.key());
            self.offer(setting, located.value, origin);
        }
    }
}

/// The line that sets a variable: the last one, since later lines win.
fn line_of_variable(text: &str, name: &str) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| sets(line))
        .last()
        .map_or(1, |(index, _)| index + 1)
}

fn unknown_variable(path: &Path, line: usize, name: &str) -> String {
    let place = format!("{} line {line}", path.display());
    if settings::find(name).is_some() {
        return format!("{place}: {name} is a setting of the TOML file only, and is ignored here");
    }
    let known: Vec<_> = SETTINGS
        .iter()
        .filter(|setting| setting.in_environment())
        .map(|setting| setting.name.to_owned())
        .collect();
    let hint = toml_file::nearest(name, &known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("{place}: {name} is no setting of Ringcast, and is ignored{hint}")
}

/// Variables that a `.env` may hold for the build or for neighbours, and that are warned about elsewhere or not at all.
fn is_other_programs(name: &str) -> bool {
    const NAMES: &[&str] = &["MEDIASOUP_DEPS", "CC", "CXX", "DEBUG", "PATH", "PYTHON", "PYTHONPATH"];
    const BEGINNINGS: &[&str] = &["CARGO", "COMPOSE_", "DOCKER_", "MESON", "NINJA", "REDIS_", "RUST"];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) || name.ends_with("FLAGS")
}
