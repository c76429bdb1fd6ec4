//! A disk that fails.

use crate::plan::Plan;
use crate::tracer::{Fault, traced};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::{
    CommandRecord, KeyedCommand, LoadGenerator, assert_log_matches, assert_replays,
    assert_views_catch_up, http_client, readiness,
};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, isolate, run_to_exit};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file that a log or a view is written to before it is moved into its own.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The program in `folder`, with a log and views that it has begun.
pub async fn begun(folder: &Path, plan: &Plan, round: u64) -> (ServiceProcess, CommandRecord) {
    let program = ServiceProcess::serve(folder);
    let mut load = LoadGenerator::start(program.address, 4, plan.round(round));
    load.acknowledged(40).await;
    (program, load.stop().await)
}

/// Waits for the end of `program`, which must not be taken for a success.
pub async fn ends_loudly(program: ServiceProcess) {
    let ended = tokio::task::spawn_blocking(move || program.wait_for_exit(PATIENCE));
    assert_eq!(
        ended.await.unwrap().code(),
        Some(1),
        "the end is no success"
    );
}

/// The next start, without a hand on the files, has everything in `record`.
pub async fn comes_back_whole(folder: &Path, record: &mut CommandRecord) {
    assert_log_matches(record, &read_intact_log(&log_path(folder)));
    let program = ServiceProcess::serve(folder);
    assert_views_catch_up(record, program.address).await;
    assert_replays(record, program.address).await;
    assert_views_catch_up(record, program.address).await;
    stopped(program).await;
    assert_log_matches(record, &read_intact_log(&log_path(folder)));
}

/// Ends `program` as it should end, without holding up what else the test is at.
pub async fn stopped(program: ServiceProcess) {
    let status = tokio::task::spawn_blocking(move || program.exit_on_signal("TERM"));
    assert_eq!(status.await.unwrap().code(), Some(0));
}

/// Waits until the service at `address` calls itself ready.
pub async fn until_ready(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while readiness(address).await.0 != 200 {
        assert!(Instant::now() < deadline, "{:?}", readiness(address).await);
    }
}

/// Promise (disk): A log that cannot be written or synced is never written again: the process
/// fails, and the next start has an intact log.
/// Fault: `EIO` on the n-th `pwrite` or `fdatasync` of the log, once or permanently
/// Control: With `durability = "process"` a failed sync goes unnoticed:
/// [control_process_durability_ignores_failed_syncs].
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn failed_log_write_or_sync_ends_the_process() {
    let plan = Plan::new();
    let mut dice = plan.dice();
    let folder = tempfile::tempdir().unwrap();
    let wal = beside(&log_path(folder.path()), "-wal");
    for round in 0..plan.times(6, 60) {
        let (program, before) = begun(folder.path(), &plan, 2 * round).await;
        let calls = ["pwrite64", "fdatasync,fsync"][dice.below(2)];
        // One call fails, or all from there on: a later success must not hide the failure.
        let how = format!(
            "error=EIO:when={}{}",
            1 + dice.below(40),
            ["", "+"][dice.below(2)]
        );
        println!("{calls}: {how}");
        let fault = Fault::inject(&program, calls, &how, &[&wal]);
        let load = LoadGenerator::start(program.address, 6, plan.round(2 * round + 1));
        ends_loudly(program).await;
        drop(fault);
        let mut record = load.end().await;
        assert!(!record.unanswered.is_empty());
        record.extend(before);
        comes_back_whole(folder.path(), &mut record).await;
    }
}

/// The program, which moves its write-ahead log into the log as often as it may.
fn moving(folder: &Path) -> ServiceProcess {
    let mut command = command(folder, &[]);
    command.env("CARTLOG_LOG__CHECKPOINT_PAGES", "100");
    ServiceProcess::run(command)
}

/// Promise (disk): The process also fails if a checkpoint of the write-ahead log fails, from the
/// first failed sync on.
/// Fault: `EIO` on `pwrite` or `fdatasync` of the log file, in the checkpointer thread and in the
/// writer
/// Control: As many checkpoints without a fault end no process.
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn failed_log_checkpoint_ends_the_process() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let log = log_path(folder.path());
    for (round, (thread, calls)) in (0..).zip([
        ("wal checkpoint", "pwrite64"),
        ("wal checkpoint", "fdatasync,fsync"),
        ("log writer", "pwrite64"),
        ("log writer", "fdatasync,fsync"),
    ]) {
        let program = moving(folder.path());
        let fault = Fault::inject_in(thread, &program, calls, "error=EIO", &[&log]);
        let load = LoadGenerator::start(program.address, 6, plan.round(round));
        ends_loudly(program).await;
        drop(fault);
        let mut record = load.end().await;
        println!(
            "{thread}, {calls}: {} acknowledged before the end",
            record.acknowledged.len()
        );
        comes_back_whole(folder.path(), &mut record).await;
    }
    // Control: without a fault there are as many checkpoints, and the process goes on.
    let program = moving(folder.path());
    let mut load = LoadGenerator::start(program.address, 6, plan.round(9));
    load.acknowledged(2_000).await;
    let mut record = load.stop().await;
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}

