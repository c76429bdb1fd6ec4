//! The pages' files: whole, compressed, or unchanged.

use cartlog_testkit::{Answer, TestApp};

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
    ] {
        let coded = script(&app, accepted).await;
        assert_eq!(coded.header("content-encoding"), coding, "{accepted}");
        assert_eq!(coded.header("vary"), Some("Accept-Encoding"));
        let smaller = coded.body.len() * 2 < whole.body.len();
        assert_eq!(smaller, coding.is_some(), "{accepted}");
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
