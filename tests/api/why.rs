//! `/api/carts/{id}/why`, `/what-if` and `/timeline`.

use crate::overlap::read_while_commands_run;
use crate::views::shop_at_random;
use cartlog_testkit::{CartClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

/// The sum over the terms of a number. Checks each term as well.
fn sum(number: &Value, of: &str) -> i64 {
    let terms = number["sum"].as_array().expect("terms");
    let number = |term: &Value, name: &str| term[name].as_i64().expect("a number");
    for term in terms {
        let product = number(term, "quantity") * number(term, "unit_price");
        assert_eq!(number(term, "amount"), product, "{term}");
        assert!(number(term, "version") > 0);
    }
    terms.iter().map(|term| number(term, of)).sum()
}

#[tokio::test]
async fn why_sums_match_every_number_at_every_version() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 3)]).await;
    cart.add("sencha", 2).await.expect(201);
    cart.apply_promotion("TEA10").await.expect(200);
    cart.set("teapot", 1).await.expect(200);
    cart.remove("sencha").await.expect(200);
    cart.undo(6).await.expect(200);
    for version in 1..=7 {
        check_sums(&cart, version).await;
    }
    for version in [0, 8] {
        let answer = cart
            .ask(Method::GET, &format!("/why?version={version}"))
            .await;
        answer.expect_problem(404, "no-such-version");
    }
}

/// Compares every number of the cart at `version` with the sum of its terms.
async fn check_sums(cart: &CartClient, version: u64) {
    let document = cart.get_at(version).await.expect(200).json();
    let why = cart.ask(Method::GET, &format!("/why?version={version}"));
    let why = why.await.expect(200).json();
    for name in ["items_total", "discount", "total"] {
        assert_eq!(document[name], why[name]["value"], "{name} at {version}");
        assert_eq!(
            document[name],
            sum(&why[name], "amount"),
            "{name} at {version}"
        );
    }
    let lines = document["lines"].as_array().unwrap();
    assert_eq!(why["lines"].as_array().unwrap().len(), lines.len());
    for (line, why) in lines.iter().zip(why["lines"].as_array().unwrap()) {
        assert_eq!(line["sku"], why["sku"]);
        assert_eq!(line["quantity"], sum(&why["quantity"], "quantity"));
        assert_eq!(line["total"], sum(&why["total"], "amount"));
    }
}

/// Contract (history): `GET …/why`, `POST …/what-if`
#[tokio::test]
async fn why_and_what_if_hold_for_random_carts() {
    let app = TestApp::start_with(&[("log.durability", "process")]);
    for seed in 1..=6 {
        let cart = app.open_cart().await;
        let newest = shop_at_random(&cart, seed).await;
        let timeline = cart.ask(Method::GET, "/timeline?limit=200").await;
        let timeline = timeline.expect(200).json();
        let moments = timeline["items"].as_array().expect("moments");
        assert_eq!(moments.len() as u64, newest);
        for version in 1..=newest {
            check_sums(&cart, version).await;
            let then = cart.get_at(version).await.expect(200).json();
            assert_eq!(moments[version as usize - 1]["cart"], then);
            let last: Vec<u64> = (version + 1..=newest).collect();
            let hypothetical = cart.what_if(&last).await.expect(200).json();
            for name in [
                "lines",
                "promotion",
                "items_total",
                "discount",
                "total",
                "status",
            ] {
                assert_eq!(
                    hypothetical["cart"][name], then[name],
                    "{name} at {version}, seed {seed}"
                );
            }
            let compared = &hypothetical["difference"]["total"];
            assert_eq!(compared["what_if"], then["total"]);
            assert_eq!(
                compared["actual"],
                moments[newest as usize - 1]["cart"]["total"]
            );
        }
    }
}

/// Contract (history): `GET …/timeline`
#[tokio::test]
async fn timeline_pairs_each_event_with_its_cart() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.add("sencha", 1).await.expect(201);
    let newest = cart.clear().await.expect(200);
    let events = cart.events().await.expect(200).json();
    let mut version = 0;
    let mut path = "/timeline?limit=2".to_owned();
    loop {
        let page = cart.ask(Method::GET, &path).await.expect(200).json();
        for item in page["items"].as_array().unwrap() {
            version += 1;
            assert_eq!(item["event"], events["items"][version - 1]);
            let then = cart.get_at(version as u64).await.expect(200).json();
            assert_eq!(item["cart"], then);
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/timeline?limit=2&cursor={next}");
    }
    assert_eq!(version as u64, newest.version());
}

/// Contract (history): `GET …/why`, `POST …/what-if`
#[tokio::test]
async fn what_if_omits_events_and_writes_nothing() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    let newest = cart.add("sencha", 1).await.expect(201).json();
    let same = cart.what_if(&[]).await.expect(200).json();
    assert_eq!(same["cart"], newest);
    assert_eq!(same["difference"]["lines"], json!([]));
    let other = cart.what_if(&[2]).await.expect(200).json();
    assert_eq!(
        other["difference"],
        json!({
            "lines": [{
                "sku": "teapot", "name": "Teapot",
                "quantity": { "actual": 2, "what_if": 0 },
                "total": { "actual": 3998, "what_if": 0 },
            }],
            "items_total": { "actual": 5178, "what_if": 1180 },
            "discount": { "actual": 0, "what_if": 0 },
            "total": { "actual": 5178, "what_if": 1180 },
        })
    );
    assert_eq!(other["cart"]["total"], 1180);
    for without in [&[1][..], &[0], &[4], &[2, 99]] {
        let refused = cart.what_if(without).await;
        refused.expect_problem(422, "cannot-set-aside");
    }
    for body in [
        json!({}),
        json!({ "without": 2 }),
        json!({ "without": ["2"] }),
        json!({ "without": [-1] }),
    ] {
        let ask = cart.ask(Method::POST, "/what-if").json(&body);
        ask.await.expect_problem(400, "invalid-body");
    }
    assert_eq!(app.log_head(), 3);
}

