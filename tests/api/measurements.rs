//! `/api/measurements`: what the node did over time.

use cartlog_testkit::{PATIENCE, TestApp};
use serde_json::{Value, json};

async fn measurements(app: &TestApp, period: &str) -> Value {
    let path = format!("/api/measurements{period}");
    let answer = app.get(&path).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

/// A service that has begun to measure.
async fn measuring() -> TestApp {
    let app = TestApp::start();
    let begun = async { while measurements(&app, "").await["steps"] == json!([]) {} };
    let begun = tokio::time::timeout(PATIENCE, begun).await;
    begun.expect("the first snapshot within the time limit");
    app
}

/// The sum of a member over all steps.
fn all(measurements: &Value, member: &str) -> u64 {
    let steps = measurements["steps"].as_array().expect("steps");
    steps.iter().filter_map(|step| step[member].as_u64()).sum()
}

/// Contract (service): `GET /api/measurements` shows events, refusals and the time to append,
/// also of the step that is not over
#[tokio::test]
async fn measurements_show_what_has_just_happened() {
    let app = measuring().await;
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.add("teapot", 998).await.expect(422);
    for (period, seconds, step) in [("", 900, 10), ("?period=24h", 86_400, 600)] {
        let measured = measurements(&app, period).await;
        assert_eq!(measured["period_seconds"], seconds);
        assert_eq!(measured["step_seconds"], step);
        assert_eq!(all(&measured, "events"), 2, "{measured}");
        assert_eq!(all(&measured, "refused"), 1, "{measured}");
        assert_eq!(all(&measured, "errors"), 0, "{measured}");
        for size in ["log_wal_bytes", "views_bytes", "free_bytes"] {
            assert!(measured[size].as_u64() > Some(0), "{measured}");
        }
        let of_log = ["log_bytes", "log_wal_bytes"].map(|size| measured[size].as_u64());
        assert!(of_log[0] > of_log[1], "{measured}");
        assert_eq!(measured["open_streams"], 0);
        let steps = measured["steps"].as_array().unwrap();
        assert!(steps[0]["from"].as_str() >= measured["since"].as_str());
        let times = steps.iter().filter_map(|step| {
            let times = (
                step["append_p50_ms"].as_f64(),
                step["append_p99_ms"].as_f64(),
            );
            times.0.zip(times.1)
        });
        for (median, slowest) in times.clone() {
            assert!(0.0 < median && median <= slowest, "{measured}");
        }
        assert!(times.count() > 0, "{measured}");
    }
}

#[tokio::test]
async fn measurements_have_no_other_period() {
    let app = TestApp::start();
    let refused = app.get("/api/measurements?period=1h").await;
    refused.expect_problem(400, "invalid-query");
}

#[tokio::test]
async fn measurements_are_for_the_operator() {
    let app = TestApp::start_with(&[("security.operator_token", "the operator's token")]);
    let refused = app.get("/api/measurements").await;
    refused.expect_problem(401, "operator-only");
}
