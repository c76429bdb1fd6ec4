//! Traces: a collector on a real socket gets the spans of a command and of all that follows from
//! it.

use cartlog_testkit::receiver::{Received, Reply, WebhookReceiver};
use cartlog_testkit::{PATIENCE, TestApp, text};
use serde_json::Value;
use std::time::{Duration, Instant};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDER: &str = "b7ad6b7169203331";

/// The spans of a request to the collector.
fn spans(received: &Received) -> Vec<Value> {
    assert_eq!(received.header("content-type"), "application/json");
    let request = received.json();
    let resource = &request["resourceSpans"][0];
    let service = &resource["resource"]["attributes"][0];
    assert_eq!(service["key"], "service.name");
    assert_eq!(service["value"]["stringValue"], "cartlog");
    let spans = &resource["scopeSpans"][0]["spans"];
    spans.as_array().expect("a list of spans").clone()
}

/// The spans that arrive, until there is one for which `is_last` holds.
fn spans_until(collector: &WebhookReceiver, is_last: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut all = Vec::new();
    while !is_last(&all) {
        all.extend(spans(&collector.next()));
    }
    all
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

#[track_caller]
fn one<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "one span {name} in {spans:#?}");
    found[0]
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().expect("a list");
    let found = attributes.iter().find(|it| it["key"] == key);
    &found.unwrap_or_else(|| panic!("{key} in {span}"))["value"]
}

/// Checks that `span` is part of the trace, below the command `cause` and linked to it.
#[track_caller]
fn assert_caused(span: &Value, cause: &Value) {
    assert_eq!(span["parentSpanId"], cause["spanId"], "{span}");
    let link = &span["links"][0];
    assert_eq!(link["traceId"], cause["traceId"], "{span}");
    assert_eq!(link["spanId"], cause["spanId"], "{span}");
}

/// Contract (service): The trace of a sampled request goes on through the decision, the append with
/// its group and the views, and is linked to the order and the webhooks that follow.
#[tokio::test]
async fn trace_follows_a_command_to_view_order_and_webhook() {
    let (collector, receiver) = (WebhookReceiver::start(), WebhookReceiver::start());
    let webhook = format!(
        "[{{ name = \"orders\", url = \"{}\", secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \
         types = [\"cartlog.v1.order.confirmed\"] }}]",
        receiver.url()
    );
    let app = TestApp::start_with(&[
        ("traces.endpoint", &collector.origin()),
        ("traces.sample", "0.0"),
        ("orders.confirm", "at_once"),
        ("webhooks", &webhook),
    ]);
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay")
        .header("traceparent", &format!("00-{TRACE}-{SENDER}-01"))
        .await
        .expect(201);
    let sent = receiver.next();
    let all = spans_until(&collector, |spans| {
        !named(spans, "deliver webhook").is_empty() && named(spans, "project").len() == 2
    });
    for span in &all {
        // The other requests were not sampled.
        assert_eq!(span["traceId"], TRACE, "{span}");
        let nanos = |key: &str| text(&span[key]).parse::<u64>().expect("nanoseconds");
        assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"));
    }

    let request = one(&all, "POST /api/carts/{id}/checkout");
    assert_eq!(request["parentSpanId"], SENDER);
    assert_eq!(
        attribute(request, "http.response.status_code")["intValue"],
        "201"
    );
    let checkout = one(&all, "checkout");
    assert_eq!(checkout["parentSpanId"], request["spanId"]);
    let part_of = |name, command: &Value| {
        let found = named(&all, name);
        let part = found
            .into_iter()
            .find(|it| it["parentSpanId"] == command["spanId"]);
        part.unwrap_or_else(|| panic!("{name} of {command}"))
            .clone()
    };
    part_of("decide", checkout);
    let append = part_of("append", checkout);
    assert_eq!(attribute(&append, "cartlog.position")["intValue"], "3");
    assert_eq!(attribute(&append, "cartlog.group.commits")["intValue"], "1");
    assert_caused(&part_of("project", checkout), checkout);

    let order = one(&all, "place_order");
    assert_caused(order, checkout);
    part_of("append", order);
    assert_caused(&part_of("project", order), order);

    let delivery = one(&all, "deliver webhook");
    assert_caused(delivery, order);
    let id = |span: &Value| format!("00-{TRACE}-{}-01", text(&span["spanId"]));
    assert_eq!(sent.header("traceparent"), id(delivery));
    assert_eq!(sent.json()["traceparent"], id(order));

    let metrics = app.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).expect("text");
    assert!(metrics.contains("cartlog_trace_spans_total{outcome=\"dropped\"} 0"));
}

/// Contract (service): A collector that hangs slows no command, and no shutdown by more than two
/// seconds.
#[tokio::test]
async fn hanging_collector_slows_no_command() {
    let collector = WebhookReceiver::start();
    collector.answer(|_| Reply::Hang);
    let mut app = TestApp::start_with(&[
        ("traces.endpoint", &collector.origin()),
        ("traces.sample", "1.0"),
    ]);
    let cart = app.open_cart().await;
    // From here on the exporter waits for the collector.
    tokio::task::spawn_blocking(move || collector.next().body)
        .await
        .expect("spans");
    let started = Instant::now();
    for quantity in 1..=50 {
        cart.set("teapot", quantity).await.expect(200);
    }
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    let stopping = Instant::now();
    app.stop();
    assert!(
        stopping.elapsed() < Duration::from_secs(5),
        "{:?}",
        stopping.elapsed()
    );
}

/// Contract (service): A share of the requests is traced without the sender's asking, and none
/// whose sender's span is not sampled; shutdown sends what is waiting.
#[tokio::test]
async fn sampled_spans_are_exported_before_the_end() {
    let collector = WebhookReceiver::start();
    collector.answer_in_turn(&[Reply::Status(503, "")]);
    let mut app = TestApp::start_with(&[
        ("traces.endpoint", &format!("{}/", collector.origin())),
        ("traces.sample", "1.0"),
    ]);
    app.ask_for_cart()
        .header("traceparent", &format!("00-{TRACE}-{SENDER}-00"))
        .await
        .expect(201);
    let cart = app.open_cart().await;
    let stored = app.stored_events(&cart.id);
    let metadata: Value = serde_json::from_str(&stored[0].metadata).expect("JSON");
    assert_eq!(metadata["sampled"], true);
    let trace = text(&metadata["trace_id"]).to_owned();
    app.stop();
    let received = collector.next();
    assert_eq!(received.reply, Reply::Status(503, ""));
    let again = collector.next();
    assert_eq!(again.body, received.body);
    let mut all = spans(&again);
    all.extend(collector.so_far().iter().flat_map(spans));
    assert_eq!(named(&all, "POST /api/carts").len(), 1);
    assert_eq!(one(&all, "open_cart")["traceId"], *trace);
    assert!(!named(&all, "append").is_empty());
    assert!(received.at.elapsed() < PATIENCE);
}
