//! The file of the views is damaged under the running service.

use crate::disk::{begun, beside, stopped};
use crate::plan::Plan;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::{
    CommandRecord, assert_views_catch_up, http_client, opening_key, readiness,
};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rusqlite::Connection;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Questions that the views answer, each by other tables.
const QUESTIONS: [&str; 4] = [
    "insights/products",
    "insights/funnel",
    "insights/activity",
    "events?limit=50",
];

/// The answer to a `GET`: the status, whether it names a time to try again, and the document.
async fn ask(address: SocketAddr, path: &str, token: &str) -> (u16, bool, Value) {
    let url = format!("http://{address}/api/{path}");
    let answer = http_client()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let again = answer.headers().contains_key("retry-after");
    let mut document: Value = answer.json().await.unwrap();
    // The lag depends on the time of the request.
    if let Some(funnel) = document.as_object_mut() {
        funnel.remove("idle_since");
    }
    (status, again, document)
}

/// A token and a path for each cart of `record`.
fn carts(record: &CommandRecord) -> Vec<(String, String)> {
    let opened = record
        .acknowledged
        .iter()
        .map(|(_, answered)| &answered.body);
    opened
        .filter_map(|body| {
            let token = body["token"].as_str()?.to_owned();
            Some((format!("carts/{}", body["id"].as_str()?), token))
        })
        .collect()
}

/// All requests, with their responses.
pub struct Asked {
    questions: Vec<(String, String, Value)>,
    carts: Vec<(String, String, Value)>,
}

impl Asked {
    pub async fn of(address: SocketAddr, record: &CommandRecord) -> Asked {
        let mut asked = Asked {
            questions: Vec::new(),
            carts: Vec::new(),
        };
        for path in QUESTIONS {
            let (status, _, document) = ask(address, path, "").await;
            assert_eq!(status, 200, "{path}: {document}");
            let question = (path.to_owned(), String::new(), document);
            asked.questions.push(question);
        }
        for (path, token) in carts(record) {
            let (status, _, document) = ask(address, &path, &token).await;
            assert_eq!(status, 200, "{path}: {document}");
            asked.carts.push((path, token, document));
        }
        asked
    }

    /// Asserts that every cart is served as before, and that each other response is as before or
    /// 503 `view-unavailable`. Returns whether all were served.
    pub async fn hold(&self, address: SocketAddr) -> bool {
        let mut all = true;
        for (path, token, before) in &self.carts {
            let (status, _, now) = ask(address, path, token).await;
            assert_eq!((status, &now), (200, before), "{path}");
        }
        for (path, token, before) in &self.questions {
            let (status, again, now) = ask(address, path, token).await;
            if status == 503 {
                assert_eq!(now["type"], "/problems/view-unavailable", "{path}: {now}");
                assert!(again, "{path}: when to try again");
                all = false;
            } else {
                assert_eq!(&now, before, "{path}");
            }
        }
        all
    }
}

/// A service whose views are complete in their file, and the responses of an earlier process. This
/// process has served no request yet: its readers have no page of the file in their cache.
async fn at_rest(folder: &Path, plan: &Plan) -> (ServiceProcess, CommandRecord, Asked) {
    let (program, record) = begun(folder, plan, 0).await;
    assert_views_catch_up(&record, program.address).await;
    let asked = Asked::of(program.address, &record).await;
    stopped(program).await;
    checkpoint(&folder.join("data/views.db"));
    (ServiceProcess::serve(folder), record, asked)
}

/// Moves what the write-ahead log has into the file at `path`. A service that ends does so, too,
/// unless one of its readers is still open.
fn checkpoint(path: &Path) {
    let tables = Connection::open(path).unwrap();
    let is_busy: bool = tables
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert!(!is_busy);
    tables.close().unwrap();
}

