//! `/api/search`: carts, orders and events by a part of their id or by a text.

use cartlog_testkit::{TestApp, text};
use serde_json::{Value, json};

async fn search(app: &TestApp, q: &str) -> Value {
    let q = q.replace('%', "%25").replace(' ', "%20");
    let answer = app.get(&format!("/api/search?q={q}")).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

async fn found(app: &TestApp, q: &str) -> Vec<Value> {
    let answer = search(app, q).await;
    answer["items"].as_array().expect("items").clone()
}

/// The ids of what was found, in order.
fn ids(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().expect("items");
    items.iter().map(|item| text(&item["id"])).collect()
}

/// Contract (service): `GET /api/search` finds carts and orders by the beginning or the end of
/// their id, and an event by its position
#[tokio::test]
async fn search_finds_carts_orders_and_events() {
    let app = TestApp::start_with(&[("orders.confirm", "at_once")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let ordered = cart.check_out(2, 1999, "pay").await.expect(201).json();
    let order = text(&ordered["order_id"]);
    app.get(&format!("/api/orders/{order}"))
        .token(&cart.token)
        .await
        .expect(200);
    let end = &cart.id[cart.id.len() - 8..];
    for q in [cart.id.as_str(), end, &end.to_uppercase(), &cart.id[..18]] {
        let carts = found(&app, q).await;
        assert!(
            carts.contains(&json!({ "kind": "cart", "id": cart.id })),
            "{q}: {carts:?}"
        );
    }
    // As the receipt prints it.
    let number = order[order.len() - 8..].to_uppercase();
    let number = format!("{}-{}", &number[..4], &number[4..]);
    let orders = found(&app, &number).await;
    assert!(
        orders.contains(&json!({ "kind": "order", "id": order })),
        "{number}: {orders:?}"
    );
    let event = &found(&app, "2").await[0];
    assert_eq!(event["kind"], "event");
    assert_eq!(event["type"], "ItemAdded");
    assert_eq!(event["stream"], json!({ "model": "cart", "id": cart.id }));
    assert_eq!(event["version"], 2);
    assert_eq!(found(&app, "999").await, Vec::<Value>::new());
}

#[tokio::test]
async fn search_says_what_can_be_searched_for() {
    let app = TestApp::start();
    for q in ["", "a", "%20x%20", &"a".repeat(101)] {
        app.get(&format!("/api/search?q={q}"))
            .await
            .expect_problem(400, "invalid-query");
    }
}

/// Contract (service): `GET /api/search` finds carts and orders by products, codes and types of
/// their events and by messages, the newest match first
#[tokio::test]
async fn search_finds_carts_by_what_their_events_are_about() {
    let app = TestApp::start_with(&[("orders.confirm", "at_once")]);
    let first = app.open_cart_with(&[("teapot", 1)]).await;
    let other = app.open_cart_with(&[("notebook", 1)]).await;
    let second = app.open_cart_with(&[("sencha", 1)]).await;
    second.add("teapot", 2).await.expect(201);
    second.apply_promotion("TEA10").await.expect(200);
    let ordered = first.check_out(2, 1999, "pay").await.expect(201).json();
    app.wait_for_tables().await;

    for q in ["teapot", "TEAPOT", " pot  tea "] {
        let answer = search(&app, q).await;
        assert_eq!(ids(&answer), [&second.id, &first.id], "{q}");
        assert_eq!(answer["complete"], true, "{answer}");
        let product = json!({ "kind": "product", "sku": "teapot", "name": "Teapot" });
        assert_eq!(answer["matches"], json!([product]));
        let [newest, oldest] = [&answer["items"][0], &answer["items"][1]];
        assert_eq!(newest["kind"], "cart");
        assert_eq!(newest["last_match"]["matched"], product);
        assert_eq!(newest["last_match"]["type"], "ItemAdded");
        assert_eq!(newest["last_match"]["version"], 3);
        assert_eq!(newest["order_id"], Value::Null);
        assert_eq!(oldest["order_id"], ordered["order_id"]);
    }
    let by_code = search(&app, "tea10").await;
    assert_eq!(ids(&by_code), [&second.id]);
    let code = json!({ "kind": "promotion", "code": "TEA10", "name": "10% off" });
    assert_eq!(by_code["matches"], json!([code]));
    assert_eq!(search(&app, "10% off").await["matches"], json!([code]));
    let by_type = search(&app, "checked out").await;
    assert_eq!(ids(&by_type), [&first.id]);
    let checked_out = json!({ "kind": "event_type", "type": "CartCheckedOut" });
    assert_eq!(by_type["matches"], json!([checked_out]));
    assert_eq!(by_type["items"][0]["last_match"]["matched"], checked_out);
    let placed = search(&app, "OrderPlaced").await;
    assert_eq!(placed["items"][0]["kind"], "order");
    assert_eq!(placed["items"][0]["id"], ordered["order_id"]);
    assert!(!ids(&search(&app, "teapot").await).contains(&other.id.as_str()));
    for nothing in ["no such thing", "te_pot", "%%", "'; DROP", "…tea…"] {
        let answer = search(&app, nothing).await;
        assert_eq!(answer["items"], json!([]), "{nothing}: {answer}");
    }
}

/// A product that the catalogue has no more is found under the names that it had.
#[tokio::test]
async fn search_finds_products_that_are_no_longer_offered() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let id = cart.id.clone();
    let renamed = "currency = \"EUR\"\n[[product]]\nsku = \"teapot\"\nname = \"Kettle\"\n\
                   description = \"d\"\ncategory = \"Tea\"\nprice = 1\n";
    app.restart_with_catalogue(renamed, "");
    let newest = app.open_cart_with(&[("teapot", 1)]).await;
    app.wait_for_tables().await;
    // Also in carts where it had another name: it is the same product.
    for (q, name) in [("kettle", "Kettle"), ("teapot", "Kettle")] {
        let answer = search(&app, q).await;
        assert_eq!(ids(&answer), [&newest.id, &id], "{q}");
        assert_eq!(answer["matches"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(answer["matches"][0]["name"], name);
    }
}

#[tokio::test]
async fn search_lists_the_newest_and_says_that_there_are_more() {
    let app = TestApp::start();
    let mut carts = Vec::new();
    for _ in 0..21 {
        carts.push(app.open_cart_with(&[("teapot", 1)]).await.id.clone());
    }
    app.open_cart_with(&[("sencha", 1)]).await;
    app.wait_for_tables().await;
    carts.reverse();
    let answer = search(&app, "teapot").await;
    assert_eq!(ids(&answer), carts[..20]);
    assert_eq!(answer["complete"], false);
    assert_eq!(search(&app, "sencha").await["complete"], true);
    // One cart with more events than are read hides what is older, and that is said.
    let busy = app.open_cart_with(&[("teapot", 1)]).await;
    for quantity in 2..260 {
        busy.set("teapot", 1 + quantity % 2).await.expect(200);
    }
    app.wait_for_tables().await;
    let answer = search(&app, "teapot").await;
    assert_eq!(ids(&answer), [&busy.id]);
    assert_eq!(answer["complete"], false);
}

/// Contract (service): `GET /api/events?promotion=` has the events with a promotion code
#[tokio::test]
async fn journal_is_filtered_by_promotion_code() {
    let app = TestApp::start_with(&[("orders.confirm", "at_once")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.apply_promotion("TEA10").await.expect(200);
    cart.remove_promotion().await.expect(200);
    cart.apply_promotion("WELCOME5").await.expect(200);
    let other = app.open_cart_with(&[("teapot", 1)]).await;
    other.apply_promotion("TEA10").await.expect(200);
    let total = other.get_at_least(3).await.expect(200).json()["total"].as_i64();
    let ordered = other.check_out(3, total.unwrap(), "pay").await.expect(201);
    let order = text(&ordered.json()["order_id"]).to_owned();
    app.get(&format!("/api/orders/{order}"))
        .token(&other.token)
        .await
        .expect(200);
    app.wait_for_tables().await;
    let types = async |query: &str| -> Vec<String> {
        let page = app.get(&format!("/api/events?{query}")).await.expect(200);
        let page = page.json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|event| text(&event["type"]).to_owned()).collect()
    };
    let all = [
        "PromotionApplied",
        "PromotionRemoved",
        "PromotionApplied",
        "OrderPlaced",
    ];
    assert_eq!(types("promotion=TEA10").await, all);
    assert_eq!(types("promotion=TEA10&type=OrderPlaced").await, all[3..]);
    let of_cart = format!("promotion=TEA10&cart_id={}", cart.id);
    assert_eq!(types(&of_cart).await, all[..2]);
    assert_eq!(types("promotion=tea10").await, [""; 0]);
    assert_eq!(types("promotion=TEA10&sku=teapot").await, [""; 0]);
}

#[tokio::test]
async fn search_is_for_the_operator() {
    let app = TestApp::start_with(&[("security.operator_token", "the operator's token")]);
    let refused = app.get("/api/search?q=1").await;
    refused.expect_problem(401, "operator-only");
}
