//! `/api/carts/{id}/promotion`.

use cartlog_testkit::TestApp;
use serde_json::{Value, json};

/// Contract (carts): `PUT` and `DELETE …/promotion`
#[tokio::test]
async fn promotion_is_applied_replaced_and_removed() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let reduced = cart.apply_promotion("tea10").await.expect(200);
    let document = reduced.json();
    assert_eq!(
        document["promotion"],
        json!({ "code": "TEA10", "description": "10% off" })
    );
    assert_eq!(
        (&document["discount"], &document["total"]),
        (&json!(200), &json!(1799))
    );
    let same = cart.apply_promotion("TEA10").await.expect(200);
    assert_eq!(same.version(), reduced.version(), "nothing to do");
    let other = cart.apply_promotion("THANKYOU20").await.expect(200).json();
    assert_eq!(
        (&other["discount"], &other["total"]),
        (&json!(1999), &json!(0))
    );
    let none = cart.remove_promotion().await.expect(200).json();
    assert_eq!(
        (&none["promotion"], &none["total"]),
        (&Value::Null, &json!(1999))
    );
    cart.remove_promotion()
        .await
        .expect_problem(404, "no-promotion");
}

#[tokio::test]
async fn unknown_promotion_code_returns_422() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for code in ["", "TEA11", "TEA10 ", "tea10\u{0}", "×"] {
        cart.apply_promotion(code)
            .await
            .expect_problem(422, "unknown-promotion");
    }
    for body in ["{}", r#"{"code":10}"#, r#"{"code":"TEA10","percent":90}"#] {
        let ask = cart
            .ask(reqwest::Method::PUT, "/promotion")
            .body(body)
            .header("content-type", "application/json");
        ask.await.expect_problem(400, "invalid-body");
    }
    assert_eq!(app.log_head(), 1);
}

/// Contract (access): A promotion code is looked up for the holder of a cart only.
#[tokio::test]
async fn promotion_codes_are_not_revealed_without_a_cart() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let unknown = app.cart("01990000-0000-7000-8000-000000000001", &cart.token);
    let foreign = app.cart(&cart.id, "a-wrong-token");
    for other in [unknown, foreign] {
        let mut details = Vec::new();
        for code in ["TEA10", "TEA11"] {
            for ask in [
                other.apply_promotion(code),
                other.apply_promotion(code).key("a-key").if_match(1),
            ] {
                let problem = ask.await.expect_problem(404, "not-found");
                details.push(problem["detail"].clone());
            }
        }
        details.dedup();
        assert_eq!(details.len(), 1, "{details:?}");
    }
    assert_eq!(app.log_head(), 1);
}
