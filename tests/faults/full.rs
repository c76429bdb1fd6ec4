//! A disk that is full.

use crate::disk::stopped;
use crate::plan::Plan;
use cartlog_testkit::load::{
    CommandRecord, KeyedCommand, LoadGenerator, assert_log_matches, assert_replays,
    assert_views_catch_up, discrepancies, http_client, readiness,
};
use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::process::{ServiceProcess, command};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own with little room, until it is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(at: &Path) -> SmallDisk {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(at)
            .status();
        assert!(mounted.expect("mount runs").success());
        SmallDisk(at.to_owned())
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        for size in [4_096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Mounts it read-only, or writable again.
    pub fn remount(&self, how: &str) {
        let mounted = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(&self.0)
            .status();
        assert!(mounted.expect("mount runs").success());
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Promise (disk): A full disk is 503 `log-unavailable` with `Retry-After`, `/readyz` gives the
/// reason, nothing is half written, and free space is enough to recover.
/// Fault: A small tmpfs is filled and emptied again.
/// Control: A refused command, forged as acknowledged, is noticed.
/// Contract (service): `/readyz` says what is not ready: the log, the views, a shutdown.
#[tokio::test]
#[ignore = "needs root to mount a small tmpfs"]
async fn full_disk_refuses_commands_until_there_is_space() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"));
    let log = folder.path().join("disk/events.db");
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__PATH", &log);
    // The digests of keys in the log are keyed by the secret beside it.
    command.env(
        "CARTLOG_SECURITY__SECRET_PATH",
        log.with_file_name("secret"),
    );
    let program = ServiceProcess::run(command);
    let client = http_client();
    let mut record = CommandRecord::default();
    let opening = KeyedCommand::open_cart("first");
    let opened = opening.send(&client, program.address).await.unwrap();
    record.acknowledged.push((opening, opened.clone()));

    for round in 0..plan.times(3, 30) {
        disk.fill();
        // SQLite may still have room in pages that it has allocated already.
        for number in 0.. {
            let sent = KeyedCommand::add_item(format!("{round}-{number}"), &opened, "teapot");
            let answered = sent.send(&client, program.address).await.unwrap();
            if answered.is_ok() {
                assert!(number < 5_000, "the disk is full");
                record.acknowledged.push((sent, answered));
                continue;
            }
            assert_eq!(answered.status, 503);
            assert_eq!(answered.body["type"], "/problems/log-unavailable");
            assert!(answered.retry_after);
            record.unanswered.push(sent);
            break;
        }
        let (status, reasons) = readiness(program.address).await;
        assert_eq!(status, 503);
        assert!(
            reasons["checks"]["log"].as_str().unwrap().contains("full"),
            "{reasons}"
        );
        assert_eq!(reasons["checks"]["views"], "ok");
        let refused = record.unanswered.last().unwrap().clone();
        let again = refused.send(&client, program.address).await.unwrap();
        assert_eq!(again.status, 503, "while the disk is full");
        assert_eq!(discrepancies(&record, &read_intact_log(&log)), [""; 0]);
        // Control: counted as acknowledged, the refused command would be reported as lost.
        let forged = CommandRecord {
            acknowledged: vec![(refused, opened.clone())],
            unanswered: Vec::new(),
        };
        assert_eq!(discrepancies(&forged, &read_intact_log(&log)).len(), 1);
        assert_views_catch_up(&record, program.address).await;

        disk.make_room();
        assert_replays(&mut record, program.address).await;
        let (status, reasons) = readiness(program.address).await;
        assert_eq!(status, 200, "{reasons}");
    }
    let mut load = LoadGenerator::start(program.address, 4, plan.round(9));
    load.acknowledged(100).await;
    stopped(program).await;
    let stored = read_intact_log(&log);
    assert_log_matches(&record, &stored);
    assert_log_matches(&load.end().await, &stored);
}

/// Promise (disk): A download of a backup never fills the disk of the log: it is 507 `no-room`, and
/// commands go on.
/// Fault: A tmpfs with less room than has to stay free.
/// Control: On a disk with room it is served: [documented_download_is_a_backup].
#[tokio::test]
#[ignore = "needs root to mount a small tmpfs"]
async fn backup_that_would_fill_the_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _disk = SmallDisk::mount(&folder.path().join("disk"));
    let log = folder.path().join("disk/events.db");
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__PATH", &log);
    let program = ServiceProcess::run(command);
    let url = format!("http://{}/api/backup", program.address);
    let refused = http_client().get(url).send().await.unwrap();
    assert_eq!(refused.status(), 507);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/no-room");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("cartlog backup"), "{detail}");
    let opening = KeyedCommand::open_cart("first");
    let opened = opening.send(&http_client(), program.address).await.unwrap();
    assert!(opened.is_ok(), "{opened:?}");
}
