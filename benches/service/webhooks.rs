//! What delivery to a fast receiver reaches, and what a webhook costs the command path:
//! `cargo bench --bench service -- webhooks`. The receiver answers 204 at once. Receiver, service
//! and load are on one machine.

use super::load::{self, Connection};
use super::served::{self, Cart, Served};
use super::versus::{self, Variant};
use actix_web::{App, HttpResponse, HttpServer, web};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// Opened, filled and checked out in each round.
const ORDERS: usize = 4_096;
const CONNECTIONS: usize = 64;
/// For the deliveries of a round.
const PATIENCE: Duration = Duration::from_mins(1);

pub fn run() {
    let receiver = Receiver::start();
    let webhook = format!(
        r#"[{{ name = "fast", url = "http://{}/events", types = ["cartlog.v1.order.placed"],
             secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }}]"#,
        receiver.address
    );
    let with = Served::cartlog(&[("CARTLOG_WEBHOOKS", webhook.replace('\n', " ").as_str())]);
    let without = Served::cartlog(&[]);
    // Commands without a public event: the webhook reads the log, and has nothing to send.
    for connections in [256, CONNECTIONS] {
        let variants = [("without a webhook", &without), ("with one", &with)];
        let variants = variants.map(|(name, service)| Variant::new(name, service));
        versus::compare(connections, variants.into());
    }
    checkouts([&with, &without], &receiver);
}

/// Checkouts, each of which leads to an order that is delivered meanwhile.
fn checkouts([with, without]: [&Served; 2], receiver: &Receiver) {
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        let filled = [with, without].map(FilledCarts::on);
        let started = Instant::now();
        filled[0].check_out();
        let own = started.elapsed();
        receiver.wait_for(round * ORDERS);
        let delivered = started.elapsed();
        let started = Instant::now();
        filled[1].check_out();
        rounds.push([own, started.elapsed(), delivered].map(|time| time.as_secs_f64()));
    }
    let rate =
        |figure: usize| ORDERS as f64 / load::middle(rounds.iter().map(|times| times[figure]));
    println!(
        "checkouts, {CONNECTIONS} connections: {:.0}/s with a webhook, {:.3} of without one\n\
         delivered: {:.0}/s, from the first checkout to the last delivery",
        rate(0),
        load::middle(rounds.iter().map(|times| times[1] / times[0])),
        rate(2)
    );
}

/// Carts that are ready to be checked out.
struct FilledCarts<'a> {
    service: &'a Served,
    carts: Vec<Cart>,
    total: u64,
}

impl<'a> FilledCarts<'a> {
    fn on(service: &'a Served) -> FilledCarts<'a> {
        let carts = service.open_carts(ORDERS);
        let body = Some(r#"{"sku":"teapot","quantity":1}"#);
        let requests = carts
            .iter()
            .map(|cart| cart.request("POST", "/items", body));
        let answer = send_all(service.address, requests.collect());
        let total = served::number(&answer, "total");
        FilledCarts {
            service,
            carts,
            total,
        }
    }

    fn check_out(&self) {
        let requests = self.carts.iter().map(|cart| cart.check_out(2, self.total));
        send_all(self.service.address, requests.collect());
    }
}

/// Sends each request once, over all connections, and returns one of the answers.
fn send_all(address: SocketAddr, requests: Vec<Vec<u8>>) -> String {
    let requests = Arc::new(Mutex::new(requests));
    served::block_on(async {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let requests = requests.clone();
                tokio::task::spawn_local(async move {
                    let mut connection = Connection::to(address).await;
                    let next = || requests.lock().expect("no panic").pop();
                    while let Some(request) = next() {
                        let status = connection.send(&request).await;
                        assert_eq!(status / 100, 2, "{}", connection.answer());
                    }
                    connection.answer().to_owned()
                })
            })
            .collect();
        let mut answer = String::new();
        for connection in connections {
            answer = connection.await.expect("all requests are answered");
        }
        answer
    })
}

/// A receiver on a thread of its own, which ends with the process.
struct Receiver {
    address: SocketAddr,
    received: Arc<AtomicUsize>,
}

impl Receiver {
    fn start() -> Receiver {
        let received = Arc::new(AtomicUsize::new(0));
        let (sender, bound) = std::sync::mpsc::channel();
        let counter = web::Data::from(received.clone());
        std::thread::spawn(move || {
            served::block_on(async {
                let app = move || {
                    let events = web::post().to(receive);
                    App::new()
                        .app_data(counter.clone())
                        .route("/events", events)
                };
                let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0));
                let server = server.expect("a port is free");
                sender.send(server.addrs()[0]).expect("the benchmark waits");
                server.run().await.expect("the receiver serves");
            });
        });
        let address = bound.recv().expect("the receiver starts");
        Receiver { address, received }
    }

    /// Waits until `count` events have come.
    fn wait_for(&self, count: usize) {
        let started = Instant::now();
        while self.received.load(Ordering::Relaxed) < count {
            assert!(
                started.elapsed() < PATIENCE,
                "not all events were delivered"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

async fn receive(received: web::Data<AtomicUsize>, _event: web::Bytes) -> HttpResponse {
    received.fetch_add(1, Ordering::Relaxed);
    HttpResponse::NoContent().finish()
}
