//! `GET /api/events` as a live stream, and its authorization.

use cartlog_testkit::api::Sent;
use cartlog_testkit::{Ask, CartClient, TestApp};
use reqwest::Method;

const OPERATOR: (&str, &str) = ("security.operator_token", "op-secret-op-secret");

fn follow(app: &TestApp, query: &str) -> Ask {
    app.get(&format!("/api/events{query}"))
        .header("accept", "text/event-stream")
}

/// Contract (history): `GET /api/events`: live, resumed, bounded.
#[tokio::test]
async fn log_stream_delivers_each_event_once_from_any_position() {
    let app = TestApp::start();
    let first = app.open_cart_with(&[("teapot", 2), ("sencha", 1)]).await;
    let mut all = follow(&app, "?after=0").stream().await;
    let mut resumed = follow(&app, "").header("last-event-id", "2").stream().await;
    let mut live = follow(&app, "").stream().await;
    for quantity in 3..203 {
        first.set("teapot", quantity).await.expect(200);
    }
    let second = app.open_cart_with(&[("teapot", 1)]).await;
    let head = app.log_head();
    assert_eq!(head, 3 + 200 + 2);
    for (stream, begin) in [(&mut all, 1), (&mut resumed, 3), (&mut live, 4)] {
        for position in begin..=head {
            let event = stream.next().await.expect("an event");
            assert_eq!(event.place(), position);
            assert_eq!(event.data["position"], position);
        }
    }
    // Streamed events equal those of the carts' own lists, including `previous_hash`.
    let mut again = follow(&app, "?after=0").stream().await;
    let page = first.events().await.expect(200).json();
    for expected in page["items"].as_array().expect("events") {
        assert_eq!(again.next().await.expect("an event").data, *expected);
    }
    let page = second.events().await.expect(200).json();
    let mut tail = follow(&app, &format!("?after={}", head - 1)).stream().await;
    assert_eq!(tail.next().await.expect("an event").data, page["items"][1]);
}

/// The streams share the serialized events. Some begin late, and some have a backfill.
///
/// Contract (history): Every live stream of the log gets every event once, however many there are.
#[tokio::test]
async fn concurrent_streams_of_the_log_get_the_same_events() {
    let app = TestApp::start_with(&[("log.durability", "process")]);
    let carts = [app.open_cart().await, app.open_cart().await];
    let mut streams = Vec::new();
    for quantity in 1..=30 {
        let after = if quantity % 2 == 0 { "" } else { "?after=0" };
        let first = if after.is_empty() {
            app.log_head() + 1
        } else {
            1
        };
        streams.push((first, follow(&app, after).stream().await));
        for cart in &carts {
            let set = cart.set("teapot", quantity).await;
            assert!(set.status < 300, "{set:?}");
        }
    }
    carts[0].clear().await.expect(200);
    let head = app.log_head();
    let page = app.get("/api/events?limit=200").await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len() as u64, head);
    for (first, stream) in &mut streams {
        for position in *first..=head {
            let event = stream.next().await.expect("an event");
            assert_eq!(event.place(), position);
            assert_eq!(event.data, page["items"][position as usize - 1]);
        }
    }
}

#[tokio::test]
async fn log_stream_ends_on_shutdown() {
    let mut app = TestApp::start();
    app.open_cart().await;
    let mut stream = follow(&app, "?after=0").stream().await;
    stream.next().await.expect("an event");
    app.stop();
    assert_eq!(stream.next().await, None);
}

/// Contract (requests): HEAD is available wherever GET is.
#[tokio::test]
async fn head_of_a_stream_returns_headers_only() {
    let app = TestApp::start_with(&[("server.live_streams", "1")]);
    let cart = app.open_cart().await;
    let (id, token) = (&cart.id, &cart.token);
    for path in ["/api/events".to_owned(), format!("/api/carts/{id}/events")] {
        let request = format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Accept: text/event-stream\r\nConnection: close\r\n\r\n"
        );
        // An endless stream would keep the connection open and this call waiting.
        let head = app.raw(request.as_bytes()).await.expect(200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
    }
    // Neither request occupies the only stream slot.
    follow(&app, "").stream().await;
}

/// Contract (history): `GET /api/events`: live, resumed, bounded.
#[tokio::test]
async fn stream_position_beyond_the_end_is_refused() {
    let app = TestApp::start();
    let cart = app.open_cart().await;
    let live = |ask: Ask| ask.header("accept", "text/event-stream");
    let unknown = follow(&app, "?after=2").await;
    let unknown = unknown.expect_problem(400, "unknown-event-id");
    assert_eq!(unknown["max"], 1);
    follow(&app, "")
        .header("last-event-id", "2")
        .await
        .expect_problem(400, "unknown-event-id");
    for bad in ["-1", "+1", "1.0", "x", "18446744073709551616"] {
        follow(&app, "")
            .header("last-event-id", bad)
            .await
            .expect_problem(400, "invalid-header");
    }
    live(cart.events())
        .header("last-event-id", "2")
        .await
        .expect_problem(400, "unknown-event-id");
    follow(&app, "?after=1").stream().await;
}

