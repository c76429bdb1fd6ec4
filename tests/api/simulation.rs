//! `/api/simulation`: shopping dated over the last days.

use cartlog_testkit::{Answer, TestApp};
use rusqlite::Connection;
use serde_json::json;

const KEY: &str = "4a1c9f6e-8d27-4b3f-9a5e-1c7d2e6b8f03";

async fn simulate(app: &TestApp, carts: u32, key: &str) -> Answer {
    let body = json!({ "carts": carts, "days": 7 });
    app.post("/api/simulation").json(&body).key(key).await
}

/// Contract (service): `POST /api/simulation` under an `Idempotency-Key` adds its carts once, and
/// repeats its response, also after a restart.
#[tokio::test]
async fn repeated_simulation_adds_nothing_and_answers_the_same() {
    let mut app = TestApp::start_with(&[("orders.confirm", "at_once")]);
    let first = simulate(&app, 40, KEY).await.expect(200);
    assert_eq!(first.header("idempotent-replayed"), None);
    let simulated = first.json();
    assert_eq!(simulated["carts"], 40);
    assert!(simulated["checked_out"].as_u64() > Some(0), "{simulated}");
    assert!(simulated["refused"].as_u64() > Some(0), "{simulated}");
    let head = app.log_head();
    for restarts in [false, true] {
        if restarts {
            app.restart();
        }
        let again = simulate(&app, 40, KEY).await.expect(200);
        assert_eq!(again.json(), simulated);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(app.log_head(), head);
    }
    simulate(&app, 41, KEY)
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.log_head(), head);
    let other = simulate(&app, 40, "another").await.expect(200).json();
    assert_ne!(other, simulated, "another key has another seed");
    assert!(app.log_head() > head);
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
    let metrics = String::from_utf8(metrics).unwrap();
    let name = "cartlog_view_lag_seconds{view=\"carts\"} ";
    let lag = metrics.lines().find_map(|line| line.strip_prefix(name));
    let lag: f64 = lag.expect(name).parse().unwrap();
    assert!(0.0 < lag && lag < 3_600.0, "{lag} s");
    file.execute_batch("ROLLBACK").unwrap();
}
