//! How long commands get no acknowledgement when a server fails, and how soon the other node has
//! the first one after that.

use super::Engine;
use crate::add_items;
use crate::load::{Connection, Load, Until};
use crate::served::{self, Cart, Served, block_on};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long the load goes on before the fault, and at least after it.
const AROUND: Duration = Duration::from_secs(2);
/// After so long without an acknowledgement the outage is taken for endless.
const ENDLESS: Duration = Duration::from_mins(1);

/// What a client saw who sent one command after the other.
struct Seen {
    /// The longest time without an acknowledgement.
    gap: Duration,
    /// The longest time from an acknowledgement until the other node had the command.
    lag: Duration,
}

/// Lets a server fail under the load of 64 connections to one node.
pub fn measure(runtime: &Runtime, engine: &mut Engine, nodes: &[Served; 2], carts: &[Cart]) {
    let probe = nodes[0].open_carts(1).remove(0);
    let addresses = nodes.each_ref().map(|node| node.address);
    let ended = Arc::new(AtomicBool::new(false));
    let until = Until::Set(ended.clone());
    let failed = AtomicBool::new(false);
    let failed = &failed;
    let (seen, fault) = std::thread::scope(|scope| {
        let load = || Load::run(addresses[0], add_items(carts, 64), &until);
        let load = scope.spawn(load);
        let client = scope.spawn(move || block_on(commands(addresses, &probe, failed)));
        std::thread::sleep(AROUND);
        let fault = runtime.block_on(engine.fail());
        failed.store(true, Ordering::Relaxed);
        let seen = client.join().expect("a client");
        ended.store(true, Ordering::Relaxed);
        load.join().expect("a load");
        (seen, fault)
    });
    println!(
        "| {fault} under 64 connections | {:.1} s without acknowledgements, then {:.1} s until \
         the other node had all | |",
        seen.gap.as_secs_f64(),
        seen.lag.as_secs_f64()
    );
}

/// Sends commands to the first node and reads each from the second, until both go on after the
/// fault.
async fn commands(nodes: [std::net::SocketAddr; 2], cart: &Cart, failed: &AtomicBool) -> Seen {
    let mut writing = Connection::to(nodes[0]).await;
    let mut reading = Connection::to(nodes[1]).await;
    let mut seen = Seen {
        gap: Duration::ZERO,
        lag: Duration::ZERO,
    };
    let mut acknowledged = Instant::now();
    let mut failed_at: Option<Instant> = None;
    for quantity in [1, 2].iter().cycle() {
        let body = format!(r#"{{"quantity":{quantity}}}"#);
        let put = cart.request("PUT", "/items/teapot", Some(&body));
        while writing.send(&put).await != 200 {
            assert!(acknowledged.elapsed() < ENDLESS, "{}", writing.answer());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen.gap = seen.gap.max(acknowledged.elapsed());
        acknowledged = Instant::now();
        let version = served::version(writing.answer());
        let get = cart.request("GET", &format!("?min_version={version}"), None);
        while reading.send(&get).await != 200 {
            assert!(acknowledged.elapsed() < ENDLESS, "{}", reading.answer());
        }
        seen.lag = seen.lag.max(acknowledged.elapsed());
        if failed.load(Ordering::Relaxed) {
            let since = *failed_at.get_or_insert_with(Instant::now);
            if since.elapsed() > AROUND && seen.gap > Duration::from_millis(100) {
                break;
            }
            assert!(since.elapsed() < ENDLESS, "no outage");
        }
    }
    seen
}
