//! Where a value came from, and what is wrong with it: the words of every configuration error.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of a file: the file, the line counted from 1, the variable or key.
    Line(PathBuf, usize, String),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Line(path, line, name) => write!(f, "{} line {line}, {name}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong, in one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    /// Something wrong at a place.
    pub(crate) fn at(origin: &Origin, text: impl fmt::Display) -> Self {
        Self(format!("{origin}: {text}"))
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Error)]
pub(crate) struct ConfigError(pub(crate) Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            count => write!(f, "the configuration has {count} mistakes:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}", problem.0))
    }
}
