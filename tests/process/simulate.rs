//! `cartlog simulate` against a running service.

use cartlog::timestamp::Timestamp;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::log_file::{StoredEvent, log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, isolate, run_to_exit};
use rusqlite::{Connection, OpenFlags};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn simulate(folder: &Path, address: SocketAddr, more: &[&str]) -> Command {
    let url = format!("http://{address}");
    let mut command = command(folder, &["simulate", "--url", &url]);
    command.args(more);
    command
}

fn stdout_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The number that follows `name` in the report.
fn number(printed: &str, name: &str) -> u64 {
    let (_, rest) = printed.split_once(&format!("{name} ")).unwrap();
    let digits = rest.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next().unwrap().parse().unwrap()
}

/// The events of each cart, without random ids and tokens.
fn stories(folder: &Path) -> Vec<String> {
    let file =
        Connection::open_with_flags(log_path(folder), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut stories = file
        .prepare(
            "SELECT group_concat(type || CASE type WHEN 'CartOpened' THEN '' ELSE
                    json_remove(data, '$.order_id') END, ' ' ORDER BY version)
               FROM events GROUP BY stream HAVING min(type) < 'Order'",
        )
        .unwrap();
    let rows = stories.query_map([], |row| row.get(0)).unwrap();
    let mut stories: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
    stories.sort();
    stories
}

/// Contract (tools): `simulate` repeats one seed, and continues after the service was killed.
#[test]
fn simulate_same_seed_repeats_same_carts() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let printed = [("3", &folders[0]), ("7", &folders[1])].map(|(concurrency, folder)| {
        let program = ServiceProcess::serve(folder.path());
        let arguments = [
            "--carts",
            "150",
            "--seed",
            "5",
            "--concurrency",
            concurrency,
        ];
        let output = run_to_exit(simulate(folder.path(), program.address, &arguments));
        assert!(output.status.success(), "{output:?}");
        stdout_of(&output)
    });
    let stories = folders.each_ref().map(|folder| stories(folder.path()));
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[0].len(), 150);

    let bought = stories[0]
        .iter()
        .filter(|story| story.contains("CartCheckedOut"));
    assert_eq!(number(&printed[0], "bought"), bought.count() as u64);
    assert_eq!(number(&printed[0], "unexpected"), 0);
    for event in ["ItemRemoved", "PromotionApplied", "PromotionRemoved"] {
        assert!(
            stories[0].iter().any(|story| story.contains(event)),
            "{event}"
        );
    }
    for line in ["abandoned", "add_item", "checkout", "undo", "p99"] {
        assert!(printed[0].contains(line), "{}", printed[0]);
    }
}

/// Contract (tools): `simulate` repeats one seed, and continues after the service was killed.
#[test]
fn simulate_retries_through_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let address = program.address;
    let shopping = simulate(folder.path(), address, &["--carts", "400", "--rate", "200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let shopping = KillOnDrop(Some(shopping));
    while read_intact_log(&log_path(folder.path())).len() < 200 {
        std::thread::yield_now();
    }
    program.kill();
    let mut again = Command::new(env!("CARGO_BIN_EXE_cartlog"));
    isolate(&mut again, folder.path());
    again.env("CARTLOG_SERVER__BIND", address.to_string());
    let _program = ServiceProcess::run(again);
    let output = shopping.output();
    let printed = stdout_of(&output);
    assert!(output.status.success(), "{printed}");
    assert!(number(&printed, "retries") > 0, "{printed}");
    assert_eq!(stories(folder.path()).len(), 400);
}

struct KillOnDrop(Option<Child>);

impl KillOnDrop {
    fn output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // The process may have exited already.
            let _ = child.kill();
        }
    }
}

