//! Valid JSON that is not the expected body.

use super::{pointer, refused, with_body};
use cartlog_testkit::TestApp;

/// A method and a path below a cart, a body, and where in it the mistake is.
pub type Pointed = (&'static str, &'static str, &'static str, &'static str);

pub const POINTED: &[Pointed] = &[
    ("POST", "/items", r#"{"sku":null,"quantity":1}"#, "/sku"),
    ("POST", "/items", r#"{"sku":7,"quantity":1}"#, "/sku"),
    ("POST", "/items", r#"{"sku":true,"quantity":1}"#, "/sku"),
    (
        "POST",
        "/items",
        r#"{"sku":["teapot"],"quantity":1}"#,
        "/sku",
    ),
    (
        "POST",
        "/items",
        r#"{"sku":{"sku":"teapot"},"quantity":1}"#,
        "/sku",
    ),
    (
        "POST",
        "/items",
        r#"{"sku":"teapot","sku":"teapot","quantity":1}"#,
        "/sku",
    ),
    (
        "POST",
        "/items",
        r#"{"sku":"teapot","s\u006bu":"sencha","quantity":1}"#,
        "/sku",
    ),
    (
        "POST",
        "/items",
        r#"{"quantity":1,"sku":"teapot","quantity":2}"#,
        "/quantity",
    ),
    (
        "POST",
        "/items",
        r#"{"sku":"teapot","quantity":1,"price":1}"#,
        "/price",
    ),
    (
        "POST",
        "/items",
        r#"{"sku":"teapot","quantity":1,"unit_price":0}"#,
        "/unit_price",
    ),
    ("POST", "/items", r#"{"Sku":"teapot","quantity":1}"#, "/Sku"),
    (
        "POST",
        "/items",
        r#"{"sku ":"teapot","quantity":1}"#,
        "/sku ",
    ),
    (
        "POST",
        "/items",
        r#"{"sku\u0000":"teapot","quantity":1}"#,
        "/sku\0",
    ),
    ("POST", "/items", r#"{"":"teapot","quantity":1}"#, "/"),
    ("POST", "/items", r#"{"a/b~c":1}"#, "/a~1b~0c"),
    (
        "POST",
        "/items",
        r#"{"__proto__":{"quantity":1},"sku":"teapot","quantity":1}"#,
        "/__proto__",
    ),
    ("PUT", "/items/teapot", "{}", ""),
    ("PUT", "/items/teapot", "[]", ""),
    ("PUT", "/items/teapot", "[1]", ""),
    ("PUT", "/items/teapot", "1", ""),
    (
        "PUT",
        "/items/teapot",
        r#"{"quantity":1,"quantity":1}"#,
        "/quantity",
    ),
    (
        "PUT",
        "/items/teapot",
        r#"{"sku":"teapot","quantity":1}"#,
        "/sku",
    ),
    ("PUT", "/promotion", "{}", ""),
    ("PUT", "/promotion", r#""TEA10""#, ""),
    ("PUT", "/promotion", r#"["TEA10"]"#, ""),
    ("PUT", "/promotion", r#"{"code":10}"#, "/code"),
    ("PUT", "/promotion", r#"{"code":null}"#, "/code"),
    ("PUT", "/promotion", r#"{"code":["TEA10"]}"#, "/code"),
    (
        "PUT",
        "/promotion",
        r#"{"code":"TEA10","code":"TEA10"}"#,
        "/code",
    ),
    (
        "PUT",
        "/promotion",
        r#"{"code":"TEA10","percent":90}"#,
        "/percent",
    ),
    ("POST", "/checkout", "{}", ""),
    ("POST", "/checkout", "[1999]", ""),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":"1999"}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":19.99}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":1999.0}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":1.999e3}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":null}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":true}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":9223372036854775808}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":-9223372036854775809}"#,
        "/expected_total",
    ),
    (
        "POST",
        "/checkout",
        r#"{"expected_total":1999,"order_id":"mine"}"#,
        "/order_id",
    ),
    ("POST", "/what-if", "{}", ""),
    ("POST", "/what-if", "[[2]]", ""),
    ("POST", "/what-if", r#"{"without":2}"#, "/without"),
    ("POST", "/what-if", r#"{"without":null}"#, "/without"),
    ("POST", "/what-if", r#"{"without":["2"]}"#, "/without/0"),
    ("POST", "/what-if", r#"{"without":[2,-1]}"#, "/without/1"),
    ("POST", "/what-if", r#"{"without":[2.0]}"#, "/without/0"),
    ("POST", "/what-if", r#"{"without":[null]}"#, "/without/0"),
    ("POST", "/what-if", r#"{"without":[[2]]}"#, "/without/0"),
    ("POST", "/undo", r#"{"version":2}"#, "/version"),
    ("POST", "/undo", "[]", ""),
    ("POST", "/undo", "null", ""),
    ("DELETE", "/items", r#"{"sku":"teapot"}"#, "/sku"),
    ("DELETE", "/items/teapot", r#"{"quantity":1}"#, "/quantity"),
    ("DELETE", "/items/teapot", "{", ""),
    ("DELETE", "/promotion", r#"{"code":"TEA10"}"#, "/code"),
];

/// Contract (errors): 400: unreadable or against the schema, with a pointer.
#[tokio::test]
async fn error_in_a_body_is_pointed_at() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for (method, below, body, place) in POINTED {
        let case = format!("{method} {below} {body}");
        let method = method.parse().expect("a method");
        let ask = with_body(&cart, method, below, body.as_bytes());
        let ask = ask.if_match(2).key("a-key");
        let problem = refused(&app, &case, ask, 400, "invalid-body").await;
        assert_eq!(pointer(&problem), *place, "{case}: {problem}");
    }
}

pub const OPENINGS: &[(&str, &str)] = &[
    ("[]", ""),
    ("null", ""),
    ("{", ""),
    (r#""items""#, ""),
    (r#"{"items":null}"#, "/items"),
    (r#"{"items":{}}"#, "/items"),
    (r#"{"items":"teapot"}"#, "/items"),
    (r#"{"items":[["teapot",1]]}"#, "/items/0"),
    (r#"{"items":[null]}"#, "/items/0"),
    (r#"{"items":["teapot"]}"#, "/items/0"),
    (r#"{"items":[{"sku":"teapot"}]}"#, "/items/0"),
    (
        r#"{"items":[{"sku":"teapot","quantity":1},{}]}"#,
        "/items/1",
    ),
    (
        r#"{"items":[{"sku":"teapot","quantity":0}]}"#,
        "/items/0/quantity",
    ),
    (
        r#"{"items":[{"sku":"teapot","quantity":1},{"sku":"","quantity":1}]}"#,
        "/items/1/sku",
    ),
    (
        r#"{"items":[{"sku":"teapot","quantity":1,"price":1}]}"#,
        "/items/0/price",
    ),
    (
        r#"{"items":[{"sku":"a","sku":"b","quantity":1}]}"#,
        "/items/0/sku",
    ),
    (r#"{"items":[],"items":[]}"#, "/items"),
    (r#"{"token":"mine"}"#, "/token"),
    (r#"{"id":"01990000-0000-7000-8000-000000000001"}"#, "/id"),
    (r#"{"items":[],"currency":"USD"}"#, "/currency"),
];

#[tokio::test]
async fn invalid_opening_body_is_refused() {
    let app = TestApp::start();
    for (body, place) in OPENINGS {
        let ask = app.ask_for_cart().body(*body);
        let ask = ask.header("content-type", "application/json");
        let problem = refused(&app, body, ask, 400, "invalid-body").await;
        assert_eq!(pointer(&problem), *place, "{body}: {problem}");
    }
    assert_eq!(app.log_head(), 0);
}
