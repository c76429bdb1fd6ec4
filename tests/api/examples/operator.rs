//! The end of the story: the operator looks at the shop.

use super::recorder::{Call, Recorder};
use super::story::TOKEN;
use cartlog_testkit::{PATIENCE, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::future::Future;

/// The orders of the story and of two other shoppers are parked.
pub async fn look_at_webhooks(app: &TestApp, recorder: &mut Recorder) {
    let all = "/api/webhooks/warehouse/parked";
    let read = async |path: &str| app.get(path).token(TOKEN).await.expect(200).json();
    let parked = async {
        loop {
            let webhook = &read("/api/webhooks").await["items"][0];
            if webhook["parked_carts"] == 3 && webhook["state"] == "idle" {
                return read(all).await;
            }
        }
    };
    let parked = tokio::time::timeout(PATIENCE, parked).await;
    let parked = parked.expect("three parked carts");
    let get = |operation, path: &str| Call::new(operation, Method::GET, path).token(TOKEN);
    recorder
        .record(app, get("listWebhooks", "/api/webhooks"), 200)
        .await;
    recorder
        .record(app, get("listParkedCarts", &format!("{all}?limit=1")), 200)
        .await;
    let post = |operation, place: usize, below: &str| {
        let cart = text(&parked["items"][place]["cart_id"]);
        Call::new(operation, Method::POST, format!("{all}/{cart}/{below}")).token(TOKEN)
    };
    let reason = json!({ "reason": "Test order, shipped by hand" });
    let drop = post("dropParkedCart", 0, "drop").body(reason);
    recorder.record(app, drop, 204).await;
    recorder
        .record(app, post("retryParkedCart", 1, "retry"), 204)
        .await;
}

/// Journal, insights, views and metrics of the shop, and what the operator does there.
pub async fn look_at_the_shop(app: &TestApp, recorder: &mut Recorder, cart: &str) {
    let read = async |recorder: &mut Recorder, operation, path: &str| {
        operator(app, recorder, operation, Method::GET, path, 200).await;
    };
    let journal = format!("/api/events?cart_id={cart}&order=desc&limit=1");
    read(recorder, "listEvents", &journal).await;
    let batch = Call::new("listEvents", Method::GET, &journal).token(TOKEN);
    let batch = batch.header("Accept", "application/cloudevents-batch+json");
    recorder.record(app, batch, 200).await;
    read(recorder, "listPublicEvents", "/api/public-events?limit=1").await;
    let stream = Call::new("listEvents", Method::GET, "/api/events?after=1").token(TOKEN);
    recorder.record_stream(app, stream, 1).await;
    for (operation, path) in [
        ("getFunnel", "/api/insights/funnel"),
        ("listProductNumbers", "/api/insights/products?limit=2"),
        ("listHesitated", "/api/insights/hesitated?limit=2"),
        ("listPairs", "/api/insights/pairs?sku=teapot"),
        ("listAbandoned", "/api/insights/abandoned"),
        ("getActivity", "/api/insights/activity?step=day"),
        ("listViews", "/api/views"),
        ("listMeasurements", "/api/measurements"),
        ("listFailures", "/api/failures"),
        ("listBackgroundErrors", "/api/background-errors"),
        ("getConfiguration", "/api/configuration"),
        ("searchLog", "/api/search?q=teapot"),
        ("exportLog", "/api/export"),
    ] {
        read(recorder, operation, path).await;
    }
    recorder.cut_lines("exportLog", "cartlog.export.completed");
    let settings = ["log.engine", "security.operator_token", "server.workers"];
    recorder.cut_items("getConfiguration", &settings);
    let related = "/api/products/teapot/related";
    let related = Call::new("listRelatedProducts", Method::GET, related);
    recorder.record(app, related, 200).await;
    for (start, watch, path) in [
        ("rebuildViews", "getRebuild", "/api/views/rebuild"),
        ("verify", "getVerification", "/api/verify"),
    ] {
        operator(app, recorder, start, Method::POST, path, 202).await;
        ended(async || app.get(path).token(TOKEN).await.expect(200).json()).await;
        read(recorder, watch, path).await;
    }
    read(recorder, "listJobs", "/api/jobs").await;
    for (cancel, path) in [
        ("cancelRebuild", "/api/views/rebuild"),
        ("cancelVerification", "/api/verify"),
    ] {
        loop {
            app.post(path).token(TOKEN).await.expect(202);
            let call = Call::new(cancel, Method::DELETE, path).token(TOKEN);
            // It may have ended before.
            let is_cancelled = recorder.record_if(app, call, 202).await;
            ended(async || app.get(path).token(TOKEN).await.expect(200).json()).await;
            if is_cancelled {
                break;
            }
        }
    }
    damage(recorder).await;
    let sign_in = Call::new("signInOperator", Method::POST, "/api/operator");
    recorder
        .record(app, sign_in.body(json!({ "token": TOKEN })), 204)
        .await;
    read(recorder, "getOperator", "/api/operator").await;
    operator(
        app,
        recorder,
        "signOutOperator",
        Method::DELETE,
        "/api/operator",
        204,
    )
    .await;
    read(recorder, "getMetrics", "/metrics").await;
    recorder.cut_lines("getMetrics", "cartlog_log_head");
    let code = Call::new(
        "getCode",
        Method::GET,
        "/api/code?event=PromotionRemoved&command=remove_promotion",
    );
    recorder.record(app, code, 200).await;
    for (operation, path) in [("getLiveness", "/livez"), ("getReadiness", "/readyz")] {
        recorder
            .record(app, Call::new(operation, Method::GET, path), 200)
            .await;
    }
}

/// In a shop of its own: that of the story is not a demo.
async fn damage(recorder: &mut Recorder) {
    let demo = TestApp::start();
    let cart = demo.open_cart_with(&[("teapot", 2)]).await;
    cart.get_at_least(2).await.expect(200);
    let call = Call::new("damageViews", Method::POST, "/api/views/damage");
    recorder.record(&demo, call, 200).await;
    let call = Call::new("simulateDays", Method::POST, "/api/simulation");
    let call = call.body(json!({ "carts": 1, "days": 90, "seed": 7 }));
    recorder.record(&demo, call, 200).await;
}

/// Records a request with the operator's token.
pub async fn operator(
    app: &TestApp,
    recorder: &mut Recorder,
    operation: &'static str,
    method: Method,
    path: &str,
    status: u16,
) {
    let call = Call::new(operation, method, path).token(TOKEN);
    recorder.record(app, call, status).await;
}

/// Waits until the job whose status is asked for no longer runs.
async fn ended<F: Future<Output = Value>>(ask: impl Fn() -> F) {
    let ended = async { while ask().await["state"] == "running" {} };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the job ends");
}
