//! The log of an idle service is deleted or damaged: `/readyz` reports it before a shopper notices.

use crate::disk::{begun, beside, comes_back_whole, stopped};
use crate::plan::Plan;
use crate::tracer::Fault;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::{CommandRecord, assert_replays, assert_views_catch_up, readiness};
use cartlog_testkit::log_file::log_path;
use cartlog_testkit::process::{ServiceProcess, command, isolate};
use rusqlite::Connection;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Expects that the next health check, without waiting, reports the `reason`.
async fn assert_not_ready(address: SocketAddr, reason: &str) {
    let (status, report) = readiness(address).await;
    assert_eq!(status, 503, "{report}");
    let why = report["checks"]["log"].as_str().unwrap();
    assert!(why.contains(reason), "{why}");
    assert_eq!(report["checks"]["views"], "ok");
}

async fn is_ready(address: SocketAddr) {
    let (status, report) = readiness(address).await;
    assert_eq!(status, 200, "{report}");
}

/// Damages the log of an idle `program` by `damage`, which gets the file and returns its repair.
/// The service is ready before the damage and after the repair.
async fn damaged_while_idle<Repair: FnOnce()>(
    folder: &Path,
    (program, mut record): (ServiceProcess, CommandRecord),
    suffix: &str,
    reason: &str,
    damage: impl FnOnce(PathBuf) -> Repair,
) {
    is_ready(program.address).await;
    let file = beside(&log_path(folder), suffix);
    let repair = damage(file.clone());
    assert_not_ready(program.address, reason).await;
    assert_eq!(file.exists(), reason != "is gone", "no new file is created");
    repair();
    is_ready(program.address).await;
    assert_replays(&mut record, program.address).await;
    program.kill();
    comes_back_whole(folder, &mut record).await;
}

/// Promise (disk): `/readyz` of an idle service reports that its log is gone, replaced, truncated
/// or unreadable, with the reason, and is ready again once it is repaired.
/// Fault: Each file of the log is renamed.
/// Control: It is ready before and after.
/// Contract (service): `/readyz` says what is not ready: the log, the views, a shutdown.
#[tokio::test]
async fn readyz_reports_deleted_log() {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let folder = tempfile::tempdir().unwrap();
        let begun = begun(folder.path(), &Plan::new(), 0).await;
        let kept = folder.path().join("kept");
        damaged_while_idle(folder.path(), begun, suffix, "is gone", |file| {
            fs::rename(&file, &kept).unwrap();
            move || fs::rename(kept, file).unwrap()
        })
        .await;
    }
}

/// Promise (disk): `/readyz` of an idle service reports that its log is gone, replaced, truncated
/// or unreadable, with the reason, and is ready again once it is repaired.
/// Fault: The log and its write-ahead log are replaced.
#[tokio::test]
async fn readyz_reports_replaced_log() {
    for suffix in ["", "-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let begun = begun(folder.path(), &Plan::new(), 0).await;
        let kept = folder.path().join("kept");
        damaged_while_idle(folder.path(), begun, suffix, "was replaced", |file| {
            fs::rename(&file, &kept).unwrap();
            fs::copy(&kept, &file).unwrap();
            move || fs::rename(kept, file).unwrap()
        })
        .await;
    }
}

/// Truncates `file` to half its length, and returns the repair.
fn cut(file: PathBuf) -> impl FnOnce() {
    let content = fs::read(&file).unwrap();
    let kept = content.len() / 2;
    let mut cut = OpenOptions::new().write(true).open(file).unwrap();
    cut.set_len(kept as u64).unwrap();
    move || {
        cut.seek(SeekFrom::Start(kept as u64)).unwrap();
        cut.write_all(&content[kept..]).unwrap();
    }
}

