//! `/api/views` and `/api/verify`: state of the views, rebuild and verification.

use cartlog_testkit::{Ask, PATIENCE, TestApp};
use rusqlite::Connection;
use serde_json::{Value, json};

/// The status at `path` once its job is no longer running.
pub async fn outcome(app: &TestApp, path: &str) -> Value {
    let ended = async {
        loop {
            let status = app.get(path).await.expect(200);
            assert_eq!(status.header("cache-control"), Some("no-store"));
            let status = status.json();
            if status["state"] != "running" {
                break status;
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await;
    ended.expect("it ends in time")
}

/// Starts jobs until one is refused because another is running. Gives up after ten, in case each
/// job ends before the next one is requested.
async fn start_until_refused(ask: impl Fn() -> Ask, path: &str, slug: &str) {
    for _ in 0..10 {
        let answer = ask().await;
        if answer.status == 409 {
            let problem = answer.expect_problem(409, slug);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("GET {path}")), "{detail}");
            return;
        }
        let answer = answer.expect(202);
        assert_eq!(answer.header("location"), Some(path));
        assert_eq!(answer.json()["state"], "running");
    }
}

#[tokio::test]
async fn views_report_position_and_lag() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.get_at_least(2).await.expect(200);
    app.wait_for_tables().await;
    let answer = app.get("/api/views").await.expect(200);
    assert_eq!(answer.log_position(), 2);
    let views = answer.json();
    assert_eq!(views["head"], 2);
    let items = views["items"].as_array().unwrap();
    let names: Vec<&str> = items
        .iter()
        .map(|view| view["name"].as_str().unwrap())
        .collect();
    for name in [
        "carts",
        "journal",
        "journeys",
        "products",
        "baskets",
        "activity",
        "snapshots",
        "tree",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for view in items {
        assert_eq!(view["position"], 2, "{view}");
        assert_eq!(view["lag_events"], 0, "{view}");
        assert_eq!(view["lag_ms"], 0, "{view}");
        assert_eq!(view["state"], "current", "{view}");
        assert_eq!(view["last_error"], Value::Null, "{view}");
        assert!(view["definition"].as_u64().unwrap() > 0, "{view}");
    }
}

/// Contract (views): `POST` and `GET /api/verify`
#[tokio::test]
async fn changed_row_is_found_by_verify_and_fixed_by_rebuild() {
    const VERIFY: &str = "/api/verify";
    const REBUILD: &str = "/api/views/rebuild";
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let before = cart.get_at_least(2).await.expect(200).body;
    app.wait_for_tables().await;
    for path in [VERIFY, REBUILD] {
        assert_eq!(outcome(&app, path).await["state"], "idle");
    }
    let started = app.post(VERIFY).await.expect(202);
    assert_eq!(started.header("location"), Some(VERIFY));
    let sound = outcome(&app, VERIFY).await;
    assert_eq!(sound["state"], "sound", "{sound}");
    assert_eq!(sound["events_done"], 2);
    assert_eq!(sound["findings"], json!([]));

    let file = Connection::open(app.file("views.db")).unwrap();
    file.busy_timeout(PATIENCE).unwrap();
    file.execute_batch("UPDATE carts SET document = replace(document, 'teapot', 'teapat')")
        .unwrap();
    drop(file);
    app.post(VERIFY).await.expect(202);
    let found = outcome(&app, VERIFY).await;
    assert_eq!(found["state"], "findings", "{found}");
    assert_eq!(found["findings_total"], 1, "{found}");
    let finding = &found["findings"][0];
    assert_eq!(finding["kind"], "row_different");
    assert_eq!(finding["cart_id"], cart.id);
    assert_eq!(finding["version"], 2);
    assert!(finding["detail"].as_str().unwrap().contains("teapat"));

    let started = app.post(REBUILD).await.expect(202);
    assert_eq!(started.header("location"), Some(REBUILD));
    let rebuilt = outcome(&app, REBUILD).await;
    assert_eq!(rebuilt["state"], "swapped", "{rebuilt}");
    assert_eq!(rebuilt["events_done"], 2);
    assert_eq!(rebuilt["rows_differing"], 1, "{rebuilt}");
    assert_eq!(rebuilt["differences"][0]["cart_id"], cart.id);
    assert_eq!(cart.get_at_least(2).await.expect(200).body, before);
    app.post(VERIFY).await.expect(202);
    assert_eq!(outcome(&app, VERIFY).await["state"], "sound");
}

/// Contract (views): `POST /api/views/damage` changes one row of the views in demo mode, and never
/// the log; a verification names the row, and a rebuild heals it.
#[tokio::test]
async fn row_damaged_on_purpose_is_named_and_healed() {
    const DAMAGE: &str = "/api/views/damage";
    let app = TestApp::start();
    let nothing = app.post(DAMAGE).await.expect(200).json();
    assert_eq!(nothing, json!({ "damaged": null }), "there is no cart yet");
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let before = cart.get_at_least(2).await.expect(200);
    let events = app.get("/api/events").await.expect(200).body;
    app.post("/api/verify").await.expect(202);
    let sound = outcome(&app, "/api/verify").await;

    let damaged = app.post(DAMAGE).await.expect(200).json();
    let row = json!({ "cart_id": cart.id, "version": 2, "currency": "EUR",
                      "total_before": 3998, "total_after": 4998 });
    assert_eq!(damaged["damaged"], row);
    assert_eq!(cart.get_at_least(2).await.expect(200).json()["total"], 4998);
    assert_eq!(app.get("/api/events").await.expect(200).body, events);

    app.post("/api/verify").await.expect(202);
    let found = outcome(&app, "/api/verify").await;
    assert_eq!(found["findings_total"], 1, "{found}");
    assert_eq!(found["findings"][0]["kind"], "row_different");
    assert_eq!(found["findings"][0]["cart_id"], cart.id);
    assert_eq!(found["head"], sound["head"], "the log is as it was");

    app.post("/api/views/rebuild").await.expect(202);
    let rebuilt = outcome(&app, "/api/views/rebuild").await;
    assert_eq!(rebuilt["rows_differing"], 1, "{rebuilt}");
    assert_eq!(rebuilt["differences"][0]["cart_id"], cart.id);
    let healed = cart.get_at_least(2).await.expect(200);
    assert_eq!(healed.body, before.body);
    app.post("/api/verify").await.expect(202);
    assert_eq!(outcome(&app, "/api/verify").await["state"], "sound");
}

/// Commands are decided from the log: a damaged view cannot change what they lead to.
#[tokio::test]
async fn damaged_row_decides_nothing_and_is_written_again() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.get_at_least(2).await.expect(200);
    app.post("/api/views/damage").await.expect(200);
    let changed = cart.add("teapot", 1).await.expect(200).json();
    assert_eq!(changed["total"], 5997);
    assert_eq!(cart.get_at_least(3).await.expect(200).json()["total"], 5997);
}

