//! `/api/carts/{id}/shares` and `/api/shared/{token}`.

use cartlog_testkit::{CartClient, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};

async fn share(cart: &CartClient, body: Value) -> Value {
    let ask = cart.ask(Method::POST, "/shares").json(&body);
    ask.await.expect(201).json()
}

/// Contract (carts): A share shows the cart at one version, whatever happens to the cart later.
#[tokio::test]
async fn share_shows_the_cart_at_its_version() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let then = cart.get_at_least(2).await.expect(200).json();
    let ask = cart.ask(Method::POST, "/shares").await.expect(201);
    let created = ask.json();
    let token = text(&created["token"]).to_owned();
    let path = format!("/api/shared/{token}");
    assert_eq!(ask.header("location"), Some(&*path));
    assert_eq!(created["version"], 2);
    assert_eq!(created["page"], format!("/shared/{token}"));
    cart.add("sencha", 1).await.expect(201);
    let shown = app.get(&path).await.expect(200);
    assert_eq!(shown.header("etag"), Some("\"2\""));
    let caching = shown.header("cache-control").expect("caching");
    assert!(caching.contains("immutable"), "{caching}");
    let shown = shown.json();
    for member in ["version", "lines", "total", "currency", "status"] {
        assert_eq!(shown[member], then[member], "{member}");
    }
    let again = app.get(&path).header("if-none-match", "\"2\"").await;
    again.expect(304);
    // The newest version by default, and the same token each time.
    assert_eq!(share(&cart, json!({})).await["version"], 3);
    let same = share(&cart, json!({ "version": 2 })).await;
    assert_eq!(same["token"], token);
    assert_eq!(app.log_head(), 3, "sharing writes no event");
}

/// Contract (carts): A share gives no access to the cart: neither its id nor its token is in the
/// response.
#[tokio::test]
async fn share_gives_no_access_to_the_cart() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let created = share(&cart, json!({})).await;
    let token = text(&created["token"]);
    let shown = app.get(&format!("/api/shared/{token}")).await.expect(200);
    let body = String::from_utf8(shown.body.clone()).unwrap();
    assert!(!body.contains(&cart.id) && !body.contains(&cart.token));
    assert!(!created.to_string().contains(&cart.token));
    assert!(shown.header("set-cookie").is_none());
    for bearer in [token, &token[..64], &token[16..]] {
        let stranger = app.cart(&cart.id, bearer);
        stranger.get().await.expect_problem(404, "not-found");
        let added = stranger.add("teapot", 1).await;
        added.expect_problem(404, "not-found");
    }
    // Only the cart's owner can share it.
    let stranger = app.cart(&cart.id, &"0".repeat(64));
    let shared = stranger.ask(Method::POST, "/shares").await;
    shared.expect_problem(404, "not-found");
}

/// Contract (carts): A share that this service has not issued is 404.
#[tokio::test]
async fn forged_share_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let token = text(&share(&cart, json!({ "version": 1 })).await["token"]).to_owned();
    app.get(&format!("/api/shared/{token}")).await.expect(200);
    // Another version, another cart, another code, and what has not the form of a token.
    let later = format!("{}2{}", &token[..47], &token[48..]);
    let other = format!("{}{}", "0".repeat(32), &token[32..]);
    let code = format!("{}{}", &token[..48], "0".repeat(32));
    let forms = [&token[..78], &token.to_uppercase(), "x", &cart.id];
    for forged in [&*later, &other, &code].into_iter().chain(forms) {
        let answer = app.get(&format!("/api/shared/{forged}")).await;
        answer.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn share_of_an_unknown_version_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for version in [0, 3] {
        let ask = cart.ask(Method::POST, "/shares");
        let answer = ask.json(&json!({ "version": version })).await;
        answer.expect_problem(404, "no-such-version");
    }
    let ask = cart.ask(Method::POST, "/shares");
    let answer = ask.json(&json!({ "version": "2" })).await;
    answer.expect_problem(400, "invalid-body");
}