/// Promise (disk): `/readyz` of an idle service reports that its log is gone, replaced, truncated
/// or unreadable, with the reason, and is ready again once it is repaired.
/// Fault: They are cut in half.
/// Control: A bare SQLite reader notices neither: [control_bare_sqlite_reader_notices_nothing].
#[tokio::test]
async fn readyz_reports_truncated_log() {
    let folder = tempfile::tempdir().unwrap();
    let (program, record) = begun(folder.path(), &Plan::new(), 0).await;
    // A graceful shutdown checkpoints the write-ahead log into the file.
    stopped(program).await;
    let at_rest = (ServiceProcess::serve(folder.path()), record);
    assert_views_catch_up(&at_rest.1, at_rest.0.address).await;
    damaged_while_idle(folder.path(), at_rest, "", "was truncated", cut).await;

    let folder = tempfile::tempdir().unwrap();
    let begun = begun(folder.path(), &Plan::new(), 0).await;
    damaged_while_idle(folder.path(), begun, "-wal", "cannot be read", cut).await;
}

/// The program without the privileges of root, to which permissions would not apply.
fn without_privileges(folder: &Path) -> ServiceProcess {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return ServiceProcess::run(command(folder, &[]));
    }
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(env!("CARGO_BIN_EXE_cartlog"));
    isolate(&mut command, folder);
    ServiceProcess::run(command)
}

/// Promise (disk): `/readyz` of an idle service reports that its log is gone, replaced, truncated
/// or unreadable, with the reason, and is ready again once it is repaired.
/// Fault: They lose their permissions.
#[tokio::test]
async fn readyz_reports_log_without_permission() {
    for (suffix, mode) in [("", 0o000), ("", 0o444), ("-wal", 0o000)] {
        let folder = tempfile::tempdir().unwrap();
        let (program, record) = begun(folder.path(), &Plan::new(), 0).await;
        program.kill();
        let program = without_privileges(folder.path());
        assert_views_catch_up(&record, program.address).await;
        let reason = "Permission denied";
        damaged_while_idle(folder.path(), (program, record), suffix, reason, |file| {
            let before = fs::metadata(&file).unwrap().permissions();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            move || fs::set_permissions(file, before).unwrap()
        })
        .await;
    }
}

/// Promise (disk): `/readyz` of an idle service reports that its log is gone, replaced, truncated
/// or unreadable, with the reason, and is ready again once it is repaired.
/// Fault: `EIO` on `pread`
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn readyz_reports_unreadable_log() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut record) = begun(folder.path(), &Plan::new(), 0).await;
    let log = log_path(folder.path());
    is_ready(program.address).await;
    let files = [log.as_path(), &beside(&log, "-wal")];
    let fault = Fault::inject(&program, "pread64", "error=EIO", &files);
    assert_not_ready(program.address, "cannot be read").await;
    drop(fault);
    is_ready(program.address).await;
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (disk): A hung disk delays no health check, and `/readyz` reports it after 5 seconds.
/// Fault: `pread` is delayed by 10 s.
/// Control: It is ready before and after.
#[tokio::test]
#[ignore = "needs strace, which holds the system calls of a process up"]
async fn readyz_reports_hung_disk_within_5s() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut record) = begun(folder.path(), &Plan::new(), 0).await;
    let log = log_path(folder.path());
    let files = [log.as_path(), &beside(&log, "-wal")];
    let held_up = Duration::from_secs(10);
    let fault = Fault::inject(&program, "pread64", "delay_enter=10s", &files);
    let began = Instant::now();
    // A slow disk alone does not make the service unready.
    is_ready(program.address).await;
    loop {
        let asked = Instant::now();
        let (status, report) = readiness(program.address).await;
        assert!(asked.elapsed() < held_up / 2, "{:?}", asked.elapsed());
        if status == 503 {
            let why = report["checks"]["log"].as_str().unwrap();
            assert!(why.contains("have not responded for"), "{why}");
            break;
        }
        assert!(began.elapsed() < held_up, "{report}");
    }
    drop(fault);
    while readiness(program.address).await.0 != 200 {
        assert!(began.elapsed() < held_up + PATIENCE);
    }
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

#[test]
fn control_bare_sqlite_reader_notices_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.db");
    let bare = Connection::open(&path).unwrap();
    bare.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (i); INSERT INTO t VALUES (1)")
        .unwrap();
    let read = || bare.query_row("SELECT i FROM t", [], |row| row.get(0));
    assert_eq!(read(), Ok(1));
    for suffix in ["", "-wal"] {
        let file = OpenOptions::new().write(true).open(beside(&path, suffix));
        file.unwrap().set_len(0).unwrap();
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    assert_eq!(read(), Ok(1));
}
