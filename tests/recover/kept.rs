//! The views of a shop, kept up to date as in the service, and the rows in their file.

use cartlog::log::LogReader;
use cartlog::read_side::ReadSide;
use cartlog::views::{RebuildState, RebuildStatus};
use cartlog_testkit::shop::{Shop, Shoppers};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// After this long a test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running read side.
pub struct Kept {
    pub read_side: ReadSide,
    stop: watch::Sender<bool>,
}

impl Kept {
    pub async fn of(shop: &Shop) -> Kept {
        let (stop, stopping) = watch::channel(false);
        let path = shop.views_path();
        let read_side = ReadSide::open(&path, 1 << 20, shop.log.clone(), &stopping);
        Kept {
            read_side: read_side.await.expect("a read side"),
            stop,
        }
    }

    /// Waits until the views have all that is in the log now and no rebuild runs.
    pub async fn current(&mut self, shop: &Shop) {
        let end = shop.log.barrier().await.expect("a barrier");
        let current = self
            .read_side
            .read_handle
            .progress
            .wait_for(|progress| progress.position >= end);
        let current = tokio::time::timeout(PATIENCE, current).await;
        current.expect("in time").expect("an updater");
        self.rebuilt().await;
    }

    /// Rebuilds the views and returns the outcome.
    pub async fn rebuild(&self) -> RebuildStatus {
        self.read_side.rebuilds.start().expect("none is running");
        self.rebuilt().await
    }

    /// Waits for the running rebuild and returns the outcome.
    pub async fn rebuilt(&self) -> RebuildStatus {
        let mut status = self.read_side.rebuilds.watch();
        let ended = status.wait_for(|status| status.state != RebuildState::Running);
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.expect("in time").expect("rebuilds").clone()
    }

    /// Stops, and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || self.read_side.join());
        joined.await.expect("it stops");
    }
}

/// A shop that has done some business.
pub async fn busy_shop(seed: u64, steps: usize) -> (Shop, Shoppers) {
    let shop = Shop::open();
    let mut shoppers = Shoppers::new(seed, 12, 30);
    shop.sell(&mut shoppers, steps).await;
    (shop, shoppers)
}

/// Every row of every view in the file at `path`, each as the table's name and its values.
pub fn rows(path: &Path) -> Vec<(String, Vec<Value>)> {
    let file = Connection::open(path).expect("the views");
    let mut rows = Vec::new();
    let tables = [
        "carts ORDER BY id",
        "journal_terms ORDER BY term, block",
        "journal_blocks ORDER BY block",
        "journal_names ORDER BY term, name",
        "journeys ORDER BY opened_at, cart",
        "products ORDER BY sku, currency",
        "baskets ORDER BY position",
        "activity ORDER BY minute, type",
        "tree_tiles ORDER BY level, tile",
    ];
    for table in tables {
        let mut statement = file.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let read = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.extend(read.unwrap().map(|row| (table.to_owned(), row.unwrap())));
    }
    rows
}

/// Changes the views by hand.
pub fn vandalise(path: &Path, sql: &str) {
    let file = Connection::open(path).expect("the views");
    file.busy_timeout(PATIENCE).unwrap();
    file.execute_batch(sql).unwrap();
}
