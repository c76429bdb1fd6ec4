//! The program as a unit of systemd: notifications, watchdog, and the sandbox of
//! `deploy/cartlog.service`. systemd itself does not run here: the test is its side of the
//! protocol.

use cartlog_testkit::process::{ServiceProcess, command, program};
use cartlog_testkit::{PATIENCE, repository};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

/// SQLite calls it only as root, and the unit's user is another one.
const FOR_ROOT: &str = "fchown";

/// What a run of `systemd-analyze` printed. Fails if it failed.
fn systemd_analyze(arguments: &[&str]) -> Output {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.expect("systemd-analyze runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
    output
}

/// The unit `name` of `deploy/`, with the program under test in place of the installed one.
fn unit(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(repository().join("deploy").join(name)).unwrap();
    let path = folder.join(name);
    let own = program().display().to_string();
    fs::write(&path, text.replace("/usr/bin/cartlog", &own)).unwrap();
    path.display().to_string()
}

/// Waits for a notification that `matches`, and returns it.
fn next(socket: &UnixDatagram, matches: impl Fn(&str) -> bool) -> String {
    let started = Instant::now();
    let mut buffer = [0; 4096];
    loop {
        let left = PATIENCE.saturating_sub(started.elapsed());
        socket.set_read_timeout(Some(left)).unwrap();
        let length = socket.recv(&mut buffer).expect("a notification in time");
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if matches(&text) {
            return text;
        }
    }
}

/// Contract (service): Under systemd the service reports when it serves and when it stops, and
/// answers the watchdog while it answers requests.
#[test]
fn systemd_learns_of_ready_watchdog_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut serve = command(folder.path(), &["serve"]);
    serve
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000");
    let service = ServiceProcess::run(serve);
    let ready = next(&socket, |text| text.contains("READY=1"));
    let status = format!("STATUS=serving at {}", service.address);
    assert!(ready.contains(&status), "{ready}");
    for _ in 0..3 {
        next(&socket, |text| text.contains("WATCHDOG=1"));
    }
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    next(&socket, |text| text.contains("STOPPING=1"));
}

/// Contract (service): The systemd units are valid, and their sandboxes leave an exposure below 2
/// of 10.
#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_units_are_valid_and_sandboxed() {
    let folder = tempfile::tempdir().unwrap();
    let timer = unit(folder.path(), "cartlog-backup.timer");
    let services = ["cartlog.service", "cartlog-backup.service"];
    let services = services.map(|name| unit(folder.path(), name));
    for unit in services.iter().chain([&timer]) {
        let found = systemd_analyze(&["verify", "--man=no", unit]);
        let warnings = String::from_utf8_lossy(&found.stderr).into_owned();
        assert_eq!(warnings, "", "{unit}");
    }
    for service in &services {
        systemd_analyze(&["security", "--offline=true", "--threshold=20", service]);
    }
}

/// Contract (service): The service needs no system call that its systemd unit forbids.
#[test]
#[ignore = "needs systemd-analyze and strace"]
fn systemd_unit_allows_every_system_call() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let mut traced = Command::new("strace");
    // The tracer is not the parent: signals go to the service.
    traced
        .args(["-D", "-f", "-qq", "-c", "-U", "name", "-o"])
        .arg(&calls)
        .arg(program())
        .arg("serve");
    cartlog_testkit::process::isolate(&mut traced, folder.path());
    let service = ServiceProcess::run(traced);
    let url = |path: &str| format!("http://{}{path}", service.address);
    let opened = ureq::post(url("/api/carts")).send_empty().unwrap();
    assert_eq!(opened.status(), 201);
    let rebuild = ureq::post(url("/api/views/rebuild")).send_empty().unwrap();
    assert_eq!(rebuild.status(), 202);
    service.send_signal("HUP");
    assert!(ureq::get(url("/metrics")).call().is_ok());
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let allowed = allowed_calls(&unit(folder.path(), "cartlog.service"));
    let forbidden: BTreeSet<_> = written_summary(&calls)
        .into_iter()
        .filter(|call| !allowed.contains(call) && call != FOR_ROOT)
        .collect();
    assert_eq!(forbidden, BTreeSet::new());
}

/// The names of the system calls in the summary at `path`, once the tracer has written it.
fn written_summary(path: &Path) -> BTreeSet<String> {
    let started = Instant::now();
    loop {
        let calls: BTreeSet<_> = fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
            .filter(|name| !["syscall", "total"].contains(&name.as_str()))
            .collect();
        if calls.contains("openat") && calls.contains("fdatasync") | calls.contains("fsync") {
            return calls;
        }
        assert!(started.elapsed() < PATIENCE, "no summary: {calls:?}");
        std::thread::yield_now();
    }
}

/// The system calls that the unit at `path` allows: the groups of its filters, resolved.
fn allowed_calls(path: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    let mut allowed = BTreeSet::new();
    for filter in text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        match filter.strip_prefix('~') {
            None => allowed.extend(group(filter)),
            Some(denied) => {
                for call in group(denied) {
                    allowed.remove(&call);
                }
            }
        }
    }
    allowed
}

/// The system calls of a group such as `@system-service`, with those of the groups in it.
fn group(name: &str) -> Vec<String> {
    let listed = systemd_analyze(&["syscall-filter", name]);
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines()
        .skip(1)
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(|line| {
            if line.starts_with('@') {
                return group(line);
            }
            vec![line.to_owned()]
        })
        .collect()
}
