//! The files of the views are damaged under the running service, which rebuilds them by itself.

use crate::disk::{begun, beside, stopped};
use crate::plan::Plan;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::{CommandRecord, assert_views_catch_up, http_client, readiness};
use cartlog_testkit::process::ServiceProcess;
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
    // That depends on the time of the request.
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

/// Everything that is asked, with its answer.
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

    /// Every cart is answered as before, and every other question as before or not at all. The
    /// carts are asked for first: the very question that notices is not answered from what is
    /// damaged. Says whether all were answered.
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

/// A service whose views are whole in their file, and what one before it was asked. Of this one
/// nothing was asked: no page of the file is remembered for its readers.
async fn at_rest(folder: &Path, plan: &Plan) -> (ServiceProcess, CommandRecord, Asked) {
    let (program, record) = begun(folder, plan, 0).await;
    assert_views_catch_up(&record, program.address).await;
    let asked = Asked::of(program.address, &record).await;
    // At the end of a process everything is moved from the write-ahead log into the file.
    stopped(program).await;
    (ServiceProcess::serve(folder), record, asked)
}

/// Damages the views of a running service by `damage`, which is given their file, and expects
/// answers that are right or none, the `reason` at `/readyz`, and the answers of before once the
/// service has rebuilt the views.
async fn mends_itself(reason: &str, damage: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let (program, record, asked) = at_rest(folder.path(), &Plan::new()).await;
    let address = program.address;
    let views = folder.path().join("data/views.db");

    // Where the link would be made there is a folder, so that no new views can come to serve yet.
    let obstacle = beside(&views, ".link");
    fs::create_dir(&obstacle).unwrap();
    damage(&views);
    assert!(!asked.hold(address).await, "the first question notices");
    let deadline = Instant::now() + PATIENCE;
    let (status, report) = loop {
        let report = readiness(address).await;
        if report.0 == 503 || Instant::now() > deadline {
            break report;
        }
    };
    assert_eq!(status, 503, "{report}");
    let why = report["checks"]["views"].as_str().unwrap();
    assert!(why.contains(reason), "{why}");
    assert!(!asked.hold(address).await);

    fs::remove_dir(&obstacle).unwrap();
    while !asked.hold(address).await {
        assert!(Instant::now() < deadline, "{:?}", readiness(address).await);
    }
    let (status, report) = readiness(address).await;
    assert_eq!(status, 200, "{report}");
    // Commands reach the new views.
    let (sent, _) = &record.acknowledged[0];
    let mut another = sent.clone();
    another.key = "after-the-damage".into();
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
    // Asked of a copy: SQLite is not to see the file itself.
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
        // A page may also hold an old copy of the row, which is not read.
        let places = content.windows(row.len()).enumerate();
        for (place, _) in places.filter(|(_, it)| *it == row.as_bytes()) {
            flipped[place + amount] ^= 1;
        }
    }
    assert!(flipped != content);
    // At once: after the first change that is noticed, the file's name is taken away.
    overwrite(path, 0, &flipped);
}

fn cut(path: &Path, kept: impl Fn(u64) -> u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(kept(file.metadata().unwrap().len())).unwrap();
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: The file is truncated.
/// Control: Untouched views stay the same file: [control_untouched_views_stay_the_same_file].
/// Contract (service): `/readyz` says what is not ready: the log, the views, a shutdown.
#[tokio::test]
async fn truncated_views_are_rebuilt() {
    mends_itself("bytes instead of", |views| cut(views, |length| length / 2)).await;
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: It is emptied.
#[tokio::test]
async fn emptied_views_are_rebuilt() {
    mends_itself("0 bytes instead of", |views| cut(views, |_| 0)).await;
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: One bit of the amount in every cart's row is flipped.
/// Control: SQLite alone serves the flipped amount: [control_sqlite_misses_a_flipped_digit].
#[tokio::test]
async fn views_with_a_flipped_digit_are_rebuilt() {
    mends_itself("written by another process", flip_digits).await;
}

/// Which file the views are in.
pub fn file_of(views: &Path) -> u64 {
    fs::metadata(views).map_or(0, |metadata| metadata.ino())
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: Any one bit is flipped, 15 times.
#[tokio::test]
async fn views_never_serve_a_flipped_bit() {
    let plan = Plan::new();
    let mut dice = plan.dice();
    let folder = tempfile::tempdir().unwrap();
    let (program, _, asked) = at_rest(folder.path(), &plan).await;
    let views = folder.path().join("data/views.db");
    let (flips, mut unanswered) = (plan.times(15, 200), 0);
    for _ in 0..flips {
        let before = file_of(&views);
        let mut content = fs::read(&views).unwrap();
        let (byte, bit) = (dice.below(content.len()), dice.below(8));
        content[byte] ^= 1 << bit;
        overwrite(&views, byte as u64, &content[byte..=byte]);
        let deadline = Instant::now() + PATIENCE;
        let mut rounds = 0;
        while !asked.hold(program.address).await || file_of(&views) == before {
            assert!(Instant::now() < deadline, "bit {bit} of byte {byte}");
            rounds += 1;
        }
        unanswered += u64::from(rounds > 0);
    }
    println!("{flips} bits, {unanswered} of them seen by concurrent requests");
    assert!(unanswered > 0);
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

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: Half of its pages are overwritten.
#[tokio::test]
async fn overwritten_views_are_rebuilt() {
    mends_itself("written by another process", |views| {
        let length = fs::metadata(views).unwrap().len();
        let zeros = vec![0; usize::try_from(length / 2).unwrap()];
        overwrite(views, 4_096, &zeros);
    })
    .await;
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: It is deleted.
#[tokio::test]
async fn deleted_views_are_rebuilt() {
    mends_itself("missing", |views| fs::remove_file(views).unwrap()).await;
    mends_itself("missing", |views| {
        for suffix in ["", "-wal", "-shm"] {
            let file = beside(views, suffix);
            if file.exists() {
                fs::remove_file(file).unwrap();
            }
        }
    })
    .await;
}

/// Promise (views): Damaged views serve nothing wrong: carts come from the log, other queries are
/// 503 `view-unavailable` with `Retry-After`, and the views are rebuilt in the running process.
/// Fault: It is replaced by one of another version.
#[tokio::test]
async fn replaced_views_are_rebuilt() {
    mends_itself("another file", |views| {
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
