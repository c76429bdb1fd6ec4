//! Single bits of the log's file, flipped.

use crate::disk::begun;
use crate::load::{Answered, Dice};
use crate::plan::Plan;
use crate::program::{Stored, command, log_in, read_log};
use cartlog::verify::{Subject, VerifyState, verify};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::sync::watch;

/// A log in one closed file, and carts that are in it.
struct Whole {
    bytes: Vec<u8>,
    rows: Vec<Vec<Value>>,
    events: Vec<Stored>,
    opened: Vec<Answered>,
}

impl Whole {
    async fn make(plan: &Plan) -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let (program, record) = begun(folder.path(), plan, 0).await;
        let ended = tokio::task::spawn_blocking(move || program.signal("TERM"));
        assert_eq!(ended.await.unwrap().code(), Some(0));
        let log = log_in(folder.path());
        let answers = record
            .acknowledged
            .into_iter()
            .map(|(_, answered)| answered);
        Whole {
            bytes: fs::read(&log).unwrap(),
            rows: rows(&log).unwrap(),
            events: read_log(&log).unwrap(),
            opened: answers
                .filter(|answered| answered.body["token"].is_string())
                .collect(),
        }
    }

    /// Writes it to `path` with one bit flipped, and says which.
    fn flipped(&self, dice: &mut Dice, path: &Path) -> String {
        let (byte, bit) = (dice.below(self.bytes.len()), dice.below(8));
        let mut bytes = self.bytes.clone();
        bytes[byte] ^= 1 << bit;
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(crate::disk::beside(path, suffix));
        }
        fs::write(path, bytes).unwrap();
        format!("bit {bit} of byte {byte}")
    }
}

/// Every row of the log, as its file has it.
fn rows(path: &Path) -> rusqlite::Result<Vec<Vec<Value>>> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = file.prepare("SELECT * FROM log NOT INDEXED ORDER BY position")?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns).map(|column| row.get(column)).collect()
    })?;
    rows.collect()
}

/// Whether SQLite's own check finds nothing.
fn passes_integrity_check(path: &Path) -> bool {
    let checked =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|file| {
            file.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        });
    checked.is_ok_and(|checked| checked == "ok")
}

/// Whether `cartlog verify`, of a log whose views are not there yet, calls it sound.
async fn passes_verification(path: &Path) -> bool {
    let subject = Subject {
        log: path.to_owned(),
        views: crate::disk::beside(path, "-views"),
        cache_bytes: 1 << 20,
    };
    let verifying = tokio::task::spawn_blocking(move || {
        let status = watch::Sender::default();
        let (_stop, stopping) = watch::channel(false);
        verify(&subject, &status, &stopping);
        status.borrow().state
    });
    verifying.await.unwrap() == VerifyState::Sound
}

#[tokio::test]
async fn every_flipped_bit_that_changes_an_event_is_found() {
    let plan = Plan::new();
    let whole = Whole::make(&plan).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    fs::write(&path, &whole.bytes).unwrap();
    assert!(
        passes_verification(&path).await,
        "what nobody has touched is sound"
    );
    let mut dice = plan.dice();
    let (mut changed, mut found_at_all, mut missed_by_sqlite) = (0, 0, 0);
    let flips = plan.times(400, 20_000);
    for _ in 0..flips {
        let flip = whole.flipped(&mut dice, &path);
        let found = match read_log(&path) {
            Err(_) => true,
            Ok(events) => events.len() != whole.events.len(),
        };
        found_at_all += u64::from(found);
        if rows(&path).as_ref() == Ok(&whole.rows) {
            continue;
        }
        changed += 1;
        assert!(found, "{flip} changes an event and is not found");
        assert!(
            !passes_verification(&path).await,
            "{flip} changes an event and is called sound"
        );
        missed_by_sqlite += u64::from(passes_integrity_check(&path));
    }
    println!(
        "{flips} bits: {changed} change an event, {found_at_all} are found; SQLite's check alone misses {missed_by_sqlite}"
    );
    assert!(changed * 4 > flips, "most of the file is events");
    // The control: without the chain, changed events would go unnoticed.
    assert!(missed_by_sqlite > 0);
}

/// A program that may refuse to start.
struct Started {
    child: Child,
    address: Option<String>,
    errors: PathBuf,
}

impl Started {
    fn on(folder: &Path) -> Started {
        let errors = folder.join("errors");
        let mut child = command(folder, &["serve"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("the API      http://")?;
            Some(address.split('/').next()?.to_owned())
        });
        Started {
            child,
            address,
            errors,
        }
    }

    /// Ends it, and says what it wrote to standard error, and its code where it ended by itself.
    fn end(mut self) -> (String, Option<i32>) {
        let code = match self.child.try_wait().unwrap() {
            Some(status) => status.code(),
            None if self.address.is_none() => self.child.wait().unwrap().code(),
            None => None,
        };
        let _ = self.child.kill();
        self.child.wait().unwrap();
        (fs::read_to_string(&self.errors).unwrap(), code)
    }
}

#[tokio::test]
async fn the_service_never_crashes_on_a_flipped_bit() {
    let plan = Plan::new();
    let whole = Whole::make(&plan).await;
    let mut dice = plan.dice();
    let patient = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let (mut refused, mut served, mut ended) = (0, 0, 0);
    for number in 0..plan.times(400, 4_000) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let flip = whole.flipped(&mut dice, &log_in(folder.path()));
        let program = Started::on(folder.path());
        let Some(address) = program.address.clone() else {
            let (told, code) = program.end();
            assert_eq!(code, Some(1), "{flip}: {told}");
            assert!(
                told.starts_with("cartlog: ") || told.contains("\ncartlog: "),
                "{flip}: {told}"
            );
            assert!(!told.contains("panicked"), "{flip}: {told}");
            refused += 1;
            continue;
        };
        for opened in whole.opened.iter().take(3) {
            let cart = format!(
                "http://{address}/api/carts/{}",
                opened.body["id"].as_str().unwrap()
            );
            let token = opened.body["token"].as_str().unwrap();
            let key = format!("after-{number}");
            for request in [
                patient.get(&cart),
                patient.get(format!("{cart}/events")),
                patient.get(format!("{cart}/why")),
                patient
                    .post(format!("{cart}/items"))
                    .header("idempotency-key", &key)
                    .json(&serde_json::json!({ "sku": "teapot", "quantity": 1 })),
            ] {
                // Gone is loud too: the end of the process is looked at below.
                let Ok(answer) = request.bearer_auth(token).send().await else {
                    continue;
                };
                let status = answer.status().as_u16();
                assert!(
                    [200, 201, 404, 500, 503].contains(&status),
                    "{flip}: {status}"
                );
            }
        }
        let (told, code) = program.end();
        assert!(!told.contains("panicked"), "{flip}: {told}");
        match code {
            Some(code) => {
                assert_eq!(code, 1, "{flip}: {told}");
                ended += 1;
            }
            None => served += 1,
        }
    }
    println!("{refused} starts refused, {served} served, {ended} ended with a failure");
    assert!(served > 0);
}
