//! Nodes of one shared log over the engine in memory.

use crate::contract::{append, stream};
use cartlog::background::Background;
use cartlog::log::shared::{SharedLog, SharedLogSettings};
use cartlog::log::{EventLog, Head, LogReader, LogWriter};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::shared_memory::SharedMemory;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// A log with any number of nodes, each with a replica in one folder.
pub struct Shop {
    pub engine: SharedMemory,
    pub folder: TempDir,
}

pub struct Node {
    pub log: Arc<SharedLog>,
    pub worker: Background,
}

impl Shop {
    pub fn new() -> Shop {
        Shop {
            engine: SharedMemory::default(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A log in an engine that gives no rolling hash, and writes barriers.
    pub fn of_broker() -> Shop {
        let shop = Shop::new();
        shop.engine.behave(|engine| engine.is_broker = true);
        shop
    }

    pub fn replica(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn settings(&self, name: &str) -> SharedLogSettings {
        SharedLogSettings {
            settle_within: Duration::from_millis(600),
            ..SharedLogSettings::at(self.replica(name))
        }
    }

    /// A node that may still be filling its replica.
    pub fn open(&self, name: &str) -> Node {
        let opened = self.engine.open_with(&self.settings(name));
        let (log, worker) = opened.expect("an open log");
        Node { log, worker }
    }

    pub async fn filled(&self, name: &str) -> Node {
        let node = self.open(name);
        node.log
            .wait_until_filled()
            .await
            .expect("a filled replica");
        node
    }

    pub fn refusal(&self, name: &str) -> String {
        let opened = self.engine.open_with(&self.settings(name));
        opened.map(|_| ()).expect_err("a refusal").to_string()
    }
}

impl Node {
    pub async fn close(mut self) {
        self.log.close();
        let ended = timeout(PATIENCE, self.worker.ended()).await;
        ended.expect("an end in time").expect("a good end");
        self.worker.join();
    }

    /// Why the node's thread has ended by itself.
    pub async fn failure(mut self) -> String {
        let ended = timeout(PATIENCE, self.worker.ended()).await;
        let failure = ended.expect("an end in time").expect_err("a failure");
        self.worker.join();
        failure.to_string()
    }

    /// Waits until the node says that it has stopped, and why.
    pub async fn stopped(&self) -> String {
        let stopped = async {
            loop {
                let status = self.log.replica().expect("a replica");
                if let Some(trouble) = status.trouble {
                    return trouble;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, stopped).await.expect("a stop in time")
    }
}

/// Appends `count` commits of one event to as many streams.
pub async fn fill(log: &dyn EventLog, count: u128) {
    for number in 1..=count {
        append(log, stream(number), Head::START, 1).await;
    }
}
