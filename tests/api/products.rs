//! `/api/products` and `/api/products/{sku}`.

use cartlog_testkit::{TestApp, text};
use std::collections::BTreeSet;

/// Contract (service): `GET /api/products`, `/{sku}`
#[tokio::test]
async fn catalogue_pages_hold_each_product_once() {
    let app = TestApp::start();
    let mut seen = Vec::new();
    let mut path = "/api/products?limit=7".to_owned();
    loop {
        let page = app.get(&path).await.expect(200).json();
        assert_eq!(page["currency"], "EUR");
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| text(&item["sku"]).to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        assert_eq!(items.len(), 7);
        path = format!("/api/products?limit=7&cursor={next}");
    }
    let all = app.get("/api/products?limit=200").await.expect(200).json();
    let all: Vec<&str> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(&item["sku"]))
        .collect();
    assert_eq!(seen, all);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(all.len() >= 24);
}

#[tokio::test]
async fn product_has_a_price_and_an_existing_picture() {
    let app = TestApp::start();
    let product = app.get("/api/products/teapot").await.expect(200).json();
    assert_eq!(product["price"], 1999);
    assert_eq!(product["currency"], "EUR");
    assert!(!text(&product["picture"]["alt"]).is_empty());
    let picture = app.get(text(&product["picture"]["url"])).await.expect(200);
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    for sku in ["no-such-thing", "%20", "-"] {
        let answer = app.get(&format!("/api/products/{sku}")).await;
        answer.expect_problem(404, "not-found");
    }
}

/// Contract (service): `GET /api/products`, `/{sku}`
#[tokio::test]
async fn unchanged_catalogue_returns_304() {
    let app = TestApp::start();
    for path in ["/api/products", "/api/products/teapot"] {
        let full = app.get(path).await.expect(200);
        let tag = full.header("etag").unwrap();
        let again = app.get(path).header("if-none-match", tag).await.expect(304);
        for name in ["etag", "cache-control"] {
            assert_eq!(again.header(name), full.header(name), "{name} of {path}");
        }
        app.get(path)
            .header("if-none-match", "\"x\"")
            .await
            .expect(200);
        assert_eq!(full.header("cache-control"), Some("public, no-cache"));
    }
}

#[tokio::test]
async fn invalid_page_query_returns_400() {
    let app = TestApp::start();
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "cursor=",
        "cursor=00",
        "cursor=zz",
        "page=2",
    ] {
        let answer = app.get(&format!("/api/products?{query}")).await;
        answer.expect_problem(400, "invalid-query");
    }
    let answer = app.get("/api/products?page=2").await;
    assert_eq!(
        answer.expect_problem(400, "invalid-query")["detail"],
        "Invalid query: unknown field `page`, expected `limit` or `cursor`."
    );
}
