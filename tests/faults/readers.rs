//! Clients that ask for a live stream and do not read it.

use crate::clients::{Held, USUAL, longest_command};
use crate::plan::Plan;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::{CommandRecord, LoadGenerator, http_client};
use cartlog_testkit::process::{ServiceProcess, command};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The program, whose streams may stall for `stalled` seconds.
fn serve(folder: &Path, stalled: &str) -> ServiceProcess {
    let mut command = command(folder, &[]);
    command.env("CARTLOG_SERVER__STALLED_SECONDS", stalled);
    ServiceProcess::run(command)
}

/// Fills the log with some megabytes.
async fn fill(program: &ServiceProcess, plan: &Plan) {
    let mut load = LoadGenerator::start(program.address, 8, plan.round(0));
    load.acknowledged(8_000).await;
    load.stop().await;
}

/// A live stream of `path` for the holder of `token`, resumed after the event `last`, of which the
/// kernel buffers as little as it may. Its head was read, and nothing else.
async fn follow(program: &ServiceProcess, path: &str, token: &str, last: u64) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(program.address).await.unwrap();
    let asked = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\nLast-Event-ID: {last}\r\n\r\n",
        program.address
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    stream
}

/// Whether the service has ended the connection: its own end has no such peer any more.
async fn is_ended(stream: &TcpStream, patience: Duration) -> bool {
    let own = stream.local_addr().unwrap().port();
    let peer = stream.peer_addr().unwrap().port();
    // /proc/net/tcp has the local address, the remote address and the state; 01 is established.
    let line = format!("0100007F:{peer:04X} 0100007F:{own:04X} 01");
    let began = Instant::now();
    while fs::read_to_string("/proc/net/tcp").unwrap().contains(&line) {
        if began.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}

/// The events that come, up to that of id `end` or to where the stream breaks off. What was cut
/// off in the middle of an event is none.
async fn events(stream: TcpStream, end: u64) -> Vec<(u64, Value)> {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut text = Vec::new();
    let mut events: Vec<(u64, Value)> = Vec::new();
    while events.last().is_none_or(|(id, _)| *id < end) {
        let Some(chunk) = chunk(&mut stream).await else {
            break;
        };
        text.extend(chunk);
        while let Some(length) = text.windows(2).position(|two| two == b"\n\n") {
            let whole: Vec<u8> = text.drain(..length + 2).collect();
            let whole = String::from_utf8(whole).unwrap();
            if whole.starts_with(':') {
                continue;
            }
            let (id, data) = whole.trim_end().split_once('\n').unwrap();
            let id = id.strip_prefix("id: ").unwrap().split_once('-').unwrap().0;
            let id = id.parse().unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            events.push((id, serde_json::from_str(data).unwrap()));
        }
    }
    events
}

/// The next chunk (RFC 9112, 7.1), or `None` if the connection ends before it is whole.
async fn chunk(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let read = async {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.push(stream.read_u8().await.ok()?);
        }
        let size = String::from_utf8(size).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.expect("the next chunk in time")
}

/// A dropped reader has a prefix of the stream up to `head`. Resuming after the id of its last
/// event it receives the rest, to which `more` adds events meanwhile.
async fn resumes(
    program: &ServiceProcess,
    (path, token): (&str, &str),
    head: u64,
    more: impl AsyncFnOnce(),
) {
    let dropped = follow(program, path, token, 0).await;
    assert!(is_ended(&dropped, PATIENCE).await, "it is dropped");
    let mut seen = events(dropped, head).await;
    let last = seen.last().expect("the first events").0;
    assert!(last < head, "all of it was buffered: {last} of {head}");
    println!("dropped after {last} of {head}");
    let resumed = follow(program, path, token, last).await;
    more().await;
    seen.extend(events(resumed, head + 1).await);
    let ids: Vec<u64> = seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=head + 1).collect::<Vec<_>>());
    // Control: a reader that sends a wrong id misses an event, and the check finds it.
    let skipping = events(follow(program, path, token, last + 1).await, last + 2).await;
    assert_eq!(skipping.first().map(|(id, _)| *id), Some(last + 2));
    // The events before and after the interruption equal those of an uninterrupted reader.
    let whole = events(follow(program, path, token, 0).await, head + 1).await;
    assert!(whole == seen, "what was resumed differs");
}

