//! Lists and streams: cursors that were altered, limits, filters, and places beyond the end.

use super::refused;
use cartlog_testkit::{TestApp, text};
use sha2::{Digest, Sha256};

/// Every list that comes in pages, with a page before the last of it.
async fn lists(app: &TestApp) -> Vec<(String, String)> {
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.add("sencha", 1).await.expect(201);
    cart.get_at_least(3).await.expect(200);
    let other = app.open_cart().await;
    other.get_at_least(1).await.expect(200);
    for sku in ["teapot", "sencha"] {
        other.add(sku, 1).await.expect(201);
        other.remove(sku).await.expect(200);
    }
    other.get_at_least(5).await.expect(200);
    let mut lists = Vec::new();
    for path in [
        format!("/api/carts/{}/events?", cart.id),
        format!("/api/carts/{}/events?order=desc&", cart.id),
        format!("/api/carts/{}/timeline?", cart.id),
        "/api/products?".to_owned(),
        "/api/events?".to_owned(),
        "/api/events?order=desc&".to_owned(),
        "/api/events?type=ItemAdded&".to_owned(),
        "/api/insights/products?".to_owned(),
        "/api/insights/hesitated?".to_owned(),
        "/api/insights/abandoned?".to_owned(),
    ] {
        let page = app.get(&format!("{path}limit=1")).token(&cart.token).await;
        let next = text(&page.expect(200).json()["next"]).to_owned();
        lists.push((path, next));
    }
    lists.push((cart.token.clone(), String::new()));
    lists
}

/// Contract (headers): A cursor that the service has not issued is 400, whatever place it names.
#[tokio::test]
async fn forged_cursor_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let id = &cart.id;
    for (path, list) in [
        (
            format!("/api/carts/{id}/events"),
            format!("events of {id} Asc"),
        ),
        (
            format!("/api/carts/{id}/timeline"),
            format!("timeline of {id}"),
        ),
        (
            "/api/insights/products".to_owned(),
            "products by sku".to_owned(),
        ),
    ] {
        for place in [1, i64::MAX.unsigned_abs(), 1 << 63, u64::MAX] {
            // Version 0.1 had a checksum that anyone could compute.
            let place = place.to_be_bytes();
            let sum = Sha256::new().chain_update(place).chain_update(&list);
            for length in [6, 16] {
                let code = &sum.clone().finalize()[..length];
                let cursor = hex::encode([&place[..], code].concat());
                let path = format!("{path}?cursor={cursor}");
                let ask = app.get(&path).token(&cart.token);
                refused(&app, &path, ask, 400, "invalid-query").await;
            }
        }
    }
}

/// Contract (headers): Lists are pages: `limit`, `cursor`, `{items, next}`.
#[tokio::test]
async fn unknown_cursor_is_refused() {
    let app = TestApp::start_with(&[("insights.abandoned_after_minutes", "0")]);
    let mut lists = lists(&app).await;
    let (token, _) = lists.pop().expect("the token");
    for (path, cursor) in &lists {
        let flipped = match cursor.strip_prefix('0') {
            Some(rest) => format!("1{rest}"),
            None => format!("0{}", &cursor[1..]),
        };
        let mut altered = vec![
            String::new(),
            "0".to_owned(),
            "zz".to_owned(),
            "1".to_owned(),
            "%00".to_owned(),
            "..%2f".to_owned(),
            flipped,
            cursor[1..].to_owned(),
            cursor[..cursor.len() - 1].to_owned(),
            cursor[..cursor.len() - 2].to_owned(),
            format!("{cursor}0"),
            format!("{cursor}00"),
            format!("{cursor}%20"),
            cursor.repeat(20),
        ];
        let others = lists.iter().filter(|(other, _)| other != path);
        altered.extend(others.map(|(_, cursor)| cursor.clone()));
        for cursor in altered {
            let path = format!("{path}cursor={cursor}");
            let ask = app.get(&path).token(&token);
            refused(&app, &path, ask, 400, "invalid-query").await;
        }
    }
}

