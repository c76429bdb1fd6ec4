//! The same shoppers and the same oracle on a log in a real PostgreSQL, and in a real JetStream.
//! Time and threads are real here: a seed repeats what is asked, not when.

use crate::followers::{self, Prefix};
use crate::intents::{self, Intent, MODEL};
use crate::oracle::{self, Checked, Oracle, Violation, holds};
use crate::world::name_of;
use cartlog::background::Background;
use cartlog::cart::{Cart, CartModel};
use cartlog::commands::CommandHandler;
use cartlog::log::jetstream::JetStreamConnector;
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{Sequence, Sequencer, SequencerConnector, SharedLog, SharedLogSettings};
use cartlog::log::{EventLog, LogReader, LogWriter, Position, RecordedEvent};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::flawed_sequencer::{Flaw, FlawedConnector};
use cartlog_testkit::nats::{NatsCluster, log_settings};
use cartlog_testkit::postgres::{Cluster, Cut, PASSWORD, Proxy, Replication};
use cartlog_testkit::seed::Dice;
use futures_util::future::try_join_all;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Mutex;
use uuid::Uuid;

const NODES: usize = 3;
const CARTS: usize = 12;
const SHOPPERS: usize = 6;
/// Of each shopper.
const INTENTS: usize = 60;

/// A server, and how a node connects to the log at an address of it.
struct Engine {
    port: u16,
    connector: fn(SocketAddr) -> Arc<dyn SequencerConnector>,
}

impl Engine {
    fn postgres(cluster: &Cluster) -> Engine {
        Engine {
            port: cluster.primary().port,
            connector: |address| {
                Arc::new(PostgresConnector::new(PostgresSettings {
                    url: format!(
                        "postgres://cartlog_owner:{PASSWORD}@{address}/cartlog?sslmode=disable"
                    ),
                    password_file: None,
                    listen_url: None,
                    schema: "cartlog".to_owned(),
                    root_certificates: None,
                    connect_timeout: Duration::from_secs(3),
                    timeout: Duration::from_secs(10),
                }))
            },
        }
    }

    /// One server, so that what the log has is there for every reader.
    fn jetstream(cluster: &NatsCluster) -> Engine {
        Engine {
            port: cluster.servers[0].port,
            connector: |address| {
                Arc::new(JetStreamConnector::new(log_settings(
                    vec![format!("nats://{address}")],
                    "cartlog",
                    1,
                )))
            },
        }
    }
}

/// A node with a cache of its own, behind a proxy of its own.
struct Node {
    log: Arc<SharedLog>,
    worker: Option<Background>,
    commands: CommandHandler<CartModel>,
    proxy: Proxy,
}

