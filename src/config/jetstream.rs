//! The section of a log in NATS JetStream.

use super::optional::non_empty;
use crate::log::jetstream::{Credentials, JetStreamSettings, Secret};
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings of a log in NATS JetStream.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JetStream {
    pub(super) servers: Vec<String>,
    pub(super) stream: String,
    pub(super) subject_prefix: String,
    pub(super) replicas: usize,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) password_file: PathBuf,
    pub(super) token: String,
    pub(super) token_file: PathBuf,
    pub(super) nkey_file: PathBuf,
    pub(super) credentials_file: PathBuf,
    pub(super) root_certificates: PathBuf,
    pub(super) connect_seconds: u64,
    pub(super) timeout_seconds: u64,
}

impl JetStream {
    pub(super) fn settings(&self) -> JetStreamSettings {
        JetStreamSettings {
            servers: self.servers.clone(),
            stream: self.stream.clone(),
            subject_prefix: self.subject_prefix.clone(),
            replicas: self.replicas,
            credentials: self.credentials(),
            root_certificates: non_empty(&self.root_certificates).map(ToOwned::to_owned),
            connect_timeout: Duration::from_secs(self.connect_seconds),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }

    fn credentials(&self) -> Credentials {
        if let Some(path) = non_empty(&self.credentials_file) {
            return Credentials::CredentialsFile(path.to_owned());
        }
        if let Some(path) = non_empty(&self.nkey_file) {
            return Credentials::NkeyFile(path.to_owned());
        }
        if let Some(token) = secret(&self.token, &self.token_file) {
            return Credentials::Token(token);
        }
        match secret(&self.password, &self.password_file) {
            Some(password) => Credentials::Password {
                user: self.user.clone(),
                password,
            },
            None => Credentials::None,
        }
    }

    /// Why the settings contradict each other: the setting, and the problem with it.
    pub(super) fn contradiction(&self) -> Option<(&'static str, String)> {
        if self.servers.is_empty() {
            let problem = "must not be empty with log.engine = \"jetstream\"; expected a list such \
                           as [\"nats://host:4222\"]";
            return Some(("log.jetstream.servers", problem.to_owned()));
        }
        let has_password = secret(&self.password, &self.password_file).is_some();
        if has_password == self.user.is_empty() {
            let problem = "must be set together with log.jetstream.password_file or \
                           log.jetstream.password";
            return Some(("log.jetstream.user", problem.to_owned()));
        }
        for (key, text, file) in [
            (
                "log.jetstream.password",
                &self.password,
                &self.password_file,
            ),
            ("log.jetstream.token", &self.token, &self.token_file),
        ] {
            if !text.is_empty() && non_empty(file).is_some() {
                return Some((key, format!("must not be set together with {key}_file")));
            }
        }
        let kinds = [
            ("log.jetstream.user", has_password),
            (
                "log.jetstream.token",
                secret(&self.token, &self.token_file).is_some(),
            ),
            (
                "log.jetstream.nkey_file",
                non_empty(&self.nkey_file).is_some(),
            ),
            (
                "log.jetstream.credentials_file",
                non_empty(&self.credentials_file).is_some(),
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
fn secret(text: &str, file: &Path) -> Option<Secret> {
    match non_empty(file) {
        Some(path) => Some(Secret::File(path.to_owned())),
        None => (!text.is_empty()).then(|| Secret::Text(text.to_owned())),
    }
}

/// Without the password and the token.
impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream")
            .field("servers", &self.servers)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
