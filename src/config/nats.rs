//! The section `[nats]`, and what it has in common with that of a log in NATS JetStream.

use super::confidential::{Addresses, Confidential};
use super::optional::non_empty;
use super::{Config, Invalid};
use crate::mirror::MirrorSettings;
use crate::nats::{Credentials, Secret, ServerSettings, addresses, is_token};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

const KEYS: Keys = Keys {
    section: "nats",
    servers: "nats.servers",
    user: "nats.user",
    password: "nats.password",
    token: "nats.token",
    nkey_file: "nats.nkey_file",
    credentials_file: "nats.credentials_file",
};
const MOST_REPLICAS: usize = 5;

/// The stream that the log is mirrored into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// Without any the log is not mirrored.
    servers: Addresses,
    stream: String,
    subject: String,
    replicas: usize,
    user: String,
    password: Confidential<String>,
    password_file: PathBuf,
    token: Confidential<String>,
    token_file: PathBuf,
    nkey_file: PathBuf,
    credentials_file: PathBuf,
    root_certificates: PathBuf,
    connect_seconds: u64,
}

impl Nats {
    /// Where the log is mirrored to, if anywhere.
    pub fn settings(&self) -> Option<MirrorSettings> {
        (!self.servers.is_empty()).then(|| MirrorSettings {
            servers: self.access().settings(),
            stream: self.stream.clone(),
            subject: self.subject.clone(),
            replicas: self.replicas,
        })
    }

    fn access(&self) -> Access<'_> {
        Access {
            keys: &KEYS,
            servers: &self.servers,
            user: &self.user,
            password: (self.password.text(), &self.password_file),
            token: (self.token.text(), &self.token_file),
            nkey_file: &self.nkey_file,
            credentials_file: &self.credentials_file,
            root_certificates: &self.root_certificates,
            connect_seconds: self.connect_seconds,
        }
    }
}

impl Config {
    /// The settings of the mirror are sound.
    pub(super) fn validate_nats(&self) -> Result<(), Invalid> {
        let nats = &self.nats;
        let invalid = |key, problem| Err(Invalid { key, problem });
        if !is_token(&nats.stream) {
            let problem = format!(
                "= \"{}\" must be a name of letters, digits, - and _, such as cartlog_events",
                nats.stream
            );
            return invalid("nats.stream", problem);
        }
        if !nats.subject.split('.').all(is_token) {
            let problem = format!(
                "= \"{}\" must have letters, digits, - and _, with dots between its parts, such \
                 as cartlog.events",
                nats.subject
            );
            return invalid("nats.subject", problem);
        }
        if !(1..=MOST_REPLICAS).contains(&nats.replicas) {
            let problem = format!("= {} must be from 1 to {MOST_REPLICAS}", nats.replicas);
            return invalid("nats.replicas", problem);
        }
        if !(1..=600).contains(&nats.connect_seconds) {
            let problem = format!("= {} must be from 1 to 600", nats.connect_seconds);
            return invalid("nats.connect_seconds", problem);
        }
        if let Some((key, problem)) = nats.access().contradiction() {
            return invalid(key, problem);
        }
        let Some(settings) = nats.settings() else {
            return Ok(());
        };
        match addresses(&settings.servers) {
            Ok(_) => Ok(()),
            Err(reason) => {
                let problem = reason.trim_start_matches(KEYS.servers).trim_start();
                invalid(KEYS.servers, problem.to_owned())
            }
        }
    }
}

/// The keys of a section with NATS servers.
pub(super) struct Keys {
    pub section: &'static str,
    pub servers: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    pub token: &'static str,
    pub nkey_file: &'static str,
    pub credentials_file: &'static str,
}

/// What such a section says about the servers and who the service is.
pub(super) struct Access<'a> {
    pub keys: &'static Keys,
    pub servers: &'a Addresses,
    pub user: &'a str,
    /// In the setting or in a file, as is the token.
    pub password: (&'a str, &'a Path),
    pub token: (&'a str, &'a Path),
    pub nkey_file: &'a Path,
    pub credentials_file: &'a Path,
    pub root_certificates: &'a Path,
    pub connect_seconds: u64,
}