impl Node {
    async fn start(engine: &Engine, number: u64, folder: &TempDir, flaw: Option<Flaw>) -> Node {
        let proxy = Proxy::start(engine.port, number).await;
        let mut connector = (engine.connector)(proxy.address);
        if let Some(flaw) = flaw {
            let inner = connector;
            connector = Arc::new(FlawedConnector { inner, flaw });
        }
        let replica = folder.path().join(format!("replica-{number}.db"));
        let opened = tokio::task::spawn_blocking(move || {
            SharedLog::open(&connector, &SharedLogSettings::at(replica))
        });
        let (log, worker) = opened.await.expect("no panic").expect("an open log");
        Node {
            commands: CommandHandler::new(MODEL, log.clone(), 1 << 20),
            worker: Some(worker),
            log,
            proxy,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.log.close();
        if let Some(worker) = self.worker.take() {
            worker.join();
        }
    }
}

struct World {
    nodes: Vec<Node>,
    /// Reads the log directly, to know what is in it.
    observer: Arc<dyn Sequencer>,
    /// The last sequence that the oracle has seen.
    seen: Mutex<Sequence>,
    oracle: RefCell<Oracle>,
    dice: RefCell<Dice>,
    carts: Vec<Uuid>,
    intents: RefCell<Vec<Rc<Intent>>>,
    numbers: Cell<u64>,
    tally: RefCell<BTreeMap<&'static str, u64>>,
}

impl World {
    /// Shows the oracle everything that is in the log now.
    async fn catch_up(&self) -> Checked {
        let mut seen = self.seen.lock().await;
        let deadline = Instant::now() + PATIENCE;
        let read = loop {
            match self.observer.tail(*seen, 100_000).await {
                Ok(read) => break read,
                Err(error) => holds!(Instant::now() < deadline, "no log to judge by: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let Some(last) = read.last() else {
            return Ok(());
        };
        *seen = last.sequence;
        let mut oracle = self.oracle.borrow_mut();
        let mut position = oracle.end();
        let events = read.into_iter().flat_map(|commit| commit.events);
        let events = events.map(|mut event| {
            position.0 += 1;
            event.position = position;
            event
        });
        let events: Vec<RecordedEvent> = events.collect();
        oracle.sees(&events)
    }

    async fn shop(&self) -> Checked {
        for _ in 0..INTENTS {
            if self.below(8) == 0 {
                self.read().await?;
                continue;
            }
            let intent = self.intent();
            for _ in 0..=self.below(4) {
                if self.send(&intent).await? || intent.key.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn intent(&self) -> Rc<Intent> {
        let known = self.intents.borrow();
        if !known.is_empty() && self.below(6) == 0 {
            return known[self.below(known.len())].clone();
        }
        let number = self.next();
        let cart = self.carts[self.below(self.carts.len())];
        let oracle = self.oracle.borrow();
        let version = oracle.version(cart);
        let seen = oracle.cart(cart, version).unwrap_or(&Cart::NotOpened);
        let mut dice = self.dice.borrow_mut();
        let intent = intents::random(&mut dice, cart, seen, version, number);
        drop((known, dice));
        let intent = Rc::new(intent);
        self.intents.borrow_mut().push(intent.clone());
        intent
    }

    /// Sends `intent` to some node; whether that gave a final answer.
    async fn send(&self, intent: &Rc<Intent>) -> Checked<bool> {
        let attempt = intent.attempt(Uuid::from_u128(u128::from(self.next())));
        self.catch_up().await?;
        let settled = self.oracle.borrow().has_key(&attempt);
        self.oracle.borrow_mut().begins(&attempt);
        let (context, node) = (attempt.context(), self.below(self.nodes.len()));
        let may = |cart: &Cart| intent.may(cart);
        let commands = &self.nodes[node].commands;
        let handling = commands.handle(intent.cart, &attempt.command, &context, may);
        let outcome = handling.await;
        self.catch_up().await?;
        let (name, is_final) = name_of(&outcome);
        self.count(name);
        let mut oracle = self.oracle.borrow_mut();
        oracle.hears(attempt.command_id, &outcome)?;
        if settled {
            oracle::is_right_for_a_settled_key(&attempt, &outcome)?;
        }
        Ok(is_final)
    }

    /// Reads some cart from some node.
    async fn read(&self) -> Checked {
        let cart = self.carts[self.below(self.carts.len())];
        self.catch_up().await?;
        let from = self.oracle.borrow().version(cart);
        let node = &self.nodes[self.below(self.nodes.len())];
        let Ok((state, version)) = node.commands.state(cart).await else {
            return Ok(());
        };
        self.catch_up().await?;
        self.count("a cart was read");
        self.oracle.borrow().reads(cart, from, &state, version)
    }

    /// Every command under a key gets a final answer now that nothing is cut.
    async fn settle(&self) -> Checked {
        let intents = self.intents.borrow().clone();
        for intent in intents.iter().filter(|intent| intent.key.is_some()) {
            let deadline = Instant::now() + PATIENCE;
            while !self.send(intent).await? {
                holds!(Instant::now() < deadline, "{intent:?} got no answer");
            }
        }
        Ok(())
    }

    /// Each node has the same log, and views of it that are its fold.
    async fn judge_nodes(&self, folder: &TempDir) -> Checked {
        for (number, node) in self.nodes.iter().enumerate() {
            let barrier = node.log.barrier().await;
            barrier.map_err(|error| Violation(error.to_string()))?;
            let own = node.log.read_all(Position(0), usize::MAX >> 1).await;
            let own = own.map_err(|error| Violation(error.to_string()))?;
            holds!(
                own == self.oracle.borrow().log,
                "node {number} has another log than the database"
            );
            let path = folder.path().join(format!("views-{number}.db"));
            let log: Arc<dyn EventLog> = node.log.clone();
            let mut updater = followers::start(log, &path, 1 << 20).await.expect("views");
            while updater.catch_up_once().await.expect("a batch") > 0 {}
            let mut prefix = Prefix::default();
            let oracle = self.oracle.borrow();
            prefix.go_to(oracle.end(), &oracle)?;
            holds!(
                followers::rows_at(&path) == prefix.rows(),
                "the view of node {number} is not the fold of the log"
            );
        }
        Ok(())
    }

    fn count(&self, what: &'static str) {
        *self.tally.borrow_mut().entry(what).or_default() += 1;
    }

    fn below(&self, end: usize) -> usize {
        self.dice.borrow_mut().below(end)
    }

    fn next(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }
}

/// A story over three nodes, whose connections are cut once in `cut` messages.
async fn tell(
    engine: &Engine,
    seed: u64,
    cut: Cut,
    flaw: Option<Flaw>,
) -> (Checked, BTreeMap<&'static str, u64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let direct = SocketAddr::from(([127, 0, 0, 1], engine.port));
    let observer = (engine.connector)(direct).connect().await;
    let mut nodes = Vec::new();
    for number in 0..NODES {
        nodes.push(Node::start(engine, seed + number as u64, &folder, flaw).await);
    }
    let world = World {
        nodes,
        observer: observer.expect("a log"),
        seen: Mutex::new(Sequence(0)),
        oracle: RefCell::new(Oracle::new(MODEL)),
        dice: RefCell::new(Dice(seed)),
        carts: (0..CARTS).map(|_| Uuid::now_v7()).collect(),
        intents: RefCell::default(),
        numbers: Cell::new(0),
        tally: RefCell::default(),
    };
    for node in &world.nodes {
        node.proxy.set(cut);
    }
    let shopping = try_join_all((0..SHOPPERS).map(|_| world.shop()));
    let judged = async {
        shopping.await?;
        for node in &world.nodes {
            node.proxy.set(Cut::Never);
        }
        world.settle().await?;
        world.judge_nodes(&folder).await
    };
    let outcome = judged.await;
    let cuts: usize = world.nodes.iter().map(|node| node.proxy.cuts()).sum();
    let mut tally = world.tally.take();
    tally.insert("a connection was cut", cuts as u64);
    println!("seed {seed}: {tally:?}");
    (outcome, tally)
}

/// Promise (cluster): Every promise of commands, replays, chains and views holds on a log in
/// PostgreSQL, on each of its nodes.
/// Fault: Six shoppers send random commands to three nodes in turns, whose connections to the
/// database are cut once in 60 messages.
/// Control: A database that ignores the expected version, and one with stale barriers, are found
/// out: [control_flawed_database_is_found_out].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn promises_hold_on_nodes_of_a_database() {
    let cluster = Cluster::start(Replication::Quorum).await;
    promises_hold(&Engine::postgres(&cluster), Cut::OneIn(60)).await;
}

/// Promise (cluster): Every promise of commands, replays, chains and views holds on a log in
/// JetStream, on each of its nodes.
/// Fault: Six shoppers send random commands to three nodes in turns, whose connections to the
/// server are cut once in 300 messages.
/// Control: An engine that ignores the expected version, and one with stale barriers, are found
/// out: [control_flawed_database_is_found_out].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn promises_hold_on_nodes_of_jetstream() {
    let cluster = NatsCluster::start(1).await;
    promises_hold(&Engine::jetstream(&cluster), Cut::OneIn(300)).await;
}

async fn promises_hold(engine: &Engine, cut: Cut) {
    let (outcome, tally) = tell(engine, 2026, cut, None).await;
    assert_eq!(outcome, Ok(()));
    for what in ["a replay", "a refusal", "a version mismatch"] {
        assert!(tally.contains_key(what), "never: {what}");
    }
    assert!(tally["a command was executed"] > 50, "{tally:?}");
    assert!(tally["a connection was cut"] > 5, "{tally:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn control_flawed_database_is_found_out() {
    for (flaw, found) in [
        (Flaw::IgnoresExpectedVersion, "on the cart right before it"),
        (Flaw::StaleBarriers, "version"),
    ] {
        let mut violations = Vec::new();
        for seed in 0..5 {
            let cluster = Cluster::start(Replication::None).await;
            let (outcome, _) =
                tell(&Engine::postgres(&cluster), seed, Cut::Never, Some(flaw)).await;
            violations.extend(outcome.err().map(|Violation(what)| what));
            if violations.last().is_some_and(|what| what.contains(found)) {
                break;
            }
        }
        let is_found = violations.iter().any(|what| what.contains(found));
        assert!(is_found, "{flaw:?}: {violations:#?}");
    }
}
