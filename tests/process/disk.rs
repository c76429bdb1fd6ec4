//! A disk that is full, and one that fails.

use crate::load::{Load, Record, Sent, client, compare, repeat, view_catches_up};
use crate::program::{PATIENCE, Program, command, log_in, prepare, whole_log};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own with little room, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> SmallDisk {
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

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn ready(client: &reqwest::Client, program: &Program) -> (u16, Value) {
    let url = format!("http://{}/readyz", program.address);
    let response = client.get(url).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
#[ignore = "needs root to mount a small tmpfs"]
async fn a_full_disk_refuses_commands_with_nothing_half_written_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"));
    let log = folder.path().join("disk/events.db");
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__PATH", &log);
    let program = Program::run(command);
    let client = client();
    let mut record = Record::default();
    let opening = Sent::opening("first".into());
    let opened = opening.send(&client, program.address).await.unwrap();
    record.acknowledged.push((opening, opened.clone()));

    for round in 0..3 {
        disk.fill();
        // SQLite may still have room in what it has allocated already.
        for number in 0.. {
            let sent = Sent::addition(format!("{round}-{number}"), &opened, "teapot");
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
        let (status, reasons) = ready(&client, &program).await;
        assert_eq!(status, 503);
        assert!(
            reasons["checks"]["log"].as_str().unwrap().contains("full"),
            "{reasons}"
        );
        assert_eq!(reasons["checks"]["views"], "ok");
        let refused = record.unanswered.last().unwrap().clone();
        let again = refused.send(&client, program.address).await.unwrap();
        assert_eq!(again.status, 503, "as long as it is full");
        view_catches_up(&record, program.address).await;

        disk.make_room();
        repeat(&mut record, program.address).await;
        let (status, reasons) = ready(&client, &program).await;
        assert_eq!(status, 200, "{reasons}");
    }
    let mut load = Load::start(program.address, 4, 9);
    load.acknowledged(100).await;
    let status = tokio::task::spawn_blocking(move || program.signal("TERM"));
    assert_eq!(status.await.unwrap().code(), Some(0));
    let stored = whole_log(&log);
    compare(&record, &stored);
    compare(&load.end().await, &stored);
}

#[tokio::test]
#[ignore = "needs strace, which lets the system calls of a process fail"]
async fn a_disk_that_fails_to_sync_ends_the_process_and_the_next_start_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let mut command = Command::new("strace");
        command
            // -D: the program is this process's child, and strace its own.
            .args(["-D", "-f", "-qq", "-o", "/dev/null"])
            .args(["-e", "trace=fsync,fdatasync"])
            .args([
                "-e",
                &format!("inject=fsync,fdatasync:error=EIO:when={}+", 60 + 17 * round),
            ])
            .arg(env!("CARGO_BIN_EXE_cartlog"));
        prepare(&mut command, folder.path());
        let program = Program::run(command);
        let address = program.address;
        let load = Load::start(address, 6, round);
        let ended = tokio::task::spawn_blocking(move || program.ended(PATIENCE));
        let status = ended.await.unwrap();
        assert_eq!(status.code(), Some(1), "the end is no success");
        let mut record = load.end().await;
        assert!(!record.unanswered.is_empty());

        let program = Program::serve(folder.path());
        compare(&record, &whole_log(&log_in(folder.path())));
        repeat(&mut record, program.address).await;
        view_catches_up(&record, program.address).await;
        let status = tokio::task::spawn_blocking(move || program.signal("TERM"));
        assert_eq!(status.await.unwrap().code(), Some(0));
        compare(&record, &whole_log(&log_in(folder.path())));
    }
}
