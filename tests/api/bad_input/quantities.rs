//! How many: less than one, more than any, and what is no number of units at all.

use super::{pointer, refused, with_body};
use cartlog_testkit::{CartClient, TestApp};
use reqwest::Method;

/// What is no whole number of units, wherever one is expected.
pub const NO_NUMBERS: &[&str] = &[
    "-1",
    "-0",
    "-9223372036854775808",
    "1.5",
    "1.0",
    "0.1e1",
    "1e2",
    "1E2",
    "1e-2",
    "1e400",
    "-1e400",
    "18446744073709551616",
    "100000000000000000000000000000000000000000",
    r#""""#,
    r#""1""#,
    r#""one""#,
    "null",
    "true",
    "[]",
    "[1]",
    "{}",
];

/// Whole numbers that are more than any cart holds.
pub const TOO_MANY: &[&str] = &[
    "1000",
    "2147483648",
    "4294967295",
    "4294967296",
    "4294967297",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
];

fn add(cart: &CartClient, quantity: &str) -> cartlog_testkit::Ask {
    let body = format!(r#"{{"sku":"teapot","quantity":{quantity}}}"#);
    with_body(cart, Method::POST, "/items", body.as_bytes())
}

fn set(cart: &CartClient, quantity: &str) -> cartlog_testkit::Ask {
    let body = format!(r#"{{"quantity":{quantity}}}"#);
    with_body(cart, Method::PUT, "/items/teapot", body.as_bytes())
}

fn open(app: &TestApp, quantity: &str) -> cartlog_testkit::Ask {
    let body = format!(r#"{{"items":[{{"sku":"teapot","quantity":{quantity}}}]}}"#);
    app.ask_for_cart()
        .body(body)
        .header("content-type", "application/json")
}

/// Contract (requests): Numbers have no fraction, exponent or quotes.
#[tokio::test]
async fn invalid_quantity_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for quantity in NO_NUMBERS {
        for (ask, place) in [
            (add(&cart, quantity), "/quantity"),
            (set(&cart, quantity), "/quantity"),
            (open(&app, quantity), "/items/0/quantity"),
        ] {
            let problem = refused(&app, quantity, ask, 400, "invalid-body").await;
            // What is beyond every number is no JSON number to the parser, which knows no place.
            if !quantity.contains("e400") {
                assert_eq!(pointer(&problem), place, "{quantity}: {problem}");
            }
        }
    }
    for (ask, place) in [
        (add(&cart, "0"), "/quantity"),
        (open(&app, "0"), "/items/0/quantity"),
    ] {
        let problem = refused(&app, "none", ask, 400, "invalid-body").await;
        assert_eq!(pointer(&problem), place);
    }
}

/// Contract (errors): 422: against a rule that does not depend on the state of the cart.
#[tokio::test]
async fn more_than_a_cart_holds_is_refused_with_what_it_holds() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for quantity in TOO_MANY {
        for ask in [
            add(&cart, quantity),
            set(&cart, quantity),
            open(&app, quantity),
        ] {
            let problem = refused(&app, quantity, ask, 422, "quantity-limit").await;
            assert_eq!(problem["max"], 999, "{quantity}");
        }
    }
    cart.set("teapot", 999).await.expect(200);
    for (case, ask, max) in [
        ("one more than there is room for", add(&cart, "1"), 999),
        ("a sum beyond 32 bits", add(&cart, "4294967295"), 999),
        ("a product's own limit", cart.add("tea-bowl", 3), 2),
        ("a product's own limit, set", cart.set("tea-bowl", 3), 2),
    ] {
        let problem = refused(&app, case, ask, 422, "quantity-limit").await;
        assert_eq!(problem["max"], max, "{case}");
    }
}

#[tokio::test]
async fn items_of_an_opening_add_up_to_no_more_than_a_cart_holds() {
    let app = TestApp::start_with(&[("limits.lines", "2")]);
    let open = |items: &str| {
        app.ask_for_cart()
            .body(format!(r#"{{"items":[{items}]}}"#))
            .header("content-type", "application/json")
    };
    let most = r#"{"sku":"teapot","quantity":999},"#.repeat(400);
    for (case, items, slug) in [
        (
            "the same product twice",
            r#"{"sku":"teapot","quantity":999},{"sku":"teapot","quantity":1}"#,
            "quantity-limit",
        ),
        (
            "as often as a body can say",
            most.trim_end_matches(','),
            "quantity-limit",
        ),
        (
            "three products",
            concat!(
                r#"{"sku":"teapot","quantity":1},{"sku":"sencha","quantity":1},"#,
                r#"{"sku":"notebook","quantity":1}"#,
            ),
            "line-limit",
        ),
        (
            "the last of them unknown",
            r#"{"sku":"teapot","quantity":1},{"sku":"nothing","quantity":1}"#,
            "unknown-sku",
        ),
    ] {
        refused(&app, case, open(items), 422, slug).await;
    }
    assert_eq!(app.log_head(), 0);
}

#[tokio::test]
async fn unseen_total_orders_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    for total in [
        "0",
        "-1999",
        "1998",
        "2000",
        "9223372036854775807",
        "-9223372036854775808",
    ] {
        let body = format!(r#"{{"expected_total":{total}}}"#);
        let ask = with_body(&cart, Method::POST, "/checkout", body.as_bytes());
        let ask = ask.if_match(2).key(total.trim_start_matches('-'));
        let problem = refused(&app, total, ask, 409, "total-changed").await;
        assert_eq!(problem["total"], 1999, "{total}");
    }
}
