//! What operating a shared log takes: import, export, backup, verification, and the secret that the
//! nodes share.

use crate::contract::read_everything;
use crate::shared_shop::Shop;
use cartlog::history::CommitMetadata;
use cartlog::log::{
    self, BackupError, Commit, EventLog, Head, LogConfig, NewEvent, Position, RecordedEvent,
};
use cartlog::secret::{Secret, SecretError, SecretSource};
use cartlog::timestamp::Timestamp;
use cartlog::transfer::{ClosingLine, export, import};
use cartlog::verify::{VerifyState, VerifyStatus, VerifyTarget, verify};
use rusqlite::Connection;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

const OPENED: &str = include_str!("../golden/events/CartOpened.v2.json");

impl Shop {
    fn config(&self, replica: &str) -> LogConfig {
        LogConfig::Shared(Arc::new(self.engine.clone()), self.settings(replica))
    }
}

/// Opens `count` carts.
async fn open_carts(log: &dyn EventLog, count: usize) {
    for _ in 0..count {
        let metadata = CommitMetadata::new("open_cart", Uuid::now_v7(), "shopper").to_json();
        let opened = NewEvent {
            name: "CartOpened".into(),
            schema: 2,
            data: OPENED.trim_end().to_owned(),
        };
        let now = Timestamp::now();
        let commit = Commit::new(Uuid::now_v7(), Head::START, now, metadata, vec![opened]);
        log.append(commit).await.expect("an append");
    }
}

/// Runs `work` as a subcommand does: outside of a runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

async fn exported(config: LogConfig) -> Vec<u8> {
    let log = blocking(move || log::open_read_only(&config).expect("the log")).await;
    let mut lines = Vec::new();
    let exported = export(&*log, &mut lines, &mut |_, _| {}).await;
    exported.expect("an export");
    lines
}

/// The closing line names the log, and another log has another id.
fn without_closing_line(export: &[u8]) -> &[u8] {
    let lines = export.trim_ascii_end();
    let end = lines.iter().rposition(|byte| *byte == b'\n');
    &lines[..end.expect("several lines")]
}

async fn imported(lines: Vec<u8>, config: LogConfig) -> Result<u64, String> {
    blocking(move || {
        import(
            &mut lines.as_slice(),
            ClosingLine::Required,
            &config,
            &mut |_| {},
        )
        .map(|imported| imported.events)
        .map_err(|error| error.to_string())
    })
    .await
}

async fn events_of(config: LogConfig) -> Vec<RecordedEvent> {
    let log = blocking(move || log::open_read_only(&config).expect("the log")).await;
    log.read_all(Position(0), 100_000).await.expect("events")
}

/// Promise (cluster): A log moves into a shared log and back with the same positions and hashes,
/// or nothing of it is imported.
/// Fault: Export from one engine and import into another
/// Control: A log with events refuses the import.
#[tokio::test]
async fn log_moves_into_a_shared_log_and_back() {
    let shop = Shop::new();
    let embedded = LogConfig::in_folder(shop.folder.path());
    let opened = log::open(&embedded).expect("a log");
    open_carts(&*opened.log, 300).await;
    let events = read_everything(&*opened.log).await;
    opened.log.close();
    opened.worker.join();
    let lines = exported(embedded).await;
    let shared = shop.config("one.db");
    assert_eq!(imported(lines.clone(), shared.clone()).await, Ok(300));
    assert_eq!(events_of(shared.clone()).await, events);
    let refused = imported(lines.clone(), shared.clone()).await.unwrap_err();
    assert!(refused.contains("300 events"), "{refused}");
    // From another node, whose replica is filled for that.
    let back = exported(shop.config("other.db")).await;
    assert!(without_closing_line(&back) == without_closing_line(&lines));
    let folder = tempfile::tempdir().expect("a folder");
    let again = LogConfig::in_folder(folder.path());
    assert_eq!(imported(back, again.clone()).await, Ok(300));
    assert_eq!(events_of(again).await, events);
}

/// Promise (cluster): A log moves into a shared log and back with the same positions and hashes,
/// or nothing of it is imported.
/// Fault: The export has lost its end.
#[tokio::test]
async fn unsound_import_appends_nothing_to_a_shared_log() {
    let shop = Shop::new();
    let other = Shop::new();
    let node = other.filled("one.db").await;
    open_carts(&*node.log, 20).await;
    node.close().await;
    let mut lines = exported(other.config("one.db")).await;
    let closing = lines
        .iter()
        .rposition(|byte| *byte == b'{')
        .expect("a closing line");
    lines.truncate(closing - 40);
    let refused = imported(lines, shop.config("one.db")).await.unwrap_err();
    assert!(refused.contains("nothing was imported"), "{refused}");
    assert_eq!(shop.engine.len(), 0);
}

