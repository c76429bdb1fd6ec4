//! `/api/carts/{id}/events`: pages, CloudEvents and live streams.

use cartlog_testkit::api::Sent;
use cartlog_testkit::{CartClient, TestApp, text};
use reqwest::Method;
use serde_json::{Value, json};

/// A cart with seven events.
async fn cart_with_seven_events(app: &TestApp) -> CartClient {
    let cart = app.open_cart_with(&[("teapot", 2)]).await;
    cart.add("sencha", 1).await.expect(201);
    cart.apply_promotion("TEA10").await.expect(200);
    cart.set("teapot", 1).await.expect(200);
    cart.remove_promotion().await.expect(200);
    cart.undo(6).await.expect(200);
    cart
}

/// Contract (history): `GET …/events`: pages, CloudEvents, live.
#[tokio::test]
async fn event_document_has_all_fields() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let correlation_id = "01990000-0000-7000-8000-000000000009";
    cart.add("teapot", 2)
        .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
        .header("x-correlation-id", correlation_id)
        .await
        .expect(201);
    let page = cart.events().await.expect(200).json();
    let [opened, added] = page["items"].as_array().unwrap().as_slice() else {
        panic!("two events: {page}");
    };
    assert_eq!(page["next"], Value::Null);
    assert_eq!(opened["previous_hash"], "0".repeat(64));
    assert_eq!(added["previous_hash"], opened["hash"]);
    let stored = &app.stored_events(&cart.id)[1];
    assert_eq!(added["hash"], stored.hash);
    for (field, expected) in [
        ("position", json!(2)),
        ("cart_id", json!(cart.id)),
        ("version", json!(2)),
        ("type", json!("ItemAdded")),
        ("schema", json!(1)),
        ("sentence", json!("Added 2 × Teapot at €19.99")),
        ("data", serde_json::from_str(&stored.data).unwrap()),
    ] {
        assert_eq!(added[field], expected, "{field}");
    }
    let meta = &added["meta"];
    assert_eq!(meta["command"], "add_item");
    assert_eq!(meta["actor"], "shopper");
    assert_eq!(meta["trace_id"], trace);
    assert_eq!(meta["correlation_id"], correlation_id);
    assert_eq!(meta["causation_id"], meta["command_id"]);
    assert_eq!(
        opened["meta"]["correlation_id"],
        opened["meta"]["command_id"]
    );
}

/// Contract (headers): Lists are pages: `limit`, `cursor`, `{items, next}`.
#[tokio::test]
async fn event_pages_hold_each_event_once_in_either_order() {
    let app = TestApp::start();
    let cart = cart_with_seven_events(&app).await;
    for (order, expected) in [
        ("asc", [1, 2, 3, 4, 5, 6, 7]),
        ("desc", [7, 6, 5, 4, 3, 2, 1]),
    ] {
        for limit in [1, 2, 3, 7, 200] {
            let mut versions = Vec::new();
            let mut hashes = Vec::new();
            let mut query = format!("/events?order={order}&limit={limit}");
            loop {
                let page = cart.ask(Method::GET, &query).await.expect(200).json();
                for item in page["items"].as_array().unwrap() {
                    versions.push(item["version"].as_u64().unwrap());
                    hashes.push((item["previous_hash"].clone(), item["hash"].clone()));
                }
                let Some(next) = page["next"].as_str() else {
                    break;
                };
                query = format!("/events?order={order}&limit={limit}&cursor={next}");
            }
            assert_eq!(versions, expected, "{limit} {order}");
            if order == "desc" {
                hashes.reverse();
            }
            assert!(hashes.windows(2).all(|two| two[0].1 == two[1].0), "chained");
        }
    }
}

#[tokio::test]
async fn cursor_of_another_list_is_refused() {
    let app = TestApp::start();
    let cart = cart_with_seven_events(&app).await;
    let other = cart_with_seven_events(&app).await;
    let page = cart
        .ask(Method::GET, "/events?limit=2")
        .await
        .expect(200)
        .json();
    let next = text(&page["next"]);
    for ask in [
        other.ask(Method::GET, &format!("/events?cursor={next}")),
        cart.ask(Method::GET, &format!("/events?order=desc&cursor={next}")),
        cart.ask(Method::GET, &format!("/timeline?cursor={next}")),
        cart.ask(Method::GET, "/events?cursor=00"),
        cart.ask(Method::GET, "/events?limit=0"),
        cart.ask(Method::GET, "/events?limit=201"),
        cart.ask(Method::GET, "/events?order=up"),
        cart.ask(Method::GET, "/events?after=1"),
        cart.ask(Method::GET, "/events?unknown=1"),
    ] {
        ask.await.expect_problem(400, "invalid-query");
    }
}

