//! A shop that changes its currency while carts of the old one are open.

use cartlog_testkit::{TestApp, text};
use serde_json::{Value, json};

/// The built-in teapot and a fixed discount, after a change of the shop's currency.
const YEN: [&str; 2] = [
    "currency = \"JPY\"\n[[product]]\nsku = \"teapot\"\nname = \"Teapot\"\n\
     category = \"Tea\"\nprice = 1500\n",
    "[[promotion]]\ncode = \"WELCOME5\"\ndescription = \"¥500 off\"\namount = 500\n\
     [[promotion]]\ncode = \"TEA10\"\ndescription = \"10% off\"\npercent = 10\n",
];

/// Contract (carts): A cart keeps its currency: what is offered in another one is 409.
#[tokio::test]
async fn offer_in_another_currency_is_refused() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let (id, token) = (cart.id.clone(), cart.token.clone());
    app.restart_with_catalogue(YEN[0], YEN[1]);
    let cart = app.cart(&id, &token);
    let before = cart.get().await.expect(200).json();
    for refused in [
        cart.add("teapot", 1).await,
        cart.set("teapot", 3).await,
        cart.apply_promotion("WELCOME5").await,
    ] {
        let problem = refused.expect_problem(409, "currency-mismatch");
        assert_eq!(problem["currency"], "JPY", "{problem}");
        assert_eq!(problem["cart_currency"], "EUR", "{problem}");
        let detail = text(&problem["detail"]);
        assert!(detail.contains("Open a new cart"), "{detail}");
    }
    assert_eq!(cart.get().await.expect(200).json(), before);

    // What needs no offer, or no amount, still works.
    cart.set("teapot", 2).await.expect(200);
    let fewer = cart.set("teapot", 1).await.expect(200).json();
    assert_eq!(
        (&fewer["currency"], &fewer["total"]),
        (&json!("EUR"), &json!(1999))
    );
    let tenth = cart.apply_promotion("TEA10").await.expect(200).json();
    assert_eq!(tenth["total"], 1799);

    let yen = app.open_cart_with(&[("teapot", 1)]).await;
    let fixed = yen.apply_promotion("WELCOME5").await.expect(200).json();
    assert_eq!(
        (&fixed["currency"], &fixed["total"]),
        (&json!("JPY"), &json!(1000))
    );
}

/// Contract (service): Insights state the currency of each amount and never add two currencies.
#[tokio::test]
async fn insights_never_add_two_currencies() {
    let mut app = TestApp::start_with(&[("insights.abandoned_after_minutes", "0")]);
    let euro = app.open_cart_with(&[("teapot", 2)]).await;
    euro.check_out(2, 3998, "k").await.expect(201);
    app.open_cart_with(&[("teapot", 1)]).await;
    app.restart_with_catalogue(YEN[0], YEN[1]);
    let yen = app.open_cart_with(&[("teapot", 1)]).await;
    yen.check_out(2, 1500, "k").await.expect(201);
    app.open_cart_with(&[("teapot", 3)]).await;
    app.wait_for_tables().await;

    let items = async |report: &str, amount: &str| -> Vec<(Value, Value)> {
        let page = app
            .get(&format!("/api/insights/{report}"))
            .await
            .expect(200)
            .json();
        let items = page["items"].as_array().expect("items").iter();
        items
            .map(|item| (item["currency"].clone(), item[amount].clone()))
            .collect()
    };
    let in_both =
        |euros: i64, yens: i64| vec![(json!("EUR"), json!(euros)), (json!("JPY"), json!(yens))];
    assert_eq!(items("products", "revenue").await, in_both(3998, 1500));
    assert_eq!(items("products", "units_added").await, in_both(3, 4));
    assert_eq!(items("abandoned", "total").await, in_both(1999, 4500));
}
