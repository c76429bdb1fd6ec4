//! The files of the log, the views and the secret: never overwritten, private, and locked under
//! every name.

use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// A folder whose service has stopped, so that everything is in the database file itself.
fn stopped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let url = format!("http://{}", program.address);
    let arguments = ["simulate", "--url", &url, "--carts", "3", "--seed", "9"];
    let simulated = run_to_exit(command(folder.path(), &arguments));
    assert!(simulated.status.success(), "{simulated:?}");
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    folder
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_to_exit(command(folder, arguments))
}

#[track_caller]
fn refused(output: &Output, part: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.contains(part), "{part} in {stderr}");
}

/// Contract (tools): `export` and `backup` never overwrite a file of the log, the views, the
/// webhooks or the secret; `export` overwrites another file only with `--force`.
#[test]
fn copies_never_overwrite_files_of_the_service() {
    let folder = stopped();
    let data = folder.path().join("data");
    symlink("data/events.db", folder.path().join("link")).unwrap();
    std::fs::hard_link(data.join("secret"), folder.path().join("other-name")).unwrap();
    symlink("data", folder.path().join("same")).unwrap();
    let files = ["events.db", "views.db", "secret"].map(|name| data.join(name));
    let before = files.clone().map(|file| std::fs::read(file).unwrap());
    for target in [
        "data/events.db",
        "data/events.db-wal",
        "data/events.db-journal",
        "data/events.db.lock",
        "data/events.db.partial",
        "data/views.db",
        "data/views.db-shm",
        "data/views.db.lock",
        "data/views.db.2",
        "data/webhooks.db",
        "data/webhooks.db-wal",
        "data/webhooks.db.lock",
        "data/jobs.json",
        "data/secret",
        "same/events.db",
        "same/events.db-journal",
        "link",
        "other-name",
    ] {
        for arguments in [
            &["export", "-o", target][..],
            &["export", "--force", "-o", target],
            &["backup", target],
        ] {
            refused(&run(folder.path(), arguments), target);
        }
    }
    std::fs::remove_file(data.join("secret")).unwrap();
    refused(
        &run(folder.path(), &["backup", "data/secret"]),
        "data/secret",
    );
    assert!(!data.join("secret").exists());
    std::fs::rename(folder.path().join("other-name"), data.join("secret")).unwrap();
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), before);
    assert!(!read_intact_log(&log_path(folder.path())).is_empty());
}