impl Access<'_> {
    /// How to reach the servers.
    pub fn settings(&self) -> ServerSettings {
        ServerSettings {
            section: self.keys.section,
            servers: self.servers.to_texts(),
            credentials: self.credentials(),
            root_certificates: non_empty(self.root_certificates).map(ToOwned::to_owned),
            connect_timeout: Duration::from_secs(self.connect_seconds),
        }
    }

    fn credentials(&self) -> Credentials {
        if let Some(path) = non_empty(self.credentials_file) {
            return Credentials::CredentialsFile(path.to_owned());
        }
        if let Some(path) = non_empty(self.nkey_file) {
            return Credentials::NkeyFile(path.to_owned());
        }
        if let Some(token) = secret(self.token) {
            return Credentials::Token(token);
        }
        match secret(self.password) {
            Some(password) => Credentials::Password {
                user: self.user.to_owned(),
                password,
            },
            None => Credentials::None,
        }
    }

    /// Why the settings contradict each other: the setting, and the problem with it.
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        let keys = self.keys;
        let has_password = secret(self.password).is_some();
        if has_password == self.user.is_empty() {
            let problem = format!("must be set together with {0}_file or {0}", keys.password);
            return Some((keys.user, problem));
        }
        for (key, (text, file)) in [(keys.password, self.password), (keys.token, self.token)] {
            if !text.is_empty() && non_empty(file).is_some() {
                return Some((key, format!("must not be set together with {key}_file")));
            }
        }
        let kinds = [
            (keys.user, has_password),
            (keys.token, secret(self.token).is_some()),
            (keys.nkey_file, non_empty(self.nkey_file).is_some()),
            (
                keys.credentials_file,
                non_empty(self.credentials_file).is_some(),
            ),
        ];
        let mut given = kinds.into_iter().filter(|(_, is_given)| *is_given);
        match (given.next(), given.next()) {
            (Some((one, _)), Some((other, _))) => {
                Some((other, format!("must not be set together with {one}")))
            }
            _ => None,
        }
    }
}

/// The secret in a setting or in a file.
fn secret((text, file): (&str, &Path)) -> Option<Secret> {
    match non_empty(file) {
        Some(path) => Some(Secret::File(path.to_owned())),
        None => (!text.is_empty()).then(|| Secret::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    fn from_file(lines: &str) -> Result<Config, ConfigError> {
        let text = format!("[nats]\n{lines}");
        Config::from_sources(Some(("my.toml".into(), text)), Vec::new())
    }

    #[test]
    fn log_is_mirrored_only_to_named_servers() {
        assert_eq!(from_file("").unwrap().nats.settings(), None);
        let config = from_file(
            "servers = [\"nats://n1\"]\nuser = \"cartlog\"\npassword = \"hidden-from-all\"\n",
        );
        let config = config.unwrap();
        let settings = config.nats.settings().unwrap();
        assert_eq!(settings.stream, "cartlog_events");
        assert_eq!(settings.subject, "cartlog.events");
        assert!(!format!("{config:?} {settings:?}").contains("hidden-from-all"));
    }

    #[test]
    fn settings_of_the_mirror_are_checked() {
        for (lines, part) in [
            ("servers = \"nats://n1\"", "nats.servers must be a list"),
            ("servers = [\"http://n1\"]", "expected nats://host:port"),
            (
                "servers = [\"nats://me:hidden-from-all@n1\"]",
                "nats.servers must not contain a user or password: set nats.user",
            ),
            ("stream = \"a b\"", "nats.stream = \"a b\" must be a name"),
            ("subject = \"a..b\"", "nats.subject = \"a..b\" must have"),
            ("replicas = 6", "nats.replicas = 6 must be from 1 to 5"),
            ("connect_seconds = 0", "nats.connect_seconds = 0 must be"),
            (
                "user = \"cartlog\"",
                "nats.user must be set together with nats.password_file",
            ),
            (
                "token = \"hidden-from-all\"\nnkey_file = \"f\"",
                "nats.nkey_file must not be set together with nats.token",
            ),
            ("servres = []", "unknown setting nats.servres"),
        ] {
            let error = from_file(lines).unwrap_err().to_string();
            assert!(error.contains(part), "{lines}: {error} without {part}");
            assert!(error.starts_with("my.toml: "), "{error}");
            assert!(!error.contains("hidden-from-all"), "{error}");
        }
    }
}
