//! A log that several nodes share, in a real NATS JetStream: three servers, each with a copy of the
//! stream. The tests need NATS, which `tests/all` installs.

mod access;
mod connections;
mod damage;
mod faults;
mod nodes;
mod partition;
mod power;
mod refusals;
mod sequencer;
mod signing;

use crate::adapter::commit;
use cartlog::log::Head;
use cartlog::log::jetstream::{JetStreamConnector, JetStreamSettings};
use cartlog::log::shared::{SequencedOutcome, Sequencer, SequencerConnector};
use cartlog::nats::ServerSettings;
use cartlog_testkit::nats::{NatsCluster, log_settings};
use std::sync::Arc;
use uuid::Uuid;

pub fn settings(cluster: &NatsCluster) -> JetStreamSettings {
    JetStreamSettings {
        subject_prefix: "shop.carts".to_owned(),
        ..log_settings(cluster.urls(), "cartlog", cluster.servers.len())
    }
}

/// `settings` for the servers at `urls`.
fn at(urls: Vec<String>, settings: JetStreamSettings) -> JetStreamSettings {
    JetStreamSettings {
        servers: ServerSettings {
            servers: urls,
            ..settings.servers
        },
        ..settings
    }
}

/// Connects to the log and creates it at first.
async fn connect(settings: JetStreamSettings) -> Arc<dyn Sequencer> {
    let connector = JetStreamConnector::new(settings);
    connector.connect().await.expect("a log")
}

/// The outcome of the first commit to `stream`.
async fn append_one(log: &dyn Sequencer, stream: Uuid) -> SequencedOutcome {
    let (next, _) = commit(stream, Head::START, 1);
    log.append(&[next]).await.remove(0)
}
