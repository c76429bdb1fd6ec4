//! The public events and the traces under the libraries of others: Standard Webhooks, CloudEvents,
//! AsyncAPI, OpenTelemetry.

use cartlog_testkit::process::{ServiceProcess, command};
use cartlog_testkit::receiver::{Received, Reply, WebhookReceiver};
use cartlog_testkit::repository;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The output of `command` for `input`.
fn output_of(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a program that tests/all installs");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("its output");
    assert!(output.status.success(), "{command:?} failed");
    String::from_utf8(output.stdout).expect("text")
}

/// cartlog, whose webhook sends to `receiver`.
fn program_with(folder: &Path, receiver: &WebhookReceiver) -> Command {
    let mut command = command(folder, &["serve"]);
    command.env(
        "CARTLOG_WEBHOOKS",
        format!(
            r#"[{{ name = "orders", url = "{}", secret = "{SECRET}" }}]"#,
            receiver.url()
        ),
    );
    command
}

/// Opens a cart and checks it out.
async fn check_out(program: &ServiceProcess) {
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{}{path}", program.address);
    let open = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let opened = client.post(url("/api/carts")).json(&open).send().await;
    let opened: Value = opened.unwrap().json().await.unwrap();
    let path = format!("/api/carts/{}/checkout", opened["id"].as_str().unwrap());
    let sent = client
        .post(url(&path))
        .bearer_auth(opened["token"].as_str().unwrap())
        .header("if-match", "\"2\"")
        .header("idempotency-key", "order")
        .json(&json!({ "expected_total": opened["total"] }))
        .send();
    assert_eq!(sent.await.unwrap().status(), 201);
}

/// What the script `name` of `tests/standards/` prints for `input`, line by line.
fn python(name: &str, input: &str) -> Vec<String> {
    let python = repository().join("target/standards-venv/bin/python");
    let script = repository().join("tests/standards").join(name);
    let output = output_of(Command::new(python).arg(script), input);
    output.lines().map(str::to_owned).collect()
}

/// A delivery as a line for `tests/standards/receiver.py`.
fn line(received: &Received, secret: &str, body: &str) -> String {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!(received.header(name))))
        .collect();
    json!({ "secret": secret, "headers": headers, "body": body }).to_string() + "\n"
}

/// Contract (history): The libraries of Standard Webhooks and CloudEvents verify and read what a
/// webhook receives.
#[tokio::test]
#[ignore = "needs the Python of the standards' libraries"]
async fn webhooks_are_read_by_independent_libraries() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start();
    let program = ServiceProcess::run(program_with(folder.path(), &receiver));
    check_out(&program).await;
    let received: Vec<Received> = (0..3).map(|_| receiver.next()).collect();
    let mut input: String = received
        .iter()
        .map(|it| line(it, SECRET, &it.body))
        .collect();
    // Controls: an altered body, another secret, and a body that is no CloudEvent.
    let first = &received[0];
    input += &line(first, SECRET, &first.body.replace("\"1.0\"", "\"1.1\""));
    input += &line(first, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &first.body);
    let lines = python("receiver.py", &input);
    let order = first.json()["data"]["order_id"].clone();
    let read = |kind: &str| {
        let order = order.as_str().expect("an order");
        format!("{kind} {} {order}", first.cart())
    };
    assert_eq!(
        lines[..3],
        [
            read("cartlog.v1.cart.checked_out"),
            read("cartlog.v1.order.placed"),
            read("cartlog.v1.order.confirmed"),
        ]
    );
    assert_eq!(lines.len(), 5);
    for refused in &lines[3..] {
        assert!(
            refused.starts_with("refused WebhookVerificationError"),
            "{refused}"
        );
    }
}

/// The bodies that `collector` gets, until they have a delivery that failed and one that did not.
fn bodies(collector: &WebhookReceiver) -> Vec<String> {
    let mut bodies = Vec::new();
    let count = |bodies: &[String], text: &str| -> usize {
        bodies.iter().map(|body| body.matches(text).count()).sum()
    };
    while count(&bodies, "deliver webhook") < 2
        || count(&bodies, "\"status\"") == 0
        || count(&bodies, "project") == 0
    {
        bodies.push(collector.next().body);
    }
    bodies
}

