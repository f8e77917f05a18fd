//! The TOML file: text to values that know their lines. Which keys there are, and what they mean, is not decided here but for
//! the top level, where every key is one of the table in `settings.rs`.

use std::path::Path;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Origin, Problem};
use super::settings::{SETTINGS, Setting};

/// A value and the line that it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located {
    /// The line.
    pub(crate) line: usize,
    /// The value.
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A text, number or switch.
    Scalar(Json),
    /// An array.
    List(Vec<Located>),
    /// A table, in the order of the file.
    Table(Vec<(String, Located)>),
}

impl Value {
    /// The value as another source would write it: a scalar's text, an array of scalars as a comma list; a table has none.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Scalar(Json::String(text)) => Some(text.clone()),
            Self::Scalar(other) => Some(other.to_string()),
            Self::List(entries) => entries
                .iter()
                .map(|entry| entry.value.scalar_text())
                .collect::<Option<Vec<_>>>()
                .map(|texts| texts.join(",")),
            Self::Table(_) => None,
        }
    }

    /// The value as JSON.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Scalar(json) => json.clone(),
            Self::List(entries) => entries.iter().map(|entry| entry.value.json()).collect(),
            Self::Table(entries) => entries
                .iter()
                .map(|(key, entry)| (key.clone(), entry.value.json()))
                .collect(),
        }
    }

    fn scalar_text(&self) -> Option<String> {
        if matches!(self, Self::Scalar(_)) {
            self.text()
        } else {
            None
        }
    }
}

/// The settings of a file, and what is wrong with it (mistakes of TOML itself, and keys that are none).
pub(crate) fn read(path: &Path, text: &str) -> (Vec<(&'static Setting, Located)>, Vec<Problem>) {
    let line_of = |offset: usize| {
        text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1
    };
    let at = |line, key: &str| Origin::Line(path.to_owned(), line, key.to_owned());

    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<_> = errors
        .iter()
        .map(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            Problem(format!(
                "{} line {line}: this is not TOML: {}",
                path.display(),
                error.message()
            ))
        })
        .collect();
    let mut settings = Vec::new();
    for (key, value) in in_file_order(document.get_ref()) {
        let (name, line) = (key.get_ref(), line_of(key.span().start));
        match SETTINGS
            .iter()
            .find(|setting| setting.in_toml() && setting.key() == **name)
        {
            Some(setting) => settings.push((setting, locate(value, &line_of))),
            None => {
                let known: Vec<_> = SETTINGS
                    .iter()
                    .filter(|setting| setting.in_toml())
                    .map(Setting::key)
                    .collect();
                problems.push(Problem::at(&at(line, name), unknown_key(name, &known)));
            }
        }
    }
    (settings, problems)
}

/// What to say about a key that is none: the nearest one, or all that there are.
pub(crate) fn unknown_key(key: &str, known: &[String]) -> String {
    match nearest(key, known) {
        Some(name) => format!("there is no such key; did you mean {name}?"),
        None => format!("there is no such key; expected one of {}", known.join(", ")),
    }
}

/// The known word that a mistyped one was meant to be, if one is near.
pub(crate) fn nearest<'k>(word: &str, known: &'k [String]) -> Option<&'k str> {
    let (changes, name) = known.iter().map(|name| (distance(word, name), name)).min()?;
    (changes <= 3.min(word.len() / 2)).then_some(name)
}

/// How many letters differ between two words (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for column in 0..right.len() {
            let change = diagonal + usize::from(letter != right[column]);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

fn in_file_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn locate(value: &Spanned<DeValue<'_>>, line_of: &impl Fn(usize) -> usize) -> Located {
    let inner = match value.get_ref() {
        DeValue::String(text) => Value::Scalar(text.as_ref().into()),
        DeValue::Boolean(switch) => Value::Scalar((*switch).into()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Scalar(parsed.map_or_else(|_| number.as_str().into(), Json::from))
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>();
            Value::Scalar(parsed.map_or_else(|_| number.as_str().into(), Json::from))
        }
        DeValue::Datetime(time) => Value::Scalar(time.to_string().into()),
        DeValue::Array(entries) => Value::List(entries.iter().map(|entry| locate(entry, line_of)).collect()),
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, _)| {
                (key.get_ref().to_string(), locate(value, line_of))
            };
            Value::Table(in_file_order(table).into_iter().map(entry).collect())
        }
    };
    Located {
        line: line_of(value.span().start),
        value: inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines() {
        let text = "port = 8080\n\n[limits]\npeers_per_room = 10\n";
        let (settings, problems) = read(Path::new("a.toml"), text);
        assert_eq!(problems, []);
        let found: Vec<_> = settings
            .iter()
            .map(|(setting, located)| (setting.name, located.line))
            .collect();
        assert_eq!(found, [("PORT", 1), ("LIMITS", 3)]);
        let Value::Table(limits) = &settings[1].1.value else {
            panic!("a table")
        };
        assert_eq!((limits[0].0.as_str(), limits[0].1.line), ("peers_per_room", 4));
    }

    #[test]
    fn every_unknown_key_and_mistake_is_named() {
        let text = "prot = 1\nlog_level = \"info\"\nsomething_else = 2\nconfig = \"x\"\nhost = = 3\n";
        let (settings, problems) = read(Path::new("a.toml"), text);
        assert_eq!(settings[0].0.name, "LOG_LEVEL");
        let texts: Vec<_> = problems.iter().map(|problem| problem.0.as_str()).collect();
        assert!(
            texts
                .iter()
                .any(|text| text.starts_with("a.toml line 5: this is not TOML:")),
            "{texts:?}"
        );
        assert!(
            texts.contains(&"a.toml line 1, prot: there is no such key; did you mean port?"),
            "{texts:?}"
        );
        assert!(
            texts.iter().any(|text| text
                .starts_with("a.toml line 3, something_else: there is no such key; expected one of port, host,")),
            "{texts:?}"
        );
        assert!(
            texts.iter().any(|text| text.starts_with("a.toml line 4, config:")),
            "{texts:?}"
        );
    }

    #[test]
    fn arrays_of_words_are_comma_lists() {
        let (settings, _) = read(Path::new("a.toml"), "port = [3000, 0x1F90]\nhost = [[1]]\n");
        assert_eq!(settings[0].1.value.text().as_deref(), Some("3000,8080"));
        assert_eq!(settings[1].1.value.text(), None);
    }
}