/// Contract (tools): `export` and `backup` never overwrite a file of the log, the views, the
/// webhooks or the secret; `export` overwrites another file only with `--force`.
#[test]
fn export_overwrites_only_regular_files_with_force() {
    let folder = stopped();
    let mine = folder.path().join("mine");
    std::fs::write(&mine, "mine").unwrap();
    symlink("mine", folder.path().join("link")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    fifo(&folder.path().join("pipe"));
    refused(&run(folder.path(), &["export", "-o", "mine"]), "--force");
    for target in ["link", "dangling", "pipe", "/dev/null", "data"] {
        for force in [&[][..], &["--force"]] {
            let arguments = [&["export", "-o", target], force].concat();
            refused(&run(folder.path(), &arguments), target);
        }
        refused(&run(folder.path(), &["backup", target]), target);
    }
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    let forced = run(folder.path(), &["export", "--force", "-o", "mine"]);
    assert!(forced.status.success(), "{forced:?}");
    let lines = std::fs::read_to_string(&mine).unwrap();
    assert!(lines.starts_with('{'), "{lines}");
}

/// A FIFO that is opened for reading or writing blocks until another process opens it too.
#[test]
fn planted_fifos_and_links_do_not_block_or_mislead() {
    let folder = stopped();
    let copies = folder.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    for kind in ["backup", "export"] {
        fifo(&copies.join(format!("cartlog-{kind}-1.partial")));
        symlink(&victim, copies.join(format!("cartlog-{kind}-2.partial"))).unwrap();
    }
    for arguments in [
        &["backup", "copies/b.db"][..],
        &["export", "-o", "copies/e"],
    ] {
        let output = run(folder.path(), arguments);
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    for (file, subcommands) in [
        ("events.db", &["serve", "export", "verify"][..]),
        ("events.db.lock", &["serve"]),
        ("views.db", &["serve", "rebuild"]),
        ("views.db.lock", &["serve", "rebuild"]),
        ("secret", &["serve"]),
    ] {
        let file = folder.path().join("data").join(file);
        let kept = folder.path().join("kept");
        std::fs::rename(&file, &kept).unwrap();
        fifo(&file);
        for subcommand in subcommands {
            let output = run(folder.path(), &[subcommand]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code().is_some_and(|code| code > 0),
                "{stderr}"
            );
            assert!(
                stderr.contains("not a regular file"),
                "{subcommand}: {stderr}"
            );
        }
        std::fs::rename(&kept, &file).unwrap();
    }
    let program = ServiceProcess::serve(folder.path());
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

/// Contract (tools): The files of the service are its user's alone: 0600, in a folder of 0700.
#[test]
fn files_and_folder_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = std::process::Command::new("sh");
    serve.args(["-c", "umask 0 && exec \"$0\" serve"]);
    serve.arg(cartlog_testkit::process::program());
    cartlog_testkit::process::isolate(&mut serve, folder.path());
    let program = ServiceProcess::run(serve);
    let data = folder.path().join("data");
    let check = || {
        let entries = std::fs::read_dir(&data).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 9, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    };
    check();
    assert_eq!(mode(&data), 0o700);
    for arguments in [&["backup", "b.db"][..], &["export", "-o", "e.ndjson"]] {
        assert!(run(folder.path(), arguments).status.success());
        assert_eq!(mode(&folder.path().join(arguments.last().unwrap())), 0o600);
    }
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    // An earlier version left files that all may read, and a lock that all could take.
    for name in [
        "events.db",
        "events.db.lock",
        "views.db",
        "views.db.lock",
        "secret",
    ] {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(data.join(name), open).unwrap();
    }
    let program = ServiceProcess::serve(folder.path());
    check();
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}

/// Contract (tools): A log that is reached through a link works, and has one lock under all names.
#[test]
fn linked_log_starts_and_has_one_lock() {
    let folder = stopped();
    let elsewhere = folder.path().join("elsewhere.db");
    let log = log_path(folder.path());
    std::fs::rename(&log, &elsewhere).unwrap();
    symlink("../elsewhere.db", &log).unwrap();
    let events = read_intact_log(&elsewhere).len();
    let program = ServiceProcess::serve(folder.path());
    for name in ["data/events.db", "elsewhere.db"] {
        let mut second = command(folder.path(), &["serve"]);
        second
            .env("CARTLOG_LOG__PATH", name)
            .env("CARTLOG_VIEWS__PATH", "views-2.db");
        refused(&run_to_exit(second), "another process has this log open");
    }
    for arguments in [&["backup", "b.db"][..], &["export", "-o", "e"], &["verify"]] {
        let output = run(folder.path(), arguments);
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    // An order may have been placed since.
    assert!(read_intact_log(&folder.path().join("b.db")).len() >= events);
    assert!(log.symlink_metadata().unwrap().is_symlink());

    // Views that are reached through a link keep their generations and their lock beside the file.
    let views = folder.path().join("data/views.db");
    std::fs::rename(&views, folder.path().join("v.db")).unwrap();
    symlink("../v.db", &views).unwrap();
    let program = ServiceProcess::serve(folder.path());
    let mut second = command(folder.path(), &["serve"]);
    second
        .env("CARTLOG_LOG__PATH", "b.db")
        .env("CARTLOG_VIEWS__PATH", "v.db");
    refused(&run_to_exit(second), "another process has these views open");
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    let rebuilt = run(folder.path(), &["rebuild"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(std::fs::read_link(&views).unwrap(), Path::new("../v.db"));
    assert!(folder.path().join("v.db.2").exists());

    // A hard link would be a second name with a write-ahead log of its own.
    std::fs::hard_link(&elsewhere, folder.path().join("twin.db")).unwrap();
    refused(&run(folder.path(), &["serve"]), "hard link");
}
