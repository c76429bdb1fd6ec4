//! `cartlog verify --expect`: the log against a head that was kept elsewhere.

use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::process::Output;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_to_exit(command(folder, arguments))
}

fn simulate(folder: &Path) {
    let program = ServiceProcess::serve(folder);
    let url = format!("http://{}", program.address);
    let arguments = ["simulate", "--url", &url, "--carts", "9"];
    assert!(run(folder, &arguments).status.success());
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}

/// The head in what a subcommand printed.
#[track_caller]
fn head_in(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.split_once("head ").expect("a head");
    let end = rest.find([';', '\n']).expect("the end of the head");
    rest[..end].to_owned()
}

/// Changes the log past its triggers. The index of streams is filled again when it is read.
fn tamper(folder: &Path, change: impl FnOnce(&Connection)) {
    let views = ["views.db", "views.db-wal", "views.db-shm"];
    let signed = ["proof.key", "proof.key.checkpoint"];
    for name in views.iter().chain(&signed) {
        // The views and the last signed checkpoint would show what was removed.
        let _ = fs::remove_file(folder.join("data").join(name));
    }
    let log = Connection::open(log_path(folder)).unwrap();
    log.execute_batch("DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete")
        .unwrap();
    change(&log);
    log.execute_batch(
        "CREATE TEMP TABLE kept AS
             SELECT row_number() OVER (ORDER BY position) AS place, * FROM log;
         DELETE FROM log;
         INSERT INTO log SELECT place, stream, version, type, schema, recorded_at, data, metadata,
             hash FROM kept;
         DELETE FROM by_stream;
         UPDATE by_stream_checkpoint SET position = 0",
    )
    .unwrap();
}

/// Puts the log of a stopped service back.
fn restore(folder: &Path, whole: &[u8]) {
    for name in ["events.db-wal", "events.db-shm"] {
        let _ = fs::remove_file(folder.join("data").join(name));
    }
    fs::write(log_path(folder), whole).unwrap();
}

fn delete(log: &Connection, what: &str) {
    assert!(
        log.execute(&format!("DELETE FROM log WHERE {what}"), [])
            .unwrap()
            > 0
    );
}

/// Changes a price, and computes every hash of its stream again.
fn recompute(log: &Connection) {
    let stream: [u8; 16] = log
        .query_row(
            "SELECT stream FROM log WHERE type = 'ItemAdded' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    log.execute(
        "UPDATE log SET data = replace(data, '\"quantity\":', '\"quantity\":1')
          WHERE stream = ?1 AND type = 'ItemAdded'",
        [stream],
    )
    .unwrap();
    let mut hash = "0".repeat(64);
    let mut events = log
        .prepare(
            "SELECT position, concat_ws(char(10), stream, version, type, schema, recorded_at, data,
                 metadata) FROM events
              WHERE position IN (SELECT position FROM log WHERE stream = ?1) ORDER BY version",
        )
        .unwrap();
    let lines = events.query_map([stream], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
    });
    for line in lines.unwrap() {
        let (position, text) = line.unwrap();
        let digest: [u8; 32] = Sha256::digest(format!("{hash}\n{text}")).into();
        hash = hex::encode(digest);
        log.execute(
            "UPDATE log SET hash = ?1 WHERE position = ?2",
            rusqlite::params![digest, position],
        )
        .unwrap();
    }
}

/// A change of the log by hand.
type Change = fn(&Connection);

/// Promise (damage): A log that lost events, or whose chains were computed again, is found by the
/// head that an earlier `verify`, `export` or `backup` printed.
/// Fault: The last events, a commit or a stream are removed and the positions closed up; an event
/// is changed and its chain computed again.
/// Control: `verify` without `--expect` finds none of these, in the same test.
#[test]
fn verify_expect_finds_removed_and_rechained_events() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    simulate(folder);
    let head = head_in(&run(folder, &["verify"]));
    assert_eq!(
        head_in(&run(folder, &["export", "-o", "export.ndjson"])),
        head
    );
    assert_eq!(head_in(&run(folder, &["backup", "backup.db"])), head);
    let events = read_intact_log(&log_path(folder));
    assert!(head.starts_with(&format!("{}:", events.len())), "{head}");

    // A log that has grown still has the head.
    simulate(folder);
    let grown = run(folder, &["verify", "--expect", &head]);
    assert_ne!(head_in(&grown), head);
    assert_eq!(grown.status.code(), Some(0), "{grown:?}");
    let end = head_in(&grown);
    let whole = fs::read(log_path(folder)).unwrap();

    let changes: [(&str, Change, &str); 4] = [
        (
            "the last event",
            |log| delete(log, "position = (SELECT max(position) FROM log)"),
            "log_cut_off",
        ),
        (
            "a commit",
            |log| {
                delete(
                    log,
                    "metadata = (SELECT metadata FROM log AS last WHERE type = 'CartCheckedOut'
                         ORDER BY position LIMIT 1)",
                );
            },
            "log_cut_off",
        ),
        (
            "a stream",
            |log| delete(log, "stream = (SELECT stream FROM log WHERE position = 1)"),
            "log_cut_off",
        ),
        ("a chain", recompute, "history_differs"),
    ];
    for (what, change, kind) in changes {
        restore(folder, &whole);
        tamper(folder, change);
        read_intact_log(&log_path(folder));
        let unnoticed = run(folder, &["verify"]);
        assert_eq!(unnoticed.status.code(), Some(0), "{what}: {unnoticed:?}");
        let found = run(folder, &["verify", "--expect", &end]);
        let text = String::from_utf8_lossy(&found.stdout);
        assert_eq!(found.status.code(), Some(1), "{what}: {text}");
        assert!(text.contains(kind), "{what}: {text}");
        // The earlier head is within the log, which differs before it, but not where only the end
        // is missing.
        let earlier = run(folder, &["verify", "--expect", &head]);
        let expected = i32::from(what != "the last event");
        assert_eq!(earlier.status.code(), Some(expected), "{what}: {earlier:?}");
    }
    let malformed = run(folder, &["verify", "--expect", "12"]);
    assert_eq!(malformed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&malformed.stderr).contains("POSITION:HASH"));
}
