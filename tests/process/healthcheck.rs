//! `cartlog healthcheck` and `cartlog --version`.

use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use std::path::Path;
use std::process::Output;

fn healthcheck(folder: &Path, address: &str) -> Output {
    let mut check = command(folder, &["healthcheck"]);
    check.env("CARTLOG_SERVER__BIND", address);
    run_to_exit(check)
}

/// Contract (service): `cartlog healthcheck` exits with 0 while requests can be served, otherwise
/// with 1 and the reason.
#[test]
fn healthcheck_says_whether_and_why_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let service = ServiceProcess::serve(folder.path());
    let address = service.address.to_string();
    let found = healthcheck(folder.path(), &address);
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    assert!(found.stderr.is_empty(), "{found:?}");

    std::fs::remove_file(folder.path().join("data/events.db")).unwrap();
    let unready = healthcheck(folder.path(), &address);
    let reason = String::from_utf8(unready.stderr).unwrap();
    assert_eq!(unready.status.code(), Some(1), "{reason}");
    assert!(reason.starts_with("cartlog: not ready: log: "), "{reason}");

    service.kill();
    let unreachable = healthcheck(folder.path(), &address);
    let reason = String::from_utf8(unreachable.stderr).unwrap();
    assert_eq!(unreachable.status.code(), Some(1), "{reason}");
    assert!(
        reason.contains(&format!("http://{address}/readyz failed")),
        "{reason}"
    );
}

/// Contract (service): `cartlog --version` names release and commit.
#[test]
fn version_names_release_and_commit() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run_to_exit(command(folder.path(), &["--version"]));
    let text = String::from_utf8(printed.stdout).unwrap();
    let commit = option_env!("CARTLOG_COMMIT").unwrap_or("unknown");
    let expected = format!("cartlog {} (commit {commit})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text, expected);
}