#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn control_process_durability_ignores_failed_syncs() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__DURABILITY", "process");
    let program = ServiceProcess::run(command);
    let wal = beside(&log_path(folder.path()), "-wal");
    let _fault = Fault::inject(&program, "fdatasync,fsync", "error=EIO", &[&wal]);
    let mut load = LoadGenerator::start(program.address, 6, plan.round(0));
    load.acknowledged(500).await;
}

/// Promise (disk): A command whose commit failed is `outcome-unknown`, and a retry under its key
/// finds out.
/// Fault: `EIO` on the sync
/// Control: The retry succeeds once the fault is gone.
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn command_during_failed_sync_is_outcome_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new();
    let (program, mut record) = begun(folder.path(), &plan, 0).await;
    let wal = beside(&log_path(folder.path()), "-wal");
    let fault = Fault::inject(&program, "fdatasync,fsync", "error=EIO", &[&wal]);
    let sent = KeyedCommand::open_cart("unknown");
    let answered = sent.send(&http_client(), program.address).await.unwrap();
    assert_eq!(answered.status, 503);
    assert_eq!(answered.body["type"], "/problems/outcome-unknown");
    assert!(answered.retry_after);
    ends_loudly(program).await;
    drop(fault);
    record.unanswered.push(sent);
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (disk): A log that cannot be read is 503 `log-unavailable` until it can be read again;
/// at the start it is refused with the reason.
/// Fault: `EIO` on `pread`
/// Control: The same command and the same start succeed without the fault.
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn unreadable_log_is_503_until_it_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new();
    let (program, mut record) = begun(folder.path(), &plan, 0).await;
    // The views are complete at shutdown, so the next process does not read the log at start. It
    // has no folded streams either, so a command reads its cart's history first.
    stopped(program).await;
    let program = ServiceProcess::serve(folder.path());
    assert_views_catch_up(&record, program.address).await;
    let opened = record.acknowledged[0].1.clone();
    let sent = KeyedCommand::add_item("while-it-cannot-be-read".into(), &opened, "teapot");
    let log = log_path(folder.path());
    let fault = Fault::inject(
        &program,
        "pread64",
        "error=EIO",
        &[&log, &beside(&log, "-wal")],
    );
    let answered = sent.send(&http_client(), program.address).await.unwrap();
    assert_eq!(answered.status, 503, "{answered:?}");
    assert_eq!(answered.body["type"], "/problems/log-unavailable");
    assert!(answered.retry_after);
    drop(fault);
    // Control: without the fault, the same command is executed.
    record.unanswered.push(sent);
    assert_replays(&mut record, program.address).await;
    assert_eq!(readiness(program.address).await.0, 200);
    // The operator finds it by the id that the client got, with the cause that it did not get.
    let url = format!("http://{}/api/failures", program.address);
    let failures: serde_json::Value = http_client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let failures = failures["items"].as_array().unwrap();
    let failure = failures
        .iter()
        .find(|failure| failure["trace_id"] == answered.body["trace_id"]);
    let failure = failure.unwrap_or_else(|| panic!("{failures:?}"));
    assert_eq!(failure["status"], 503);
    assert_eq!(failure["method"], "POST");
    assert!(failure["cause"].is_string(), "{failure}");
}

/// Promise (disk): A log that cannot be read is 503 `log-unavailable` until it can be read again;
/// at the start it is refused with the reason.
/// Fault: `EIO` on each kind of system call while the log is opened
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn unreadable_log_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new();
    let (program, mut record) = begun(folder.path(), &plan, 0).await;
    program.kill();
    let log = log_path(folder.path());
    let wal = beside(&log, "-wal");
    let on = [log.as_path(), wal.as_path()];
    for calls in ["pread64", "pwrite64", "fdatasync,fsync"] {
        let mut command = traced(calls, "error=EIO", &on);
        isolate(&mut command, folder.path());
        let output = run_to_exit(command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{calls}: {stderr}");
        assert!(stderr.contains("cannot be opened"), "{calls}: {stderr}");
        assert!(stderr.contains("I/O error"), "{calls}: {stderr}");
    }
    comes_back_whole(folder.path(), &mut record).await;
}

/// Promise (disk): A slow disk delays responses and loses none.
/// Fault: Each sync takes 20 ms, and then none does.
/// Control: Meanwhile 100 commands take as long as their syncs; then the usual speed is back.
#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn slow_disk_delays_responses_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new();
    let (program, mut record) = begun(folder.path(), &plan, 0).await;
    let fault = Fault::inject(&program, "fdatasync,fsync", "delay_exit=20ms", &[]);
    let mut load = LoadGenerator::start(program.address, 6, plan.round(1));
    let began = Instant::now();
    load.acknowledged(100).await;
    // Control: the disk was slow. Six commands at once are acknowledged with one sync at most.
    assert!(began.elapsed() > Duration::from_millis(100 / 6 * 20));
    record.extend(load.stop().await);
    drop(fault);
    let mut load = LoadGenerator::start(program.address, 6, plan.round(2));
    tokio::time::timeout(Duration::from_secs(5), load.acknowledged(200))
        .await
        .expect("its usual speed again");
    record.extend(load.stop().await);
    program.kill();
    comes_back_whole(folder.path(), &mut record).await;
}
