//! Nodes that share a log in JetStream sign one chain of checkpoints.

use super::{connect, settings};
use crate::signing::{keep_one_note, refuse_other_keys, sign_one_chain};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::NatsCluster;

/// Promise (proof): On a log that nodes share there is one chain of checkpoints: each extends the
/// one before it, whichever node signed it, and all nodes publish the newest.
/// Fault: Two nodes over JetStream under load, and `kill -9` of one that signs.
/// Control: A root of another size is noticed; a store that ignores the expected checkpoint forks:
/// [control_store_that_ignores_the_expected_checkpoint_forks].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn nodes_sign_one_chain_in_jetstream() {
    let cluster = NatsCluster::start(3).await;
    sign_one_chain(&LogSettings::of_jetstream(&cluster)).await;
}

/// Promise (proof): A node that has another key than the nodes that sign, or none, signs nothing
/// and says so; it serves all the same.
/// Fault: Nodes over JetStream with another key, and without one.
/// Control: With the file of the first node they publish what it has signed.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn node_with_another_key_says_so_in_jetstream() {
    let cluster = NatsCluster::start(1).await;
    refuse_other_keys(&LogSettings::of_jetstream(&cluster)).await;
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_keeps_one_note() {
    let cluster = NatsCluster::start(3).await;
    let (one, two) = (settings(&cluster), settings(&cluster));
    keep_one_note([connect(one).await, connect(two).await]).await;
}
