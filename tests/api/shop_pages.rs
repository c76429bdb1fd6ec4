//! The shop's pages below `/`: what is in them as they are served.

use cartlog_testkit::{Answer, TestApp};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn html(answer: &Answer) -> String {
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    String::from_utf8(answer.body.clone()).expect("UTF-8")
}

/// Contract (service): A product's page is served with its title, description, canonical address
/// and preview.
#[tokio::test]
async fn product_page_describes_the_product_without_scripts() {
    let app = TestApp::start();
    let answer = app.get("/products/teapot").await.expect(200);
    let page = html(&answer);
    let origin = format!("http://{}", app.address());
    let product = app.get("/api/products/teapot").await.expect(200).json();
    let description = product["description"].as_str().expect("a description");
    for part in [
        "<title>Teapot – cartlog</title>",
        &format!("<meta name=\"description\" content=\"{description}\" />"),
        &format!("<link rel=\"canonical\" href=\"{origin}/products/teapot\" />"),
        "<meta property=\"og:title\" content=\"Teapot\" />",
        &format!("<meta property=\"og:url\" content=\"{origin}/products/teapot\" />"),
        &format!("<meta property=\"og:image\" content=\"{origin}/pictures/teapot.svg\" />"),
        "€19.99",
        "href=\"/?category=Tea\"",
        &format!("<meta property=\"og:description\" content=\"{description}\" />"),
        "<meta property=\"og:image:alt\" content=\"",
        "<img src=\"/pictures/teapot.svg\" alt=\"",
        "width=\"400\" height=\"300\"",
        &format!("data-testid=\"product-text\">{description}</p>"),
        "data-sku=\"teapot\" data-max=\"\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("{{"), "every placeholder is filled");
    let tag = answer.header("etag").expect("an ETag");
    let again = app.get("/products/teapot").header("if-none-match", tag);
    again.await.expect(304);
    let bowl = app.get("/products/tea-bowl").await.expect(200);
    assert!(html(&bowl).contains("Limit 2 per order."));
    assert!(html(&bowl).contains("data-sku=\"tea-bowl\" data-max=\"2\""));
    let coded = app.get("/products/teapot").header("accept-encoding", "br");
    let coded = coded.await.expect(200);
    assert_eq!(coded.header("content-encoding"), Some("br"));
    assert!(coded.body.len() * 2 < answer.body.len());
}

/// Messengers take absolute addresses only, by the scheme that browsers use; a picture elsewhere
/// has one already.
#[tokio::test]
async fn previews_have_absolute_addresses() {
    let mut app = TestApp::start_with(&[
        ("server.https", "true"),
        ("security.operator_token", "operator token of this test"),
    ]);
    app.restart_with_catalogue(
        "currency = \"EUR\"\n[[product]]\nsku = \"a\"\nname = \"A\"\ncategory = \"C\"\n\
         price = 1\npicture = \"/pictures/teapot.svg\"\n\
         [[product]]\nsku = \"b\"\nname = \"B\"\ncategory = \"C\"\nprice = 1\n\
         picture = \"https://cdn.example/b.png?w=4&h=3\"\n",
        "",
    );
    let origin = format!("https://{}", app.address());
    let page = html(&app.get("/products/a").await.expect(200));
    for part in [
        format!("<meta property=\"og:image\" content=\"{origin}/pictures/teapot.svg\" />"),
        format!("<link rel=\"canonical\" href=\"{origin}/products/a\" />"),
    ] {
        assert!(page.contains(&part), "{part}");
    }
    let page = html(&app.get("/products/b").await.expect(200));
    let part = "<meta property=\"og:image\" content=\"https://cdn.example/b.png?w=4&amp;h=3\" />";
    assert!(page.contains(part), "{part}");
}

#[tokio::test]
async fn product_page_escapes_what_the_catalogue_says() {
    let mut app = TestApp::start();
    app.restart_with_catalogue(
        "currency = \"EUR\"\n[[product]]\nsku = \"a\"\nname = \"<b>\\\"{{price}}&\"\n\
         category = \"<i>\"\nprice = 1\n",
        "",
    );
    let page = html(&app.get("/products/a").await.expect(200));
    assert!(page.contains("<title>&lt;b&gt;&quot;{{price}}&amp; – cartlog</title>"));
    assert!(!page.contains("<b>") && !page.contains("<i>"));
    assert!(page.contains("href=\"/?category=%3Ci%3E\""));
    // Without a picture its initial is shown; without a description the preview has the price.
    assert!(page.contains("<span class=\"initial\" aria-hidden=\"true\">&lt;</span>"));
    assert!(page.contains("for €0.01."));
    // The host is the client's word.
    let forged = app
        .get("/products/a")
        .header("host", "\"><script>alert(1)</script>");
    let forged = forged.await;
    assert!(
        forged.status == 400 || forged.status == 421,
        "{}",
        forged.status
    );
}

/// Contract (service): The page of an unknown product is 404.
#[tokio::test]
async fn unknown_product_and_malformed_ids_are_404_pages() {
    let app = TestApp::start();
    for path in [
        "/products/no-such-thing",
        "/products/%20",
        "/orders/1",
        "/receipts/1",
        "/shared/1",
        "/shared/01A20C19324E76C9B286E42798811DAA00000000000000045D0F6C3A9BE14287F1C2AD93E8B40576",
    ] {
        let lost = app.get(path).header("accept", BROWSER).await.expect(404);
        assert!(html(&lost).contains("Page not found"), "{path}");
        app.get(path).await.expect_problem(404, "not-found");
    }
}

/// The pages are the same for every id and share: they get the rest from the API.
#[tokio::test]
async fn orders_and_shared_carts_have_pages() {
    let app = TestApp::start();
    let token = "0".repeat(80);
    for path in [
        "/orders",
        "/orders/01a20c19-324e-76c9-b286-e42798811daa",
        "/receipts",
        "/receipts/01a20c19-324e-76c9-b286-e42798811daa",
        &format!("/shared/{token}"),
    ] {
        let page = app.get(path).await.expect(200);
        assert!(page.header("content-security-policy").is_some(), "{path}");
        assert!(html(&page).contains("class=\"footer\""), "{path}");
    }
}
