//! Webhooks, with receivers on real sockets.

use crate::operations::outcome;
use base64::prelude::{BASE64_STANDARD, Engine};
use cartlog_testkit::receiver::{Received, Reply, WebhookReceiver};
use cartlog_testkit::{CartClient, PATIENCE, TestApp, text};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A service whose webhook `orders` sends to `receiver`, with more settings of it in `more`.
fn start(receiver: &WebhookReceiver, more: &str) -> TestApp {
    TestApp::start_with(&[("webhooks", &setting(receiver, more))])
}

fn setting(receiver: &WebhookReceiver, more: &str) -> String {
    let url = receiver.url();
    format!("[{{ name = \"orders\", url = \"{url}\", secret = \"whsec_{KEY}\"{more} }}]")
}

async fn check_out(app: &TestApp) -> CartClient {
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay").await.expect(201);
    cart
}

async fn state(app: &TestApp) -> Value {
    app.get("/api/webhooks").await.expect(200).json()["items"][0].clone()
}

/// Asks until the state of the webhook is as `wanted`.
async fn until(app: &TestApp, wanted: impl Fn(&Value) -> bool) -> Value {
    let reached = async {
        loop {
            let state = state(app).await;
            if wanted(&state) {
                return state;
            }
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    reached.expect("the state within the time limit")
}

/// Verifies a signature as the specification says, without the code of the service.
fn verify(received: &Received) {
    let (id, timestamp) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    let seconds: i64 = timestamp.parse().expect("seconds");
    assert!((chrono::Utc::now().timestamp() - seconds).abs() < 300);
    let key = BASE64_STANDARD.decode(KEY).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.{}", received.body).as_bytes());
    let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(received.header("webhook-signature"), format!("v1,{code}"));
    assert_eq!(received.json()["id"], id);
}

/// Contract (service): A webhook gets each public event of its types, signed after Standard
/// Webhooks, in the order of its cart.
#[tokio::test]
async fn webhook_delivers_signed_events_in_order() {
    let receiver = WebhookReceiver::start();
    let app = start(&receiver, "");
    let mut carts = Vec::new();
    for _ in 0..5 {
        carts.push(check_out(&app).await.id);
    }
    let received: Vec<Received> = (0..10).map(|_| receiver.next()).collect();
    for cart in &carts {
        let own = received.iter().filter(|it| it.cart() == *cart);
        let types: Vec<Value> = own.map(|it| it.json()["type"].clone()).collect();
        assert_eq!(
            types,
            ["cartlog.v1.cart.checked_out", "cartlog.v1.order.placed"]
        );
    }
    for it in &received {
        verify(it);
        assert_eq!(it.header("content-type"), "application/cloudevents+json");
    }
    let read = app.get("/api/public-events").await.expect(200).json();
    for event in read.as_array().unwrap() {
        let sent = received
            .iter()
            .find(|it| it.header("webhook-id") == text(&event["id"]));
        assert_eq!(sent.expect("it was sent").json(), *event);
    }
    let idle = until(&app, |state| state["state"] == "idle").await;
    assert_eq!(idle["position"], 15);
    assert_eq!(idle["lag_ms"], 0);
    assert_eq!(idle["last_error"], Value::Null);
    let metrics = app.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    for line in [
        "cartlog_webhook_outcomes_total{outcome=\"delivered\",webhook=\"orders\"} 10",
        "cartlog_webhook_oldest_undelivered_seconds{webhook=\"orders\"} 0",
        "cartlog_webhook_parked_carts{webhook=\"orders\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test]
async fn webhook_receives_only_its_types() {
    let receiver = WebhookReceiver::start();
    let app = start(&receiver, ", types = [\"cartlog.v1.order.placed\"]");
    for _ in 0..3 {
        check_out(&app).await;
        assert_eq!(receiver.next().json()["type"], "cartlog.v1.order.placed");
    }
    until(&app, |state| state["position"] == 9).await;
    assert!(receiver.so_far().is_empty());
}

/// Contract (service): An attempt that ends in any other way than 2xx is repeated: the same event
/// under the same id, before any later one of its cart. Redirects are not followed.
#[tokio::test]
async fn webhook_repeats_what_was_not_accepted() {
    let elsewhere = WebhookReceiver::start();
    let location: &'static str = format!("location: {}", elsewhere.url()).leak();
    for reply in [
        Reply::Status(500, ""),
        Reply::Status(503, "retry-after: 0"),
        Reply::Status(302, location),
        Reply::Status(307, location),
        Reply::Status(400, ""),
        Reply::Close,
        Reply::Hang,
    ] {
        let receiver = WebhookReceiver::start();
        receiver.answer_in_turn(&[reply.clone(), reply.clone()]);
        let app = start(&receiver, ", timeout_seconds = 1");
        check_out(&app).await;
        let received: Vec<Received> = (0..4).map(|_| receiver.next()).collect();
        let ids: Vec<&str> = received.iter().map(|it| it.header("webhook-id")).collect();
        assert_eq!((ids[0], ids[1]), (ids[2], ids[2]), "{reply:?}");
        assert_eq!(ids[3], format!("{}:order", ids[2]));
        verify(&received[2]);
        until(&app, |state| state["state"] == "idle").await;
    }
    assert!(elsewhere.so_far().is_empty());
}

/// The status counts: what comes after it does not.
#[tokio::test]
async fn webhook_is_delivered_by_2xx_with_a_cut_body() {
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Short);
    let app = start(&receiver, "");
    check_out(&app).await;
    let ids = [receiver.next(), receiver.next()].map(|it| it.header("webhook-id").to_owned());
    assert_ne!(ids[0], ids[1]);
    until(&app, |state| state["state"] == "idle").await;
}

/// Contract (service): `Retry-After` of a receiver is honoured, for all carts.
#[tokio::test]
async fn webhook_waits_for_retry_after() {
    let receiver = WebhookReceiver::start();
    receiver.answer_in_turn(&[Reply::Status(429, "retry-after: 2")]);
    let app = start(&receiver, "");
    check_out(&app).await;
    let refused = receiver.next();
    check_out(&app).await;
    let waiting = until(&app, |state| state["state"] == "waiting").await;
    assert!(text(&waiting["last_error"]).contains("429"));
    for _ in 0..4 {
        let waited = receiver.next().at.duration_since(refused.at);
        assert!(waited >= Duration::from_millis(1_950), "{waited:?}");
    }
}

/// Contract (service): A receiver that answers 410 gets no more events for an hour.
#[tokio::test]
async fn webhook_pauses_when_the_receiver_is_gone() {
    let receiver = WebhookReceiver::start();
    receiver.answer_in_turn(&[Reply::Status(410, "")]);
    let mut app = start(&receiver, "");
    check_out(&app).await;
    receiver.next();
    until(&app, |state| state["state"] == "waiting").await;
    check_out(&app).await;
    assert_eq!(state(&app).await["position"], 2);
    assert!(receiver.so_far().is_empty());
    // The operator asks again by a restart.
    app.restart();
    for _ in 0..4 {
        receiver.next();
    }
}

/// Contract (service): An event that the receiver keeps refusing parks its cart and no other. The
/// operator lists, retries and drops what is parked.
#[tokio::test]
async fn webhook_parks_the_cart_of_a_refused_event() {
    let receiver = WebhookReceiver::start();
    let app = start(&receiver, ", attempts = 2");
    let poison = app.open_cart_with(&[("teapot", 1)]).await;
    let id = poison.id.clone();
    receiver
        .answer(move |received| Reply::Status(if received.cart() == id { 422 } else { 204 }, ""));
    poison.check_out(2, 1999, "pay").await.expect(201);
    let good = check_out(&app).await;
    until(&app, |state| {
        state["parked_carts"] == 1 && state["state"] == "idle"
    })
    .await;
    let received = receiver.so_far();
    assert_eq!(received.iter().filter(|it| it.cart() == good.id).count(), 2);
    assert_eq!(
        received.iter().filter(|it| it.cart() == poison.id).count(),
        2
    );

    let parked = app
        .get("/api/webhooks/orders/parked")
        .await
        .expect(200)
        .json();
    assert_eq!(parked["next"], Value::Null);
    assert_eq!(parked["items"][0]["cart_id"], poison.id);
    assert_eq!(parked["items"][0]["positions"], json!([3]));
    assert!(text(&parked["items"][0]["reason"]).contains("422"));

    // Refused again, it is parked again; accepted, it is delivered from the start.
    let post = |below: &str| {
        let path = format!("/api/webhooks/orders/parked/{}/{below}", poison.id);
        app.ask(Method::POST, &path)
    };
    post("retry").await.expect(204);
    until(&app, |state| {
        state["parked_carts"] == 1 && state["state"] == "idle"
    })
    .await;
    assert_eq!(receiver.so_far().len(), 2);
    receiver.answer(|_| Reply::Status(204, ""));
    post("retry").await.expect(204);
    assert_eq!(
        receiver.next().json()["type"],
        "cartlog.v1.cart.checked_out"
    );
    assert_eq!(receiver.next().json()["type"], "cartlog.v1.order.placed");
    until(&app, |state| state["parked_carts"] == 0).await;
    post("retry").await.expect_problem(404, "not-found");
    let reason = json!({ "reason": "a test" });
    post("drop")
        .json(&reason)
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn webhook_dropped_events_are_never_delivered() {
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(422, ""));
    let mut app = start(&receiver, ", attempts = 1");
    let cart = check_out(&app).await;
    until(&app, |state| state["parked_carts"] == 1).await;
    receiver.so_far();
    receiver.answer(|_| Reply::Status(204, ""));
    let drop = format!("/api/webhooks/orders/parked/{}/drop", cart.id);
    let empty = app.post(&drop).json(&json!({ "reason": " " })).await;
    empty.expect_problem(400, "invalid-body");
    let dropped = app
        .post(&drop)
        .json(&json!({ "reason": "test order" }))
        .await;
    dropped.expect(204);
    app.restart();
    let next = check_out(&app).await;
    assert_eq!(receiver.next().cart(), next.id);
    until(&app, |state| {
        state["position"] == 6 && state["state"] == "idle"
    })
    .await;
    assert_eq!(receiver.so_far().len(), 1);
}

/// Contract (service): Nothing that a webhook has delivered is delivered again after a restart, a
/// rebuild of the views or a restore of an older backup; what is parked stays parked.
#[tokio::test]
async fn webhook_delivers_nothing_again_after_restore() {
    let receiver = WebhookReceiver::start();
    let mut app = start(&receiver, ", attempts = 1");
    check_out(&app).await;
    until(&app, |state| {
        state["position"] == 3 && state["state"] == "idle"
    })
    .await;
    app.stop();
    let older = std::fs::read(app.file("events.db")).expect("the log's file");
    app.start_again().expect("it starts");
    receiver.answer(|_| Reply::Status(422, ""));
    check_out(&app).await;
    until(&app, |state| state["parked_carts"] == 1).await;
    receiver.answer(|_| Reply::Status(204, ""));
    check_out(&app).await;
    until(&app, |state| {
        state["position"] == 9 && state["state"] == "idle"
    })
    .await;
    receiver.so_far();

    app.post("/api/views/rebuild").await.expect(202);
    let rebuilt = outcome(&app, "/api/views/rebuild").await;
    assert_eq!(rebuilt["state"], "swapped", "{rebuilt}");
    app.stop();
    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        // The files of a write-ahead log may not exist.
        let _ = std::fs::remove_file(app.file(name));
    }
    app.start_again().expect("it starts");
    let state = until(&app, |state| state["state"] == "idle").await;
    assert_eq!(
        (&state["position"], &state["parked_carts"]),
        (&json!(9), &json!(1))
    );
    assert!(receiver.so_far().is_empty());

    app.stop();
    std::fs::write(app.file("events.db"), older).expect("the older log");
    app.start_again().expect("it starts");
    let cart = check_out(&app).await;
    assert_eq!(receiver.next().cart(), cart.id);
    assert_eq!(receiver.next().cart(), cart.id);
    until(&app, |state| {
        state["position"] == 6 && state["state"] == "idle"
    })
    .await;
    assert!(receiver.so_far().is_empty());
}

/// Contract (service): A new webhook begins at the end of the log.
#[tokio::test]
async fn webhook_that_is_new_begins_at_the_end_of_the_log() {
    let receiver = WebhookReceiver::start();
    let mut app = TestApp::start();
    check_out(&app).await;
    app.stop();
    app.set("webhooks", &setting(&receiver, ""));
    app.start_again().expect("it starts");
    let cart = check_out(&app).await;
    assert_eq!(receiver.next().cart(), cart.id);
}

#[tokio::test]
async fn webhooks_can_be_absent() {
    let app = TestApp::start();
    let none = app.get("/api/webhooks").await.expect(200).json();
    assert_eq!(none, json!({ "items": [] }));
    assert!(!app.file("webhooks.db").exists());
    let parked = app.get("/api/webhooks/orders/parked").await;
    parked.expect_problem(404, "not-found");
}
