//! Ids, skus and codes: in the path, where they may hold anything that bytes can, and in a body.

use super::{pointer, raw_refused, refused, with_body};
use cartlog_testkit::TestApp;
use reqwest::Method;
use serde_json::json;

const UNKNOWN: &str = "01990000-0000-7000-8000-000000000001";

/// Path segments in place of a cart's id that match no cart.
pub const NO_CARTS: &[&str] = &[
    "1",
    "-1",
    "null",
    "undefined",
    "..",
    "%00",
    "%20",
    "%",
    "%zz",
    "%u0030",
    "%ff",
    "%c0%af",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%252e%252e",
    "*",
    "%27%20OR%20%271%27%3D%271",
    "1;DROP%20TABLE%20events",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%24%7Bjndi%3Aldap%3A%2F%2Fx%7D",
    "{id}",
    "01990000000070008000000000000001",
    "{01990000-0000-7000-8000-000000000001}",
    "%7B01990000-0000-7000-8000-000000000001%7D",
    "urn:uuid:01990000-0000-7000-8000-000000000001",
    "01990000-0000-7000-8000-00000000000",
    "01990000-0000-7000-8000-0000000000011",
    "0199000-00000-7000-8000-000000000001",
    "01990000-0000-7000-8000-00000000000g",
    "01990000-0000-7000-8000-000000000001%00",
    "01990000-0000-7000-8000-000000000001%0A",
    "01990000-0000-7000-8000-000000000001%20",
    "%2001990000-0000-7000-8000-000000000001",
    "01990000-0000-7000-8000-000000000001;v=1",
    "01990000-0000-7000-8000-000000000001.json",
    "01990000%E2%80%910000-7000-8000-000000000001",
    "%EF%BC%901990000-0000-7000-8000-000000000001",
    "01990000-0000-7000-8000-00000000000%D0%B0",
    "%E2%80%AE1990000-0000-7000-8000-000000000001",
    UNKNOWN,
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

/// Contract (requests): Ids in paths are parsed before anything else.
#[tokio::test]
async fn malformed_cart_id_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let body = r#"{"sku":"teapot","quantity":1}"#;
    for id in NO_CARTS {
        let get = format!(
            "GET /api/carts/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
            cart.token
        );
        raw_refused(&app, id, get.as_bytes(), 404, "not-found").await;
        let add = format!(
            "POST /api/carts/{id}/items HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            cart.token,
            body.len()
        );
        raw_refused(&app, id, add.as_bytes(), 404, "not-found").await;
    }
}

/// Path segments in place of a SKU that are no SKU.
pub const NO_SKUS: &[&str] = &[
    "%20",
    "-a",
    ".hidden",
    "_a",
    "..",
    "%2e%2e",
    "..%2f..%2fcheckout",
    "a%2Fb",
    "a%5Cb",
    "tea%20pot",
    "teapot%20",
    "%00",
    "tea%00pot",
    "teapot%0A",
    "teapot%0D%0ASet-Cookie:%20a=b",
    "teapot%09",
    "teapot%7F",
    "t%C3%A9apot",
    "teapot%CC%81",
    "te%D0%B0pot",
    "%EF%BD%94eapot",
    "tea%E2%80%8Bpot",
    "%E2%80%AEtopaet",
    "%F0%9F%AB%96",
    "%ff",
    "%c0%ae",
    "%25",
    "%252F",
    "%",
    "teapot;v=1",
    "teapot,sencha",
    "'%20OR%20'1'='1",
    "teapot'--",
    "a:b",
    "a@b",
    "a+b",
    "a*",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Contract (requests): Ids in paths are parsed before anything else.
#[tokio::test]
async fn malformed_sku_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let body = r#"{"quantity":2}"#;
    for sku in NO_SKUS {
        for (method, body) in [("PUT", body), ("DELETE", "")] {
            let request = format!(
                "{method} /api/carts/{}/items/{sku} HTTP/1.1\r\nHost: localhost\r\n\
                 Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                cart.id,
                cart.token,
                body.len()
            );
            let case = format!("{method} {sku}");
            raw_refused(&app, &case, request.as_bytes(), 404, "not-found").await;
        }
        let request = format!("GET /api/products/{sku} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        raw_refused(&app, sku, request.as_bytes(), 404, "not-found").await;
    }
}

#[tokio::test]
async fn unrouted_path_is_not_found() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let id = &cart.id;
    for path in [
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/carts/".to_owned(),
        "//api/carts".to_owned(),
        "/api//carts".to_owned(),
        "/API/CARTS".to_owned(),
        "/api/cart".to_owned(),
        "/api/carts.json".to_owned(),
        "/api/carts%2F".to_owned(),
        format!("/api/carts/{id}/"),
        format!("/api/carts/{id}//items"),
        format!("/api/carts/{id}/items/"),
        format!("/api/carts/{id}/items/teapot/"),
        format!("/api/carts/{id}/items/teapot/lots"),
        format!("/api/carts/{id}/undo/1"),
        format!("/api/carts/{id}%2Fundo"),
        format!("/api/carts/./{id}"),
        format!("/api/carts/x/../{id}"),
        format!("/api/carts/{id}/../{id}"),
    ] {
        for method in ["GET", "DELETE"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
                cart.token
            );
            let case = format!("{method} {path}");
            raw_refused(&app, &case, request.as_bytes(), 404, "not-found").await;
        }
    }
    for path in [
        "/css/../../Cargo.toml",
        "/css/..%2f..%2fCargo.toml",
        "/css/%2e%2e/index.html",
        "/js/%00",
        "/js//shop.js",
        "/.env",
        "/config.toml",
        "/data/events.db",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        raw_refused(&app, path, request.as_bytes(), 404, "not-found").await;
    }
}

