//! How soon a signed checkpoint follows an event on a log that two nodes share:
//! `cargo bench --bench service -- checkpoints`. One node gets the command, the other one is asked
//! for the proof. Servers, nodes and load are on one machine.

use super::proof;
use super::served::Served;
use cartlog::proof::SigningKey;
use cartlog_testkit::nats::{self, NatsCluster};
use cartlog_testkit::postgres::{Cluster, Replication};

pub fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    {
        let cluster = Cluster::start_with(Replication::Quorum, &["fsync = on"]);
        let cluster = runtime.block_on(cluster);
        println!("PostgreSQL with two standbys:");
        let url = cluster.url();
        measure(&[
            ("CARTLOG_LOG__ENGINE", "postgres"),
            ("CARTLOG_LOG__POSTGRES__URL", &url),
        ]);
    }
    let cluster = runtime.block_on(NatsCluster::start(3));
    println!("three NATS servers:");
    let urls = format!("{:?}", cluster.urls());
    measure(&[
        ("CARTLOG_LOG__ENGINE", "jetstream"),
        ("CARTLOG_LOG__JETSTREAM__SERVERS", &urls),
        ("CARTLOG_LOG__JETSTREAM__REPLICAS", "3"),
        ("CARTLOG_LOG__JETSTREAM__USER", "cartlog"),
        ("CARTLOG_LOG__JETSTREAM__PASSWORD", nats::PASSWORD),
    ]);
}

fn measure(log: &[(&str, &str)]) {
    let key = SigningKey::new("shop.example/log", [23; 32]).to_text();
    let secret = "5ec2e75e".repeat(8);
    let own = [
        ("CARTLOG_PROOF__KEY", key.trim()),
        ("CARTLOG_SECURITY__SECRET", &secret),
    ];
    let settings = [log, &own].concat();
    let nodes = [Served::cartlog(&settings), Served::cartlog(&settings)];
    proof::checkpoints(&nodes[0], &nodes[1]);
}
