//! The settings of a log in JetStream.

use crate::nats::{Credentials, ServerSettings};
use std::path::PathBuf;
use std::time::Duration;

/// Where the log is, and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamSettings {
    /// `nats://host:port`, or `tls://host:port` for TLS. Without user and password.
    pub servers: Vec<String>,
    /// The name of the stream, which is created at the first start.
    pub stream: String,
    /// What the subjects of the stream begin with.
    pub subject_prefix: String,
    /// On how many servers the stream must be kept at least.
    pub replicas: usize,
    pub credentials: Credentials,
    /// The certificates (PEM) that may sign the servers'; those of the system if `None`. Requires
    /// TLS.
    pub root_certificates: Option<PathBuf>,
    /// Time limit for a connection to one server.
    pub connect_timeout: Duration,
    /// Time limit for an append, a barrier or a read, with all of its attempts. Longer than the
    /// servers need to elect a leader.
    pub timeout: Duration,
}

impl JetStreamSettings {
    /// How to reach the servers.
    pub(super) fn servers(&self) -> ServerSettings {
        ServerSettings {
            section: "log.jetstream",
            servers: self.servers.clone(),
            credentials: self.credentials.clone(),
            root_certificates: self.root_certificates.clone(),
            connect_timeout: self.connect_timeout,
        }
    }
}
