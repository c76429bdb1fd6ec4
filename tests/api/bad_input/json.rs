//! JSON that is broken, or no object.

use super::{Body, pointer, refused, with_body};
use cartlog_testkit::TestApp;
use reqwest::Method;

/// Where a whole item is expected, and nothing in particular can be pointed at.
pub const NO_JSON: &[Body] = &[
    ("nothing", b""),
    ("blank", b"  \n"),
    ("cut off after the brace", b"{"),
    ("cut off in a name", br#"{"sku"#),
    ("cut off after a name", br#"{"sku""#),
    ("cut off after a colon", br#"{"sku":"#),
    ("cut off in a text", br#"{"sku":"teap"#),
    ("cut off after a comma", br#"{"sku":"teapot","#),
    ("cut off in a word", br#"{"sku":tru"#),
    ("cut off in a number", br#"{"sku":"teapot","quantity":1"#),
    (
        "cut off before the last brace",
        br#"{"sku":"teapot","quantity":1 "#,
    ),
    ("a form", b"sku=teapot&quantity=1"),
    ("XML", b"<item><sku>teapot</sku></item>"),
    ("YAML", b"sku: teapot\nquantity: 1\n"),
    ("single quotes", b"{'sku':'teapot','quantity':1}"),
    ("names without quotes", br#"{sku:"teapot",quantity:1}"#),
    ("a comma too many", br#"{"sku":"teapot","quantity":1,}"#),
    ("a comma too few", br#"{"sku":"teapot" "quantity":1}"#),
    ("a comment", br#"{"sku":"teapot",/* one */"quantity":1}"#),
    (
        "a comment to the end of the line",
        b"{\"sku\":\"teapot\",// one\n\"quantity\":1}",
    ),
    ("NaN", br#"{"sku":"teapot","quantity":NaN}"#),
    ("infinity", br#"{"sku":"teapot","quantity":Infinity}"#),
    ("undefined", br#"{"sku":"teapot","quantity":undefined}"#),
    (
        "a hexadecimal number",
        br#"{"sku":"teapot","quantity":0x1}"#,
    ),
    ("a leading zero", br#"{"sku":"teapot","quantity":01}"#),
    ("a plus sign", br#"{"sku":"teapot","quantity":+1}"#),
    (
        "a point without decimals",
        br#"{"sku":"teapot","quantity":1.}"#,
    ),
    (
        "a point without a whole",
        br#"{"sku":"teapot","quantity":.5}"#,
    ),
    (
        "an exponent without digits",
        br#"{"sku":"teapot","quantity":1e}"#,
    ),
    ("two minus signs", br#"{"sku":"teapot","quantity":--1}"#),
    ("digits in groups", br#"{"sku":"teapot","quantity":1_000}"#),
    (
        "a byte order mark",
        b"\xEF\xBB\xBF{\"sku\":\"teapot\",\"quantity\":1}",
    ),
    ("UTF-16, little end first", b"\xFF\xFE{\0\"\0s\0"),
    ("UTF-16, big end first", b"\xFE\xFF\0{\0\"\0s"),
    (
        "UTF-16 without a mark",
        b"{\0\"\0s\0k\0u\0\"\0:\0\"\0t\0\"\0}\0",
    ),
    (
        "a byte that is no UTF-8",
        b"{\"sku\":\"tea\xFFpot\",\"quantity\":1}",
    ),
    (
        "an overlong form",
        b"{\"sku\":\"tea\xC0\xAFpot\",\"quantity\":1}",
    ),
    (
        "a surrogate in UTF-8",
        b"{\"sku\":\"tea\xED\xA0\x80pot\",\"quantity\":1}",
    ),
    (
        "a character cut off",
        b"{\"sku\":\"tea\xE2\x82\",\"quantity\":1}",
    ),
    (
        "beyond Unicode",
        b"{\"sku\":\"tea\xF4\x90\x80\x80\",\"quantity\":1}",
    ),
    (
        "bad UTF-8 in a name",
        b"{\"s\xFFu\":\"teapot\",\"quantity\":1}",
    ),
    (
        "a lone leading surrogate",
        br#"{"sku":"\ud800","quantity":1}"#,
    ),
    (
        "a lone trailing surrogate",
        br#"{"sku":"\udc00","quantity":1}"#,
    ),
    (
        "a surrogate before a letter",
        br#"{"sku":"\ud800\u0041","quantity":1}"#,
    ),
    (
        "surrogates the wrong way round",
        br#"{"sku":"\udc00\ud800","quantity":1}"#,
    ),
    ("an unknown escape", br#"{"sku":"tea\xpot","quantity":1}"#),
    ("an escape cut off", br#"{"sku":"\u00","quantity":1}"#),
    ("an escape in braces", br#"{"sku":"\u{41}","quantity":1}"#),
    (
        "a line feed in a text",
        b"{\"sku\":\"tea\npot\",\"quantity\":1}",
    ),
    ("a NUL in a text", b"{\"sku\":\"tea\0pot\",\"quantity\":1}"),
    ("NULs alone", b"\0\0\0\0"),
    (
        "a form feed before the brace",
        b"\x0C{\"sku\":\"teapot\",\"quantity\":1}",
    ),
    (
        "a space of no break before the brace",
        b"\xC2\xA0{\"sku\":\"teapot\",\"quantity\":1}",
    ),
    ("a second object", br#"{"sku":"teapot","quantity":1} {}"#),
    ("a brace too many", br#"{"sku":"teapot","quantity":1}}"#),
    (
        "letters behind the end",
        br#"{"sku":"teapot","quantity":1}x"#,
    ),
    (
        "a NUL behind the end",
        b"{\"sku\":\"teapot\",\"quantity\":1}\0",
    ),
    (
        "a comma behind the end",
        br#"{"sku":"teapot","quantity":1},"#,
    ),
    ("null", b"null"),
    ("true", b"true"),
    ("a number", b"0"),
    ("a text", br#""teapot""#),
    ("an empty array", b"[]"),
    ("an array of the values", br#"["teapot",1]"#),
    ("an array of an item", br#"[{"sku":"teapot","quantity":1}]"#),
    ("an empty object", b"{}"),
    ("no quantity", br#"{"sku":"teapot"}"#),
    ("no sku", br#"{"quantity":1}"#),
];

/// Contract (errors): 400: unreadable or against the schema, with a pointer.
#[tokio::test]
async fn incomplete_or_non_object_json_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (case, body) in NO_JSON {
        let ask = with_body(&cart, Method::POST, "/items", body);
        let problem = refused(&app, case, ask, 400, "invalid-body").await;
        assert_eq!(pointer(&problem), "", "{case}: {problem}");
    }
}

#[tokio::test]
async fn json_that_is_nested_deeply_is_refused_without_harm() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for (case, body) in [
        ("arrays", "[".repeat(16_000)),
        ("objects", r#"{"a":"#.repeat(3_000)),
        (
            "whole arrays",
            format!("{}{}", "[".repeat(8_000), "]".repeat(8_000)),
        ),
        (
            "in a sku",
            format!(r#"{{"sku":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
        ),
    ] {
        let ask = with_body(&cart, Method::POST, "/items", body.as_bytes());
        let problem = refused(&app, case, ask, 400, "invalid-body").await;
        pointer(&problem);
    }
    let items = format!(r#"{{"items":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let ask = app.ask_for_cart().body(items);
    let ask = ask.header("content-type", "application/json");
    let problem = refused(&app, "in a list of items", ask, 400, "invalid-body").await;
    assert_eq!(pointer(&problem), "");
}
