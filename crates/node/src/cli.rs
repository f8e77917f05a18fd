//! The command line: `ringcast [serve]`, `ringcast check-config`, and a flag for every setting of the table.
//!
//! Values are not looked at here: a flag is one more source of settings (`config.rs`).

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::config::{self, ConfigError, Effect, Effective, Fallback, Loaded, Problem, SETTINGS, Setting, Sources};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Cli {
    /// What to do.
    pub(crate) task: Task,
    /// The flags, with the settings that they set.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Run the node.
    Serve,
    /// Check the configuration, print it, and end.
    CheckConfig,
}

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Stop {
    /// `--help` or `--version`: print this and end well.
    Text(String),
    /// Every mistake of the command line.
    Wrong(ConfigError),
}

/// The exit code of a mistake in the command line or the configuration.
const EXIT_WRONG: u8 = 2;

impl Stop {
    /// Prints what there is to say; 0 for a text, 2 for mistakes.
    pub(crate) fn exit(self) -> ExitCode {
        match self {
            Self::Text(text) => {
                print(io::stdout(), format_args!("{}", text.trim_end()));
                ExitCode::SUCCESS
            }
            Self::Wrong(error) => wrong(&error),
        }
    }
}

/// Prints mistakes; the exit code is 2.
pub(crate) fn wrong(error: &ConfigError) -> ExitCode {
    print(io::stderr(), error);
    ExitCode::from(EXIT_WRONG)
}

/// Says why the node did not start; the exit code is 1.
pub(crate) fn failed(error: &str) -> ExitCode {
    print(io::stderr(), format_args!("ringcast: {error}"));
    ExitCode::FAILURE
}

/// `ringcast check-config`: prints what holds and where it comes from, or every mistake.
pub(crate) fn check_config(sources: Sources) -> ExitCode {
    match config::load(sources) {
        Ok(loaded) => {
            print(io::stdout(), report(&loaded));
            ExitCode::SUCCESS
        }
        Err(error) => wrong(&error),
    }
}

/// Every setting that has an effect, its value and its source, in columns; then the warnings.
fn report(loaded: &Loaded) -> String {
    let name_of = |effective: &Effective| {
        let setting = SETTINGS.iter().find(|setting| setting.name == effective.name);
        setting.map_or_else(String::new, |setting| {
            if setting.in_environment() {
                setting.name.to_owned()
            } else {
                setting.key()
            }
        })
    };
    let names = loaded
        .effective
        .iter()
        .map(|effective| name_of(effective).len())
        .max()
        .unwrap_or_default();
    let values = loaded
        .effective
        .iter()
        .map(|effective| effective.value.len().min(40))
        .max()
        .unwrap_or_default();
    let lines = loaded.effective.iter().map(|effective| {
        format!(
            "{:names$}  {:values$}  {}\n",
            name_of(effective),
            effective.value,
            effective.origin
        )
    });
    let warnings = loaded.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    lines
        .chain(warnings)
        .chain(["the configuration is valid".to_owned()])
        .collect()
}

/// Prints a text. Where nobody reads (a closed pipe) there is nobody to tell.
fn print(mut to: impl Write, text: impl fmt::Display) {
    let _ = writeln!(to, "{text}");
}

/// Reads the command line. `version` is what `--version` shows.
///
/// # Errors
/// There is only something to print, or the line has mistakes.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>, version: &str) -> Result<Cli, Stop> {
    let command = command(version);
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut problems = Vec::new();
    // clap stops at the first mistake: take that argument away and look for the next one.
    let matches = loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => break Some(matches),
            Err(error) => error,
        };
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return Err(Stop::Text(error.to_string()));
        }
        problems.push(Problem(describe(&error)));
        if !unknown_argument(&error).is_some_and(|argument| take_away(&mut arguments, argument)) {
            break None;
        }
    };
    let Some(matches) = matches.filter(|_| problems.is_empty()) else {
        return Err(Stop::Wrong(ConfigError(problems)));
    };
    let task = if matches.subcommand_name() == Some("check-config") {
        Task::CheckConfig
    } else {
        Task::Serve
    };
    let matches = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    let flags = SETTINGS
        .iter()
        .filter(|setting| setting.in_environment())
        .filter_map(|setting| {
            matches
                .get_one::<String>(setting.name)
                .map(|value| (setting, value.clone()))
        })
        .collect();
    Ok(Cli { task, flags })
}

fn command(version: &str) -> Command {
    Command::new("ringcast")
        .about("A node of Ringcast, a media server for conferences")
        .long_version(version.to_owned())
        .version(version.to_owned())
        .disable_help_subcommand(true)
        .after_help(
            "A flag is stronger than an environment variable, that than a line of .env, that than the TOML file.\n\
             docs/configuration.md describes every setting.",
        )
        .subcommand(Command::new("serve").about("Run the node (also without any command)"))
        .subcommand(Command::new("check-config").about("Check the configuration and print what holds, with its source"))
        .args(SETTINGS.iter().filter(|setting| setting.in_environment()).map(flag))
}

