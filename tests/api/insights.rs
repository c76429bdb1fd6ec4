//! `/api/insights` over HTTP. `tests/reads` checks the numbers themselves.

use cartlog_testkit::{TestApp, text};
use serde_json::json;

/// Contract (headers): Responses carry `Log-Position` and `Server-Timing`.
/// Contract (service): `GET /api/insights/…`
#[tokio::test]
async fn insights_report_the_events_of_a_small_day() {
    let app = TestApp::start_with(&[("insights.abandoned_after_minutes", "0")]);
    let buyer = app.open_cart_with(&[("teapot", 2), ("sencha", 1)]).await;
    let total = buyer.get().await.expect(200).json()["total"].as_i64();
    buyer
        .check_out(3, total.expect("a total"), "k")
        .await
        .expect(201);
    let abandoned_cart = app.open_cart_with(&[("teapot", 1), ("sencha", 1)]).await;
    abandoned_cart.remove("sencha").await.expect(200);
    abandoned_cart.get_at_least(4).await.expect(200);

    let funnel = app.get("/api/insights/funnel").await.expect(200);
    assert_eq!(funnel.log_position(), 8);
    let timing = funnel.header("server-timing").expect("a Server-Timing");
    assert!(timing.starts_with("view;dur="), "{timing}");
    let funnel = funnel.json();
    for (stage, carts) in [
        ("opened", 2),
        ("filled", 2),
        ("checked_out", 1),
        ("expired", 0),
        ("idle", 1),
    ] {
        assert_eq!(funnel[stage], carts, "{stage}: {funnel}");
    }
    assert_eq!(funnel["conversion"], 0.5);
    assert!(funnel["time_to_checkout"]["median_ms"].is_i64());
    let empty = app
        .get("/api/insights/funnel?to=2020-01-01T00:00:00Z")
        .await;
    assert_eq!(empty.expect(200).json()["opened"], 0);

    let products = app
        .get("/api/insights/products?limit=1")
        .await
        .expect(200)
        .json();
    assert_eq!(products["items"][0]["sku"], "sencha");
    assert_eq!(products["items"][0]["given_up"], 1);
    let next = format!("/api/insights/products?cursor={}", text(&products["next"]));
    let products = app.get(&next).await.expect(200).json();
    assert_eq!(products["items"][0]["sku"], "teapot");
    assert_eq!(products["items"][0]["units_bought"], 2);
    assert!(products["next"].is_null());

    let hesitated = app.get("/api/insights/hesitated").await.expect(200).json();
    let skus = hesitated["items"].as_array().expect("items");
    assert_eq!(skus.len(), 1);
    assert_eq!(skus[0]["sku"], "sencha");

    let pairs = app.get("/api/insights/pairs?sku=teapot").await.expect(200);
    assert_eq!(
        pairs.json(),
        json!({ "checked_out": 1, "items": [{
            "sku": "teapot", "with": "sencha", "carts": 1,
            "support": 1.0, "confidence": 1.0, "lift": 1.0
        }] })
    );

    let abandoned = app.get("/api/insights/abandoned").await.expect(200).json();
    let items = abandoned["items"].as_array().expect("items");
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["cart_id"], abandoned_cart.id.as_str());
    assert_eq!(
        items[0]["total"],
        abandoned_cart.get().await.expect(200).json()["total"]
    );
    assert_eq!(items[0]["last_event"]["type"], "ItemRemoved");
    assert_eq!(items[0]["taken_out_last"]["sku"], "sencha");

    let activity = app.get("/api/insights/activity?step=day").await.expect(200);
    let steps = activity.json()["items"].clone();
    let events: i64 = steps
        .as_array()
        .expect("steps")
        .iter()
        .filter_map(|step| step["total"].as_i64())
        .sum();
    assert_eq!(events, 8);
    app.get("/api/insights/activity?step=week")
        .await
        .expect_problem(400, "invalid-query");
}

/// Contract (service): `GET /api/insights/activity?tz=` begins days and hours at an offset from
/// UTC.
#[tokio::test]
async fn activity_steps_begin_at_the_offset() {
    let app = TestApp::start();
    app.open_cart().await.get_at_least(1).await.expect(200);
    let path = "/api/insights/activity?step=day&tz=";
    for (tz, begins) in [
        ("Z", "T00:00:00.000Z"),
        ("%2B02:00", "T22:00:00.000Z"),
        ("-03:30", "T03:30:00.000Z"),
    ] {
        let activity = app.get(&format!("{path}{tz}")).await.expect(200).json();
        let at = text(&activity["items"][0]["at"]);
        assert!(at.ends_with(begins), "{tz}: {at}");
    }
    for tz in ["", "Europe/Berlin", "02:00", ".5Z", "%2B25:00", "%2B2", "z"] {
        let answer = app.get(&format!("{path}{tz}")).await;
        let problem = answer.expect_problem(400, "invalid-query");
        let detail = text(&problem["detail"]);
        assert!(detail.starts_with("Invalid tz: an offset"), "{detail}");
    }
    let answer = app.get(&format!("{path}+02:00")).await;
    let problem = answer.expect_problem(400, "invalid-query");
    assert!(text(&problem["detail"]).contains("`%2B`"));
}

/// Contract (service): `GET /api/insights/…`
#[tokio::test]
async fn abandoned_carts_are_paged_longest_idle_first() {
    let app = TestApp::start_with(&[("insights.abandoned_after_minutes", "0")]);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let cart = app.open_cart().await;
        cart.get_at_least(1).await.expect(200);
        ids.push(cart.id.clone());
    }
    let mut found = Vec::new();
    let mut path = "/api/insights/abandoned?limit=2".to_owned();
    loop {
        let page = app.get(&path).await.expect(200).json();
        for item in page["items"].as_array().expect("items") {
            found.push(text(&item["cart_id"]).to_owned());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/insights/abandoned?limit=2&cursor={next}"),
            None => break,
        }
    }
    // Ids are time-ordered (UUIDv7), also of carts that were opened in the same millisecond.
    ids.sort();
    assert_eq!(found, ids);
}
