//! `/api/carts/{id}/why`, `/what-if` and `/timeline`: what made the cart what it is.

use crate::app::TestApp;
use serde_json::json;

#[tokio::test]
async fn the_timeline_ends_with_the_cart_and_what_if_without_nothing_is_the_cart() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let newest = cart.add("sencha", 1).await.expect(201).json();
    let timeline = cart.timeline().await.expect(200).json();
    assert_eq!(timeline["items"][2]["cart"], newest);
    let same = cart.what_if(&[]).await.expect(200).json();
    assert_eq!(same["cart"], newest);
    let other = cart.what_if(&[2]).await.expect(200).json();
    assert_eq!(
        other["difference"]["items_total"],
        json!({ "actual": 3998 + 1180, "what_if": 1180 })
    );
    let why = cart.why().await.expect(200).json();
    assert_eq!(why["items_total"]["value"], newest["items_total"]);
}
