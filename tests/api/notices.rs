//! `/api/carts/{id}/notices`, and checkouts of what the shop no longer offers.

use cartlog_testkit::TestApp;
use reqwest::Method;
use serde_json::json;

const PRODUCTS: &str = "currency = \"EUR\"\n[[product]]\nsku = \"sencha\"\nname = \"Sencha\"\n\
                        category = \"Tea\"\nprice = 990\n";

/// A cart with a product that is withdrawn, one whose price changes, and a withdrawn promotion.
async fn cart_before_the_change(app: &TestApp) -> (String, String) {
    let cart = app.open_cart_with(&[("teapot", 1), ("sencha", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    (cart.id.clone(), cart.token.clone())
}

/// Contract (carts): `GET …/notices`: what the shop no longer offers or has at another price.
#[tokio::test]
async fn notices_change_with_the_catalogue_and_the_cart_does_not() {
    let mut app = TestApp::start();
    let (id, token) = cart_before_the_change(&app).await;
    let before = app.cart(&id, &token).get_at_least(4).await.expect(200);
    let none = app.cart(&id, &token).ask(Method::GET, "/notices").await;
    assert_eq!(
        none.expect(200).json(),
        json!({ "id": id, "version": 4, "notices": [] })
    );
    app.restart_with_catalogue(PRODUCTS, "");
    let cart = app.cart(&id, &token);
    let notices = cart.ask(Method::GET, "/notices").await.expect(200);
    assert_eq!(notices.header("cache-control"), Some("no-store"));
    assert_eq!(notices.header("etag"), None);
    let expected = json!([
        {
            "type": "product_withdrawn", "blocks_checkout": true, "sku": "teapot",
            "name": "Teapot",
            "detail": "“Teapot” is no longer sold. Remove it to check out.",
        },
        {
            "type": "price_changed", "blocks_checkout": false, "sku": "sencha",
            "name": "Sencha, 100 g", "unit_price": 990,
            "detail": "“Sencha, 100 g” costs €9.90 today. The units in your cart keep their price.",
        },
        {
            "type": "promotion_withdrawn", "blocks_checkout": true, "code": "TEA10",
            "detail": "The code TEA10 is no longer offered. Remove it to check out.",
        },
    ]);
    assert_eq!(notices.json()["notices"], expected);
    let after = cart.get_at_least(4).await.expect(200);
    assert_eq!(
        (after.header("etag"), &after.body),
        (before.header("etag"), &before.body)
    );
    let stranger = app.cart(&id, "stranger");
    let foreign = stranger.ask(Method::GET, "/notices").await;
    foreign.expect_problem(404, "not-found");
}

/// Contract (carts): A checkout of what is no longer offered is 409 and names it.
#[tokio::test]
async fn checkout_of_withdrawn_offers_is_refused_until_removed() {
    let mut app = TestApp::start();
    let (id, token) = cart_before_the_change(&app).await;
    app.restart_with_catalogue(PRODUCTS, "");
    let cart = app.cart(&id, &token);
    let total = cart.get_at_least(4).await.expect(200).json()["total"].as_i64();
    let refused = cart.check_out(4, total.expect("a total"), "a").await;
    let problem = refused.expect_problem(409, "no-longer-offered");
    let notices = problem["notices"].as_array().expect("notices");
    let named: Vec<_> = notices.iter().map(|it| (&it["sku"], &it["code"])).collect();
    let null = &json!(null);
    assert_eq!(named, [(&json!("teapot"), null), (null, &json!("TEA10"))]);
    assert_eq!(app.log_head(), 4, "nothing was written");

    cart.remove("teapot").await.expect(200);
    let paid = cart.remove_promotion().await.expect(200);
    let order = cart.check_out(paid.version(), 1180, "b").await.expect(201);
    assert_eq!(order.json()["total"], 1180, "units keep their price");
    let closed = cart.ask(Method::GET, "/notices").await.expect(200).json();
    assert_eq!(closed["notices"], json!([]), "{closed}");
}

/// Contract (carts): Where the shop accepts withdrawn offers, the order's event records them.
#[tokio::test]
async fn accepted_withdrawn_offers_are_in_the_event() {
    let mut app = TestApp::start();
    let (id, token) = cart_before_the_change(&app).await;
    app.set("checkout.withdrawn", "accept");
    app.restart_with_catalogue(PRODUCTS, "");
    let cart = app.cart(&id, &token);
    let notices = cart.ask(Method::GET, "/notices").await.expect(200).json();
    let notices = notices["notices"].as_array().expect("notices").clone();
    assert!(
        notices.iter().all(|it| it["blocks_checkout"] == false),
        "{notices:?}"
    );
    let total = cart.get_at_least(4).await.expect(200).json()["total"].as_i64();
    let order = cart.check_out(4, total.expect("a total"), "k").await;
    order.expect(201);
    let events = cart.events().await.expect(200).json();
    let event = &events["items"][4];
    assert_eq!(
        event["data"]["withdrawn"],
        json!({ "skus": ["teapot"], "promotion": "TEA10" })
    );
    let sentence = event["sentence"].as_str().expect("a sentence");
    assert!(
        sentence.ends_with(", with teapot, TEA10 no longer offered"),
        "{sentence}"
    );
}