/// Promise (load): A live stream that is not read costs no memory and is ended.
/// Fault: Some megabytes into a small buffer at `server.stalled_seconds = 2`
/// Control: At 600 seconds it is kept: [control_stream_that_may_stall_is_kept].
#[tokio::test]
async fn unread_live_stream_is_ended_without_memory() {
    let plan = Plan::new();
    let folder = tempfile::tempdir().unwrap();
    let program = serve(folder.path(), "2");
    fill(&program, &plan).await;
    let before = Held::by(&program);
    let stream = follow(&program, "/api/events", "", 0).await;
    let mut record = CommandRecord::default();
    let longest = longest_command(program.address, "meanwhile", &mut record).await;
    assert!(longest < USUAL, "{longest:?}");
    let during = Held::by(&program);
    println!("{before:?}, then {during:?}; the longest command took {longest:?}");
    assert!(during.memory_mib < before.memory_mib + 50, "{during:?}");
    assert!(is_ended(&stream, PATIENCE).await);
}

#[tokio::test]
async fn control_stream_that_may_stall_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let program = serve(folder.path(), "600");
    fill(&program, &Plan::new()).await;
    let stream = follow(&program, "/api/events", "", 0).await;
    assert!(!is_ended(&stream, Duration::from_secs(8)).await);
}

/// Promise (load): A dropped reader resumes after the last event it received, without a gap or a
/// repetition.
/// Fault: Some megabytes of the log, unread until the stream is ended, then resumed under load
/// Control: Resumed one event too late, the gap is noticed.
/// Contract (history): A client that does not read its stream is dropped, and resumes: the log, a
/// cart.
#[tokio::test]
async fn dropped_log_reader_resumes_without_gap() {
    let folder = tempfile::tempdir().unwrap();
    let program = serve(folder.path(), "1");
    fill(&program, &Plan::new()).await;
    let carts = format!("http://{}/api/carts", program.address);
    let open = async || http_client().post(&carts).send().await.unwrap();
    let opened = open().await;
    let head = opened.headers()["log-position"].to_str().unwrap();
    let head = head.parse().unwrap();
    resumes(&program, ("/api/events", ""), head, async || {
        assert_eq!(open().await.status(), 201);
    })
    .await;
}

/// Promise (load): A dropped reader resumes after the last event it received, without a gap or a
/// repetition.
/// Fault: The same with the events of one cart
/// Contract (history): A client that does not read its stream is dropped, and resumes: the log, a
/// cart.
#[tokio::test]
async fn dropped_cart_reader_resumes_without_gap() {
    let folder = tempfile::tempdir().unwrap();
    let program = serve(folder.path(), "1");
    let (path, token, head) = long_history(program.address, 8_000).await;
    let events = format!("{path}/events");
    resumes(&program, (&events, &token), head, async || {
        let promoted = http_client()
            .put(format!("http://{}{path}/promotion", program.address))
            .json(&json!({ "code": "TEA10" }))
            .bearer_auth(&token)
            .send();
        assert_eq!(promoted.await.unwrap().status(), 200);
    })
    .await;
}

