//! Starting the service, and failing to start.

use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use std::process::Output;

#[tokio::test]
async fn start_prints_urls_of_shop_history_and_api() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    for (name, path) in [
        ("the shop", "/"),
        ("the history", "/history"),
        ("the API", "/docs"),
    ] {
        let address = format!("http://{}{path}", program.address);
        let line = program
            .startup_lines
            .iter()
            .find(|line| line.contains(name))
            .unwrap();
        assert!(line.ends_with(&address), "{line}");
        let answer = reqwest::get(address).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert!(folder.path().join("data/events.db").exists());
}

/// The program failed to start: one line with the reason, exit code 1.
#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("cartlog: "), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn second_process_on_same_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = ServiceProcess::serve(folder.path());
    for _ in 0..2 {
        let second = run_to_exit(command(folder.path(), &[]));
        refused(&second, &["events.db", "another process has this log open"]);
    }
    assert_eq!(first.exit_on_signal("TERM").code(), Some(0));
    assert_eq!(
        ServiceProcess::serve(folder.path())
            .exit_on_signal("TERM")
            .code(),
        Some(0)
    );
}

#[test]
fn views_path_at_a_log_is_refused_and_keeps_the_log() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        ServiceProcess::serve(folder.path())
            .exit_on_signal("TERM")
            .code(),
        Some(0)
    );
    let log = folder.path().join("data/events.db");
    let link = folder.path().join("data/linked.db");
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let identity = || -> Vec<u8> {
        let log = rusqlite::Connection::open(&log).unwrap();
        let identity = log.query_row("SELECT id FROM identity", [], |row| row.get(0));
        identity.unwrap()
    };
    let before = identity();
    for subcommand in ["serve", "rebuild"] {
        for views in ["data/events.db", "data/linked.db"] {
            let mut command = command(folder.path(), &[subcommand]);
            command.env("CARTLOG_VIEWS__PATH", views);
            refused(&run_to_exit(command), &[views, "views.path"]);
            assert_eq!(identity(), before, "{subcommand} {views}");
        }
    }
    assert_eq!(
        ServiceProcess::serve(folder.path())
            .exit_on_signal("TERM")
            .code(),
        Some(0)
    );
}

#[test]
fn start_on_taken_address_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_SERVER__BIND", &address);
    refused(&run_to_exit(command), &[&address, "server.bind"]);
}

#[test]
fn invalid_configuration_fails_start_in_one_line() {
    for (text, parts) in [
        (
            "[server]\nworkres = 1\n",
            vec!["config.toml", "server.workres", "workers"],
        ),
        (
            "[serve]\nworkers = 1\n",
            vec!["config.toml", "serve", "server"],
        ),
        (
            "[limits]\nunits = 1000\n",
            vec!["limits.units = 1000", "1 to 999"],
        ),
        (
            "[limits]\nlines = \"two\"\n",
            vec!["limits.lines = \"two\""],
        ),
        (
            "[log]\ndurability = \"hope\"\n",
            vec!["log.durability", "power"],
        ),
        ("workers = \n", vec!["config.toml, line 1"]),
        (
            "[catalogue]\nproducts = \"none.toml\"\n",
            vec!["none.toml", "cannot be read"],
        ),
        (
            "[catalogue]\npromotions = \"config.toml\"\n",
            vec!["config.toml, line 1", "catalogue"],
        ),
        (
            "[security]\nsecret_path = \".\"\n",
            vec!["the secret .", "cannot read"],
        ),
        (
            "[security]\nsecret_path = \"config.toml\"\n",
            vec!["the secret config.toml", "more than 32 bytes", "delete it"],
        ),
        (
            "[log]\npath = \"config.toml\"\n",
            vec!["config.toml", "not a database"],
        ),
        (
            "[log]\npath = \"config.toml/events.db\"\n",
            vec!["config.toml/events.db"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        refused(&run_to_exit(command(folder.path(), &["serve"])), &parts);
    }
}

#[test]
fn unreadable_configuration_file_fails_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    for file in ["missing.toml", ".", "bytes.toml"] {
        let output = run_to_exit(command(folder.path(), &["--config", file]));
        refused(&output, &[file, "cannot read"]);
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn invalid_catalogue_fails_start_with_line_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let products = folder.path().join("products.toml");
    for (text, parts) in [
        ("", vec!["line 1", "currency"]),
        ("currency = \"EUR\"\n", vec!["line 1", "[[product]]"]),
        (
            "currency = \"EUR\"\n\n[[product]]\nsku = \"a b\"\nname = \"A\"\n\
             category = \"C\"\nprice = 1\n",
            vec!["line 4", "a sku must be"],
        ),
        (
            "currency = \"EUR\"\n\n[[product]]\nsku = \"a\"\nname = \"A\"\n\
             category = \"C\"\nprice = -1\n",
            vec!["line 7", "price = -1"],
        ),
    ] {
        std::fs::write(&products, text).unwrap();
        let mut command = command(folder.path(), &[]);
        command.env("CARTLOG_CATALOGUE__PRODUCTS", "products.toml");
        let mut all = vec!["products.toml"];
        all.extend(parts);
        refused(&run_to_exit(command), &all);
    }
    assert!(
        !folder.path().join("data").exists(),
        "no files were created"
    );
}

#[test]
fn help_and_version_work_and_unknown_command_fails() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (vec!["--help"], "shopping-cart"),
        (vec!["serve", "--help"], "--config"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = run_to_exit(command(folder.path(), &arguments));
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected));
    }
    assert!(
        !run_to_exit(command(folder.path(), &["sevre"]))
            .status
            .success()
    );
}
