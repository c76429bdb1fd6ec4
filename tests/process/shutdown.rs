//! Graceful shutdown on SIGTERM and SIGINT.

use cartlog_testkit::load::{LoadGenerator, assert_log_matches, http_client};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::ServiceProcess;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Promise (crash): A graceful shutdown under load keeps every acknowledged command and answers the
/// requests in flight.
/// Fault: `SIGTERM` under load
/// Control: A forged acknowledgement, a lost and a doubled commit are noticed:
/// [control_forged_lost_and_doubled_commits_are_noticed].
#[tokio::test]
async fn shutdown_under_load_keeps_every_acknowledged_command() {
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let program = ServiceProcess::serve(folder.path());
        let mut load = LoadGenerator::start(program.address, 6, 1);
        load.acknowledged(150).await;
        let signalled_at = Instant::now();
        let ended = tokio::task::spawn_blocking(move || program.exit_on_signal(name));
        let status = ended.await.unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        assert!(
            signalled_at.elapsed() < Duration::from_secs(10),
            "{:?}",
            signalled_at.elapsed()
        );
        let beside = std::fs::metadata(folder.path().join("data/events.db-wal"));
        assert_eq!(
            beside.map_or(0, |file| file.len()),
            0,
            "the write-ahead log is checkpointed into the file"
        );
        let record = load.end().await;
        assert_log_matches(&record, &read_intact_log(&log_path(folder.path())));
    }
}

#[tokio::test]
async fn shutdown_ends_live_streams() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let client = http_client();
    let carts = format!("http://{}/api/carts", program.address);
    let opened = client.post(&carts).send().await.unwrap();
    let cart: serde_json::Value = opened.json().await.unwrap();
    let mut stream = client
        .get(format!("{carts}/{}/events", cart["id"].as_str().unwrap()))
        .bearer_auth(cart["token"].as_str().unwrap())
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let signalled_at = Instant::now();
    let ended = tokio::task::spawn_blocking(move || program.exit_on_signal("TERM"));
    assert_eq!(stream.chunk().await.unwrap(), None);
    assert_eq!(ended.await.unwrap().code(), Some(0));
    assert!(
        signalled_at.elapsed() < Duration::from_secs(5),
        "{:?}",
        signalled_at.elapsed()
    );
}

/// Sends `text` and returns the response; empty if the connection was closed.
fn exchange(stream: &mut TcpStream, text: &str) -> String {
    let mut buffer = [0; 4_096];
    let read = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.read(&mut buffer));
    match read {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Err(error) => {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no answer");
            String::new()
        }
    }
}

/// Promise (crash): A graceful shutdown under load keeps every acknowledged command and answers the
/// requests in flight.
/// Fault: `SIGTERM` during a request
/// Contract (service): `/readyz` says what is not ready: the log, the views, a shutdown.
#[test]
fn shutdown_completes_request_in_flight_and_is_not_ready() {
    const READY: &str = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let connect = || {
        let stream = TcpStream::connect(program.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(4)))
            .unwrap();
        stream
    };
    let mut under_way = connect();
    let head = "POST /api/carts HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n\
                Content-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    assert!(exchange(&mut under_way, head).starts_with("HTTP/1.1 100"));
    let mut kept = connect();
    assert!(exchange(&mut kept, READY).starts_with("HTTP/1.1 200"));
    program.send_signal("TERM");
    let answer = loop {
        let answer = exchange(&mut kept, READY);
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
    };
    let says_why = answer.starts_with("HTTP/1.1 503") && answer.contains("the service is stopping");
    assert!(answer.is_empty() || says_why, "{answer}");
    assert!(exchange(&mut under_way, "{}").starts_with("HTTP/1.1 201"));
    drop((under_way, kept));
    assert_eq!(
        program.wait_for_exit(Duration::from_secs(10)).code(),
        Some(0)
    );
}