/// Contract (views): `POST /api/views/damage` is 404 where an operator token is configured.
#[tokio::test]
async fn damaging_views_exists_in_demo_mode_only() {
    const TOKEN: &str = "op-secret-op-secret";
    let app = TestApp::start_with(&[("security.operator_token", TOKEN)]);
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.get_at_least(2).await.expect(200);
    let path = "/api/views/damage";
    app.post(path).await.expect_problem(401, "operator-only");
    let refused = app.post(path).token(TOKEN).await;
    refused.expect_problem(404, "not-found");
    assert_eq!(cart.get_at_least(2).await.expect(200).json()["total"], 3998);
}

/// Contract (views): A second rebuild or verification is 409, and starts nothing.
#[tokio::test]
async fn one_rebuild_and_one_verification_run_at_a_time() {
    let app = TestApp::start();
    app.open_cart_with(&[("teapot", 1)]).await;
    let (path, slug) = ("/api/views/rebuild", "rebuild-running");
    start_until_refused(|| app.post(path), path, slug).await;
    assert_eq!(outcome(&app, path).await["state"], "swapped");
    let (path, slug) = ("/api/verify", "verify-running");
    start_until_refused(|| app.post(path), path, slug).await;
    assert_eq!(outcome(&app, path).await["state"], "sound");
}

/// Contract (views): `POST` and `GET /api/verify`
#[tokio::test]
async fn views_and_verify_require_the_operator_token() {
    let app = TestApp::start_with(&[("security.operator_token", "op-secret-op-secret")]);
    for path in ["/api/views", "/api/views/rebuild", "/api/verify"] {
        app.get(path).await.expect_problem(401, "operator-only");
        app.get(path).token("op-secret-op-secret").await.expect(200);
    }
    for path in ["/api/views/rebuild", "/api/verify"] {
        app.post(path).await.expect_problem(401, "operator-only");
        let status = app.get(path).token("op-secret-op-secret").await.expect(200);
        assert_eq!(status.json()["state"], "idle", "nothing was started");
    }
}
