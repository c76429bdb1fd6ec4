//! Downloads of the log: restored, and aborted by their client.

use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Contract (service): A backup that is downloaded while the service writes is a consistent prefix
/// of the log; with the secret, which it lacks, a service starts on it, and it verifies.
#[tokio::test]
async fn downloaded_backup_starts_with_its_secret_alone() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    fill(&program, 100).await;
    let before = read_intact_log(&log_path(folder.path())).len();
    let url = format!("http://{}", program.address);
    let arguments = ["simulate", "--url", &url, "--carts", "100000"];
    let mut shopping = command(folder.path(), &arguments);
    shopping.stdout(Stdio::null()).stderr(Stdio::null());
    let mut shopping = shopping.spawn().unwrap();
    while read_intact_log(&log_path(folder.path())).len() < before + 20 {
        tokio::task::yield_now().await;
    }
    let response = http_client().get(format!("{url}/api/backup")).send();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let position: usize = header(&response, "log-position").parse().unwrap();
    let copy = response.bytes().await.unwrap();
    shopping.kill().unwrap();
    shopping.wait().unwrap();
    let secret = fs::read(folder.path().join("data/secret")).unwrap();
    program.kill();

    let restored = tempfile::tempdir().unwrap();
    let data = restored.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("events.db"), &copy).unwrap();
    let copied = read_intact_log(&log_path(restored.path()));
    assert_eq!(copied.len(), position);
    assert!(position >= before + 20, "{position}");
    let original = read_intact_log(&log_path(folder.path()));
    assert!(position < original.len(), "it was written meanwhile");
    let hashes = copied.iter().zip(original.iter());
    assert!(hashes.into_iter().all(|(copy, own)| copy.hash == own.hash));

    let refused = run_to_exit(command(restored.path(), &["serve"]));
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{reason}");
    assert!(reason.contains("secret"), "{reason}");
    fs::write(data.join("secret"), secret).unwrap();
    let program = ServiceProcess::serve(restored.path());
    fill(&program, 1).await;
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    let verified = run_to_exit(command(restored.path(), &["verify"]));
    assert!(verified.status.success(), "{verified:?}");
}

/// Contract (service): A download of the log that its client aborts leaves no file and no open
/// descriptor, and the next one is served.
#[tokio::test]
async fn aborted_download_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    for _ in 0..8 {
        fill(&program, 500).await;
    }
    let files = names(folder.path());
    for path in ["/api/backup", "/api/export"] {
        let whole = get(&program, path).await;
        assert_eq!(whole.status(), 200);
        let whole = whole.bytes().await.unwrap();
        // More than the buffers of two sockets take.
        assert!(whole.len() > 6 << 20, "{path}: {}", whole.len());
        let before = descriptors(&program);
        for _ in 0..5 {
            let aborted = begin(&program, path).await;
            let second = get(&program, path).await;
            assert_eq!(second.status(), 503, "{path}: one runs at a time");
            assert_eq!(header(&second, "retry-after"), "10");
            assert_eq!(names(folder.path()), files, "no file has a name");
            drop(aborted);
        }
        let started = Instant::now();
        // A few connections that read the log stay pooled.
        while descriptors(&program) > before + 8 || has_deleted_file(&program) {
            assert!(started.elapsed() < PATIENCE, "{path}: descriptors leak");
            tokio::task::yield_now().await;
        }
        assert_eq!(names(folder.path()), files);
        let again = get(&program, path).await;
        assert_eq!(again.status(), 200);
        let again = again.bytes().await.unwrap();
        assert_eq!(again.len(), whole.len(), "{path}");
    }
    fill(&program, 1).await;
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}

/// What a kill during a copy has left is removed at the next start.
#[test]
fn copy_left_by_a_kill_is_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    let left = folder.path().join("data/cartlog-backup-x.partial");
    let kept = folder.path().join("data/cartlog-other-x.partial");
    for file in [&left, &kept] {
        fs::write(file, "a part of a log").unwrap();
    }
    let _program = ServiceProcess::serve(folder.path());
    assert!(!left.exists());
    assert!(kept.exists());
}

/// Adds `carts` carts with their events.
async fn fill(program: &ServiceProcess, carts: u32) {
    let url = format!("http://{}/api/simulation", program.address);
    let body = json!({ "carts": carts, "days": 7 });
    let added = http_client().post(url).json(&body).send().await.unwrap();
    assert_eq!(added.status(), 200);
}

async fn get(program: &ServiceProcess, path: &str) -> reqwest::Response {
    let url = format!("http://{}{path}", program.address);
    http_client().get(url).send().await.unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    let value = response.headers().get(name).expect(name);
    value.to_str().unwrap()
}

/// A download of which the beginning has arrived, and no more is read. Waits until the one before
/// is over.
async fn begin(program: &ServiceProcess, path: &str) -> TcpStream {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", program.address);
    let started = Instant::now();
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(program.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut beginning = [0; 13];
        stream.read_exact(&mut beginning).await.unwrap();
        if beginning == *b"HTTP/1.1 200 " {
            return stream;
        }
        assert!(started.elapsed() < PATIENCE, "{path}: it is never over");
    }
}

/// The names of the files in `folder` and in its folder `data`.
fn names(folder: &Path) -> Vec<String> {
    let listed = [folder.to_owned(), folder.join("data")].map(|folder| {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
    });
    let mut names: Vec<String> = listed.into_iter().flatten().collect();
    names.sort();
    names
}

fn descriptors(program: &ServiceProcess) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap();
    open.count()
}

/// Whether the process has a file open that has no name.
fn has_deleted_file(program: &ServiceProcess) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap();
    open.flatten().any(|entry| {
        let target = fs::read_link(entry.path());
        target.is_ok_and(|target| target.to_string_lossy().ends_with("(deleted)"))
    })
}
