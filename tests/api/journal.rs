//! `/api/events`: the journal, in pages.

use crate::overlap::read_while_commands_run;
use cartlog_testkit::{TestApp, text};
use serde_json::Value;

/// Whether an event matches a query.
type Matches<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

/// Three carts with several event types each, all of them in the views.
async fn three_carts(app: &TestApp) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..3u32 {
        let cart = app.open_cart_with(&[("teapot", 1)]).await;
        cart.add("sencha", 2 + number).await.expect(201);
        cart.remove("teapot").await.expect(200);
        cart.undo(4).await.expect(200);
        let seen = cart.get_at_least(5).await.expect(200);
        assert_eq!(seen.version(), 5);
        ids.push(cart.id.clone());
    }
    ids
}

/// All pages of `/api/events` with `query`.
async fn pages(app: &TestApp, query: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/events?limit={limit}{query}{cursor}");
        let page = app.get(&path).await.expect(200).json();
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// Contract (history): `GET /api/events` as CloudEvents: the same events in pages of a batch each,
/// linked by `Link`.
#[tokio::test]
async fn journal_is_available_as_cloud_events() {
    let app = TestApp::start();
    three_carts(&app).await;
    let batch = "application/cloudevents-batch+json";
    let plain = pages(&app, "&type=ItemAdded&order=desc", 200).await;
    let mut found = Vec::new();
    let mut path = "/api/events?type=ItemAdded&limit=2&order=desc".to_owned();
    loop {
        let page = app.get(&path).header("accept", batch).await.expect(200);
        assert_eq!(page.header("content-type"), Some(batch));
        assert_eq!(page.log_position(), 15);
        found.extend(page.json().as_array().expect("a batch").iter().cloned());
        let Some(link) = page.header("link") else {
            break;
        };
        let next = link.strip_prefix('<').and_then(|it| it.split_once('>'));
        let (next, relation) = next.expect("a link");
        assert_eq!(relation, "; rel=\"next\"");
        next.clone_into(&mut path);
    }
    assert_eq!(found.len(), plain.len());
    for (event, plain) in found.iter().zip(&plain) {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "cartlog.ItemAdded.v1");
        assert_eq!(
            event["source"],
            format!("/api/carts/{}", text(&plain["cart_id"]))
        );
        assert_eq!(event["logposition"], plain["position"].to_string());
        assert_eq!(event["data"], plain["data"]);
        assert_eq!(event["previoushash"], plain["previous_hash"]);
    }
    let refused = app.get("/api/events").header("accept", "text/html").await;
    refused.expect_problem(406, "not-acceptable");
}

/// Contract (history): `GET /api/events`: filters, pages.
/// Contract (views): The journal's filters find what a plain search finds, by an index.
#[tokio::test]
async fn journal_filters_match_a_scan_of_the_log() {
    let app = TestApp::start();
    let ids = three_carts(&app).await;
    let whole = app.get("/api/events").await.expect(200);
    assert_eq!(whole.log_position(), 15);
    let timing = whole.header("server-timing").expect("a Server-Timing");
    assert!(timing.starts_with("view;dur="), "{timing}");
    let all = pages(&app, "", 200).await;
    let positions: Vec<u64> = all
        .iter()
        .filter_map(|event| event["position"].as_u64())
        .collect();
    assert_eq!(positions, (1..=15).collect::<Vec<_>>());
    for (event, stored) in all.iter().zip(app.log()) {
        assert_eq!(text(&event["cart_id"]), stored.stream);
        assert_eq!(text(&event["hash"]), stored.hash);
        let data: Value = serde_json::from_str(&stored.data).expect("JSON");
        assert_eq!(event["data"], data);
    }
    let own = app.get(&format!("/api/events?cart_id={}", ids[1])).await;
    let own = own.expect(200).json();
    assert_eq!(own["items"].as_array().map(Vec::len), Some(5));
    assert_eq!(own["items"][1], all[6]);

    let middle = text(&all[7]["recorded_at"]);
    let is =
        |event: &Value, pointer: &str, wanted: &str| event.pointer(pointer) == Some(&wanted.into());
    let second = &ids[1];
    let queries: Vec<(String, Matches<'_>)> = vec![
        (String::new(), Box::new(|_| true)),
        (
            "&type=ItemAdded".into(),
            Box::new(|event| is(event, "/type", "ItemAdded")),
        ),
        (
            "&sku=teapot".into(),
            Box::new(|event| is(event, "/data/sku", "teapot")),
        ),
        (
            "&sku=teapot&command=undo".into(),
            Box::new(|event| {
                is(event, "/data/sku", "teapot") && is(event, "/meta/command", "undo")
            }),
        ),
        (
            format!("&cart_id={second}&type=ItemAdded"),
            Box::new(|event| is(event, "/cart_id", second) && is(event, "/type", "ItemAdded")),
        ),
        (
            format!("&from={middle}"),
            Box::new(|event| text(&event["recorded_at"]) >= middle),
        ),
        (
            format!("&to={middle}&type=ItemRemoved"),
            Box::new(|event| {
                text(&event["recorded_at"]) < middle && is(event, "/type", "ItemRemoved")
            }),
        ),
        ("&type=UnknownType".into(), Box::new(|_| false)),
    ];
    for (query, matches) in &queries {
        let mut plain: Vec<Value> = all.iter().filter(|event| matches(event)).cloned().collect();
        for limit in [1, 2, 200] {
            assert_eq!(pages(&app, query, limit).await, plain, "{query}");
        }
        plain.reverse();
        for limit in [1, 2, 200] {
            let query = format!("{query}&order=desc");
            assert_eq!(pages(&app, &query, limit).await, plain, "{query}");
        }
    }
}

#[tokio::test]
async fn invalid_journal_query_returns_400() {
    let app = TestApp::start();
    for query in [
        "limit=0",
        "limit=201",
        "sku=a%20b",
        "cart_id=1",
        "from=yesterday",
        "order=random",
        "colour=red",
        "cursor=00",
    ] {
        app.get(&format!("/api/events?{query}"))
            .await
            .expect_problem(400, "invalid-query");
    }
}

/// Contract (access): Operator routes require the operator's token.
#[tokio::test]
async fn journal_and_insights_require_the_operator_token() {
    let app = TestApp::start_with(&[("security.operator_token", "op-secret-op-secret")]);
    for path in [
        "/api/events",
        "/api/insights/funnel",
        "/api/insights/products",
        "/api/insights/hesitated",
        "/api/insights/pairs",
        "/api/insights/abandoned",
        "/api/insights/activity",
    ] {
        app.get(path).await.expect_problem(401, "operator-only");
        app.get(path).token("op-secret-op-secret").await.expect(200);
    }
}

/// Contract (history): `Log-Position` of a page is that of its snapshot: no event is after it.
#[tokio::test]
async fn journal_pages_have_no_event_after_their_log_position() {
    let app = TestApp::start_with(&[("log.durability", "process")]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    // More events than one read of the log returns, so that commands come between two reads.
    for round in 0..1_100 {
        cart.set("teapot", 2 + round % 2).await;
    }
    let path = format!("/api/events?order=desc&limit=1&cart_id={}", cart.id);
    let command = async |number: u32| {
        cart.set("teapot", 1 + number % 5).await;
    };
    let read = async || {
        let page = app.get(&path).await.expect(200);
        let newest = page.json()["items"][0]["position"].as_u64().unwrap();
        assert!(newest <= page.log_position(), "{}", page.json());
        newest
    };
    read_while_commands_run(command, read).await;
}