/// A log that is restored from a backup keeps its id and its positions, so a bare number would fit
/// both histories.
///
/// Contract (history): A live stream resumes only in the history that its last event belongs to.
#[tokio::test]
async fn stream_of_a_restored_log_refuses_ids_of_lost_events() {
    let mut app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let (id, token) = (cart.id.clone(), cart.token.clone());
    let kept = ids_of_last_events(&app, &cart).await;
    app.stop();
    let backup = app.file("backup.db");
    std::fs::copy(app.file("events.db"), &backup).expect("the log can be copied");
    app.start_again().expect("the service starts");
    let cart = app.cart(&id, &token);
    cart.add("sencha", 1).await.expect(201);
    let lost = ids_of_last_events(&app, &cart).await;

    app.stop();
    std::fs::rename(&backup, app.file("events.db")).expect("the log can be restored");
    app.start_again().expect("the service starts");
    let cart = app.cart(&id, &token);
    for place in [2, 3] {
        for (streams, id) in paths(&app, &cart).into_iter().zip(&lost) {
            assert_eq!(id.place(), 3);
            for ask in [
                streams("").header("last-event-id", &id.id),
                streams(&format!("?after={}", id.id)),
            ] {
                let problem = ask.await.expect_problem(400, "unknown-event-id");
                assert_eq!(
                    problem["max"], place,
                    "at first beyond the last event, then another"
                );
            }
        }
        cart.add("teapot", 1).await.expect(200);
    }
    // Older events belong to both histories, and a number alone to any.
    for (streams, id) in paths(&app, &cart).into_iter().zip(&kept) {
        for ask in [
            streams("").header("last-event-id", &id.id),
            streams("?after=2"),
        ] {
            assert_eq!(
                ask.stream().await.next().await.expect("an event").place(),
                3
            );
        }
    }
}

/// A stream, by its query.
type Streams<'a> = Box<dyn Fn(&str) -> Ask + 'a>;

/// The streams of the log and of `cart`.
fn paths<'a>(app: &'a TestApp, cart: &'a CartClient) -> [Streams<'a>; 2] {
    let own = |query: &str| {
        let ask = cart.ask(Method::GET, &format!("/events{query}"));
        ask.header("accept", "text/event-stream")
    };
    [Box::new(|query| follow(app, query)), Box::new(own)]
}

/// The last event in the stream of the log and in that of `cart`, its only cart.
async fn ids_of_last_events(app: &TestApp, cart: &CartClient) -> [Sent; 2] {
    let [log, own] = paths(app, cart).map(|streams| async move {
        let mut stream = streams("?after=0").stream().await;
        let mut last = stream.next().await.expect("an event");
        while last.place() < app.log_head() {
            last = stream.next().await.expect("an event");
        }
        last
    });
    [log.await, own.await]
}

/// Contract (history): `GET /api/events`: live, resumed, bounded.
#[tokio::test]
async fn live_streams_are_limited_per_client_and_in_total() {
    let app = TestApp::start_with(&[("server.live_streams_per_client", "2")]);
    let first = follow(&app, "").stream().await;
    let cart = app.open_cart().await;
    let _second = cart.follow(None).await;
    let refused = follow(&app, "")
        .await
        .expect_problem(429, "too-many-streams");
    assert_eq!(refused["max"], 2);
    drop(first);
    drop(app);

    let app = TestApp::start_with(&[("server.live_streams", "1")]);
    let _first = follow(&app, "").stream().await;
    follow(&app, "").await.expect_problem(503, "overloaded");
}

/// Contract (access): Operator routes require the operator's token.
#[tokio::test]
async fn operator_routes_require_the_operator_token() {
    let app = TestApp::start_with(&[OPERATOR]);
    let missing = follow(&app, "").await.expect(401);
    assert_eq!(
        missing.header("www-authenticate"),
        Some(r#"Bearer realm="operator""#)
    );
    missing.expect_problem(401, "operator-only");
    for wrong in ["op-secre", "op-secretX", ""] {
        follow(&app, "")
            .token(wrong)
            .await
            .expect_problem(401, "operator-only");
    }
    // A cart's token authorizes its cart alone, and the operator token no cart.
    let cart = app.open_cart().await;
    follow(&app, "")
        .token(&cart.token)
        .await
        .expect_problem(401, "operator-only");
    cart.get()
        .token("op-secret-op-secret")
        .await
        .expect_problem(404, "not-found");
    follow(&app, "").token("op-secret-op-secret").stream().await;
}
