//! Settings merged from several sources, with the source of each.

use super::effective::is_hidden;
use super::origin::{Source, table_key};
use super::{ConfigError, PREFIX, SEPARATOR, webhooks};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The merged settings. Starts with every known key, so that an unknown one is noticed.
pub(super) struct Settings {
    values: Table,
    /// What set a key last; none for a default.
    sources: BTreeMap<String, Source>,
}

impl Settings {
    pub fn new(defaults: Table) -> Settings {
        Settings {
            values: defaults,
            sources: BTreeMap::new(),
        }
    }

    pub fn to_value(&self) -> Value {
        Value::Table(self.values.clone())
    }

    pub fn into_sources(self) -> BTreeMap<String, Source> {
        self.sources
    }

    /// Overrides settings by those of `file`.
    pub fn overlay(&mut self, table: Table, file: &str) -> Result<(), ConfigError> {
        overlay(&mut self.values, &mut self.sources, table, "", file)
    }

    /// Overrides the setting that the environment variable `name` refers to.
    pub fn override_one(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let path = name.trim_start_matches(PREFIX).to_lowercase();
        let path = path.replace(SEPARATOR, ".");
        let (sections, key) = path.rsplit_once('.').unwrap_or(("", &path));
        let mut known = &mut self.values;
        for (length, section) in prefixes(sections).filter(|(length, _)| *length > 0) {
            if !known.get(section).is_some_and(Value::is_table) {
                return Err(unknown(name, &sections[..length], known));
            }
            known = known[section].as_table_mut().expect("a table");
        }
        let value = match known.get(key) {
            None => return Err(unknown(name, &path, known)),
            Some(Value::Table(_)) => {
                return Err(ConfigError(format!(
                    "{name} must name a setting of the section {path}"
                )));
            }
            Some(Value::String(_)) => Value::String(text.to_owned()),
            Some(_) => format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.to_owned())),
        };
        known.insert(key.to_owned(), value);
        let source = Source::Environment(name.to_owned());
        self.sources.insert(path, source);
        Ok(())
    }

    /// An error about `key`, with the source that set it.
    pub fn error(&self, key: &str, problem: &str) -> ConfigError {
        let source = match self.sources.get(key) {
            None => "built-in defaults",
            Some(Source::File(name) | Source::Environment(name)) => name,
        };
        ConfigError(format!("{source}: {key} {problem}"))
    }

    /// An error for a value that does not have the type of its key.
    pub fn type_error(&self, error: &serde_path_to_error::Error<toml::de::Error>) -> ConfigError {
        let path = error.path().to_string();
        let reason = error.inner().message().trim();
        if path.starts_with(webhooks::KEY) {
            // The value of a table may be a secret, and its reason quotes only names.
            return self.webhook_error(&path, reason);
        }
        let Some((key, value)) = self.look_up(&path) else {
            return ConfigError(format!("cannot read {path}: {reason}"));
        };
        if is_hidden(&key) {
            // The reasons of these types quote nothing.
            return self.error(&key, reason);
        }
        let expected = if reason.ends_with("expected a sequence") {
            let text = value.to_string();
            let one = text.trim_matches(['[', ']', '"']);
            format!("expected a list such as [\"{one}\"]")
        } else {
            reason.to_owned()
        };
        self.error(&key, &format!("= {value} cannot be read: {expected}"))
    }

    /// An error about the table at `path`, such as `webhooks[0].url`.
    fn webhook_error(&self, path: &str, reason: &str) -> ConfigError {
        let expected = if reason.contains("invalid type") {
            "must have another type; config.toml shows one webhook"
        } else {
            reason
        };
        let error = self.error(webhooks::KEY, expected);
        ConfigError(error.0.replacen(webhooks::KEY, path, 1))
    }

    /// The key and value that an error at `path`, such as `server.hosts[1]`, is about.
    fn look_up(&self, path: &str) -> Option<(String, &Value)> {
        let path = table_key(path);
        let mut known = &self.values;
        for (length, key) in prefixes(path) {
            match known.get(key)? {
                Value::Table(inner) => known = inner,
                value => return Some((path[..length].to_owned(), value)),
            }
        }
        None
    }
}

/// Settings that other services have and this one does not, with what to do instead.
const ABSENT: &[(&str, &str)] = &[(
    "server.base_path",
    "there is no path prefix; give the service a host name of its own, and let the proxy pass \
     paths unchanged",
)];

/// The keys of `path`, each with the length of `path` up to its end.
fn prefixes(path: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut end = 0;
    path.split('.').map(move |key| {
        let length = end + key.len();
        end = length + 1;
        (length, key)
    })
}

/// Overrides the settings in `known`, the section whose keys begin with `prefix`, by `values`.
fn overlay(
    known: &mut Table,
    sources: &mut BTreeMap<String, Source>,
    values: Table,
    prefix: &str,
    file: &str,
) -> Result<(), ConfigError> {
    for (key, value) in values {
        let path = format!("{prefix}{key}");
        match (known.get_mut(&key), value) {
            (None, _) => return Err(unknown(file, &path, known)),
            (Some(Value::Table(known)), Value::Table(values)) => {
                overlay(known, sources, values, &format!("{path}."), file)?;
            }
            (Some(Value::Table(_)), value) => {
                return Err(ConfigError(format!(
                    "{file}: {path} = {value} must be a section: [{path}]"
                )));
            }
            (Some(known), value) => {
                *known = value;
                sources.insert(path, Source::File(file.to_owned()));
            }
        }
    }
    Ok(())
}

fn unknown(source: &str, key: &str, known: &Table) -> ConfigError {
    if let Some((_, instead)) = ABSENT.iter().find(|(absent, _)| *absent == key) {
        return ConfigError(format!("{source}: unknown setting {key}: {instead}"));
    }
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    ConfigError(format!(
        "{source}: unknown setting {key}; must be one of {}",
        known.join(", ")
    ))
}
