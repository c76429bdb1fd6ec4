//! `/livez` and `/readyz`.

use cartlog_testkit::TestApp;
use serde_json::json;

/// Contract (service): `GET /livez`, `GET /readyz`
#[tokio::test]
async fn running_service_is_live_and_ready() {
    let app = TestApp::start();
    let live = app.get("/livez").await.expect(200);
    assert_eq!(live.json(), json!({ "status": "live" }));
    let ready = app.get("/readyz").await.expect(200);
    assert_eq!(
        ready.json(),
        json!({ "status": "ready", "checks": { "log": "ok", "views": "ok", "service": "ok" } })
    );
    for answer in [live, ready] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
