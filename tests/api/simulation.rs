//! `/api/simulation`: shopping dated over the last days.

use cartlog_testkit::{Answer, TestApp};
use rusqlite::Connection;
use serde_json::json;

const KEY: &str = "4a1c9f6e-8d27-4b3f-9a5e-1c7d2e6b8f03";

async fn simulate(app: &TestApp, carts: u32, key: &str) -> Answer {
    let body = json!({ "carts": carts, "days": 7 });
    app.post("/api/simulation").json(&body).key(key).await
}

/// Contract (service): View lag is the time since an event was written, whatever its own time is.
#[tokio::test]
async fn lag_of_events_dated_in_the_past_is_not_their_age() {
    let app = TestApp::start();
    app.open_cart_with(&[("teapot", 1)]).await;
    app.wait_for_tables().await;
    let file = Connection::open(app.file("views.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    simulate(&app, 10, KEY).await.expect(200);
    let views = app.get("/api/views").await.expect(200).json();
    let view = &views["items"][0];
    assert!(view["lag_events"].as_u64() > Some(10), "{view}");
    let lag = view["lag_ms"].as_u64().unwrap();
    assert!(lag < 3_600_000, "{lag} ms");
    let later = app.get("/api/views").await.expect(200).json();
    assert!(later["items"][0]["lag_ms"].as_u64() > Some(lag), "it waits");
    let metrics = app.get("/metrics").await.expect(200).body;
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    let name = "cartlog_view_lag_seconds{view=\"carts\"} ";
    let lag = metrics.lines().find_map(|line| line.strip_prefix(name));
    let lag: f64 = lag.expect(name).parse().unwrap();
    assert!(0.0 < lag && lag < 3_600.0, "{lag} s");
    file.execute_batch("ROLLBACK").unwrap();
}
