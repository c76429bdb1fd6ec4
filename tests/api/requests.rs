//! Requests as such, whichever resource they are for: what no HTTP client would send.

use cartlog_testkit::TestApp;

#[tokio::test]
async fn unknown_path_is_not_found() {
    let app = TestApp::start();
    for path in ["/nowhere", "/api/carts/%00", "/api/carts/../../etc", "/%ff"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        app.raw(request.as_bytes())
            .await
            .expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn duplicate_key_is_refused_and_nothing_is_written() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let twice = cart
        .add("teapot", 1)
        .key("a")
        .another_header("idempotency-key", "a");
    let problem = twice.await.expect_problem(400, "invalid-header");
    assert_eq!(problem["header"], "idempotency-key");
    assert_eq!(app.log_head(), 1);
}

#[tokio::test]
async fn request_without_cart_token_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let answer = cart.get().without_header("authorization").await;
    answer.expect_problem(404, "not-found");
}
