//! The secret belongs to the log: a missing or wrong one is refused, not replaced in silence.

use cartlog_testkit::load::http_client;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

const KEY: &str = "9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10";

/// Opens a cart under the key and returns its id.
async fn open_under_key(program: &ServiceProcess) -> String {
    let url = format!("http://{}/api/carts", program.address);
    let request = http_client().post(url).header("idempotency-key", KEY);
    let opened: Value = request.send().await.unwrap().json().await.unwrap();
    opened["id"].as_str().unwrap().to_owned()
}

fn stop(program: ServiceProcess) {
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}

#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
}

fn serve(folder: &Path) -> Output {
    run_to_exit(command(folder, &["serve"]))
}

/// Promise (disk): A missing secret, or that of another log, refuses the start.
/// Fault: The secret is removed, replaced by another, and left out of a restored backup.
/// Control: With its own secret the log starts, and a retry gets the cart from before.
#[tokio::test]
async fn missing_or_wrong_secret_is_refused_until_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let first = open_under_key(&program).await;
    let backup = run_to_exit(command(folder.path(), &["backup", "b.db"]));
    let note = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert!(
        note.contains("data/secret") && note.contains("not in the backup"),
        "{note}"
    );
    stop(program);

    let secret = folder.path().join("data/secret");
    let kept = std::fs::read(&secret).unwrap();
    std::fs::remove_file(&secret).unwrap();
    let missing = ["data/secret", "missing", "accept-secret"];
    refused(&serve(folder.path()), &missing);
    assert!(!secret.exists(), "no other secret was generated");
    std::fs::write(&secret, [7; 32]).unwrap();
    refused(
        &serve(folder.path()),
        &["data/secret", "another", "accept-secret"],
    );

    // The backup has the digest too.
    let restored = tempfile::tempdir().unwrap();
    std::fs::create_dir(restored.path().join("data")).unwrap();
    let log = restored.path().join("data/events.db");
    std::fs::copy(folder.path().join("b.db"), log).unwrap();
    refused(&serve(restored.path()), &missing);
    std::fs::write(restored.path().join("data/secret"), &kept).unwrap();
    let program = ServiceProcess::serve(restored.path());
    assert_eq!(open_under_key(&program).await, first, "the same cart");
    stop(program);

    let accepted = run_to_exit(command(folder.path(), &["accept-secret"]));
    assert!(accepted.status.success(), "{accepted:?}");
    let program = ServiceProcess::serve(folder.path());
    assert_ne!(open_under_key(&program).await, first);
    let running = run_to_exit(command(folder.path(), &["accept-secret"]));
    refused(&running, &["another process has this log open"]);
    stop(program);
}

/// An imported log, and one of an earlier version, has no digest of its secret yet.
#[tokio::test]
async fn missing_secret_of_log_without_digest_is_refused_if_needed() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let url = format!("http://{}/api/carts", program.address);
    assert_eq!(http_client().post(url).send().await.unwrap().status(), 201);
    let import_to = |place: &Path| {
        let export = folder.path().join("export.ndjson");
        let to_file = ["export", "--force", "-o", "export.ndjson"];
        assert!(
            run_to_exit(command(folder.path(), &to_file))
                .status
                .success()
        );
        let import = run_to_exit(command(place, &["import", export.to_str().unwrap()]));
        assert!(import.status.success(), "{import:?}");
    };
    let without_keys = tempfile::tempdir().unwrap();
    import_to(without_keys.path());
    stop(ServiceProcess::serve(without_keys.path()));

    let first = open_under_key(&program).await;
    let with_keys = tempfile::tempdir().unwrap();
    import_to(with_keys.path());
    refused(&serve(with_keys.path()), &["data/secret", "missing"]);
    let secret = with_keys.path().join("data/secret");
    std::fs::copy(folder.path().join("data/secret"), secret).unwrap();
    let started = ServiceProcess::serve(with_keys.path());
    assert_eq!(open_under_key(&started).await, first);
    stop(started);
    stop(program);
}

/// A crash may leave a partial file, but never a secret that later starts refuse.
#[test]
fn killed_start_leaves_no_partial_secret() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("cartlog-secret-1.partial"), [1; 5]).unwrap();
    stop(ServiceProcess::serve(folder.path()));
    assert_eq!(std::fs::read(data.join("secret")).unwrap().len(), 32);
    assert!(!data.join("cartlog-secret-1.partial").exists());
}
