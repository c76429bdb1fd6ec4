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
