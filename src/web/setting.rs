//! The settings in effect, as operators see them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Setting {
    /// As in the configuration file, such as `log.path` or `webhooks[0].url`.
    pub name: String,
    /// Of a hidden setting `set`, `not set` or, of an address, where it leads.
    pub value: Value,
    /// `null` for a setting of a table, which is not there by default.
    pub default: Value,
    /// Whether it differs from the default. Without a source, the service has adjusted it.
    pub changed: bool,
    /// Whether it is a secret or may contain one, and its value is not shown for that reason.
    pub hidden: bool,
    pub source: SettingSource,
    /// The file or the environment variable that the setting comes from.
    pub origin: Option<String>,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    Default,
    File,
    Environment,
}