/// Beside the node that has the replica open, and without one.
#[tokio::test]
async fn backup_of_a_shared_log_is_complete() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    open_carts(&*node.log, 30).await;
    let events = read_everything(&*node.log).await;
    for (replica, copy) in [("one.db", "a.db"), ("other.db", "b.db")] {
        let (config, target) = (shop.config(replica), shop.replica(copy));
        let backed_up = blocking(move || {
            let administration = log::administration(&config);
            let progress = &mut |_, _| ControlFlow::Continue(());
            let head = administration.back_up(&target, progress)?;
            let copy = administration.copy(progress)?;
            // What a client downloads is the same.
            assert_eq!(copy.head, head);
            assert_eq!(copy.bytes, target.metadata().expect("the backup").len());
            let stopped = administration.copy(&mut |_, _| ControlFlow::Break(()));
            assert!(matches!(stopped, Err(BackupError::Stopped)));
            Ok::<_, BackupError>(())
        });
        backed_up.await.expect("a backup");
        let file = Connection::open(shop.replica(copy)).expect("the backup");
        let copied: u64 = file
            .query_row("SELECT count(*) FROM log", [], |row| row.get(0))
            .expect("its events");
        assert_eq!(copied, events.len() as u64);
    }
    node.close().await;
}

async fn verified(shop: &Shop, replica: &str) -> VerifyStatus {
    let target = VerifyTarget {
        log: shop.config(replica),
        views: shop.replica("views.db"),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
    };
    blocking(move || {
        let status = watch::Sender::default();
        let (_stop, stopping) = watch::channel(false);
        verify(&target, &status, &stopping);
        status.borrow().clone()
    })
    .await
}

/// Promise (cluster): Verification on a node finds where the engine and its replica differ.
/// Fault: A commit is altered in the engine, or removed from it.
/// Control: Before it the verification finds nothing.
#[tokio::test]
async fn verification_compares_the_replica_with_the_engine() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    open_carts(&*node.log, 30).await;
    let status = verified(&shop, "one.db").await;
    assert_eq!(status.state, VerifyState::Sound, "{status:#?}");
    node.close().await;
    shop.engine.alter(7, |event| event.schema = 3);
    let status = verified(&shop, "one.db").await;
    assert_eq!(status.findings_total, 1, "{status:#?}");
    assert_eq!(status.findings[0].position, Some(Position(7)));
    assert!(
        status.findings[0]
            .detail
            .contains("the engine has version 1")
    );
    shop.engine.remove(9);
    let status = verified(&shop, "one.db").await;
    let gap = status.findings.last().expect("a finding");
    assert!(
        gap.detail.contains("sequence 10 in place of 9"),
        "{status:#?}"
    );
}

async fn secret_of(shop: &Shop, replica: &str, digits: char) -> Result<Secret, SecretError> {
    let node = shop.filled(replica).await;
    let config = shop.config(replica);
    let administration = blocking(move || log::administration(&config)).await;
    let source = SecretSource::Setting(digits.to_string().repeat(64).parse().expect("a secret"));
    let secret = Secret::of(&*node.log, &*administration, &source).await;
    node.close().await;
    secret
}

/// Promise (cluster): A node with another secret than that of the log is refused, with a reason
/// that does not show it.
/// Fault: The third node has another secret.
/// Control: Two nodes with the same secret start.
#[tokio::test]
async fn node_with_another_secret_is_refused() {
    let shop = Shop::new();
    assert!(secret_of(&shop, "one.db", 'a').await.is_ok());
    assert!(secret_of(&shop, "other.db", 'a').await.is_ok());
    let refused = secret_of(&shop, "third.db", 'b').await;
    let refused = refused.map(|_| ()).unwrap_err().to_string();
    assert!(
        refused.contains("security.secret must be the one"),
        "{refused}"
    );
    assert!(!refused.contains(&"b".repeat(64)) && !refused.contains('\n'));
    // A replica that leaves the shared log needs the same secret.
    assert_eq!(
        digest(&shop.replica("other.db")),
        digest(&shop.replica("one.db"))
    );
}

fn digest(replica: &Path) -> Option<[u8; 32]> {
    let file = Connection::open(replica).expect("a replica");
    let digest = file.query_row("SELECT secret_digest FROM identity", [], |row| row.get(0));
    digest.expect("a row")
}
