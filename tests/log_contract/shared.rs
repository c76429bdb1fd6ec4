//! A log that nodes share, over the engine in memory: on one node, and on two that take turns.

use crate::contract::{Engine, Opened, dense, every_promise};
use async_trait::async_trait;
use cartlog::background::Background;
use cartlog::log::shared::SharedLog;
use cartlog::log::{
    AppendError, Appended, Checkpoint, Commit, Freshness, LogReader, LogWriter, Position,
    ReadError, RecordedEvent, Version,
};
use cartlog_testkit::shared_memory::SharedMemory;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// The only node of a shared log.
struct OneNode {
    engine: SharedMemory,
    folder: TempDir,
}

fn one_node() -> OneNode {
    OneNode {
        engine: SharedMemory::default(),
        folder: tempfile::tempdir().expect("a folder"),
    }
}

/// The only node of a log in an engine that gives no rolling hash, and writes barriers.
fn one_node_of_broker() -> OneNode {
    let node = one_node();
    node.engine.behave(|engine| engine.is_broker = true);
    node
}

impl Engine for OneNode {
    fn open(&self) -> Result<Opened, String> {
        open(&self.engine, &self.folder, "replica.db").map(|(log, ended)| Opened {
            close: Box::new({
                let log = log.clone();
                move || log.close()
            }),
            log,
            ended,
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(one_node())
    }
}

pub type Ended = futures_util::future::BoxFuture<'static, Result<(), String>>;

/// A node whose replica is filled.
fn open(
    engine: &SharedMemory,
    folder: &TempDir,
    replica: &str,
) -> Result<(Arc<SharedLog>, Ended), String> {
    let opened = engine.open(&folder.path().join(replica));
    filled(opened.map_err(|error| error.to_string())?)
}

/// The open node once its replica is filled.
pub fn filled(
    (log, mut worker): (Arc<SharedLog>, Background),
) -> Result<(Arc<SharedLog>, Ended), String> {
    let filling = log.clone();
    // On a thread of its own: this one is inside of a runtime.
    std::thread::scope(|scope| {
        let filled = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            runtime.block_on(filling.wait_until_filled())
        });
        filled.join().expect("no panic")
    })
    .map_err(|error| error.to_string())?;
    let ended = Box::pin(async move {
        let ended = worker.ended().await.map_err(|error| error.to_string());
        worker.join();
        ended
    });
    Ok((log, ended))
}

/// Two nodes of one log. Calls go to them in turns, so that each promise is kept across nodes.
struct TwoNodes {
    engine: SharedMemory,
    folder: TempDir,
}

fn two_nodes() -> TwoNodes {
    TwoNodes {
        engine: SharedMemory::default(),
        folder: tempfile::tempdir().expect("a folder"),
    }
}

fn two_nodes_of_broker() -> TwoNodes {
    let nodes = two_nodes();
    nodes.engine.behave(|engine| engine.is_broker = true);
    nodes
}

impl Engine for TwoNodes {
    fn open(&self) -> Result<Opened, String> {
        let (one, one_ended) = open(&self.engine, &self.folder, "one.db")?;
        let (other, other_ended) = open(&self.engine, &self.folder, "other.db")?;
        let log = Arc::new(Alternating {
            nodes: [one, other],
            calls: AtomicUsize::new(0),
        });
        Ok(Opened {
            close: Box::new({
                let log = log.clone();
                move || log.close()
            }),
            log,
            ended: Box::pin(async {
                one_ended.await?;
                other_ended.await
            }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(two_nodes())
    }
}

struct Alternating {
    nodes: [Arc<SharedLog>; 2],
    calls: AtomicUsize,
}

impl Alternating {
    fn next(&self) -> &SharedLog {
        &self.nodes[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl LogWriter for Alternating {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.next().append(commit).await
    }

    fn close(&self) {
        for node in &self.nodes {
            node.close();
        }
    }
}

#[async_trait]
impl LogReader for Alternating {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let node = self.next();
        node.read_stream(stream, after, limit, freshness).await
    }

    /// A node shows what another one has acknowledged once it has caught up.
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let node = self.next();
        node.barrier().await?;
        node.read_all(after, limit).await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.next().barrier().await
    }

    async fn contains(&self, checkpoint: &Checkpoint) -> Result<bool, ReadError> {
        self.next().contains(checkpoint).await
    }

    fn identity(&self) -> Uuid {
        self.next().identity()
    }

    /// Both nodes are woken; the test waits on one of them.
    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.nodes[0].wake_ups()
    }
}

mod one {
    use super::*;
    every_promise!(one_node());
    dense!(one_node());
}

mod two {
    use super::*;
    every_promise!(two_nodes());
    dense!(two_nodes());
}

mod one_of_broker {
    use super::*;
    every_promise!(one_node_of_broker());
    dense!(one_node_of_broker());
}

mod two_of_broker {
    use super::*;
    every_promise!(two_nodes_of_broker());
    dense!(two_nodes_of_broker());
}
