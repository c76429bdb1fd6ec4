//! The effective settings, as an operator may see them: the defaults, the file and the environment
//! merged. The type of a setting says what is shown of it ([`super::confidential`]).

use super::confidential::shown_instead;
use super::origin::{Source, table_key};
use super::{Config, DEFAULTS};
use crate::web::{Setting, SettingSource};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is shown of a setting.
#[derive(Clone, PartialEq)]
struct Shown {
    value: Value,
    is_hidden: bool,
}

impl Config {
    /// The built-in defaults.
    fn defaults() -> Config {
        toml::from_str(DEFAULTS).expect("the built-in defaults are sound")
    }

    /// Every setting, by name. Secrets are not in it.
    pub fn effective(&self) -> Vec<Setting> {
        let defaults = shown(&Config::defaults());
        let settings = shown(self).into_iter();
        let settings = settings.map(|(name, shown)| {
            let default = defaults.get(&name);
            let (source, origin) = match self.sources.get(table_key(&name)) {
                None => (SettingSource::Default, None),
                Some(Source::File(file)) => (SettingSource::File, Some(file.clone())),
                Some(Source::Environment(variable)) => {
                    (SettingSource::Environment, Some(variable.clone()))
                }
            };
            Setting {
                changed: default != Some(&shown),
                default: default.map_or(Value::Null, |default| default.value.clone()),
                hidden: shown.is_hidden,
                value: shown.value,
                name,
                source,
                origin,
            }
        });
        settings.collect()
    }
}

/// Whether the value of the setting `name` must not be shown, by its type.
pub(super) fn is_hidden(name: &str) -> bool {
    shown(&Config::defaults())
        .get(name)
        .is_some_and(|shown| shown.is_hidden)
}

/// What is shown of each setting, by its name.
fn shown(config: &Config) -> BTreeMap<String, Shown> {
    let mut found = BTreeMap::new();
    let all = serde_json::to_value(config).expect("settings are texts, numbers and lists");
    add(String::new(), all, &mut found);
    found
}

fn add(name: String, value: Value, found: &mut BTreeMap<String, Shown>) {
    if let Some(shown) = shown_instead(&value) {
        let value = shown.clone();
        let is_hidden = true;
        found.insert(name, Shown { value, is_hidden });
        return;
    }
    match value {
        Value::Object(section) => {
            for (key, value) in section {
                let dot = if name.is_empty() { "" } else { "." };
                add(format!("{name}{dot}{key}"), value, found);
            }
        }
        Value::Array(tables) if tables.iter().any(Value::is_object) => {
            for (place, table) in tables.into_iter().enumerate() {
                add(format!("{name}[{place}]"), table, found);
            }
        }
        value => {
            let is_hidden = false;
            found.insert(name, Shown { value, is_hidden });
        }
    }
}

#[cfg(test)]
mod tests;
