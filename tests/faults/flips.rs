//! Single bits of the log's file, flipped.

use crate::disk::{begun, stopped};
use crate::plan::Plan;
use cartlog::log::{LogConfig, SqliteLogSettings};
use cartlog::timestamp::Timestamp;
use cartlog::verify::{VerifyState, VerifyTarget, verify};
use cartlog_testkit::load::CommandReply;
use cartlog_testkit::log_file::{StoredEvent, log_path, read_log};
use cartlog_testkit::process::command;
use cartlog_testkit::seed::Dice;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// A log in one closed file, and carts that are in it.
struct Whole {
    bytes: Vec<u8>,
    /// The secret that the log names: the service refuses to start with another one.
    secret: Vec<u8>,
    rows: Vec<Vec<Value>>,
    events: Vec<StoredEvent>,
    opened: Vec<CommandReply>,
}

impl Whole {
    async fn make(plan: &Plan) -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let (program, record) = begun(folder.path(), plan, 0).await;
        stopped(program).await;
        let log = log_path(folder.path());
        let answers = record
            .acknowledged
            .into_iter()
            .map(|(_, answered)| answered);
        Whole {
            bytes: fs::read(&log).unwrap(),
            secret: fs::read(log.with_file_name("secret")).unwrap(),
            rows: rows(&log).unwrap(),
            events: read_log(&log).unwrap().to_vec(),
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
    let subject = VerifyTarget {
        log: LogConfig::Sqlite(SqliteLogSettings::at(path)),
        views: crate::disk::beside(path, "-views"),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
    };
    let verifying = tokio::task::spawn_blocking(move || {
        let status = watch::Sender::default();
        let (_stop, stopping) = watch::channel(false);
        verify(&subject, &status, &stopping);
        status.borrow().state
    });
    verifying.await.unwrap() == VerifyState::Sound
}

/// Promise (damage): A changed event is found, by the chain of hashes and by `cartlog verify`.
/// Fault: 400 single bits of the log file are flipped, one at a time.
/// Control: SQLite's own check misses most of them, in the same test.
#[tokio::test]
async fn flipped_bits_in_events_are_found() {
    let plan = Plan::new();
    let whole = Whole::make(&plan).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    fs::write(&path, &whole.bytes).unwrap();
    assert!(
        passes_verification(&path).await,
        "the untouched log is intact"
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
        "{flips} bits: {changed} change an event, {found_at_all} are found; \
         SQLite's check alone misses {missed_by_sqlite}"
    );
    assert!(changed * 4 > flips, "most of the file is events");
    // Control: without the chain, changed events would go unnoticed.
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

    /// Asks it about some of the carts of `whole` and tells it to change them; counts the answers.
    /// Where it is gone there is none, and how it went is for its [end](Started::end).
    async fn asked(&self, address: &str, whole: &Whole, what: &str) -> BTreeMap<u16, u32> {
        let patient = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let mut answers = BTreeMap::new();
        for opened in whole.opened.iter().take(3) {
            let cart = format!(
                "http://{address}/api/carts/{}",
                opened.body["id"].as_str().unwrap()
            );
            let token = opened.body["token"].as_str().unwrap();
            for request in [
                patient.get(&cart),
                patient.get(format!("{cart}/events")),
                patient.get(format!("{cart}/why")),
                patient
                    .post(format!("{cart}/items"))
                    .header("idempotency-key", "after-the-flip")
                    .json(&serde_json::json!({ "sku": "teapot", "quantity": 1 })),
            ] {
                let Ok(answer) = request.bearer_auth(token).send().await else {
                    continue;
                };
                let status = answer.status().as_u16();
                // 410: an event whose time is years back has made the cart expire.
                assert!(
                    [200, 201, 404, 410, 500, 503].contains(&status),
                    "{what}: {status}"
                );
                *answers.entry(status).or_default() += 1;
            }
        }
        answers
    }

    /// Ends the process, unless it has exited already, and returns its fate.
    fn end(mut self) -> Result<Fate, String> {
        let status = match self.child.try_wait().unwrap() {
            None if self.address.is_none() => Some(self.child.wait().unwrap()),
            status => status,
        };
        let stderr = fs::read_to_string(&self.errors).unwrap();
        let says_why = stderr.lines().any(|line| line.starts_with("cartlog: "));
        match status {
            _ if stderr.contains("panicked") => Err(stderr),
            None => Ok(Fate::Served),
            Some(status) if status.code() != Some(1) => Err(format!("{status}: {stderr}")),
            Some(_) if self.address.is_some() => Ok(Fate::Ended),
            Some(_) if says_why => Ok(Fate::Refused),
            Some(_) => Err(format!("no reason is given for the failed start: {stderr}")),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of a program that did not crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It did not start, and said why.
    Refused,
    Served,
    /// It ended with a failure after it had started.
    Ended,
}

/// A folder with a log that is `whole`, but for one bit if `dice` are given.
fn folder_with(whole: &Whole, dice: Option<&mut Dice>) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let log = log_path(folder.path());
    fs::write(log.with_file_name("secret"), &whole.secret).unwrap();
    let what = match dice {
        Some(dice) => whole.flipped(dice, &log),
        None => {
            fs::write(log, &whole.bytes).unwrap();
            "nothing".to_owned()
        }
    };
    (folder, what)
}

/// Promise (damage): The service never crashes on what it reads.
/// Fault: It is started on each of 400 logs with one flipped bit, and queried and commanded.
/// Control: The intact log is served, and an exit by a signal counts as a crash:
/// [control_intact_log_is_served_and_crashes_are_seen].
/// Control: A reader without checks crashes: [control_careless_reader_crashes_on_flipped_bits].
#[tokio::test]
async fn service_never_crashes_on_a_flipped_bit() {
    let plan = Plan::new();
    let whole = Whole::make(&plan).await;
    let mut dice = plan.dice();
    let mut fates = BTreeMap::new();
    for _ in 0..plan.times(400, 4_000) {
        let (folder, flip) = folder_with(&whole, Some(&mut dice));
        let program = Started::on(folder.path());
        if let Some(address) = program.address.clone() {
            program.asked(&address, &whole, &flip).await;
        }
        let fate = program.end();
        let fate = fate.unwrap_or_else(|crash| panic!("{flip}: {crash}"));
        *fates.entry(fate).or_insert(0) += 1;
    }
    println!("{fates:?}");
    assert!(fates.contains_key(&Fate::Served));
}

#[tokio::test]
async fn control_intact_log_is_served_and_crashes_are_seen() {
    let whole = Whole::make(&Plan::new()).await;
    let (folder, what) = folder_with(&whole, None);
    let program = Started::on(folder.path());
    let address = program.address.clone().expect("an address");
    let answers = program.asked(&address, &whole, &what).await;
    assert_eq!(answers, BTreeMap::from([(200, 12)]));
    assert_eq!(program.end(), Ok(Fate::Served));

    // SIGABRT, as after a panic that nothing catches, and SIGKILL, as when memory runs out.
    for signal in ["ABRT", "KILL"] {
        let (folder, what) = folder_with(&whole, None);
        let mut program = Started::on(folder.path());
        let address = program.address.clone().expect("an address");
        let id = program.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status();
        assert!(sent.unwrap().success());
        program.child.wait().unwrap();
        let answers = program.asked(&address, &whole, &what).await;
        assert_eq!(answers, BTreeMap::new(), "no server is running");
        let crash = program.end().expect_err("a crash");
        assert!(crash.contains("signal"), "{crash}");
    }
}

/// The control of what is flipped: a reader that takes for granted what the service checks.
#[tokio::test]
async fn control_careless_reader_crashes_on_flipped_bits() {
    let plan = Plan::new();
    let whole = Whole::make(&plan).await;
    let mut dice = plan.dice();
    let (mut crashes, flips) = (0, 400);
    for _ in 0..flips {
        let (folder, _) = folder_with(&whole, Some(&mut dice));
        crashes += u64::from(read_without_care(&log_path(folder.path())).is_err());
    }
    println!("of {flips} flips {crashes} would be a crash");
    assert!(crashes * 10 > flips);
}

/// Reads the log as one may who has never seen a damaged one: the first thing that is not as it was
/// written is where such a reader panics.
fn read_without_care(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = file.prepare("SELECT data, metadata, recorded_at FROM log")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in [0, 1] {
            serde_json::from_str::<serde_json::Value>(&row.get::<_, String>(column)?)?;
        }
        Timestamp::parse(&row.get::<_, String>(2)?)?;
    }
    Ok(())
}
