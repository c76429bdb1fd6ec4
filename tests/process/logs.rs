//! Log output on standard error.

use cartlog_testkit::load::http_client;
use cartlog_testkit::log_file::log_path;
use cartlog_testkit::process::{ServiceProcess, command};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Starts the program in `folder` with logging settings, standard error in a file.
fn serve(folder: &Path, settings: &[(&str, &str)]) -> ServiceProcess {
    let mut command = command(folder, &["serve"]);
    command.stderr(File::create(folder.join("stderr")).unwrap());
    for (name, value) in settings {
        command.env(format!("CARTLOG_LOGGING__{name}"), value);
    }
    ServiceProcess::run(command)
}

/// Stops the program and returns its standard error.
fn stop_and_read(program: ServiceProcess, folder: &Path) -> String {
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    std::fs::read_to_string(folder.join("stderr")).unwrap()
}

/// Parses lines of JSON objects.
fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .inspect(|line: &Value| assert!(line.is_object(), "{line}"))
        .collect()
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Contract (records): The request log is JSON, one line a request, an error once.
#[tokio::test]
async fn request_log_has_one_line_each_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("FORMAT", "json"), ("REQUESTS", "all")];
    let program = serve(folder.path(), &settings);
    let client = http_client();
    let carts = format!("http://{}/api/carts", program.address);
    let opened = client.post(&carts).send().await.unwrap();
    let cart: Value = opened.json().await.unwrap();
    let (id, token) = (
        cart["id"].as_str().unwrap(),
        cart["token"].as_str().unwrap(),
    );
    let address = format!("{carts}/{id}");
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for (address, token, status) in [
        (format!("{address}?min_version=1"), token, 200),
        (address, "a-wrong-token", 404),
    ] {
        let asked = client.get(address).bearer_auth(token);
        let asked = asked.header("traceparent", &traceparent);
        assert_eq!(asked.send().await.unwrap().status(), status);
    }
    let text = stop_and_read(program, folder.path());
    for secret in [token, "a-wrong-token", "min_version"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let lines = objects(&text);
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["target"] == "cartlog::requests")
        .collect();
    let path = format!("/api/carts/{id}");
    let expected = [
        ("POST", "/api/carts", 201, Value::Null),
        ("GET", &path, 200, TRACE.into()),
        ("GET", &path, 404, TRACE.into()),
    ];
    assert_eq!(requests.len(), expected.len(), "{text}");
    for (line, (method, path, status, trace)) in requests.into_iter().zip(expected) {
        assert_eq!(line["level"], "INFO", "{line}");
        assert_eq!(line["method"], method, "{line}");
        assert_eq!(line["path"], path, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["trace_id"], trace, "{line}");
        assert!(line["duration_us"].as_u64().unwrap() > 0, "{line}");
        assert!(line["timestamp"].is_string(), "{line}");
    }
}

/// Contract (records): The request log is JSON, one line a request, an error once.
#[tokio::test]
async fn default_logging_reports_failed_requests_once() {
    for format in ["json", "text"] {
        let folder = tempfile::tempdir().unwrap();
        let program = serve(folder.path(), &[("FORMAT", format), ("LEVEL", "info")]);
        let get = |path: &str| {
            let address = format!("http://{}{path}", program.address);
            async { http_client().get(address).send().await.unwrap() }
        };
        assert_eq!(get("/livez").await.status(), 200);
        assert_eq!(get("/nowhere").await.status(), 404);
        let views = rusqlite::Connection::open(folder.path().join("data/views.db")).unwrap();
        views.execute_batch("DROP TABLE activity").unwrap();
        drop(views);
        let failed = get("/api/insights/activity?step=hour").await;
        assert_eq!(failed.status(), 503);
        let problem: Value = failed.json().await.unwrap();
        let trace = problem["trace_id"].as_str().unwrap();

        let text = stop_and_read(program, folder.path());
        assert!(
            !text.contains("/livez") && !text.contains("/nowhere"),
            "{text}"
        );
        let count_lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!(
            (count_lines(trace), count_lines("no such table")),
            (1, 1),
            "{text}"
        );
        let line = text.lines().find(|line| line.contains(trace)).unwrap();
        for part in ["ERROR", "/api/insights/activity", "503", "no such table"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!line.contains("step"), "{line}");
        if format == "json" {
            objects(&text);
        }
    }
}

#[test]
fn startup_failure_is_logged_once_in_configured_format() {
    let folder = tempfile::tempdir().unwrap();
    let first = ServiceProcess::serve(folder.path());
    for format in ["json", "text"] {
        let mut second = command(folder.path(), &["serve"]);
        second.env("CARTLOG_LOGGING__FORMAT", format);
        let output = cartlog_testkit::process::run_to_exit(second);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("another process has this log open"), "{text}");
        if format == "json" {
            assert_eq!(objects(&text)[0]["level"], "ERROR");
        }
    }
    drop(first);
    assert!(log_path(folder.path()).exists());
}

