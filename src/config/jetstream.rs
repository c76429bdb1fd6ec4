//! The section of a log in NATS JetStream.

use super::confidential::{Addresses, Confidential};
use super::nats::{Access, Keys};
use crate::log::jetstream::JetStreamSettings;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

const KEYS: Keys = Keys {
    section: "log.jetstream",
    servers: "log.jetstream.servers",
    user: "log.jetstream.user",
    password: "log.jetstream.password",
    token: "log.jetstream.token",
    nkey_file: "log.jetstream.nkey_file",
    credentials_file: "log.jetstream.credentials_file",
};

/// The settings of a log in NATS JetStream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JetStream {
    pub(super) servers: Addresses,
    pub(super) stream: String,
    pub(super) subject_prefix: String,
    pub(super) replicas: usize,
    pub(super) user: String,
    pub(super) password: Confidential<String>,
    pub(super) password_file: PathBuf,
    pub(super) token: Confidential<String>,
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
            servers: self.access().settings(),
            stream: self.stream.clone(),
            subject_prefix: self.subject_prefix.clone(),
            replicas: self.replicas,
            timeout: Duration::from_secs(self.timeout_seconds),
        }
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

    /// Why the settings contradict each other: the setting, and the problem with it.
    pub(super) fn contradiction(&self) -> Option<(&'static str, String)> {
        if self.servers.is_empty() {
            let problem = "must not be empty with log.engine = \"jetstream\"; expected a list such \
                           as [\"nats://host:4222\"]";
            return Some((KEYS.servers, problem.to_owned()));
        }
        self.access().contradiction()
    }
}
