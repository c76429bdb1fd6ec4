//! Where a setting comes from.

/// Where a setting comes from, if it is no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(String),
    /// The name of an environment variable.
    Environment(String),
}

/// The key of the setting `name`, which for one in a list of tables is that of the list: `webhooks`
/// for `webhooks[0].url`.
pub(super) fn table_key(name: &str) -> &str {
    name.split('[').next().unwrap_or_default()
}
