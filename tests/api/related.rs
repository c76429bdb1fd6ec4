//! `/api/products/{sku}/related`: what is often bought together.

use cartlog_testkit::{TestApp, text};
use serde_json::Value;

/// Orders a cart with these products.
async fn order(app: &TestApp, skus: &[&str]) {
    let items: Vec<_> = skus.iter().map(|sku| (*sku, 1)).collect();
    let cart = app.open_cart_with(&items).await;
    let row = cart.get_at_least(2).await.expect(200).json();
    let (version, total) = (row["version"].as_u64(), row["total"].as_i64());
    let (version, total) = (version.expect("a version"), total.expect("a total"));
    let key = &cart.id;
    cart.check_out(version, total, key).await.expect(201);
}

fn skus(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| text(&item["sku"])).collect()
}

/// Contract (service): `GET /api/products/{sku}/related` lists what at least two orders have with
/// it.
#[tokio::test]
async fn related_products_are_those_ordered_together_often() {
    let mut app = TestApp::start();
    let path = "/api/products/teapot/related";
    app.wait_for_tables().await;
    let none = app.get(path).await.expect(200);
    assert_eq!(none.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(skus(&none.json()), <[&str; 0]>::default());
    order(&app, &["teapot", "sencha", "tea-bowl"]).await;
    order(&app, &["teapot", "sencha", "tea-infuser"]).await;
    order(&app, &["teapot", "sencha", "tea-bowl"]).await;
    order(&app, &["sencha", "hand-grinder"]).await;
    order(&app, &["sencha", "hand-grinder"]).await;
    // A cart that was not ordered counts for nothing.
    for _ in 0..2 {
        let items = [("teapot", 1), ("tea-infuser", 1)];
        app.open_cart_with(&items).await;
    }
    app.wait_for_tables().await;
    let related = app.get(path).await.expect(200).json();
    assert_eq!(skus(&related), ["sencha", "tea-bowl"]);
    assert_eq!(related["currency"], "EUR");
    let product = app.get("/api/products/sencha").await.expect(200).json();
    for member in ["name", "price", "picture"] {
        assert_eq!(related["items"][0][member], product[member], "{member}");
    }
    let first = app.get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!(skus(&first.json()), ["sencha"]);
    let of_sencha = app.get("/api/products/sencha/related").await.expect(200);
    assert_eq!(
        skus(&of_sencha.json()),
        ["teapot", "hand-grinder", "tea-bowl"]
    );
    // What is no longer sold is not recommended, and has no companions.
    let products = "currency = \"EUR\"\n[[product]]\nsku = \"teapot\"\nname = \"Teapot\"\n\
                    category = \"Tea\"\nprice = 1\n[[product]]\nsku = \"tea-bowl\"\n\
                    name = \"Bowl\"\ncategory = \"Tea\"\nprice = 1\n";
    app.restart_with_catalogue(products, "");
    app.wait_for_tables().await;
    let related = app.get(path).await.expect(200).json();
    assert_eq!(skus(&related), ["tea-bowl"]);
    let gone = app.get("/api/products/sencha/related").await;
    gone.expect_problem(404, "not-found");
}

#[tokio::test]
async fn invalid_related_query_returns_400() {
    let app = TestApp::start();
    for query in ["limit=0", "limit=201", "limit=x", "cursor=00"] {
        let answer = app.get(&format!("/api/products/teapot/related?{query}"));
        answer.await.expect_problem(400, "invalid-query");
    }
}