/// Contract (history): `GET …/events`: pages, CloudEvents, live.
#[tokio::test]
async fn events_are_available_as_cloud_events() {
    let app = TestApp::start();
    let cart = cart_with_seven_events(&app).await;
    let batch = "application/cloudevents-batch+json";
    let answer = cart.events().header("accept", batch).await.expect(200);
    assert_eq!(answer.header("content-type"), Some(batch));
    let events = answer.json();
    let events = events.as_array().unwrap();
    let plain = cart.events().await.expect(200).json();
    assert_eq!(events.len(), 7);
    for (event, plain) in events.iter().zip(plain["items"].as_array().unwrap()) {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], format!("/api/carts/{}", cart.id));
        assert_eq!(
            event["type"],
            format!("cartlog.{}.v{}", text(&plain["type"]), plain["schema"])
        );
        assert_eq!(event["time"], plain["recorded_at"]);
        assert_eq!(event["data"], plain["data"]);
        assert_eq!(event["hash"], plain["hash"]);
        // CloudEvents 1.0, 3.1: attribute names consist of lower-case letters and digits.
        for name in event.as_object().unwrap().keys() {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{name}"
            );
        }
    }
    let page = cart
        .ask(Method::GET, "/events?limit=3")
        .header("accept", batch)
        .await
        .expect(200);
    assert!(page.header("link").unwrap().contains("rel=\"next\""));
    let refused = cart.events().header("accept", "application/xml").await;
    refused.expect_problem(406, "not-acceptable");
}

#[tokio::test]
async fn live_stream_resumes_with_each_event_once() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let mut stream = cart.follow(Some(0)).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(stream.next().await.expect("a missed event"));
    }
    cart.add("sencha", 2).await.expect(201);
    seen.push(stream.next().await.expect("a new event"));
    drop(stream);
    cart.remove("teapot").await.expect(200);
    let mut stream = cart.follow(Some(3)).await;
    seen.push(
        stream
            .next()
            .await
            .expect("the event missed while disconnected"),
    );

    let places: Vec<u64> = seen.iter().map(Sent::place).collect();
    assert_eq!(places, [1, 2, 3, 4]);
    let page = cart.events().await.expect(200).json();
    let sent: Vec<_> = seen.into_iter().map(|sent| sent.data).collect();
    assert_eq!(page["items"].as_array(), Some(&sent));
}

/// Contract (history): `GET …/events`: pages, CloudEvents, live.
#[tokio::test]
async fn live_streams_under_load_deliver_each_event_once() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let following = (0..5).map(|_| async {
        let mut stream = cart.follow(Some(0)).await;
        let mut ids = Vec::new();
        while ids.len() < 301 {
            let sent = stream.next().await.expect("an event");
            ids.push(sent.place());
        }
        ids
    });
    let writing = (0..10).map(|_| async {
        for _ in 0..30 {
            let answer = cart.add("teapot", 1).await;
            assert!(answer.status < 300);
        }
    });
    let (seen, _) = tokio::join!(
        futures_util::future::join_all(following),
        futures_util::future::join_all(writing)
    );
    for ids in seen {
        assert_eq!(ids, (1..=301).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn live_stream_starts_where_requested_and_ends_on_shutdown() {
    let mut app = TestApp::start();
    let cart = cart_with_seven_events(&app).await;
    let mut from_now = cart.follow(None).await;
    let mut after = cart
        .ask(Method::GET, "/events?after=5")
        .header("accept", "text/event-stream")
        .stream()
        .await;
    assert_eq!(after.next().await.unwrap().place(), 6);
    cart.clear().await.expect(200);
    assert_eq!(from_now.next().await.unwrap().place(), 8);
    let bad = cart.events().header("accept", "text/event-stream");
    let bad = bad.header("last-event-id", "x").await;
    bad.expect_problem(400, "invalid-header");
    app.stop();
    while let Some(sent) = from_now.next().await {
        assert!(sent.place() > 8);
    }
}

/// The streams of a cart share the serialized events. Some of them begin late, and some have a
/// backfill of many pages.
///
/// Contract (history): Every live stream of a cart gets every event once, however many there are.
#[tokio::test]
async fn concurrent_streams_of_a_cart_get_the_same_events() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let mut streams = Vec::new();
    for version in 2..=40 {
        let after = if version % 2 == 0 { None } else { Some(0) };
        let first = if after.is_none() { version } else { 1 };
        streams.push((first, cart.follow(after).await));
        cart.set("teapot", version).await.expect(200);
    }
    for version in 41..=160 {
        cart.set("teapot", version).await.expect(200);
    }
    let page = cart.ask(Method::GET, "/events?limit=200").await.expect(200);
    let page = page.json();
    for (first, stream) in &mut streams {
        for version in *first..=160 {
            let event = stream.next().await.expect("an event");
            assert_eq!(event.place(), u64::from(version));
            assert_eq!(event.data, page["items"][version as usize - 1]);
        }
    }
}
