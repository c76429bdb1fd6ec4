//! What every answer of a kind carries: positions, times, traces.

use cartlog_testkit::{Ask, TestApp};
use serde_json::json;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Contract (headers): Responses carry `Log-Position` and `Server-Timing`.
#[tokio::test]
async fn commands_return_log_position_and_server_timing() {
    let app = TestApp::start();
    let opened = app.ask_for_cart().await.expect(201);
    let cart = app.cart_of(&opened);
    let commands = [
        cart.add("teapot", 1),
        cart.set("teapot", 2),
        cart.apply_promotion("TEA10"),
        cart.remove_promotion(),
        cart.remove("teapot"),
        cart.undo(6),
        cart.clear(),
        cart.undo(8),
        cart.check_out(9, 3998, "pay"),
    ];
    let mut answers = vec![opened];
    for command in commands {
        answers.push(command.await);
        assert_eq!(answers[answers.len() - 1].log_position(), app.log_head());
    }
    for answer in answers {
        let timing = answer.header("server-timing").expect("a Server-Timing");
        assert!(timing.starts_with("decide;dur="), "{timing}");
        assert!(timing.contains(", append;dur="), "{timing}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let read = cart.get_at_least(10).await.expect(200);
    let timing = read.header("server-timing").expect("a Server-Timing");
    assert!(timing.starts_with("view;dur="), "{timing}");
}

/// Contract (retries): A key without an event is not remembered.
///
/// Contract (headers): A command that wrote no event has no `Log-Position`.
#[tokio::test]
async fn no_op_writes_nothing_and_stores_no_key() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for ask in [cart.set("teapot", 1), cart.set("sencha", 0)] {
        let answer = ask.key("k").await.expect(200);
        assert_eq!(answer.version(), 2);
        assert_eq!(answer.header("log-position"), None);
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    assert_eq!(app.log_head(), 2);
}

/// Contract (headers): `traceparent` is in the event, `trace_id` in the problem.
#[tokio::test]
async fn trace_is_in_events_and_problems() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let traced = |ask: Ask, parent: &str| ask.header("traceparent", parent);
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    traced(cart.add("teapot", 1), &parent).await.expect(201);
    let stored = &app.stored_events(&cart.id)[1].metadata;
    assert!(stored.contains(TRACE), "{stored}");
    let problem = traced(cart.remove("sencha"), &parent).await;
    assert_eq!(problem.json()["trace_id"], TRACE);
    for invalid in [
        "",
        "00",
        &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("ff-{TRACE}-b7ad6b7169203331-01"),
        &format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
        &format!("00-{TRACE}-b7ad6b7169203331-01-more"),
    ] {
        // W3C Trace Context: an invalid header is ignored, and a new trace begins.
        let problem = traced(cart.remove("sencha"), invalid).await;
        let problem = problem.expect_problem(404, "no-such-line");
        assert_ne!(problem["trace_id"], json!(TRACE), "{invalid}");
    }
}
