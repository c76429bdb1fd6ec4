//! The power of all servers goes at the same moment: what none of them has synced is gone.

use super::{connect, settings};
use crate::adapter::{Writer, lost, stream, whole_tail};
use crate::failover::Load;
use cartlog::log::shared::Sequencer;
use cartlog_testkit::disk::Disk;
use cartlog_testkit::nats::{NatsCluster, NatsOptions, NatsServer, Sync};
use std::sync::Arc;
use tempfile::TempDir;

/// Servers whose files lie on disks of their own.
struct Machines {
    cluster: NatsCluster,
    disks: Vec<Disk>,
    /// Removed after the disks are unmounted.
    _folders: Vec<TempDir>,
}

impl Machines {
    async fn start(sync: Sync) -> Machines {
        let folders = [0, 1, 2].map(|_| tempfile::tempdir().expect("a folder"));
        let disks = folders.each_ref().map(|folder| Disk::make(folder.path()));
        let stores = disks.iter().map(|disk| disk.folder.join("store"));
        let options = NatsOptions {
            sync,
            stores: stores.collect(),
            ..NatsOptions::default()
        };
        Machines {
            cluster: NatsCluster::start_with(3, options).await,
            disks: disks.into(),
            _folders: folders.into(),
        }
    }

    /// Cuts the power and switches it on again.
    fn lose_power(&mut self) {
        // Processors and disks at once: no server answers anything once the disks are gone.
        self.cluster.servers.iter().for_each(NatsServer::freeze);
        self.disks.iter().for_each(Disk::cut);
        self.cluster.servers.iter_mut().for_each(NatsServer::kill);
        self.disks.iter().for_each(Disk::power_on);
        self.cluster.servers.iter_mut().for_each(NatsServer::start);
    }
}

/// Promise (cluster): JetStream with `sync_interval: always` loses no acknowledged commit when the
/// power of all servers goes at once, and nodes go on by themselves.
/// Fault: The file systems of three servers are shut down without a flush under the load of two
/// nodes, three times.
/// Control: With the default it loses: [control_default_sync_interval_loses_on_power_loss].
#[tokio::test]
#[ignore = "needs a NATS server, and root to mount ext4 file systems and to shut them down"]
async fn jetstream_commits_survive_power_loss() {
    let mut machines = Machines::start(Sync::Always).await;
    let nodes = [
        connect(settings(&machines.cluster)).await,
        connect(settings(&machines.cluster)).await,
    ];
    let load = Load::start(&nodes, 1);
    for commits in [60, 150, 20] {
        load.go_on(commits).await;
        machines.lose_power();
        // More than can be acknowledged and not yet read.
        let paused = load.go_on(4).await;
        println!("acknowledgements paused for {paused:?} after the power was back");
    }
    let writers = load.stop().await;
    let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
    println!("{acknowledged} commits acknowledged, 3 cuts");
    for node in &nodes {
        let log = whole_tail(&**node).await;
        for writer in &writers {
            assert_eq!(lost(&writer.acknowledged, &log), 0);
        }
        let written = log.iter().filter(|commit| !commit.events.is_empty());
        assert_eq!(written.count(), acknowledged, "each is there once");
    }
}

#[tokio::test]
#[ignore = "needs a NATS server, and root to mount ext4 file systems and to shut them down"]
async fn control_default_sync_interval_loses_on_power_loss() {
    let mut machines = Machines::start(Sync::Default).await;
    let mut writer = Writer::on(stream(1));
    {
        let log = connect(settings(&machines.cluster)).await;
        for _ in 0..100 {
            writer.append(&*log).await;
        }
    }
    machines.lose_power();
    // With the stream, or as much of it as is left.
    let log = whole_tail(&*connect_again(&machines.cluster).await).await;
    let lost = lost(&writer.acknowledged, &log);
    println!("{lost} of 100 acknowledged commits are lost");
    assert!(lost > 0, "the control must lose");
}

/// Connects once the servers have started.
async fn connect_again(cluster: &NatsCluster) -> Arc<dyn Sequencer> {
    drop(cluster.client(None).await);
    connect(settings(cluster)).await
}