/// Sends `bytes` and reads until the program closes the connection or has responded.
fn send(program: &ServiceProcess, bytes: &[u8]) {
    let mut stream = TcpStream::connect(program.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // The program may respond and close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Clients must not write the operator's log: they could fill the disk or hide other lines.
///
/// Contract (records): Malformed requests write no warnings, and long paths are cut.
#[tokio::test]
async fn clients_cannot_write_warnings_or_long_lines() {
    let folder = tempfile::tempdir().unwrap();
    let program = serve(folder.path(), &[("REQUESTS", "all"), ("LEVEL", "info")]);
    let client = http_client();
    let carts = format!("http://{}/api/carts", program.address);
    let cart: Value = client
        .post(&carts)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let (id, token) = (
        cart["id"].as_str().unwrap(),
        cart["token"].as_str().unwrap(),
    );
    for beyond in ["2", "18446744073709551615"] {
        let asked = client.get(format!("{carts}/{id}?min_version={beyond}"));
        let asked = asked.bearer_auth(token).header("prefer", "wait=0");
        assert_eq!(asked.send().await.unwrap().status(), 503);
    }
    let post = "POST /api/carts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let long = "a".repeat(200_000);
    for bytes in [
        "hello\r\n\r\n".to_owned(),
        "GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {long}"),
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &long[..100_000]
        ),
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &long[..4_000]
        ),
        format!(
            "{} /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &long[..4_000]
        ),
        format!("{post}Content-Length: 10\r\n\r\n{{"),
        format!("{post}Content-Length: -1\r\n\r\n"),
        format!("{chunked}zz\r\n"),
        format!("{chunked}2\r\n{{}}\r\nfffffffffffffffff\r\n"),
        format!("{chunked}2\r\n{{}}x"),
        format!("{chunked}2"),
    ] {
        send(&program, bytes.as_bytes());
    }
    let log = stop_and_read(program, folder.path());
    for line in log.lines() {
        assert!(
            !line.contains("ERROR") && !line.contains("WARN"),
            "{line:.500}"
        );
        assert!(line.len() < 1_000, "{line:.500}");
    }
    let requests = log
        .lines()
        .filter(|line| line.contains("cartlog::requests"));
    assert!(requests.count() >= 6, "{log}");
}

/// Contract (records): Wrong operator tokens write one line in ten seconds, with the address and
/// their number.
#[tokio::test]
async fn guesses_of_the_operator_token_are_logged_in_few_lines() {
    const TOKEN: &str = "the-token-of-the-operator";
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["serve"]);
    command.stderr(File::create(folder.path().join("stderr")).unwrap());
    command
        .env("CARTLOG_SECURITY__OPERATOR_TOKEN", TOKEN)
        .env("CARTLOG_LOGGING__LEVEL", "warn");
    let program = ServiceProcess::run(command);
    let client = http_client();
    let operator = format!("http://{}/api/operator", program.address);
    let mut refused = [0, 0];
    for guess in 0..200 {
        let body = serde_json::json!({ "token": format!("guess-{guess}") });
        let answer = client.post(&operator).json(&body).send().await.unwrap();
        match answer.status().as_u16() {
            401 => refused[0] += 1,
            429 => refused[1] += 1,
            status => panic!("{status}"),
        }
    }
    // A slow run may be allowed one more every six seconds.
    assert!(refused[0] >= 10 && refused[1] >= 150, "{refused:?}");
    let log = stop_and_read(program, folder.path());
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("operator authentication failed"))
        .collect();
    assert!((1..=5).contains(&lines.len()), "{log}");
    for part in ["WARN", "127.0.0.1", "failures=1"] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!log.contains("guess-"), "{log}");
}

/// A client can be refused any number of times. The operator learns of it by one line and by the
/// metric.
///
/// Contract (records): What is refused at a limit is counted, and logged once a minute at most.
#[tokio::test]
async fn refused_live_streams_write_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["serve"]);
    command
        .stderr(File::create(folder.path().join("stderr")).unwrap())
        .env("CARTLOG_LOGGING__LEVEL", "info")
        .env("CARTLOG_SERVER__LIVE_STREAMS", "1");
    let program = ServiceProcess::run(command);
    let client = http_client();
    let follow = async || {
        let journal = client.get(format!("http://{}/api/events", program.address));
        let stream = journal.header("accept", "text/event-stream").send().await;
        stream.unwrap()
    };
    let kept = follow().await;
    assert_eq!(kept.status(), 200);
    for _ in 0..50 {
        assert_eq!(follow().await.status(), 503);
    }
    let metrics = client.get(format!("http://{}/metrics", program.address));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let counted = "cartlog_refused_total{limit=\"service\"} 50\n";
    assert!(metrics.contains(counted), "{metrics}");
    drop(kept);
    let log = stop_and_read(program, folder.path());
    let warnings: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .collect();
    assert_eq!(warnings.len(), 1, "{log}");
    for part in ["refused=1", "server.live_streams"] {
        assert!(warnings[0].contains(part), "{log}");
    }
}