/// Contract (headers): Lists are pages: `limit`, `cursor`, `{items, next}`.
#[tokio::test]
async fn invalid_page_size_is_refused() {
    let app = TestApp::start_with(&[("insights.abandoned_after_minutes", "0")]);
    let mut lists = lists(&app).await;
    let (token, _) = lists.pop().expect("the token");
    lists.push(("/api/insights/pairs?".to_owned(), String::new()));
    for (path, _) in &lists {
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=",
            "limit=x",
            "limit=1.0",
            "limit=1e1",
            "limit=18446744073709551616",
            "limit=1&limit=1",
            "page=2",
            "offset=1",
            "Limit=1",
        ] {
            let path = format!("{path}{query}");
            let ask = app.get(&path).token(&token);
            refused(&app, &path, ask, 400, "invalid-query").await;
        }
    }
}

#[tokio::test]
async fn invalid_filter_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for path in [
        "/api/events?order=up".to_owned(),
        "/api/events?order=ASC".to_owned(),
        "/api/events?order=".to_owned(),
        "/api/events?order=asc&order=desc".to_owned(),
        "/api/events?sku=".to_owned(),
        "/api/events?sku=a%20b".to_owned(),
        "/api/events?sku=%00".to_owned(),
        "/api/events?sku='%20OR%20'1'='1".to_owned(),
        "/api/events?cart_id=1".to_owned(),
        format!("/api/events?cart_id={}", cart.id.replace('-', "")),
        format!("/api/events?cart_id={}%00", cart.id),
        "/api/events?from=yesterday".to_owned(),
        "/api/events?to=2026-02-30T00:00:00Z".to_owned(),
        "/api/events?after=1".to_owned(),
        "/api/events?colour=red".to_owned(),
        "/api/insights/funnel?from=x".to_owned(),
        "/api/insights/funnel?limit=1".to_owned(),
        "/api/insights/pairs?sku=-".to_owned(),
        "/api/insights/pairs?cursor=00".to_owned(),
        "/api/insights/activity?step=week".to_owned(),
        "/api/insights/activity?step=".to_owned(),
        "/api/insights/activity?to=never".to_owned(),
        format!("/api/carts/{}/events?order=up", cart.id),
        format!("/api/carts/{}/events?type=ItemAdded", cart.id),
        format!("/api/carts/{}/timeline?order=desc", cart.id),
        format!("/api/carts/{}/timeline?after=1", cart.id),
    ] {
        let ask = app.get(&path).token(&cart.token);
        refused(&app, &path, ask, 400, "invalid-query").await;
    }
}

#[tokio::test]
async fn stream_from_invalid_position_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let own = format!("/api/carts/{}/events", cart.id);
    for path in ["/api/events", own.as_str()] {
        let live = |query: &str| {
            let ask = app.get(&format!("{path}{query}")).token(&cart.token);
            ask.header("accept", "text/event-stream")
        };
        for query in ["?after=2", "?after=18446744073709551615"] {
            refused(&app, query, live(query), 400, "unknown-event-id").await;
        }
        for query in [
            "?after=18446744073709551616",
            "?after=-1",
            "?after=x",
            "?after=",
            "?after=1.0",
            "?after=1-",
            "?after=1-0123456789abcde",
            "?after=1-0123456789ABCDEF",
            "?after=-0123456789abcdef",
            "?after=0&after=0",
            "?before=1",
        ] {
            refused(&app, query, live(query), 400, "invalid-query").await;
        }
        for id in ["2", "0-0123456789abcdef", "1-0123456789abcdef"] {
            let ask = live("").header("last-event-id", id);
            let problem = refused(&app, id, ask, 400, "unknown-event-id").await;
            assert_eq!(problem["header"], "last-event-id", "{id}");
        }
        for id in [
            "18446744073709551616",
            "-1",
            "+1",
            "1.0",
            "x",
            "0x1",
            "1 2",
            "\u{661}",
        ] {
            let ask = live("").header("last-event-id", id);
            let problem = refused(&app, id, ask, 400, "invalid-header").await;
            assert_eq!(problem["header"], "last-event-id", "{id}");
        }
    }
}

/// Contract (requests): An `Accept` that allows no available type is 406 with `available`.
#[tokio::test]
async fn unacceptable_media_type_gets_406() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    for accept in [
        "text/html",
        "application/xml",
        "image/*",
        "application/cloudevents+json",
        "application/json;q=0",
        "text/event-stream;q=0",
        "*/*;q=0",
    ] {
        let ask = cart.events().header("accept", accept);
        let problem = refused(&app, accept, ask, 406, "not-acceptable").await;
        assert!(problem["available"].is_array(), "{accept}");
        let ask = app.get("/api/events").header("accept", accept);
        refused(&app, accept, ask, 406, "not-acceptable").await;
    }
}
