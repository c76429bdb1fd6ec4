//! The settings of a log in JetStream.

use crate::nats::ServerSettings;
use std::time::Duration;

/// Where the log is, and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamSettings {
    pub servers: ServerSettings,
    /// The name of the stream, which is created at the first start.
    pub stream: String,
    /// What the subjects of the stream begin with.
    pub subject_prefix: String,
    /// On how many servers the stream must be kept at least.
    pub replicas: usize,
    /// Time limit for an append, a barrier or a read, with all of its attempts. Longer than the
    /// servers need to elect a leader.
    pub timeout: Duration,
}
