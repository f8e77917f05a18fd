//! Asking for one setting after the other, keeping what is wrong and what is worth showing.

use super::layers::Layers;
use super::problem::{ConfigError, Origin, Problem};
use super::settings::{self, Effect, Fallback, SETTINGS};
use super::toml_file::Value;
use super::values::Wrong;
use super::{Config, Effective, Loaded};

/// Asks the layers for one setting after the other, and keeps what is wrong.
pub(super) struct Reader {
    pub(super) layers: Layers,
    effective: Vec<Effective>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            layers,
            effective: Vec::new(),
        }
    }

    /// The value of a setting; `None` if it is unset or wrong (then the mistake is kept).
    pub(super) fn get<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
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
    pub(super) fn get_or<T>(
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

    pub(super) fn origin(&self, name: &str) -> Origin {
        settings::find(name)
            .and_then(|setting| self.layers.get(setting))
            .map_or(Origin::Default, |set| set.origin)
    }

    pub(super) fn show(&mut self, name: &'static str, value: String, origin: Origin) {
        self.effective.push(Effective { name, value, origin });
    }

    pub(super) fn wrong(&mut self, problem: Problem) {
        self.layers.problems.push(problem);
    }

    pub(super) fn refuse_what_is_not_served(&mut self) {
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

    /// A table or array of the TOML file; `None` if it is unset or wrong.
    pub(super) fn structured<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value, &Origin) -> Result<T, Vec<Problem>>,
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

    pub(super) fn finish(self, config: Option<Config>) -> Result<Loaded, ConfigError> {
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