fn flag(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        Fallback::Text(text) | Fallback::Described(text) => text,
    };
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.name)
        .help(format!("{} [default: {default}]", setting.meaning))
        .hide(setting.effect != Effect::Served)
        .action(ArgAction::Set)
        .allow_hyphen_values(false)
        .global(true);
    if setting.is_switch() {
        // `--auto-rooms` alone switches on, and must not swallow a command that follows.
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    arg
}

/// One line about a mistake, with what was expected.
fn describe(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let near = context(ContextKind::SuggestedArg).map_or_else(
        || "; `ringcast --help` lists the flags".to_owned(),
        |near| format!("; did you mean {near}?"),
    );
    match (
        error.kind(),
        context(ContextKind::InvalidArg),
        context(ContextKind::InvalidSubcommand),
    ) {
        (ErrorKind::UnknownArgument, Some(flag), _) if flag.starts_with('-') => {
            format!("flag {flag}: there is no such flag{near}")
        }
        (ErrorKind::UnknownArgument, Some(word), _) | (ErrorKind::InvalidSubcommand, _, Some(word)) => {
            format!("command {word}: there is no such command; expected serve or check-config")
        }
        (ErrorKind::ArgumentConflict, Some(flag), _) => {
            format!("flag {}: it is given twice", flag.split(' ').next().unwrap_or(&flag))
        }
        (_, Some(flag), _) => {
            let flag = flag.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
            let values = SETTINGS.iter().find(|setting| format!("--{}", setting.flag()) == flag);
            format!(
                "flag {flag}: it needs a value; expected {}",
                values.map_or("a text", |setting| setting.values)
            )
        }
        _ => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned(),
    }
}

fn unknown_argument(error: &clap::Error) -> Option<&str> {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return None,
    };
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// Removes an unknown argument, and the value that follows an unknown flag. Says whether it was found.
fn take_away(arguments: &mut Vec<OsString>, argument: &str) -> bool {
    let is_it = |found: &OsString| {
        let found = found.to_string_lossy();
        found == argument || found.strip_prefix(argument).is_some_and(|rest| rest.starts_with('='))
    };
    let Some(index) = arguments.iter().skip(1).position(is_it).map(|index| index + 1) else {
        return false;
    };
    let removed = arguments.remove(index);
    let takes_value = argument.starts_with('-') && removed == argument;
    let is_value =
        |next: &OsString| !next.to_string_lossy().starts_with('-') && next != "serve" && next != "check-config";
    if takes_value && arguments.get(index).is_some_and(is_value) {
        arguments.remove(index);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, Stop> {
        parse(
            std::iter::once("ringcast")
                .chain(line.split_whitespace())
                .map(OsString::from),
            "1.2.3\nmediasoup: system",
        )
    }

    fn flags(line: &str) -> Vec<(&'static str, String)> {
        parsed(line)
            .unwrap()
            .flags
            .into_iter()
            .map(|(setting, value)| (setting.name, value))
            .collect()
    }

    fn mistakes(line: &str) -> Vec<String> {
        match parsed(line) {
            Err(Stop::Wrong(error)) => error.0.into_iter().map(|problem| problem.0).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_stand_before_and_after_the_command() {
        assert_eq!(
            flags("--port 1 serve --host ::"),
            [("PORT", "1".to_owned()), ("HOST", "::".to_owned())]
        );
        assert_eq!(parsed("").unwrap().task, Task::Serve);
        assert_eq!(parsed("check-config --port=1").unwrap().task, Task::CheckConfig);
        assert_eq!(flags("--auto-rooms serve"), [("AUTO_ROOMS", "true".to_owned())]);
        assert_eq!(flags("--auto-rooms=false"), [("AUTO_ROOMS", "false".to_owned())]);
    }

    #[test]
    fn every_unknown_flag_is_named() {
        assert_eq!(
            mistakes("--prot 80 --wibble=3 serve --enable-udp"),
            [
                "flag --prot: there is no such flag; did you mean --port?",
                "flag --wibble: there is no such flag; `ringcast --help` lists the flags",
                "flag --enable-udp: there is no such flag; `ringcast --help` lists the flags",
            ]
        );
        assert_eq!(
            mistakes("start"),
            ["command start: there is no such command; expected serve or check-config"]
        );
        assert_eq!(
            mistakes("--port"),
            ["flag --port: it needs a value; expected a port from 0 to 65535, or a comma list of them"]
        );
        assert_eq!(mistakes("--port 1 --port 2"), ["flag --port: it is given twice"]);
    }

    #[test]
    fn version_shows_how_the_worker_was_built() {
        let Err(Stop::Text(text)) = parsed("--version") else {
            panic!("a text")
        };
        assert_eq!(text, "ringcast 1.2.3\nmediasoup: system\n");
        let Err(Stop::Text(text)) = parsed("--help") else {
            panic!("a text")
        };
        assert!(text.contains("--announced-ip") && !text.contains("--nats-url"));
    }
}
