//! The files of the log taken away, locked, or out of reach.

use crate::disk::{begun, beside, comes_back_whole, ends_loudly, stopped};
use crate::full::SmallDisk;
use crate::plan::Plan;
use cartlog_testkit::load::{
    KeyedCommand, LoadGenerator, assert_log_matches, assert_replays, assert_views_catch_up,
    http_client, readiness,
};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, isolate, run_to_exit};
use rusqlite::Connection;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Takes one of the log's files away under load and expects the service to end before it
/// acknowledges anything that the file does not hold.
async fn taken_away(suffix: &str, round: u64, replacement: Option<&Path>) {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let (program, before) = begun(folder.path(), &plan, round).await;
    let log = log_path(folder.path());
    let file = beside(&log, suffix);
    // The content stays reachable under another name.
    let kept = folder.path().join("kept");
    std::fs::hard_link(&file, &kept).unwrap();
    let mut load = LoadGenerator::start(program.address, 6, plan.round(round + 1));
    load.acknowledged(50).await;
    match replacement {
        None => std::fs::remove_file(&file).unwrap(),
        Some(other) => {
            let beside = folder.path().join("data/other");
            std::fs::copy(other, &beside).unwrap();
            std::fs::rename(beside, &file).unwrap();
        }
    }
    ends_loudly(program).await;
    let mut record = load.end().await;
    assert!(!record.unanswered.is_empty());
    record.extend(before);
    std::fs::rename(&kept, &file).unwrap();
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (disk): Nothing is acknowledged on files that are no longer those of the log: the
/// process ends.
/// Fault: The log is deleted under load.
/// Control: A bare SQLite writer continues, and loses:
/// [control_bare_sqlite_writer_loses_deleted_file].
#[tokio::test]
async fn deleted_log_ends_the_process() {
    taken_away("", 0, None).await;
}

/// Promise (disk): Nothing is acknowledged on files that are no longer those of the log: the
/// process ends.
/// Fault: Its write-ahead log, its index or its lock is deleted under load.
#[tokio::test]
async fn deleted_wal_index_or_lock_ends_the_process() {
    taken_away("-wal", 0, None).await;
    taken_away("-shm", 0, None).await;
    taken_away(".lock", 0, None).await;
}

/// Promise (disk): Nothing is acknowledged on files that are no longer those of the log: the
/// process ends.
/// Fault: The log is replaced under load.
#[tokio::test]
async fn replaced_log_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (program, _) = begun(folder.path(), &Plan::new(), 7).await;
    stopped(program).await;
    taken_away("", 0, Some(&log_path(folder.path()))).await;
}

#[test]
fn control_bare_sqlite_writer_loses_deleted_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.db");
    let bare = Connection::open(&path).unwrap();
    bare.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (i)")
        .unwrap();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(&path, suffix)).unwrap();
    }
    assert_eq!(bare.execute("INSERT INTO t VALUES (1)", []), Ok(1));
    drop(bare);
    let next = Connection::open(&path).unwrap();
    assert!(next.query_row("SELECT i FROM t", [], |_| Ok(())).is_err());
}

/// Promise (disk): One process has the log.
/// Fault: A second process is started, then again with the lock deleted.
/// Control: Without the lock it starts, and the first ends at its next command.
#[tokio::test]
async fn process_without_its_lock_yields_to_a_second() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let (first, mut record) = begun(folder.path(), &plan, 0).await;
    // With the lock the second process is refused.
    let refused = run_to_exit(command(folder.path(), &[]));
    assert_eq!(refused.status.code(), Some(1));
    for locked in [log_path(folder.path()), folder.path().join("data/views.db")] {
        std::fs::remove_file(beside(&locked, ".lock")).unwrap();
    }
    // Control: without the locks of log and views it starts.
    let second = ServiceProcess::serve(folder.path());
    let sent = KeyedCommand::open_cart("to-the-first");
    // The process may end before its response is sent.
    if let Some(answered) = sent.send(&http_client(), first.address).await {
        assert_eq!(answered.status, 503);
        assert_eq!(answered.body["type"], "/problems/log-unavailable");
    }
    ends_loudly(first).await;
    record.unanswered.push(sent);
    assert_replays(&mut record, second.address).await;
    assert_views_catch_up(&record, second.address).await;
    assert_eq!(readiness(second.address).await.0, 200);
    second.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (disk): A folder that cannot be written refuses the start with the reason.
