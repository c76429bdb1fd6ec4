//! The tables `[[webhooks]]`.

use super::confidential::{Address, Confidential};
use super::optional::non_empty;
use super::sections::Engine;
use super::{Config, Invalid};
use crate::files::read_first_line;
use crate::outbound::Target;
use crate::public_events::PublicType;
use crate::webhooks::{SigningSecret, WebhookSettings};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The key of the tables.
pub(super) const KEY: &str = "webhooks";

/// A receiver of public events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    name: String,
    url: Address,
    /// All, if there are none.
    #[serde(default)]
    types: Vec<PublicType>,
    #[serde(default)]
    secret: Confidential<String>,
    #[serde(default)]
    secret_file: PathBuf,
    #[serde(default)]
    private_host: String,
    #[serde(default)]
    node: String,
    #[serde(default = "timeout_seconds")]
    timeout_seconds: u64,
    #[serde(default = "attempts")]
    attempts: u32,
    #[serde(default = "concurrency")]
    concurrency: usize,
}

fn timeout_seconds() -> u64 {
    10
}

fn attempts() -> u32 {
    10
}

fn concurrency() -> usize {
    16
}

impl Webhook {
    /// The settings, for which a secret in a file is read.
    fn settings(&self) -> Result<WebhookSettings, String> {
        let is_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(is_name) {
            return Err("name must have 1 to 40 of a-z, 0-9 and \"-\"".to_owned());
        }
        let private_host = (!self.private_host.is_empty()).then_some(&*self.private_host);
        let target = Target::parse(self.url.as_str(), private_host);
        let target = target.map_err(|problem| format!("url {problem}"))?;
        for (key, value, range) in [
            ("timeout_seconds", self.timeout_seconds, 1..=60),
            ("attempts", self.attempts.into(), 1..=100),
            ("concurrency", self.concurrency as u64, 1..=128),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("{key} = {value} must be from {least} to {most}"));
            }
        }
        Ok(WebhookSettings {
            name: self.name.clone(),
            target,
            types: match self.types.as_slice() {
                [] => PublicType::ALL.to_vec(),
                types => types.to_vec(),
            },
            secret: self.secret()?,
            timeout: Duration::from_secs(self.timeout_seconds),
            attempts: self.attempts,
            concurrency: self.concurrency,
        })
    }

    fn secret(&self) -> Result<SigningSecret, String> {
        let (key, text) = match (self.secret.text(), non_empty(&self.secret_file)) {
            ("", Some(path)) => ("secret_file", read_first_line(path, "the secret")?),
            (secret, None) => ("secret", secret.to_owned()),
            (_, Some(_)) => {
                return Err("must have either secret or secret_file, and not both".to_owned());
            }
        };
        text.parse().map_err(|error| format!("{key} {error}"))
    }
}

impl Config {
    /// The receivers of public events that this node delivers to. Fails if a secret cannot be read.
    pub fn webhooks(&self) -> Result<Vec<WebhookSettings>, String> {
        let own = self.server.node_name();
        let webhooks = self.webhooks.iter();
        let webhooks = webhooks.filter(|webhook| webhook.node.is_empty() || webhook.node == own);
        webhooks.map(checked).collect()
    }

    /// Each webhook is sound, and has a name of its own.
    pub(super) fn validate_webhooks(&self) -> Result<(), Invalid> {
        let invalid = |problem| Invalid { key: KEY, problem };
        let settings: Result<Vec<_>, _> = self.webhooks.iter().map(checked).collect();
        let settings = settings.map_err(invalid)?;
        for (place, webhook) in settings.iter().enumerate() {
            if settings[..place].iter().any(|it| it.name == webhook.name) {
                let problem = format!("\"{}\": name must not be that of another one", webhook.name);
                return Err(invalid(problem));
            }
        }
        if self.log.engine != Engine::Sqlite
            && let Some(webhook) = self.webhooks.iter().find(|webhook| webhook.node.is_empty())
        {
            return Err(invalid(format!(
                "\"{}\": node must name the one node (server.node) that delivers, since nodes \
                 share the log (log.engine): each would deliver every event",
                webhook.name
            )));
        }
        Ok(())
    }
}

/// The settings of `webhook`; the error names it.
fn checked(webhook: &Webhook) -> Result<WebhookSettings, String> {
    let settings = webhook.settings();
    settings.map_err(|problem| format!("\"{}\": {problem}", webhook.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
    }

    /// All nodes may have the same file: one of them delivers.
    #[test]
    fn node_of_a_shared_log_delivers_only_its_own_webhooks() {
        let webhook = |node: &str| {
            let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            format!(
                "[log]\nengine = \"postgres\"\n[log.postgres]\nurl = \"postgres://u@h/d\"\n\
                 [server]\nnode = \"n1\"\n[[webhooks]]\nname = \"a\"\n\
                 url = \"https://shop.example/\"\nsecret = \"whsec_{key}\"\n{node}"
            )
        };
        let named = from_file(&webhook("node = \"n1\"\n")).unwrap();
        assert_eq!(named.webhooks().unwrap().len(), 1);
        let other = from_file(&webhook("node = \"n2\"\n")).unwrap();
        assert!(other.webhooks().unwrap().is_empty());
        let error = from_file(&webhook("")).unwrap_err().to_string();
        assert!(
            error.contains("\"a\": node must name the one node"),
            "{error}"
        );
        let alone = webhook("").replace("\"postgres\"", "\"sqlite\"");
        assert_eq!(from_file(&alone).unwrap().webhooks().unwrap().len(), 1);
    }

    #[test]
    fn webhook_settings_are_checked_without_showing_a_secret() {
        let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let sound =
            format!("name = \"a\"\nurl = \"https://shop.example/\"\nsecret = \"whsec_{key}\"\n");
        let table = |text: &str| format!("[[webhooks]]\n{text}");
        let config = from_file(&table(&sound)).unwrap();
        let webhooks = config.webhooks().unwrap();
        assert_eq!(webhooks[0].types.len(), PublicType::ALL.len());
        assert!(!format!("{config:?}").contains(key));
        for (text, part) in [
            (
                table(&sound.replace("https", "http")),
                "\"a\": url must use https",
            ),
            (
                table(&sound.replace("shop.example", "10.0.0.1")),
                "private_host = \"10.0.0.1\"",
            ),
            (
                table(&sound.replace("\"a\"", "\"A b\"")),
                "name must have 1 to 40",
            ),
            (
                table(&sound.replace("whsec_", "")),
                "secret must be \"whsec_\"",
            ),
            (
                table(&sound.replace("secret", "secrt")),
                "unknown field `secrt`",
            ),
            (
                table(&format!("{sound}types = [\"cart\"]\n")),
                "unknown variant `cart`",
            ),
            (
                table(&format!("{sound}attempts = 0\n")),
                "attempts = 0 must be from 1 to 100",
            ),
            (
                table(&format!("{sound}secret_file = \"f\"\n")),
                "secret or secret_file, and not both",
            ),
            (
                table("name = \"a\"\nurl = \"https://shop.example/\"\n"),
                "secret must be",
            ),
            (table("name = \"a\"\n"), "missing field `url`"),
            (
                table(&sound).repeat(2),
                "name must not be that of another one",
            ),
        ] {
            let error = from_file(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error} lacks {part}");
            assert!(error.starts_with("my.toml: webhooks"), "{error}");
            assert!(!error.contains(key), "{error}");
        }
    }
}