#[tokio::test]
async fn invalid_sku_in_a_body_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let long = "a".repeat(65);
    let longer = "a".repeat(10_000);
    for sku in [
        "",
        " ",
        "-a",
        "_a",
        ".a",
        "tea pot",
        " teapot",
        "teapot ",
        "teapot\n",
        "tea\u{0}pot",
        "\u{0}",
        "\u{202e}topaet",
        "te\u{430}pot",
        "\u{ff54}eapot",
        "tea\u{200b}pot",
        "teapot\u{301}",
        "\u{1fad6}",
        "'; DROP TABLE events; --",
        "' OR '1'='1",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "tea%2Fpot",
        "%00",
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        &long,
        &longer,
    ] {
        let ask = cart.ask(Method::POST, "/items");
        let ask = ask.json(&json!({ "sku": sku, "quantity": 1 }));
        let problem = refused(&app, sku, ask, 400, "invalid-body").await;
        assert_eq!(pointer(&problem), "/sku", "{sku}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() < 300)
        );
    }
}

#[tokio::test]
async fn valid_sku_of_no_product_gets_its_own_problem() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let longest = "a".repeat(64);
    for sku in [
        "TEAPOT", "Teapot", "teapot.", "teapot-", "0", "DROP", "null", &longest,
    ] {
        let problem = refused(&app, sku, cart.add(sku, 1), 422, "unknown-sku").await;
        assert_eq!(problem["sku"], sku);
        refused(&app, sku, cart.set(sku, 1), 422, "unknown-sku").await;
        refused(&app, sku, cart.remove(sku), 404, "no-such-line").await;
    }
}

#[tokio::test]
async fn unknown_promotion_code_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let long = "TEA10".repeat(2_000);
    for code in [
        "",
        " ",
        "TEA",
        "TEA10 ",
        " TEA10",
        "TEA10\n",
        "TEA10\u{0}",
        "\u{422}EA10",
        "\u{202e}01AET",
        "TEA\u{661}0",
        "' OR percent > 0 --",
        "../promotions.toml",
        "*",
        &long,
    ] {
        refused(
            &app,
            code,
            cart.apply_promotion(code),
            422,
            "unknown-promotion",
        )
        .await;
    }
    for (case, body) in [
        ("an unescaped NUL", &b"{\"code\":\"TEA10\0\"}"[..]),
        ("bad UTF-8", &b"{\"code\":\"TEA\xFF\"}"[..]),
        ("a lone surrogate", &br#"{"code":"\ud83d"}"#[..]),
    ] {
        let ask = with_body(&cart, Method::PUT, "/promotion", body);
        refused(&app, case, ask, 400, "invalid-body").await;
    }
}