/// Contract (tools): `simulate --days` fills a demo with carts of the last days, and nothing else.
#[test]
fn simulated_days_are_dated_in_the_past_and_sound() {
    const DAY: i64 = 24 * 3_600_000;
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let arguments = ["--carts", "120", "--days", "7", "--seed", "5"];
    let started = Timestamp::now().millis();
    let output = run_to_exit(simulate(folder.path(), program.address, &arguments));
    assert!(output.status.success(), "{output:?}");
    let printed = stdout_of(&output);
    assert_eq!(number(&printed, "carts"), 120, "{printed}");
    let bought = number(&printed, "bought");
    assert!((30..110).contains(&bought), "{printed}");
    assert!(program.exit_on_signal("TERM").success());
    let events = read_intact_log(&log_path(folder.path()));
    assert_eq!(events.len() as u64, number(&printed, "events"), "{printed}");
    let millis = |text: &str| Timestamp::parse(text).unwrap().millis();
    let times: Vec<i64> = events.iter().map(|it| millis(&it.recorded_at)).collect();
    assert!(times.iter().all(|time| *time >= started - 7 * DAY - 60_000));
    assert!(times.iter().all(|time| *time <= Timestamp::now().millis()));
    let span = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert!(span > 5 * DAY, "{span}");
    let confirmed = events.iter().filter(|it| it.name == "OrderConfirmed");
    assert_eq!(confirmed.count() as u64, bought, "each has its order");
    // The order process may have seen a checkout first.
    let is_marked = |it: &StoredEvent| {
        it.metadata.contains(r#""actor":"simulation""#) || it.name.starts_with("Order")
    };
    assert!(events.iter().all(is_marked));
    let verified = run_to_exit(command(folder.path(), &["verify"]));
    assert!(verified.status.success(), "{verified:?}");
}

/// The carts that were opened, each of which must be one.
fn opened(folder: &Path) -> usize {
    let events = read_intact_log(&log_path(folder));
    events.iter().filter(|it| it.name == "CartOpened").count()
}

/// Contract (tools): `simulate --days` adds nothing twice when answers are lost or the service is
/// killed.
#[test]
fn simulated_days_are_added_once_when_answers_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let (service, lost) = (program.address, Arc::new(AtomicUsize::new(0)));
    let counted = lost.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            // The answers to the first request and its first retry are lost.
            let loses = counted.fetch_add(1, Ordering::SeqCst) < 2;
            pass_on(connection.unwrap(), service, loses);
        }
    });
    let arguments = ["--carts", "130", "--days", "7", "--seed", "3"];
    let output = run_to_exit(simulate(folder.path(), proxy, &arguments));
    let printed = stdout_of(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(lost.load(Ordering::SeqCst) > 2, "a request was repeated");
    assert!(program.exit_on_signal("TERM").success());
    assert_eq!(opened(folder.path()), 130);
    let events = read_intact_log(&log_path(folder.path())).len() as u64;
    assert_eq!(number(&printed, "events"), events, "{printed}");
    assert_eq!(number(&printed, "carts"), 130, "{printed}");
}

/// Passes one request on, and its response unless that gets lost.
fn pass_on(mut client: TcpStream, service: SocketAddr, loses: bool) {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let (_, length) = head.split_once("content-length: ").expect("a body");
    let length = length.lines().next().unwrap().parse().unwrap();
    let mut server = TcpStream::connect(service).unwrap();
    // The service closes the connection behind its response.
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).unwrap();
    std::io::copy(&mut reader.take(length), &mut server).unwrap();
    let mut response = Vec::new();
    server.read_to_end(&mut response).unwrap();
    if !loses {
        client.write_all(&response).unwrap();
    }
}

/// Contract (tools): `simulate --days` adds nothing twice when answers are lost or the service is
/// killed.
#[test]
fn simulated_days_are_completed_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let address = program.address;
    let shopping = simulate(folder.path(), address, &["--carts", "400", "--days", "7"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let shopping = KillOnDrop(Some(shopping));
    // In the middle of the second request.
    while opened(folder.path()) < 130 {
        std::thread::yield_now();
    }
    program.kill();
    let mut again = Command::new(env!("CARGO_BIN_EXE_cartlog"));
    isolate(&mut again, folder.path());
    again.env("CARTLOG_SERVER__BIND", address.to_string());
    let program = ServiceProcess::run(again);
    let output = shopping.output();
    let printed = stdout_of(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(program.exit_on_signal("TERM").success());
    assert_eq!(opened(folder.path()), 400);
    assert_eq!(number(&printed, "carts"), 400, "{printed}");
    let events = read_intact_log(&log_path(folder.path()));
    assert_eq!(number(&printed, "events"), events.len() as u64, "{printed}");
}

#[test]
fn simulated_days_exist_in_demo_mode_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = command(folder.path(), &["serve"]);
    serving.env("CARTLOG_SECURITY__OPERATOR_TOKEN", "op-secret-op-secret");
    let program = ServiceProcess::run(serving);
    let output = run_to_exit(simulate(folder.path(), program.address, &["--days", "7"]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("must be in demo mode"), "{stderr}");
    assert_eq!(read_intact_log(&log_path(folder.path())).len(), 0);
}

#[test]
fn simulate_unreachable_service_fails_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, part) in [
        (format!("http://{unused}"), "Start the service first"),
        ("https://localhost".to_owned(), "http://"),
        ("localhost:8080".to_owned(), "http://"),
    ] {
        let output = run_to_exit(command(folder.path(), &["simulate", "--url", &url]));
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(part) && stderr.contains(&url), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn simulate_reports_responses_the_contract_forbids() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            std::thread::spawn(move || forgetful(&connection));
        }
    });
    let output = run_to_exit(simulate(
        folder.path(),
        address,
        &["--carts", "3", "--concurrency", "1"],
    ));
    let printed = stdout_of(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert_eq!(number(&printed, "unexpected"), 3, "{printed}");
    assert!(printed.contains("unexpected: "), "{printed}");
    assert!(
        printed.contains("expected the cart to contain"),
        "{printed}"
    );
}

/// A shop that acknowledges every command and stores nothing.
fn forgetful(mut connection: &std::net::TcpStream) {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(connection);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head
            .to_lowercase()
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).unwrap();
        let body = if head.starts_with("GET /api/products?") {
            r#"{"items":[{"sku":"teapot","category":"Tea","price":1999}],"next":null}"#
        } else {
            "{\"id\":\"1\",\"version\":1,\"status\":\"open\",\"lines\":[],\"promotion\":null,\
             \"total\":0,\"token\":\"t\"}"
        };
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    }
}
