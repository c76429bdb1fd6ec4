//! Rebuilds and verifications: cancelled by the operator, and listed with how they ended.

use crate::operations::outcome;
use cartlog_testkit::{Ask, PATIENCE, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const REBUILD: &str = "/api/views/rebuild";
const VERIFY: &str = "/api/verify";

/// A service with a log so long that a job is seen while it runs.
async fn long_log() -> TestApp {
    let app = TestApp::start_with(&[("log.durability", "process")]);
    for seed in 0..12 {
        let carts = json!({ "carts": 500, "days": 30, "seed": seed });
        let simulated = app.post("/api/simulation").json(&carts);
        simulated.await.expect(200);
    }
    app.wait_for_tables().await;
    app
}

fn cancel(app: &TestApp, path: &str) -> Ask {
    app.ask(Method::DELETE, path)
}

/// Starts the job at `path` and waits until it reads the log.
async fn begin(app: &TestApp, path: &str) {
    app.post(path).await.expect(202);
    let begun = async { while app.get(path).await.expect(200).json()["events_done"] == 0 {} };
    tokio::time::timeout(PATIENCE, begun)
        .await
        .expect("it begins");
}

async fn runs(app: &TestApp) -> Vec<Value> {
    let jobs = app.get("/api/jobs").await.expect(200).json();
    jobs["items"].as_array().expect("runs").clone()
}

/// The files of the service without those that come and go with connections and jobs.
fn files(app: &TestApp) -> Vec<String> {
    let folder = std::fs::read_dir(app.file("")).expect("its folder");
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let passing = ["-wal", "-shm", "jobs.json"];
    let mut names: Vec<String> = names
        .filter(|name| !passing.iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    names
}

/// Contract (views): `DELETE /api/views/rebuild` and `DELETE /api/verify` end a running job soon.
/// The views that serve stay as they are, nothing of the job stays, and the next one runs.
#[tokio::test]
async fn cancelled_job_leaves_nothing_and_the_next_runs() {
    let app = long_log().await;
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let before = cart.get_at_least(2).await.expect(200).body;
    app.wait_for_tables().await;
    for (path, job, ended) in [
        (REBUILD, "rebuild", "swapped"),
        (VERIFY, "verification", "sound"),
    ] {
        let files_before = files(&app);
        begin(&app, path).await;
        let cancelled = cancel(&app, path).await.expect(202);
        assert_eq!(cancelled.header("location"), Some(path));
        assert_eq!(cancelled.header("cache-control"), Some("no-store"));
        let status = outcome(&app, path).await;
        assert_eq!(status["state"], "cancelled", "{status}");
        assert_eq!(status["cancelling"], false, "{status}");
        assert_eq!(status["error"], Value::Null, "{status}");
        let run = &runs(&app).await[0];
        assert_eq!(
            (&run["job"], &run["outcome"]),
            (&json!(job), &json!("cancelled"))
        );
        assert_eq!(run["requested_by"], "operator");
        assert_eq!(files(&app), files_before);
        assert_eq!(cart.get_at_least(2).await.expect(200).body, before);
        let refused = cancel(&app, path).await;
        let problem = refused.expect_problem(409, "not-cancelled");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("none is running"),
            "{problem}"
        );

        app.post(path).await.expect(202);
        let status = outcome(&app, path).await;
        assert_eq!(status["state"], ended, "{status}");
        let run = &runs(&app).await[0];
        assert_eq!(
            (&run["job"], &run["outcome"]),
            (&json!(job), &json!("done"))
        );
        assert_eq!(run["result"]["events"], status["events_done"]);
        assert_eq!(run["result"]["found"], 0, "{run}");
        assert_eq!(cart.get_at_least(2).await.expect(200).body, before);
    }
}

/// Contract (views): `GET /api/jobs` lists what ran before the last start, too.
#[tokio::test]
async fn runs_are_listed_after_a_restart_that_interrupts_one() {
    let mut app = long_log().await;
    app.post(VERIFY).await.expect(202);
    assert_eq!(outcome(&app, VERIFY).await["state"], "sound");
    begin(&app, VERIFY).await;
    app.restart();
    let after = runs(&app).await;
    let outcomes: Vec<&Value> = after.iter().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, ["interrupted", "done"]);
    assert!(after[1]["ended_at"].is_string(), "{after:?}");
}

/// Contract (views): A rebuild that the views need is not cancelled.
#[tokio::test]
async fn rebuild_that_the_service_needs_is_not_cancelled() {
    let mut app = long_log().await;
    app.stop();
    std::fs::remove_file(app.file("views.db")).unwrap();
    app.start_again().unwrap();
    let refused = cancel(&app, REBUILD).await;
    let problem = refused.expect_problem(409, "not-cancelled");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the service itself started it"), "{detail}");
    assert_eq!(outcome(&app, REBUILD).await["state"], "swapped");
    let run = &runs(&app).await[0];
    assert_eq!(
        (&run["requested_by"], &run["outcome"]),
        (&json!("service"), &json!("done"))
    );
}

/// Contract (service): `GET /api/jobs`, `/api/configuration` and `/api/background-errors` are for
/// the operator alone.
#[tokio::test]
async fn jobs_configuration_and_errors_are_for_the_operator() {
    let token = "the token of the operator";
    let app = TestApp::start_with(&[("security.operator_token", token)]);
    for path in ["/api/jobs", "/api/configuration", "/api/background-errors"] {
        app.get(path).await.expect_problem(401, "operator-only");
        let answer = app.get(path).token(token).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for path in [REBUILD, VERIFY] {
        cancel(&app, path)
            .await
            .expect_problem(401, "operator-only");
    }
}
