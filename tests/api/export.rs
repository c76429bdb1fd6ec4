//! `/api/export`: the log as a file.

use cartlog_testkit::{TestApp, text};
use serde_json::Value;

fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).expect("lines of JSON");
    assert!(text.ends_with('\n'), "the last line is complete");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// Contract (service): `GET /api/export` has all events by position, and the closing line
#[tokio::test]
async fn export_has_every_event_and_a_closing_line() {
    let app = TestApp::start();
    for _ in 0..150 {
        app.open_cart_with(&[("teapot", 1)]).await;
    }
    let answer = app.get("/api/export").await.expect(200);
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"cartlog-300.jsonl\"")
    );
    let lines = lines(&answer.body);
    assert_eq!(lines.len(), 301);
    for (index, event) in lines[..300].iter().enumerate() {
        let expected = ["cartlog.CartOpened.v2", "cartlog.ItemAdded.v1"][index % 2];
        assert_eq!(text(&event["type"]), expected);
    }
    let closing = &lines[300];
    assert_eq!(closing["type"], "cartlog.export.completed.v1");
    assert_eq!(closing["data"]["events"], 300);
}

#[tokio::test]
async fn export_of_an_empty_log_has_the_closing_line_alone() {
    let app = TestApp::start();
    let answer = app.get("/api/export").await.expect(200);
    assert_eq!(lines(&answer.body)[0]["data"]["events"], 0);
}

/// A download that ended, in whichever way, is followed by another one.
#[tokio::test]
async fn export_can_be_downloaded_again() {
    let app = TestApp::start();
    app.open_cart().await;
    for _ in 0..3 {
        let answer = app.get("/api/export").await.expect(200);
        assert_eq!(lines(&answer.body).len(), 2);
    }
}

#[tokio::test]
async fn export_is_for_the_operator() {
    let app = TestApp::start_with(&[("security.operator_token", "the operator's token")]);
    let refused = app.get("/api/export").await;
    refused.expect_problem(401, "operator-only");
}
