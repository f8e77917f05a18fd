//! `docs/configuration.md` and `.env.example` say what the table says: their tables are made here, and compared.
//!
//! After a change of the table: `RINGCAST_WRITE_DOCS=1 cargo test --release -p node documents`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::limits;
use super::settings::{Effect, Fallback, SETTINGS, Setting};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn served() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.effect == Effect::Served)
}

fn default_of(setting: &Setting) -> String {
    match setting.default {
        Fallback::Text(text) => format!("`{text}`"),
        Fallback::Described(text) => text.to_owned(),
    }
}

fn everywhere() -> String {
    let rows = served().filter(|setting| setting.in_environment()).map(|setting| {
        let key = if setting.in_toml() {
            format!("`{}`", setting.key())
        } else {
            "-".to_owned()
        };
        format!(
            "| `{}` | `--{}` | {key} | {} | {} Expected: {}. |\n",
            setting.name,
            setting.flag(),
            default_of(setting),
            setting.meaning,
            setting.values
        )
    });
    "| variable | flag | TOML key | default | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned()
        + &rows.collect::<String>()
}

fn toml_only() -> String {
    let rows = served().filter(|setting| !setting.in_environment()).map(|setting| {
        format!(
            "| `{}` | {} | {} Expected: {}. |\n",
            setting.key(),
            default_of(setting),
            setting.meaning,
            setting.values
        )
    });
    "| TOML key | default | meaning |\n| --- | --- | --- |\n".to_owned() + &rows.collect::<String>()
}

fn limit_rows() -> String {
    let defaults = limits::defaults();
    let rows = limits::MEANINGS.iter().map(|(name, meaning)| {
        let default = defaults.get(*name).map_or_else(String::new, ToString::to_string);
        format!("| `{name}` | {default} | {meaning} |\n")
    });
    "| key of `[limits]` | default | meaning |\n| --- | --- | --- |\n".to_owned() + &rows.collect::<String>()
}

fn without_effect() -> String {
    let rows = SETTINGS.iter().filter_map(|setting| {
        let name = if setting.in_environment() {
            setting.name.to_owned()
        } else {
            setting.key()
        };
        match setting.effect {
            Effect::Served => None,
            Effect::NotYet(text) => Some(format!("| `{name}` | a warning | {text} |\n")),
            Effect::Refused(text) => Some(format!("| `{name}` | an error | {text} |\n")),
        }
    });
    "| name | setting it is | because |\n| --- | --- | --- |\n".to_owned() + &rows.collect::<String>()
}

fn env_example() -> String {
    let mut text = String::from(
        "# Settings of Ringcast: copy this file to .env and take away the # of what you change.\n\
         # The values shown are the defaults. Flags and the environment are stronger than this file, ringcast.toml is weaker.\n\
         # docs/configuration.md describes more; `ringcast check-config` shows what holds.\n",
    );
    for setting in served().filter(|setting| setting.in_environment()) {
        let value = match setting.default {
            Fallback::Text(text) => text,
            Fallback::Described(_) => "",
        };
        text += &format!("\n# {}\n# Expected: {}.\n", setting.meaning, setting.values);
        if let Fallback::Described(described) = setting.default {
            text += &format!("# Unset: {described}.\n");
        }
        text += &format!("#{}={value}\n", setting.name);
    }
    text
}

/// The document with the text between `<!-- begin NAME -->` and `<!-- end NAME -->` replaced.
fn with_part(document: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}{part}{end}{after}")
}

fn same(path: &str, expected: &str) {
    let full = root().join(path);
    if std::env::var_os("RINGCAST_WRITE_DOCS").is_some() {
        std::fs::write(&full, expected).unwrap();
    }
    let found = std::fs::read_to_string(&full).unwrap_or_default();
    assert!(
        found == expected,
        "{path} does not say what the code says: RINGCAST_WRITE_DOCS=1 cargo test --release -p node documents"
    );
}

#[test]
fn the_configuration_page_is_current() {
    let document = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let parts = [
        ("settings", everywhere()),
        ("toml", toml_only()),
        ("limits", limit_rows()),
        ("without effect", without_effect()),
    ];
    let expected = parts
        .iter()
        .fold(document, |document, (name, part)| with_part(&document, name, part));
    same("docs/configuration.md", &expected);
}

#[test]
fn the_env_example_is_current() {
    same(".env.example", &env_example());
}

#[test]
fn every_limit_has_a_meaning() {
    let explained: BTreeSet<String> = limits::MEANINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(explained, limits::defaults().keys().cloned().collect());
}
