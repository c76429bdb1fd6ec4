//! How fast the log is mirrored into a NATS stream, against a publisher that only publishes.
//!
//! Both fill a stream with the same settings in the same server, which syncs before it
//! acknowledges, with as many messages in flight and of the same size.

use crate::{ROUNDS, load};
use async_nats::Client;
use cartlog::log::EventLog;
use cartlog::mirror::Mirror;
use cartlog_testkit::nats::{NatsCluster, mirror_settings};
use cartlog_testkit::shop::{Shop, Shoppers};
use futures_util::StreamExt;
use prometheus::Registry;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

const STREAM: &str = "cartlog_events";
const BARE: &str = "bare";
/// Events of the log, unless the command line has another number.
const EVENTS: u64 = 100_000;
/// Messages in flight.
const WINDOW: u64 = 1_024;

pub fn run(arguments: &[String]) {
    let number = arguments.iter().find(|argument| !argument.starts_with('-'));
    let events = number.map_or(EVENTS, |number| number.parse().expect("a number of events"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(measure(events));
}

async fn measure(events: u64) {
    let cluster = NatsCluster::start(1).await;
    let client = cluster.client(None).await;
    let shop = Shop::open();
    let log: Arc<dyn EventLog> = shop.log.clone();
    let mut shoppers = Shoppers::new(24, 50, 500);
    while log.barrier().await.expect("the end").0 < events {
        shop.sell(&mut shoppers, 10_000).await;
    }
    let end = log.barrier().await.expect("the end").0;
    println!("{ROUNDS} rounds of {end} events, medians; messages a second");
    let (mut mirrors, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        mirrors.push(mirror(&cluster, &log, end).await);
        let config = info(&client, STREAM).await["config"].take();
        let bytes = info(&client, STREAM).await["state"]["bytes"].as_u64();
        let bytes = bytes.expect("bytes") / end;
        delete(&client, STREAM).await;
        bares.push(bare(&client, config, end, bytes).await);
        delete(&client, BARE).await;
    }
    let [mirror, bare] = [mirrors, bares].map(load::middle);
    println!("| bare publisher, {WINDOW} in flight | {bare}/s | |");
    println!(
        "| mirror of the log | {mirror}/s | {:.2} of the bare publisher |",
        mirror as f64 / bare as f64
    );
}

/// Events a second from the start of the mirror until the stream has them all.
async fn mirror(cluster: &NatsCluster, log: &Arc<dyn EventLog>, end: u64) -> u64 {
    let settings = mirror_settings(cluster.urls());
    let (stop, stopping) = watch::channel(false);
    let started = Instant::now();
    let mirror = Mirror::start(Some(settings), log, &Registry::new(), &stopping);
    let mirror = mirror.expect("a mirror");
    let mut changes = mirror.handle.as_ref().expect("a handle").changes();
    let reached = changes.wait_for(|status| status.position.is_some_and(|it| it.0 >= end));
    reached.await.expect("the mirror runs");
    let rate = a_second(end, started);
    stop.send_replace(true);
    mirror.join();
    rate
}

/// Messages a second of a publisher that fills a stream with the settings of `config`.
async fn bare(client: &Client, mut config: Value, messages: u64, bytes: u64) -> u64 {
    config["name"] = json!(BARE);
    config["subjects"] = json!([format!("{BARE}.*.*")]);
    let created = ask(client, &format!("STREAM.CREATE.{BARE}"), &config).await;
    assert!(created["error"].is_null(), "{created}");
    let payload = bytes::Bytes::from(vec![b'x'; bytes as usize]);
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.expect("an inbox");
    let started = Instant::now();
    let (mut sent, mut stored) = (0, 0);
    while stored < messages {
        while sent < messages && sent - stored < WINDOW {
            let subject = format!("{BARE}.cart.{}", sent % 4_096);
            let published = client.publish_with_reply(subject, inbox.clone(), payload.clone());
            published.await.expect("a message is sent");
            sent += 1;
        }
        let answer = answers.next().await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer.payload).expect("JSON");
        assert!(answer["seq"].is_u64(), "{answer}");
        stored += 1;
    }
    a_second(messages, started)
}

fn a_second(messages: u64, started: Instant) -> u64 {
    (messages as f64 / started.elapsed().as_secs_f64()) as u64
}

async fn info(client: &Client, stream: &str) -> Value {
    ask(client, &format!("STREAM.INFO.{stream}"), &json!({})).await
}

async fn delete(client: &Client, stream: &str) {
    ask(client, &format!("STREAM.DELETE.{stream}"), &json!({})).await;
}

async fn ask(client: &Client, subject: &str, request: &Value) -> Value {
    let asked = client.request(format!("$JS.API.{subject}"), request.to_string().into());
    serde_json::from_slice(&asked.await.expect("an answer").payload).expect("JSON")
}