/// Fault: It is mounted read-only.
/// Control: Mounted writable, it starts.
#[tokio::test]
#[ignore = "needs root to mount a small tmpfs"]
async fn read_only_folder_refuses_the_start() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"));
    let home = folder.path().join("disk");
    let (program, mut record) = begun(&home, &plan, 0).await;
    program.kill();
    disk.remount("ro");
    let output = run_to_exit(command(&home, &[]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in ["data/events.db cannot be opened", "Read-only file system"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    // Control: only the mount prevented it.
    disk.remount("rw");
    comes_back_whole(&home, &mut record).await;
}

/// The first descriptor that the process `id` does not use: the next one it would get.
fn first_free(id: u32) -> usize {
    let used = |number: &usize| Path::new(&format!("/proc/{id}/fd/{number}")).is_symlink();
    (0..100_000).find(|number| !used(number)).unwrap()
}

/// Sets how many files the process `id` may have open.
fn limit_files(id: u32, files: usize) {
    let status = Command::new("prlimit")
        .args([&format!("--pid={id}"), &format!("--nofile={files}:")])
        .status();
    assert!(status.expect("prlimit runs").success());
}

/// Promise (disk): Without a free file descriptor open connections are served; with too few the
/// start is refused with the reason.
/// Fault: The limit is set to what is in use.
/// Control: With a higher limit the next connection is served.
#[tokio::test]
async fn no_free_file_descriptor_serves_open_connections() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let (program, mut record) = begun(folder.path(), &plan, 0).await;
    let connected = http_client();
    let opened = KeyedCommand::open_cart("connected");
    let cart = opened.send(&connected, program.address).await.unwrap();
    record.acknowledged.push((opened, cart.clone()));
    limit_files(program.id(), first_free(program.id()));

    for number in 0..50 {
        let sent = KeyedCommand::add_item(format!("connected-{number}"), &cart, "teapot");
        let answered = sent.send(&connected, program.address).await.unwrap();
        assert!(answered.is_ok(), "{answered:?}");
        record.acknowledged.push((sent, answered));
    }
    let impatient = reqwest::Client::builder()
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let url = format!("http://{}/livez", program.address);
    assert!(
        impatient.get(&url).send().await.is_err(),
        "there is none for a new connection"
    );

    limit_files(program.id(), 1_000);
    let answer = http_client().get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_replays(&mut record, program.address).await;
    assert_views_catch_up(&record, program.address).await;
    program.kill();
    assert_log_matches(&record, &read_intact_log(&log_path(folder.path())));
}

/// Promise (disk): Without a free file descriptor open connections are served; with too few the
/// start is refused with the reason.
/// Fault: The limit is set to 4, ..., 143.
/// Control: With 144 it starts.
#[test]
fn too_few_file_descriptors_refuse_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = |files: usize| {
        let mut limited = Command::new("prlimit");
        limited
            .arg(format!("--nofile={files}"))
            .arg(env!("CARGO_BIN_EXE_cartlog"));
        isolate(&mut limited, folder.path());
        limited
    };
    for files in [4, 7, 16, 143] {
        let output = run_to_exit(start(files));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{files}: {stderr}");
        assert!(stderr.starts_with("cartlog: "), "{files}: {stderr}");
        assert!(stderr.contains("open"), "{files}: {stderr}");
        assert!(!stderr.contains("panicked"), "{files}: {stderr}");
    }
    // Control: with one more descriptor it starts.
    drop(ServiceProcess::run(start(144)));
}