/// How soon damage is noticed: within a second, with some time for a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// Damages the views of a running service by `damage`, which is given their path. Expects that the
/// service notices it, that `/readyz` names one of `reasons`, that nothing is served from the
/// damaged file from then on, and that the service rebuilds the views.
async fn are_rebuilt(reasons: &[&str], damage: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let (program, record, asked) = at_rest(folder.path(), &Plan::new()).await;
    let address = program.address;
    let views = folder.path().join("data/views.db");

    // A folder in place of the link keeps rebuilt views from serving.
    let obstacle = beside(&views, ".link");
    fs::create_dir(&obstacle).unwrap();
    damage(&views);
    let damaged = Instant::now();
    let why = loop {
        // SQLite notices some damage only when the tables are read.
        for path in QUESTIONS {
            ask(address, path, "").await;
        }
        let (status, report) = readiness(address).await;
        if status == 503 {
            break report["checks"]["views"].as_str().unwrap().to_owned();
        }
        assert!(damaged.elapsed() < NOTICED_WITHIN, "{report}");
    };
    assert!(reasons.iter().any(|it| why.contains(it)), "{why}");
    assert!(!asked.hold(address).await);

    fs::remove_dir(&obstacle).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !asked.hold(address).await {
        assert!(Instant::now() < deadline, "{:?}", readiness(address).await);
    }
    let (status, report) = readiness(address).await;
    assert_eq!(status, 200, "{report}");
    // Commands reach the new views.
    let (sent, _) = &record.acknowledged[0];
    let mut another = sent.clone();
    another.key = opening_key("after-the-damage");
    let answered = another.send(&http_client(), address).await.unwrap();
    assert!(answered.is_ok(), "{answered:?}");
    let mut after = CommandRecord::default();
    after.acknowledged.push((another, answered));
    assert_views_catch_up(&after, address).await;
}

/// Writes `bytes` into the file at `path` as if by accident.
fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Flips one bit of an amount in each cart's row.
fn flip_digits(path: &Path) {
    // Checked on a copy, so that SQLite does not open the file itself.
    let copy = beside(path, ".copy");
    fs::copy(path, &copy).unwrap();
    let rows: Vec<String> = {
        let copy = Connection::open(&copy).unwrap();
        let mut rows = copy.prepare("SELECT document FROM carts").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    fs::remove_file(copy).unwrap();
    assert!(!rows.is_empty());
    let content = fs::read(path).unwrap();
    let mut flipped = content.clone();
    for row in rows {
        let amount = row.find("\"total\":").expect("a total") + "\"total\":".len();
        assert!(row.as_bytes()[amount].is_ascii_digit(), "{row}");
        // A page may also contain an old copy of the row, which is never read.
        let places = content.windows(row.len()).enumerate();
        for (place, _) in places.filter(|(_, it)| *it == row.as_bytes()) {
            flipped[place + amount] ^= 1;
        }
    }
    assert!(flipped != content);
    overwrite(path, 0, &flipped);
}

fn cut(path: &Path, kept: impl Fn(u64) -> u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(kept(file.metadata().unwrap().len())).unwrap();
}

/// Promise (views): Truncated, deleted, replaced or malformed views serve nothing after a second:
/// carts come from the log, other queries are 503 `view-unavailable`, and the views are rebuilt.
/// Fault: The file is truncated.
/// Control: Untouched views stay the same file: [control_untouched_views_stay_the_same_file].
/// Contract (service): `/readyz` says what is not ready: the log, the views, a shutdown.
#[tokio::test]
async fn truncated_views_are_rebuilt() {
    // SQLite may find pages missing before the updater finds the file shorter.
    let reasons = ["bytes instead of", "malformed"];
    are_rebuilt(&reasons, |views| cut(views, |length| length / 2)).await;
}

/// Promise (views): Truncated, deleted, replaced or malformed views serve nothing after a second:
/// carts come from the log, other queries are 503 `view-unavailable`, and the views are rebuilt.
/// Fault: It is emptied.
#[tokio::test]
async fn emptied_views_are_rebuilt() {
    let reasons = ["0 bytes instead of", "malformed"];
    are_rebuilt(&reasons, |views| cut(views, |_| 0)).await;
}

/// Promise (views): A bit that flips inside a row is found by `cartlog verify` and
/// `POST /api/verify` alone, and a rebuild repairs it.
/// Fault: One bit of the amount in every cart's row is flipped.
/// Control: SQLite serves the flipped amount: [control_sqlite_misses_a_flipped_digit].
/// Control: Untouched views are found to be sound.
#[tokio::test]
async fn flipped_digit_is_found_by_verify_and_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let (program, _, asked) = at_rest(folder.path(), &Plan::new()).await;
    let address = program.address;
    assert_eq!(run(address, "verify").await["state"], "sound");

    flip_digits(&folder.path().join("data/views.db"));
    let found = run(address, "verify").await;
    assert_eq!(found["state"], "findings", "{found}");
    assert_eq!(found["findings_total"], asked.carts.len(), "{found}");
    assert_eq!(found["findings"][0]["kind"], "row_different", "{found}");
    let mut by_command = command(folder.path(), &["verify"]);
    by_command.env("CARTLOG_SERVER__BIND", address.to_string());
    assert_eq!(run_to_exit(by_command).status.code(), Some(1));

    let rebuilt = run(address, "views/rebuild").await;
    assert_eq!(rebuilt["state"], "swapped", "{rebuilt}");
    assert_eq!(rebuilt["rows_differing"], asked.carts.len(), "{rebuilt}");
    assert!(asked.hold(address).await);
    assert_eq!(run(address, "verify").await["state"], "sound");
}

