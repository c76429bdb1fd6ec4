//! Expiry of idle carts.

use cartlog::timestamp::Timestamp;
use cartlog_testkit::TestApp;
use serde_json::json;

const MINUTE: i64 = 60_000;

/// The time `minutes` from now.
fn in_minutes(minutes: i64) -> Timestamp {
    Timestamp::from_millis(Timestamp::now().millis() + minutes * MINUTE)
}

#[tokio::test]
async fn idle_cart_expires_and_refuses_commands() {
    let app = TestApp::start_with(&[("carts.expire_after_minutes", "30")]);
    let idle = app.open_cart_with(&[("teapot", 1)]).await;
    let paid = app.open_cart_with(&[("teapot", 1)]).await;
    paid.check_out(2, 1999, "pay").await.expect(201);
    idle.get_at_least(2).await.expect(200);
    paid.get_at_least(3).await.expect(200);

    assert_eq!(app.expiry().sweep(in_minutes(29)).await.unwrap(), 0);
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 1);

    let expired = idle.get_at_least(3).await.expect(200).json();
    assert_eq!(expired["status"], "expired");
    let events = idle.events().await.expect(200).json();
    let last = &events["items"][2];
    assert_eq!(last["type"], "CartExpired");
    assert_eq!(last["meta"]["actor"], "service");
    assert_eq!(
        last["data"],
        json!({ "idle_since": events["items"][1]["recorded_at"] })
    );
    for refused in [
        idle.add("sencha", 1).await,
        idle.set("teapot", 0).await,
        idle.clear().await,
        idle.undo(3).await,
        idle.check_out(3, 1999, "late").await,
    ] {
        refused.expect_problem(410, "cart-expired");
    }
    assert_eq!(app.stored_events(&paid.id).len(), 3);
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 0);
}

#[tokio::test]
async fn one_sweep_expires_many_idle_carts() {
    let app = TestApp::start_with(&[
        ("carts.expire_after_minutes", "30"),
        ("log.durability", "process"),
    ]);
    let mut last = None;
    for _ in 0..520 {
        last = Some(app.open_cart().await);
    }
    let last = last.expect("a cart");
    // Carts missing from the view are served by the write side, so only the position shows how far
    // the view is.
    while last.get().await.expect(200).log_position() < 520 {}
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 520);
}
