//! The log of a service that nobody uses, taken away or damaged: whoever asks whether it is ready is
//! told, before a shopper finds out.

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

/// Waits for nothing: the very next answer has to name the `reason`.
async fn is_told(address: SocketAddr, reason: &str) {
    let (status, told) = readiness(address).await;
    assert_eq!(status, 503, "{told}");
    let why = told["checks"]["log"].as_str().unwrap();
    assert!(why.contains(reason), "{why}");
    assert_eq!(told["checks"]["views"], "ok");
}

async fn is_ready(address: SocketAddr) {
    let (status, told) = readiness(address).await;
    assert_eq!(status, 200, "{told}");
}

/// Damages the log of an idle `program` by `damage`, which is given the file and says how it is mended.
/// Before and after, the service is ready: that is the control.
async fn damaged_while_idle<Mend: FnOnce()>(
    folder: &Path,
    (program, mut record): (ServiceProcess, CommandRecord),
    suffix: &str,
    reason: &str,
    damage: impl FnOnce(PathBuf) -> Mend,
) {
    is_ready(program.address).await;
    let file = beside(&log_path(folder), suffix);
    let mend = damage(file.clone());
    is_told(program.address, reason).await;
    assert_eq!(
        file.exists(),
        reason != "is gone",
        "nothing is made in its place"
    );
    mend();
    is_ready(program.address).await;
    assert_replays(&mut record, program.address).await;
    program.kill();
    comes_back_whole(folder, &mut record).await;
}

#[tokio::test]
async fn an_idle_service_whose_log_is_deleted_says_so_when_it_is_asked() {
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

#[tokio::test]
async fn an_idle_service_whose_log_is_replaced_says_so_when_it_is_asked() {
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

/// Cuts `file` in half, and says how what was cut off comes back.
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

#[tokio::test]
async fn an_idle_service_whose_log_is_cut_says_so_when_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (program, record) = begun(folder.path(), &Plan::new(), 0).await;
    // At the end of a process everything is moved from the write-ahead log into the file.
    stopped(program).await;
    let at_rest = (ServiceProcess::serve(folder.path()), record);
    assert_views_catch_up(&at_rest.1, at_rest.0.address).await;
    damaged_while_idle(folder.path(), at_rest, "", "was cut", cut).await;

    let folder = tempfile::tempdir().unwrap();
    let begun = begun(folder.path(), &Plan::new(), 0).await;
    damaged_while_idle(folder.path(), begun, "-wal", "cannot be read", cut).await;
}

/// The program, for which permissions count whoever runs the test.
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

#[tokio::test]
async fn an_idle_service_that_may_not_open_its_log_any_more_says_so_when_it_is_asked() {
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

#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn an_idle_service_whose_log_cannot_be_read_says_so_when_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut record) = begun(folder.path(), &Plan::new(), 0).await;
    let log = log_path(folder.path());
    is_ready(program.address).await;
    let files = [log.as_path(), &beside(&log, "-wal")];
    let fault = Fault::inject(&program, "pread64", "error=EIO", &files);
    is_told(program.address, "cannot be read").await;
    drop(fault);
    is_ready(program.address).await;
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

#[tokio::test]
#[ignore = "needs strace, which holds the system calls of a process up"]
async fn a_disk_that_does_not_answer_keeps_nobody_waiting_who_asks_and_is_told_of_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut record) = begun(folder.path(), &Plan::new(), 0).await;
    let log = log_path(folder.path());
    let files = [log.as_path(), &beside(&log, "-wal")];
    let held_up = Duration::from_secs(10);
    let fault = Fault::inject(&program, "pread64", "delay_enter=10s", &files);
    let began = Instant::now();
    // That it is slow is no reason to send everybody away.
    is_ready(program.address).await;
    loop {
        let asked = Instant::now();
        let (status, told) = readiness(program.address).await;
        assert!(asked.elapsed() < held_up / 2, "{:?}", asked.elapsed());
        if status == 503 {
            let why = told["checks"]["log"].as_str().unwrap();
            assert!(why.contains("have not answered for"), "{why}");
            break;
        }
        assert!(began.elapsed() < held_up, "{told}");
    }
    drop(fault);
    while readiness(program.address).await.0 != 200 {
        assert!(began.elapsed() < held_up + PATIENCE);
    }
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

#[test]
fn control_a_bare_reader_that_nobody_else_disturbs_reads_on_what_is_cut_and_gone() {
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
