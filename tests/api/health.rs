//! `/livez` and `/readyz`.

use cartlog_testkit::TestApp;
use reqwest::Method;
use serde_json::json;

/// Contract (service): `GET /livez`, `GET /readyz`
#[tokio::test]
async fn running_service_is_live_and_ready() {
    let app = TestApp::start();
    let live = app.get("/livez").await.expect(200);
    assert_eq!(live.json(), json!({ "status": "live" }));
    let ready = app.get("/readyz").await.expect(200);
    let mut document = ready.json();
    // The signer may not have begun; the service is ready all the same.
    assert!(document["checks"]["proof"].take().is_string());
    assert_eq!(
        document,
        json!({
            "status": "ready",
            "checks": { "log": "ok", "proof": null, "views": "ok", "service": "ok" }
        })
    );
    for answer in [live, ready] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

/// A load balancer or an orchestrator calls the service by its address, which no configuration can
/// list. In demo mode the metrics are readable without a token, so there the host counts.
///
/// Contract (service): Probes work under any host name, `/metrics` with its token.
#[tokio::test]
async fn probes_by_address_need_no_configured_host() {
    let demo = TestApp::start();
    let at_address =
        |app: &TestApp, method, path| app.ask(method, path).header("host", "10.1.2.3:8080");
    for path in ["/livez", "/readyz"] {
        for method in [Method::GET, Method::HEAD] {
            at_address(&demo, method, path).await.expect(200);
        }
        let posted = at_address(&demo, Method::POST, path).await;
        posted.expect_problem(421, "wrong-host");
    }
    for path in ["/metrics", "/", "/api/products", "/livez/", "/readyz/x"] {
        let refused = at_address(&demo, Method::GET, path).await;
        refused.expect_problem(421, "wrong-host");
    }
    let app = TestApp::start_with(&[("security.operator_token", "op-secret-op-secret")]);
    let metrics = || at_address(&app, Method::GET, "/metrics");
    metrics().token("op-secret-op-secret").await.expect(200);
    metrics().await.expect_problem(401, "operator-only");
    let journal = at_address(&app, Method::GET, "/api/events");
    let journal = journal.token("op-secret-op-secret").await;
    journal.expect_problem(421, "wrong-host");
}
