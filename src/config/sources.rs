//! Settings merged from several sources, with the source of each.

use super::{ConfigError, PREFIX, SEPARATOR};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The merged settings. Starts with every known key, so that an unknown one is noticed.
pub(super) struct Settings {
    values: Table,
    /// The file or environment variable that set a key last; none for a default.
    origins: BTreeMap<String, String>,
}

impl Settings {
    pub fn new(defaults: Table) -> Settings {
        Settings {
            values: defaults,
            origins: BTreeMap::new(),
        }
    }

    pub fn to_value(&self) -> Value {
        Value::Table(self.values.clone())
    }

    /// Overrides settings by those of `file`.
    pub fn overlay(&mut self, table: Table, file: &str) -> Result<(), ConfigError> {
        for (section, value) in table {
            let Some(Value::Table(known)) = self.values.get_mut(&section) else {
                return Err(unknown(file, &section, &self.values));
            };
            let Value::Table(values) = value else {
                return Err(ConfigError(format!(
                    "{file}: {section} = {value} must be a section: [{section}]"
                )));
            };
            for (key, value) in values {
                let path = format!("{section}.{key}");
                if !known.contains_key(&key) {
                    return Err(unknown(file, &path, known));
                }
                known.insert(key, value);
                self.origins.insert(path, file.to_owned());
            }
        }
        Ok(())
    }

    /// Overrides the setting that the environment variable `name` refers to.
    pub fn override_one(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let path = name.trim_start_matches(PREFIX).to_lowercase();
        let (section, key) = path.split_once(SEPARATOR).unwrap_or((&path, ""));
        let Some(Value::Table(known)) = self.values.get_mut(section) else {
            return Err(unknown(name, section, &self.values));
        };
        let path = format!("{section}.{key}");
        let Some(default) = known.get(key) else {
            return Err(unknown(name, &path, known));
        };
        let value = match default {
            Value::String(_) => Value::String(text.to_owned()),
            _ => format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.to_owned())),
        };
        known.insert(key.to_owned(), value);
        self.origins.insert(path, name.to_owned());
        Ok(())
    }

    /// An error about `key`, with the source that set it.
    pub fn error(&self, key: &str, problem: &str) -> ConfigError {
        let origin = self
            .origins
            .get(key)
            .map_or("built-in defaults", |origin| origin);
        ConfigError(format!("{origin}: {key} {problem}"))
    }

    /// An error for a value that does not have the type of its key.
    pub fn type_error(&self, error: &serde_path_to_error::Error<toml::de::Error>) -> ConfigError {
        let path = error.path().to_string();
        let reason = error.inner().message().trim();
        let Some((key, value)) = self.look_up(&path) else {
            return ConfigError(format!("cannot read {path}: {reason}"));
        };
        let expected = if reason.ends_with("expected a sequence") {
            let text = value.to_string();
            let one = text.trim_matches(['[', ']', '"']);
            format!("expected a list such as [\"{one}\"]")
        } else {
            reason.to_owned()
        };
        self.error(&key, &format!("= {value} cannot be read: {expected}"))
    }

    /// The key and value that an error at `path`, such as `server.hosts[1]`, is about.
    fn look_up(&self, path: &str) -> Option<(String, &Value)> {
        let (section, key) = path.split_once('.')?;
        let key = key.split(['[', '.']).next()?;
        let value = self.values.get(section)?.get(key)?;
        Some((format!("{section}.{key}"), value))
    }
}

fn unknown(source: &str, key: &str, known: &Table) -> ConfigError {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    ConfigError(format!(
        "{source}: unknown setting {key}; must be one of {}",
        known.join(", ")
    ))
}
