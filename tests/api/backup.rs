//! `/api/backup`: a copy of the log's file.

use cartlog_testkit::TestApp;
use cartlog_testkit::log_file::read_intact_log;
use reqwest::Method;

/// Contract (service): `GET /api/backup` is the log's file as of one moment, without secret and
/// signing key, and says so
#[tokio::test]
async fn backup_is_the_log_and_says_what_it_lacks() {
    let app = TestApp::start();
    for _ in 0..60 {
        app.open_cart_with(&[("teapot", 1)]).await;
    }
    let answer = app.get("/api/backup").await.expect(200);
    for (header, value) in [
        ("content-type", "application/vnd.sqlite3"),
        ("backup-lacks", "secret, signing-key"),
        ("cache-control", "no-store"),
        ("log-position", "120"),
        (
            "content-disposition",
            "attachment; filename=\"cartlog-120-without-keys.db\"",
        ),
    ] {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    let file = app.file("downloaded.db");
    std::fs::write(&file, &answer.body).unwrap();
    let copied = read_intact_log(&file);
    assert_eq!(copied.len(), 120);
    for (copy, original) in copied.iter().zip(&app.log()) {
        assert_eq!(copy.hash, original.hash);
    }
    // The copy is one file: it needs no write-ahead log.
    assert_eq!(&answer.body[..16], b"SQLite format 3\0");
    assert_eq!(answer.body[18..20], [1, 1], "journal mode");
}

/// A download that ended, in whichever way, is followed by another one.
#[tokio::test]
async fn backup_can_be_downloaded_again() {
    let app = TestApp::start();
    app.open_cart().await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        app.ask(method, "/api/backup").await.expect(200);
    }
}

#[tokio::test]
async fn backup_is_for_the_operator() {
    let app = TestApp::start_with(&[("security.operator_token", "the operator's token")]);
    let refused = app.get("/api/backup").await;
    refused.expect_problem(401, "operator-only");
}