/// Starts what is at `path`, a verification or a rebuild, and returns its outcome.
async fn run(address: SocketAddr, path: &str) -> Value {
    let url = format!("http://{address}/api/{path}");
    let started = http_client().post(url).send().await.unwrap();
    assert_eq!(started.status(), 202);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, _, status) = ask(address, path, "").await;
        if status["state"] != "running" {
            return status;
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Which file the views are in.
pub fn file_of(views: &Path) -> u64 {
    fs::metadata(views).map_or(0, |metadata| metadata.ino())
}

#[tokio::test]
async fn control_untouched_views_stay_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let (program, _, asked) = at_rest(folder.path(), &Plan::new()).await;
    let views = folder.path().join("data/views.db");
    let before = file_of(&views);
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert!(asked.hold(program.address).await);
        assert_eq!(readiness(program.address).await.0, 200);
    }
    assert_eq!(file_of(&views), before);
}

/// Promise (views): Truncated, deleted, replaced or malformed views serve nothing after a second:
/// carts come from the log, other queries are 503 `view-unavailable`, and the views are rebuilt.
/// Fault: Half of its pages are overwritten.
#[tokio::test]
async fn overwritten_views_are_rebuilt() {
    are_rebuilt(&["malformed"], |views| {
        let length = fs::metadata(views).unwrap().len();
        let zeros = vec![0; usize::try_from(length / 2).unwrap()];
        overwrite(views, 4_096, &zeros);
    })
    .await;
}

/// Promise (views): Truncated, deleted, replaced or malformed views serve nothing after a second:
/// carts come from the log, other queries are 503 `view-unavailable`, and the views are rebuilt.
/// Fault: It is deleted.
#[tokio::test]
async fn deleted_views_are_rebuilt() {
    are_rebuilt(&["missing"], |views| fs::remove_file(views).unwrap()).await;
    are_rebuilt(&["missing"], |views| {
        for suffix in ["", "-wal", "-shm"] {
            let file = beside(views, suffix);
            if file.exists() {
                fs::remove_file(file).unwrap();
            }
        }
    })
    .await;
}

/// Promise (views): Truncated, deleted, replaced or malformed views serve nothing after a second:
/// carts come from the log, other queries are 503 `view-unavailable`, and the views are rebuilt.
/// Fault: It is replaced by one of another version.
#[tokio::test]
async fn replaced_views_are_rebuilt() {
    are_rebuilt(&["another file"], |views| {
        let other = beside(views, ".other");
        fs::copy(views, &other).unwrap();
        let older = Connection::open(&other).unwrap();
        older
            .execute_batch("UPDATE definitions SET definition = 99; DELETE FROM products")
            .unwrap();
        older.close().unwrap();
        fs::rename(other, views).unwrap();
    })
    .await;
}

#[tokio::test]
async fn control_sqlite_misses_a_flipped_digit() {
    let folder = tempfile::tempdir().unwrap();
    let (program, _) = begun(folder.path(), &Plan::new(), 0).await;
    stopped(program).await;
    let views = folder.path().join("data/views.db");
    let documents = || -> Vec<String> {
        let file = Connection::open(&views).unwrap();
        let checked: String = file
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(checked, "ok");
        let mut rows = file
            .prepare("SELECT document FROM carts ORDER BY id")
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let before = documents();
    flip_digits(&views);
    assert_ne!(documents(), before);
}
