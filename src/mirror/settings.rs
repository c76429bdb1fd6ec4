//! The settings of the mirror.

use crate::nats::ServerSettings;

/// Where the log is mirrored to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSettings {
    pub servers: ServerSettings,
    /// The name of the stream, which is created at the first start.
    pub stream: String,
    /// What the subjects of the stream begin with.
    pub subject: String,
    /// On how many servers the stream must be kept at least.
    pub replicas: usize,
}
