//! Live streams that a client resumes at another node.

use cartlog_testkit::api::{CartClient, Sent};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::postgres::{Cluster, Replication};
use cartlog_testkit::{ApiClient, Ask};

const LIVE: (&str, &str) = ("accept", "text/event-stream");

/// A cart as `node` has it.
fn at(node: &ApiClient, cart: &CartClient) -> CartClient {
    node.cart(&cart.id, &cart.token)
}

/// The live streams of `cart` and of the whole log, at the node of `cart`.
fn streams(cart: &CartClient) -> [Ask; 2] {
    [cart.events(), cart.api.get("/api/events")].map(|ask| ask.header(LIVE.0, LIVE.1))
}

/// The next `count` events of each stream after those that `after` names.
async fn read(cart: &CartClient, after: [&str; 2], count: usize) -> [Vec<Sent>; 2] {
    let mut read = [Vec::new(), Vec::new()];
    for ((ask, after), events) in streams(cart).into_iter().zip(after).zip(&mut read) {
        let mut stream = ask.header("last-event-id", after).stream().await;
        for _ in 0..count {
            events.push(stream.next().await.expect("an event"));
        }
    }
    read
}

/// Changes the quantity to each of `quantities`, an event each, at the node of `cart`.
async fn change(cart: &CartClient, quantities: std::ops::RangeInclusive<u32>) {
    for quantity in quantities {
        cart.set("teapot", quantity).await.expect(200);
    }
}

/// Promise (cluster): A live stream resumes at another node after the last event that the client
/// has, without a gap or a repetition.
/// Fault: The node of the stream is killed.
/// Control: An id with the hash of another history is refused.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn live_stream_resumes_at_another_node() {
    let cluster = Cluster::start(Replication::Quorum).await;
    resume_at_another_node(&LogSettings::of_postgres(&cluster)).await;
}

/// Kills the node of live streams and resumes them at another node of the `log`.
pub async fn resume_at_another_node(log: &LogSettings) {
    let mut one = log.start();
    let other = log.start();
    // Two events, and then one a change.
    let cart = one.api().open_cart_with(&[("teapot", 1)]).await;
    change(&cart, 2..=8).await;
    let before = read(&cart, ["0", "0"], 6).await;
    let [in_cart, in_log] = before.each_ref().map(|events| events.last().expect("six"));
    one.kill();

    let elsewhere = at(&other.api(), &cart);
    change(&elsewhere, 9..=12).await;
    let after = read(&elsewhere, [&in_cart.id, &in_log.id], 7).await;
    // The ids and events of both nodes are those of one log.
    one.serve();
    let back = at(&one.api(), &cart);
    let whole = read(&back, ["0", "0"], 13).await;
    for (stream, whole) in whole.iter().enumerate() {
        assert_eq!(whole[..6], before[stream]);
        assert_eq!(whole[6..], after[stream]);
        let places: Vec<u64> = whole.iter().map(Sent::place).collect();
        assert_eq!(places, (1..=13).collect::<Vec<_>>());
    }

    let (place, hash) = in_cart.id.split_once('-').expect("a place and a hash");
    let forged = format!("{place}-{}", "f".repeat(hash.len()));
    for ask in streams(&elsewhere) {
        let refused = ask.header("last-event-id", &forged).await;
        refused.expect_problem(400, "unknown-event-id");
    }
}
