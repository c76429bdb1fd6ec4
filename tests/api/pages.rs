//! The pages' files: whole, compressed, or unchanged.

use cartlog_testkit::{Answer, TestApp};
use reqwest::Method;

const SCRIPT: &str = "/js/shop/cart.js";

async fn script(app: &TestApp, accepted: &str) -> Answer {
    let ask = app.get(SCRIPT).header("accept-encoding", accepted);
    ask.await.expect(200)
}

#[tokio::test]
async fn every_page_is_served() {
    let app = TestApp::start();
    for path in ["/", "/history", "/insights", "/operations", "/learn"] {
        let page = app.get(path).await.expect(200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(page.header("content-security-policy").is_some(), "{path}");
    }
}

#[tokio::test]
async fn file_is_sent_in_preferred_encoding() {
    let app = TestApp::start();
    let whole = app.get(SCRIPT).await.expect(200);
    assert_eq!(whole.header("content-encoding"), None);
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip", Some("gzip")),
        ("br;q=0.5, gzip", Some("gzip")),
        ("br;q=0, gzip", Some("gzip")),
        ("identity", None),
        ("compress", None),
        ("br;q=high", None),
        ("*;q=0", None),
    ] {
        let coded = script(&app, accepted).await;
        assert_eq!(coded.header("content-encoding"), coding, "{accepted}");
        assert_eq!(coded.header("vary"), Some("Accept-Encoding"));
        let smaller = coded.body.len() * 2 < whole.body.len();
        assert_eq!(smaller, coding.is_some(), "{accepted}");
    }
}

/// A picture in text compresses like any other text.
#[tokio::test]
async fn svg_is_compressed() {
    let app = TestApp::start();
    let path = "/pictures/teapot.svg";
    let whole = app.get(path).await.expect(200);
    let coded = app.get(path).header("accept-encoding", "br");
    let coded = coded.await.expect(200);
    assert_eq!(coded.header("content-encoding"), Some("br"));
    assert!(coded.body.len() < whole.body.len());
}

/// Contract (service): A page may load from this service only, run no inline code, and not be
/// framed; it is revalidated at each use.
#[tokio::test]
async fn pages_are_isolated_and_revalidated() {
    let app = TestApp::start();
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    for path in [
        "/",
        "/products/teapot",
        "/docs",
        "/problems",
        "/css/base.css",
    ] {
        let page = app.get(path).header("accept-encoding", "gzip").await;
        let page = page.expect(200);
        let tag = page.header("etag").expect("an ETag");
        let again = app.get(path).header("accept-encoding", "gzip");
        let again = again.header("if-none-match", tag).await.expect(304);
        for answer in [&page, &again] {
            for (name, value) in [
                ("content-security-policy", policy),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "no-cache"),
                ("vary", "Accept-Encoding"),
                ("etag", tag),
            ] {
                let status = answer.status;
                assert_eq!(
                    answer.header(name),
                    Some(value),
                    "{name} of {path}, {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn etag_matches_only_its_own_encoding() {
    let app = TestApp::start();
    let codings = ["br", "gzip", "identity"];
    for coding in codings {
        let tag = script(&app, coding).await;
        let tag = tag.header("etag").expect("a tag");
        for asked in codings {
            let again = app
                .get(SCRIPT)
                .header("accept-encoding", asked)
                .header("if-none-match", tag)
                .await;
            let unchanged = again.status == 304;
            assert_eq!(unchanged, asked == coding, "{coding} {asked}");
        }
    }
}

#[tokio::test]
async fn missing_page_is_html_for_browsers_and_problem_for_programs() {
    let app = TestApp::start();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = app.get("/teapots").header("accept", browser).await;
    let page = page.expect(404);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    // Neither it nor the problem may be kept for the other: the next client may be a program.
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let vary = page.headers_in_one("vary");
    assert!(vary.contains("Accept-Encoding, Accept"), "{vary}");
    assert!(page.header("content-security-policy").is_some());
    let head = app.ask(Method::HEAD, "/teapots").header("accept", browser);
    let head = head.await.expect(404);
    assert_eq!(head.header("content-type"), page.header("content-type"));
    for (path, accepted) in [
        ("/teapots", "*/*"),
        ("/teapots", "application/json"),
        ("/api/teapots", browser),
    ] {
        let asked = app.get(path).header("accept", accepted);
        asked.await.expect_problem(404, "not-found");
    }
    app.post("/teapots")
        .header("accept", browser)
        .await
        .expect_problem(404, "not-found");
}
