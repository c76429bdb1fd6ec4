//! The right command in the wrong state, and versions that a cart never had.

use super::{commands, refused};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::TestApp;
use reqwest::Method;

/// Contract (errors): 409: a valid command in the wrong state.
#[tokio::test]
async fn empty_cart_refuses_removal_checkout_and_undo() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (case, ask, status, slug) in [
        ("check out", cart.check_out(1, 0, "a"), 409, "empty-cart"),
        ("undo", cart.undo(1), 409, "nothing-to-undo"),
        ("remove", cart.remove("teapot"), 404, "no-such-line"),
        (
            "take a promotion off",
            cart.remove_promotion(),
            404,
            "no-promotion",
        ),
    ] {
        refused(&app, case, ask, status, slug).await;
    }
    // A promotion alone is nothing to order either.
    cart.apply_promotion("THANKYOU20").await.expect(200);
    let ask = cart.check_out(2, 0, "b");
    refused(&app, "a promotion alone", ask, 409, "empty-cart").await;
    let ask = cart.check_out(2, -2000, "c");
    refused(&app, "a promotion's amount", ask, 409, "empty-cart").await;
}

/// Contract (errors): 409: a valid command in the wrong state.
#[tokio::test]
async fn a_closed_cart_takes_no_command() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay").await.expect(201);
    for (command, ask) in commands(&cart, 3) {
        refused(&app, command, ask, 409, "cart-closed").await;
    }
    let stale = cart.clear().if_match(2);
    refused(&app, "an older version", stale, 412, "version-mismatch").await;
}

/// Contract (carts): An expired cart is 410.
#[tokio::test]
async fn expired_cart_refuses_commands() {
    let app = TestApp::start_with(&[("carts.expire_after_minutes", "1")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.add("sencha", 1).key("before").await.expect(201);
    cart.get_at_least(3).await.expect(200);
    let later = Timestamp::from_millis(Timestamp::now().millis() + 120_000);
    assert_eq!(app.expiry().sweep(later).await.unwrap(), 1);
    for (command, ask) in commands(&cart, 4) {
        refused(&app, command, ask, 410, "cart-expired").await;
    }
    // What was answered before is answered again.
    let again = cart.add("sencha", 1).key("before").await.expect(201);
    assert_eq!(again.version(), 3);
}

/// Contract (carts): A cart has limits.
#[tokio::test]
async fn full_history_refuses_changes() {
    let app = TestApp::start_with(&[("limits.events", "4")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.add("sencha", 1).await.expect(201);
    for (case, ask) in [
        ("add", cart.add("teapot", 1)),
        ("set", cart.set("teapot", 7)),
        ("clear", cart.clear()),
        ("apply a promotion", cart.apply_promotion("TEA10")),
        ("undo", cart.undo(3)),
    ] {
        let problem = refused(&app, case, ask, 422, "history-limit").await;
        assert_eq!(problem["max"], 4, "{case}");
    }
}

#[tokio::test]
async fn future_version_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for below in [
        "?version=0",
        "?version=3",
        "?version=18446744073709551615",
        "?at=1969-12-31T23:59:59Z",
        "?at=0000-01-01T00:00:00Z",
        "/why?version=0",
        "/why?version=3",
        "/why?version=18446744073709551615",
    ] {
        let ask = cart.ask(Method::GET, below);
        refused(&app, below, ask, 404, "no-such-version").await;
    }
    for without in [&[0][..], &[1], &[3], &[2, 3], &[u64::MAX]] {
        let ask = cart.what_if(without);
        refused(&app, "an event that is none", ask, 422, "cannot-set-aside").await;
    }
    let ask = cart.get_at_least(3).header("prefer", "wait=0");
    refused(&app, "a version to come", ask, 503, "view-behind").await;
    let ask = cart.get_at_least(u64::MAX).header("prefer", "wait=0");
    refused(&app, "the last version of all", ask, 503, "view-behind").await;
}

#[tokio::test]
async fn invalid_version_or_time_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for below in [
        "?version=",
        "?version=x",
        "?version=-1",
        "?version=1.0",
        "?version=1e1",
        "?version=0x1",
        "?version=18446744073709551616",
        "?version=%31%00",
        "?version=%EF%BC%91",
        "?version=1&version=1",
        "?version=1&version=2",
        "?version=1&at=2026-01-01T00:00:00Z",
        "?version=1&min_version=1",
        "?at=2026-01-01T00:00:00Z&min_version=1",
        "?at=",
        "?at=now",
        "?at=1767225600",
        "?at=2026-01-01",
        "?at=2026-01-01T00:00:00",
        "?at=2026-13-01T00:00:00Z",
        "?at=2026-02-30T00:00:00Z",
        "?at=2026-01-01T25:00:00Z",
        "?at=2026-01-01T00:00:00+99:00",
        "?at=99999-01-01T00:00:00Z",
        "?min_version=x",
        "?min_version=-1",
        "?Version=1",
        "?verson=1",
        "?=1",
        "/why?version=x",
        "/why?at=2026-01-01T00:00:00Z",
    ] {
        let ask = cart.ask(Method::GET, below);
        refused(&app, below, ask, 400, "invalid-query").await;
    }
}
