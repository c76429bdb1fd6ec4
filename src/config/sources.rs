//! Settings from several sources, each over the one before.

use super::{ConfigError, PREFIX, SEPARATOR};
use toml::{Table, Value};

/// Puts the settings of `table` over those of `settings`, which holds every key that there is.
pub(super) fn overlay(settings: &mut Table, table: Table, file: &str) -> Result<(), ConfigError> {
    for (section, value) in table {
        let Some(Value::Table(known)) = settings.get_mut(&section) else {
            return Err(unknown(file, &section, settings));
        };
        let Value::Table(values) = value else {
            return Err(ConfigError(format!(
                "{file}: {section} = {value} is not allowed: [{section}] is a section"
            )));
        };
        for (key, value) in values {
            if !known.contains_key(&key) {
                return Err(unknown(file, &format!("{section}.{key}"), known));
            }
            known.insert(key, value);
        }
    }
    Ok(())
}

/// Puts one value of the environment over the setting that its name stands for.
pub(super) fn override_one(
    settings: &mut Table,
    name: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let path = name.trim_start_matches(PREFIX).to_lowercase();
    let (section, key) = path.split_once(SEPARATOR).unwrap_or((&path, ""));
    let Some(Value::Table(known)) = settings.get_mut(section) else {
        return Err(unknown(name, section, settings));
    };
    let Some(default) = known.get(key) else {
        return Err(unknown(name, &format!("{section}.{key}"), known));
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
    Ok(())
}

fn unknown(source: &str, key: &str, known: &Table) -> ConfigError {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    ConfigError(format!(
        "{source}: {key} is no setting: {} are",
        known.join(", ")
    ))
}

/// The value in `settings` that the error at `key` is about.
pub(super) fn look_up<'a>(settings: &'a Table, key: &str) -> Option<&'a Value> {
    let (section, key) = key.split_once('.')?;
    let key = key.split(['[', '.']).next()?;
    settings.get(section)?.get(key)
}
