//! A log that NATS JetStream orders, replicates and keeps.
//!
//! One stream of messages has one message for each commit, with the cart's stream as its subject:
//! the server checks the expected version by the sequence of the subject's last message. What an
//! acknowledged commit survives is the servers' matter: `docs/cluster.md` has the settings.

mod connector;
mod messages;
mod notes;
mod reader;
mod sequencer;
mod session;
mod settings;
mod stream;
mod tail;
mod writer;

pub use crate::nats::{Credentials, Secret};
pub use connector::JetStreamConnector;
pub use settings::JetStreamSettings;

/// The name in the configuration.
const ENGINE: &str = "jetstream";