/// Contract (service): The protobuf definitions of OpenTelemetry read every body that a collector
/// gets, and write it again as it was.
#[tokio::test]
#[ignore = "needs the Python of the standards' libraries"]
async fn traces_are_read_by_the_definitions_of_opentelemetry() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, collector) = (WebhookReceiver::start(), WebhookReceiver::start());
    receiver.answer_in_turn(&[Reply::Status(500, "")]);
    let mut program = program_with(folder.path(), &receiver);
    program.env("CARTLOG_TRACES__ENDPOINT", collector.origin());
    program.env("CARTLOG_TRACES__SAMPLE", "1.0");
    let program = ServiceProcess::run(program);
    check_out(&program).await;
    let bodies = bodies(&collector);
    // Controls: a field that the definitions lack, an id that is none, a number that is none, and a
    // key that is there twice.
    let first = &bodies[0];
    let broken = [
        (first.replace("\"spanId\"", "\"spanID\""), "no field named"),
        (
            first.replace("\"traceId\":\"", "\"traceId\":\"x"),
            "traceId must be 16 bytes",
        ),
        (
            first.replace("\"endTimeUnixNano\":\"", "\"endTimeUnixNano\":\"-"),
            "endTimeUnixNano",
        ),
        (
            first.replace("cartlog.command.id", "cartlog.command"),
            "keys must be unique",
        ),
    ];
    let sent = bodies.iter().chain(broken.iter().map(|(body, _)| body));
    let sent: String = sent.map(|body| body.clone() + "\n").collect();
    let lines = python("collector.py", &sent);
    let (read, refused) = lines.split_at(bodies.len());
    assert_eq!(refused.len(), broken.len());
    for (line, (_, reason)) in refused.iter().zip(&broken) {
        assert!(
            line.starts_with("refused") && line.contains(reason),
            "{line}"
        );
    }
    let spans: Vec<Value> = read
        .iter()
        .flat_map(|line| serde_json::from_str::<Vec<Value>>(line).expect(line))
        .collect();
    let one = |name: &str, status: &str| {
        let found = spans.iter().find(|span| {
            let is_named = span["name"] == name;
            is_named && span["status"] == format!("STATUS_CODE_{status}")
        });
        found.unwrap_or_else(|| panic!("{name}, {status}: {spans:#?}"))
    };
    let request = one("POST /api/carts/{id}/checkout", "UNSET");
    assert_eq!(request["kind"], "SPAN_KIND_SERVER");
    let checkout = one("checkout", "UNSET");
    assert_eq!(checkout["parent"], request["id"]);
    for span in [
        one("deliver webhook", "ERROR"),
        one("deliver webhook", "UNSET"),
    ] {
        assert_eq!(span["kind"], "SPAN_KIND_CLIENT");
        assert_eq!(span["links"].as_array().map(Vec::len), Some(1), "{span}");
    }
    assert!(spans.iter().all(|span| span["sampled"] == true));
}

/// Contract (history): The parser of AsyncAPI accepts `GET /asyncapi.json` and finds every message.
#[test]
#[ignore = "needs the parser of AsyncAPI"]
fn asyncapi_document_is_accepted_by_its_parser() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::run(command(folder.path(), &["serve"]));
    let document = ureq::get(format!("http://{}/asyncapi.json", program.address)).call();
    let document = document.unwrap().body_mut().read_to_string().unwrap();
    let parse = |document: &str| -> Value {
        let script = repository().join("tests/standards/asyncapi.cjs");
        let modules = repository().join("target/asyncapi/node_modules");
        let mut node = Command::new("node");
        let output = output_of(node.arg(script).env("NODE_PATH", modules), document);
        serde_json::from_str(&output).expect("the parser's findings")
    };
    let parsed = parse(&document);
    assert_eq!(parsed["errors"], json!([]));
    let described: Value = serde_json::from_str(&document).unwrap();
    let messages = described["components"]["messages"].as_object().unwrap();
    let mut messages: Vec<&String> = messages.keys().collect();
    messages.sort();
    assert_eq!(parsed["messages"], json!(messages));
    // Control: an operation on a channel that is not described.
    let broken = document.replace("#/channels/", "#/other/");
    assert_ne!(parse(&broken)["errors"], json!([]));
}