/// A cart with so many events of history, each command of which wrote one for every product of the
/// shop: its path, its token, and its version.
pub async fn long_history(address: SocketAddr, events: u64) -> (String, String, u64) {
    let client = http_client();
    let url = |path: &str| format!("http://{address}{path}");
    let products = client.get(url("/api/products?limit=200")).send().await;
    let products: Value = products.unwrap().json().await.unwrap();
    let products = products["items"].as_array().unwrap();
    let one_of_each: Vec<Value> = products
        .iter()
        .map(|product| json!({ "sku": product["sku"], "quantity": 1 }))
        .collect();
    let opening = client.post(url("/api/carts"));
    let opened = opening.json(&json!({ "items": one_of_each })).send().await;
    let opened: Value = opened.unwrap().json().await.unwrap();
    let token = opened["token"].as_str().unwrap().to_owned();
    let path = format!("/api/carts/{}", opened["id"].as_str().unwrap());
    let mut version = opened["version"].as_u64().unwrap();
    let mut full = true;
    while version < events {
        let ask = if full {
            client.delete(url(&format!("{path}/items")))
        } else {
            client.post(url(&format!("{path}/undo")))
        };
        let ask = ask.header("if-match", format!("\"{version}\""));
        let answer = ask.bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let cart: Value = answer.json().await.unwrap();
        version = cart["version"].as_u64().unwrap();
        full = !full;
    }
    (path, token, version)
}

/// A cart of 9,990 events, as its path and token.
pub async fn long_cart(program: &ServiceProcess) -> (String, String) {
    let client = http_client();
    let address = program.address;
    let send = async |method: Method, path: &str, version: u64, body: Value, token: &str| {
        let request = client
            .request(method, format!("http://{address}{path}"))
            .header("if-match", format!("\"{version}\""))
            .bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json::<Value>().await.unwrap()
    };
    let products = client.get(format!("http://{address}/api/products?limit=200"));
    let products: Value = products.send().await.unwrap().json().await.unwrap();
    let items = products["items"].as_array().unwrap().iter();
    let items: Vec<Value> = items
        .map(|product| json!({ "sku": product["sku"], "quantity": 1 }))
        .collect();
    let lines = items.len() as u64;
    let opened = client.post(format!("http://{address}/api/carts"));
    let opened = opened
        .json(&json!({ "items": items }))
        .send()
        .await
        .unwrap();
    let opened: Value = opened.json().await.unwrap();
    let token = opened["token"].as_str().unwrap().to_owned();
    let cart = format!("/api/carts/{}", opened["id"].as_str().unwrap());
    let mut version = lines + 1;
    let mut undoes = false;
    // Each of these commands writes an event for each line.
    while version + lines < 9_990 {
        let (method, path) = if undoes {
            (Method::POST, format!("{cart}/undo"))
        } else {
            (Method::DELETE, format!("{cart}/items"))
        };
        let changed = send(method, &path, version, Value::Null, &token).await;
        version = changed["version"].as_u64().unwrap();
        undoes = !undoes;
    }
    (cart, token)
}

/// Promise (load): Clients that ask for long histories and do not read them cost bounded memory.
/// Fault: 200 connections for *why* and 200 for the timeline of a cart of 9,990 events, unread
/// Control: The responses are there, and a shopper is served meanwhile, in the same test.
#[tokio::test]
async fn unread_histories_cost_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__DURABILITY", "process");
    let program = ServiceProcess::run(command);
    let (cart, token) = long_cart(&program).await;
    let ask = async |path: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(program.address).await.unwrap();
        let asked = format!(
            "GET {cart}{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            program.address
        );
        stream.write_all(asked.as_bytes()).await.unwrap();
        stream
    };
    let mut unread = Vec::new();
    for path in ["/why", "/timeline?limit=200"] {
        let before = Held::by(&program);
        for _ in 0..8 {
            let asked = (0..25).map(|_| ask(path));
            for mut stream in futures_util::future::join_all(asked).await {
                // Once a response begins, all of it has been made.
                let mut begin = [0; 12];
                let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut begin)).await;
                read.expect("a response in time").unwrap();
                assert_eq!(&begin, b"HTTP/1.1 200");
                unread.push(stream);
            }
        }
        let during = Held::by(&program);
        println!("{path}: {before:?}, then {during:?}");
        assert!(during.descriptors >= before.descriptors + 200);
        assert!(during.memory_mib < before.memory_mib + 100, "{during:?}");
    }
    let mut record = CommandRecord::default();
    let longest = longest_command(program.address, "meanwhile", &mut record).await;
    assert!(longest < USUAL, "{longest:?}");
}
