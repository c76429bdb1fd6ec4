//! Carts that are left behind.

use crate::app::TestApp;
use cartlog::timestamp::Timestamp;
use serde_json::json;

const MINUTE: i64 = 60_000;

/// The moment `minutes` from now.
fn in_minutes(minutes: i64) -> Timestamp {
    Timestamp::from_millis(Timestamp::now().millis() + minutes * MINUTE)
}

#[tokio::test]
async fn a_cart_that_is_idle_for_long_expires_and_refuses_commands_from_then_on() {
    let app = TestApp::start_with(&[("carts.expire_after_minutes", "30")]);
    let left = app.open_cart_with(&[("teapot", 1)]).await;
    let paid = app.open_cart_with(&[("teapot", 1)]).await;
    paid.check_out(2, 1999, "pay").await.expect(201);
    left.get_at_least(2).await.expect(200);
    paid.get_at_least(3).await.expect(200);

    assert_eq!(app.expiry().sweep(in_minutes(29)).await.unwrap(), 0);
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 1);

    let expired = left.get_at_least(3).await.expect(200).json();
    assert_eq!(expired["status"], "expired");
    let events = left.events().await.expect(200).json();
    let last = &events["items"][2];
    assert_eq!(last["type"], "CartExpired");
    assert_eq!(last["meta"]["actor"], "service");
    assert_eq!(
        last["data"],
        json!({ "idle_since": events["items"][1]["recorded_at"] })
    );
    for refused in [
        left.add("sencha", 1).await,
        left.set("teapot", 0).await,
        left.clear().await,
        left.undo(3).await,
        left.check_out(3, 1999, "late").await,
    ] {
        refused.expect_problem(410, "cart-expired");
    }
    assert_eq!(app.stored_events(&paid.id).len(), 3);
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 0);
}

#[tokio::test]
async fn many_idle_carts_expire_in_one_sweep() {
    let app = TestApp::start_with(&[
        ("carts.expire_after_minutes", "30"),
        ("log.durability", "process"),
    ]);
    let mut last = None;
    for _ in 0..520 {
        last = Some(app.open_cart().await);
    }
    let last = last.expect("a cart");
    // A cart that the view does not know yet is answered from the write side, so how far the view
    // is has to be asked.
    while last.get().await.expect(200).log_position() < 520 {}
    assert_eq!(app.expiry().sweep(in_minutes(31)).await.unwrap(), 520);
}
