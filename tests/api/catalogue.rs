//! `/api/catalogue/reload`.

use cartlog_testkit::TestApp;
use serde_json::json;
use std::fs;

fn entry(sku: &str, price: u32) -> String {
    format!("[[product]]\nsku = \"{sku}\"\nname = \"{sku}\"\ncategory = \"Tea\"\nprice = {price}\n")
}

/// Contract (service): `POST /api/catalogue/reload` replaces the catalogue as a whole, for all
/// requests after its response.
#[tokio::test]
async fn reload_gives_new_prices_to_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("products.toml");
    let write = |entries: &[String]| {
        fs::write(&file, format!("currency = \"EUR\"\n{}", entries.concat())).unwrap();
    };
    write(&[entry("tea", 100), entry("mug", 500)]);
    let app = TestApp::start_with(&[("catalogue.products", file.to_str().unwrap())]);
    let cart = app.open_cart_with(&[("tea", 1)]).await;
    let before = app.get("/api/products").await.expect(200);

    write(&[entry("tea", 250), entry("pot", 900)]);
    let unchanged = app.get("/api/products").await.expect(200);
    assert_eq!(unchanged.header("etag"), before.header("etag"));
    let reloaded = app.post("/api/catalogue/reload").await.expect(200);
    assert_eq!(reloaded.header("cache-control"), Some("no-store"));
    assert_eq!(
        reloaded.json()["products"],
        json!({ "total": 2, "added": ["pot"], "removed": ["mug"], "changed": ["tea"] })
    );
    // Several connections reach several workers.
    for _ in 0..10 {
        let tag = before.header("etag").unwrap();
        let after = app.get("/api/products").header("if-none-match", tag).await;
        let after = after.expect(200);
        assert_eq!(after.json()["items"][0]["price"], 250);
        assert_eq!(after.json()["items"][1]["sku"], "pot");
    }
    cart.add("mug", 1).await.expect_problem(422, "unknown-sku");
    let added = cart.add("tea", 1).await.expect(200).json();
    assert_eq!(added["total"], 350, "each unit keeps its price");
}

/// Contract (service): A reload of invalid files is 409 `invalid-catalogue` with file and line, and
/// changes nothing.
#[tokio::test]
async fn reload_of_invalid_files_keeps_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promotions.toml");
    let valid = "[[promotion]]\ncode = \"TEA\"\ndescription = \"Tea\"\npercent = 10\n";
    fs::write(&file, valid).unwrap();
    let app = TestApp::start_with(&[("catalogue.promotions", file.to_str().unwrap())]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    fs::write(&file, valid.replace("10", "110")).unwrap();
    let problem = app.post("/api/catalogue/reload").await;
    let problem = problem.expect_problem(409, "invalid-catalogue");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("promotions.toml, line 1"), "{detail}");
    assert!(detail.contains("percent = 110"), "{detail}");
    cart.apply_promotion("TEA").await.expect(200);
}

#[tokio::test]
async fn reload_requires_the_operator_token() {
    let app = TestApp::start_with(&[("security.operator_token", "op-secret-op-secret")]);
    let path = "/api/catalogue/reload";
    app.post(path).await.expect_problem(401, "operator-only");
    let reloaded = app
        .post(path)
        .token("op-secret-op-secret")
        .await
        .expect(200)
        .json();
    assert_eq!(reloaded["products"]["changed"], json!([]));
}