/// Contract (history): A what-if can change a quantity and add products and codes; what is added
/// obeys the rules, and what they refuse is reported.
#[tokio::test]
async fn what_if_decides_changes_by_the_rules() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.add("sencha", 1).await.expect(201);
    let head = app.log_head();
    let ask = |body: Value| cart.ask(Method::POST, "/what-if").json(&body);
    let what_if = ask(json!({
        "without": [3],
        "changes": [
            { "change": "set_quantity", "version": 2, "quantity": 3 },
            { "change": "add_item", "after": 1, "sku": "tea-bowl", "quantity": 2 },
            { "change": "apply_promotion", "after": 3, "code": "tea10" },
            { "change": "add_item", "after": 2, "sku": "tea-bowl", "quantity": 999 },
            { "change": "add_item", "after": 2, "sku": "no-such-thing", "quantity": 1 },
            { "change": "apply_promotion", "after": 2, "code": "TEA1O" },
        ],
    }));
    let what_if = what_if.await.expect(200).json();
    let made: Vec<Value> = what_if["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|it| json!([it["change"], it["version"], it["replaces"], it["sentence"]]))
        .collect();
    let bowl = &what_if["events"][1]["data"]["unit_price"];
    let bowls = bowl.as_i64().expect("a price") * 2;
    assert_eq!(made[0], json!([0, 2, true, "Added 3 × Teapot at €19.99"]));
    assert_eq!((&made[1][1], &made[1][2]), (&json!(1), &json!(false)));
    assert_eq!(made[2][3], "Applied promotion TEA10: 10% off");
    assert_eq!(made.len(), 3, "{made:?}");
    let refused: Vec<Value> = what_if["refused"]
        .as_array()
        .expect("refusals")
        .iter()
        .map(|it| json!([it["change"], it["type"]]))
        .collect();
    let expected = [
        json!([3, "/problems/quantity-limit"]),
        json!([4, "/problems/unknown-sku"]),
        json!([5, "/problems/unknown-promotion"]),
    ];
    assert_eq!(refused, expected, "{what_if}");
    let items = 3 * 1999 + bowls;
    assert_eq!(what_if["cart"]["items_total"], items);
    assert_eq!(what_if["cart"]["discount"], (items * 10 + 50) / 100);
    assert_eq!(what_if["cart"]["version"], 3);
    assert_eq!(what_if["difference"]["items_total"]["actual"], 5178);
    assert_eq!(app.log_head(), head, "nothing is written");
    // After the checkout the cart is closed, also for what is only supposed.
    let now = cart.get().await.expect(200);
    let pay = cart.check_out(now.version(), 5178, "pay");
    pay.await.expect(201);
    let late = json!({ "change": "add_item", "after": 4, "sku": "teapot", "quantity": 1 });
    let late = ask(json!({ "without": [], "changes": [late] }))
        .await
        .expect(200)
        .json();
    assert_eq!(late["refused"][0]["type"], "/problems/cart-closed");
    assert_eq!(late["cart"]["total"], 5178);
}

/// Contract (history): A what-if can change a quantity and add products and codes; what is added
/// obeys the rules, and what they refuse is reported.
#[tokio::test]
async fn what_if_refuses_changes_of_other_events() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    let quantity =
        |version: u64| json!({ "change": "set_quantity", "version": version, "quantity": 1 });
    let add = |after: u64| {
        let (change, sku) = ("add_item", "teapot");
        json!({ "change": change, "after": after, "sku": sku, "quantity": 1 })
    };
    for (without, changes) in [
        (json!([]), json!([quantity(1)])),
        (json!([]), json!([quantity(3)])),
        (json!([]), json!([quantity(4)])),
        (json!([2]), json!([quantity(2)])),
        (json!([]), json!([quantity(2), quantity(2)])),
        (json!([]), json!([add(0)])),
        (json!([]), json!([add(4)])),
    ] {
        let body = json!({ "without": without, "changes": changes });
        let refused = cart.ask(Method::POST, "/what-if").json(&body).await;
        let problem = refused.expect_problem(422, "cannot-set-aside");
        assert_eq!(problem["max"], 3, "{body}");
    }
    let many = vec![add(1); 33];
    for changes in [
        json!(many),
        json!(null),
        json!([{ "change": "remove_item", "after": 1 }]),
        json!([{ "change": "add_item", "after": 1, "sku": "teapot", "quantity": 0 }]),
        json!([{ "change": "add_item", "after": 1, "sku": "teapot", "quantity": 1, "price": 1 }]),
    ] {
        let body = json!({ "without": [], "changes": changes });
        let ask = cart.ask(Method::POST, "/what-if").json(&body);
        ask.await.expect_problem(400, "invalid-body");
    }
}

/// Contract (history): `GET …/why`, `POST …/what-if`
#[tokio::test]
async fn what_if_without_no_event_equals_the_cart_under_commands() {
    let app = TestApp::start_with(&[("log.durability", "process")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let command = async |number: u32| {
        cart.set("teapot", 1 + number % 5).await;
    };
    let compare = async || {
        let same = cart.what_if(&[]).await.expect(200).json();
        let difference = &same["difference"];
        assert_eq!(difference["lines"], json!([]), "{same}");
        for name in ["items_total", "discount", "total"] {
            let number = &difference[name];
            assert_eq!(number["actual"], number["what_if"], "{same}");
        }
        same["cart"]["version"].as_u64().expect("a version")
    };
    read_while_commands_run(command, compare).await;
}
