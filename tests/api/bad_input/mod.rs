//! What no sound client sends: each case with the exact status and the type of problem that it
//! gets, and with nothing written for it. One file a family, each a table or a few.

mod bodies;
mod conditions;
mod json;
mod lists;
mod names;
mod quantities;
mod slow;
mod states;
mod transfer;
mod wire;

use cartlog_testkit::{Answer, Ask, CartClient, TestApp};
use reqwest::Method;
use serde_json::Value;

/// A JSON body and its defect in a word: for tables of bytes that no JSON library
/// writes.
type Body = (&'static str, &'static [u8]);

/// A body that a cart takes.
const ITEM: &str = r#"{"sku":"teapot","quantity":1}"#;

/// Sends `ask`, which has to be refused as the problem `slug`, and nothing is written for it.
///
/// Contract (errors): Bad input: at least 150 cases, each with status, problem type and an
/// unchanged log.
async fn refused(app: &TestApp, case: &str, ask: Ask, status: u16, slug: &str) -> Value {
    let head = app.log_head();
    let answer = ask.await;
    is_problem(case, &answer, status, slug);
    assert_eq!(app.log_head(), head, "{case}: something was written");
    answer.json()
}

/// Like [`refused`], for bytes that no HTTP client would send.
async fn raw_refused(app: &TestApp, case: &str, bytes: &[u8], status: u16, slug: &str) -> Value {
    let head = app.log_head();
    let answer = app.raw(bytes).await;
    is_problem(case, &answer, status, slug);
    assert_eq!(app.log_head(), head, "{case}: something was written");
    answer.json()
}

fn is_problem(case: &str, answer: &Answer, status: u16, slug: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{case}: {body}");
    assert!(
        body.contains(&format!("\"/problems/{slug}\"")),
        "{case}: {body}"
    );
}

/// A request to `below` the cart with `body` as its JSON, to the byte.
fn with_body(cart: &CartClient, method: Method, below: &str, body: &[u8]) -> Ask {
    cart.ask(method, below)
        .body(body.to_vec())
        .header("content-type", "application/json")
}

/// Where the body is wrong, by the problem's pointer.
pub fn pointer(problem: &Value) -> &str {
    let pointer = problem.pointer("/errors/0/pointer");
    let pointer = pointer.and_then(Value::as_str);
    pointer.unwrap_or_else(|| panic!("a pointer: {problem}"))
}

/// Counts the cases of the tables: each row counts as often as it is sent. The lists, conditions
/// and states that are requested in loops are not counted.
///
/// Contract (errors): Bad input: at least 150 cases, each with status, problem type and an
/// unchanged log.
#[test]
fn the_tables_alone_have_at_least_150_cases() {
    let json = json::NO_JSON.len() + bodies::POINTED.len() + bodies::OPENINGS.len();
    let numbers = 3 * (quantities::NO_NUMBERS.len() + quantities::TOO_MANY.len());
    let names = 2 * names::NO_CARTS.len() + 3 * names::NO_SKUS.len();
    let heads = wire::NO_REQUESTS.len();
    let all = json + numbers + names + heads;
    assert!(all >= 150, "{all}");
}

/// Every command to a cart at `version`; each would succeed but for the cart's state.
fn commands(cart: &CartClient, version: u64) -> Vec<(&'static str, Ask)> {
    vec![
        ("add", cart.add("teapot", 1)),
        ("set", cart.set("teapot", 7)),
        ("remove", cart.remove("teapot")),
        ("clear", cart.clear()),
        ("apply a promotion", cart.apply_promotion("TEA10")),
        ("take a promotion off", cart.remove_promotion()),
        ("undo", cart.undo(version)),
        (
            "check out",
            cart.check_out(version, 1999, "a-key-of-its-own"),
        ),
    ]
}
