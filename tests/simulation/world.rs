//! One story: shoppers who send commands to some nodes, updaters that follow, and everything
//! between them and the log, in an order that the seed determines. One thread and no clock, so that
//! a seed reproduces its story.

use crate::followers;
use crate::intents::{self, Intent, MODEL};
use crate::link::{Lie, Link, Network, now, turn};
use crate::oracle::{self, Checked, Oracle, Outcome, Violation, holds};
use cartlog::cart::{Cart, CartModel};
use cartlog::commands::{CommandError, CommandHandler};
use cartlog::log::{LogReader, Position, Version};
use cartlog_testkit::memory_log::{MemoryLog, MemoryStorage};
use cartlog_testkit::seed::Dice;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;
use uuid::Uuid;

/// More steps than any story takes.
const STEPS: usize = 200_000;

/// How a story went.
pub struct Story {
    pub outcome: Checked,
    /// How often what happened.
    pub tally: BTreeMap<&'static str, u64>,
    pub transcript: Vec<String>,
}

/// Runs the story of `seed`, on an engine that breaks its contract as `lie` says.
pub fn tell(seed: u64, lie: Option<Lie>) -> Story {
    let world = Rc::new(World::new(seed, lie));
    let outcome = world.run();
    Story {
        outcome,
        tally: std::mem::take(&mut world.network.lock().expect("a network").tally),
        transcript: world.transcript.take(),
    }
}

/// A process with a cache of its own.
struct Node {
    commands: Arc<CommandHandler<CartModel>>,
    /// Another one after each kill.
    life: u64,
}

pub struct World {
    pub seed: u64,
    pub log: Arc<MemoryLog>,
    pub oracle: RefCell<Oracle>,
    /// How many bytes a cache may have; in some stories none.
    pub cache: u64,
    place: MemoryStorage,
    network: Arc<Mutex<Network>>,
    nodes: RefCell<Vec<Node>>,
    carts: Vec<Uuid>,
    intents: RefCell<Vec<Rc<Intent>>>,
    numbers: Cell<u64>,
    over: Cell<bool>,
    transcript: RefCell<Vec<String>>,
    folder: TempDir,
}

type Task = Pin<Box<dyn Future<Output = Checked>>>;

impl World {
    fn new(seed: u64, lie: Option<Lie>) -> World {
        let mut dice = Dice(seed);
        let place = MemoryStorage::new(Uuid::from_u128(u128::from(seed)));
        let carts = 1 + dice.below(3) as u128;
        let nodes = 1 + dice.below(3);
        let world = World {
            seed,
            log: MemoryLog::open(&place).expect("a new place"),
            place,
            oracle: RefCell::new(Oracle::new(MODEL)),
            cache: dice.pick(&[0, 1 << 20, 1 << 20]),
            network: Arc::new(Mutex::new(Network::new(dice, lie))),
            nodes: RefCell::default(),
            carts: (0..carts)
                .map(|number| Uuid::from_u128(0x0199 << 112 | number))
                .collect(),
            intents: RefCell::default(),
            numbers: Cell::new(0),
            over: Cell::new(false),
            transcript: RefCell::default(),
            folder: tempfile::tempdir_in(in_memory()).expect("a folder"),
        };
        for _ in 0..nodes {
            let node = world.node(0);
            world.nodes.borrow_mut().push(node);
        }
        world
    }

    fn run(self: &Rc<Self>) -> Checked {
        let mut shopping: Vec<Task> = Vec::new();
        for _ in 0..2 + self.below(4) {
            shopping.push(Box::pin(self.clone().shop()));
        }
        let mut following: Vec<Task> = Vec::new();
        for number in 0..=self.below(2) {
            let path = self.folder.path().join(format!("views-{number}.db"));
            following.push(Box::pin(followers::follow(self.clone(), path)));
        }
        self.until_done(&mut shopping, &mut following)?;
        self.network().calm = true;
        shopping.push(Box::pin(self.clone().settle()));
        self.until_done(&mut shopping, &mut following)?;
        self.over.set(true);
        self.until_done(&mut following, &mut Vec::new())?;
        self.log.close();
        let again = MemoryLog::open(&self.place).expect("a log that was closed");
        let kept = now(again.read_all(Position(0), usize::MAX)).expect("the log");
        holds!(
            kept == self.oracle.borrow().log,
            "an event has changed or is gone"
        );
        Ok(())
    }

    /// Lets one thing happen after another until `awaited` are done and nothing is under way.
    fn until_done(&self, awaited: &mut Vec<Task>, others: &mut Vec<Task>) -> Checked {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..STEPS {
            let under_way = self.network().under_way();
            if awaited.is_empty() && under_way == 0 {
                return Ok(());
            }
            let tasks = awaited.len() + others.len();
            let which = self.below(tasks + under_way);
            if which < tasks {
                let (of, which) = match which.checked_sub(awaited.len()) {
                    None => (&mut *awaited, which),
                    Some(which) => (&mut *others, which),
                };
                if let Poll::Ready(outcome) = of[which].as_mut().poll(&mut context) {
                    outcome?;
                    drop(of.swap_remove(which));
                }
            } else {
                self.network().deliver(&self.log);
            }
            if self.fails(120) {
                self.kill_a_node();
            }
            let mut oracle = self.oracle.borrow_mut();
            let new = now(self.log.read_all(oracle.end(), usize::MAX)).expect("the log");
            oracle.sees(&new)?;
        }
        Err(Violation("it does not come to an end".to_owned()))
    }

    /// Sends one intent after the other, some of them again and again until they are answered.
    async fn shop(self: Rc<Self>) -> Checked {
        for _ in 0..3 + self.below(10) {
            turn().await;
            if self.below(8) == 0 {
                let node = self.some_node();
                self.read(node).await?;
                continue;
            }
            let intent = self.intent();
            for _ in 0..=self.below(4) {
                if self.send(&intent).await? || intent.key.is_none() {
                    break;
                }
                turn().await;
            }
        }
        Ok(())
    }

    /// Now that nothing goes wrong any more, every command under a key gets a final answer, and
    /// every node knows every cart.
    async fn settle(self: Rc<Self>) -> Checked {
        let intents = self.intents.borrow().clone();
        for intent in intents.iter().filter(|intent| intent.key.is_some()) {
            let settled = self.send(intent).await?;
            holds!(
                settled,
                "{intent:?} got no answer though nothing went wrong"
            );
        }
        let nodes = self.nodes.borrow().len();
        for node in 0..nodes {
            self.read(node).await?;
        }
        Ok(())
    }

    fn intent(&self) -> Rc<Intent> {
        let known = self.intents.borrow();
        if !known.is_empty() && self.below(6) == 0 {
            self.count("a command was sent twice at once");
            return known[self.below(known.len())].clone();
        }
        let number = self.next();
        let reused = known.iter().rev().find(|intent| intent.key.is_some());
        let intent = match reused {
            Some(reused) if self.below(25) == 0 => {
                intents::another_under_the_key_of(reused, number)
            }
            _ => {
                let cart = self.carts[self.below(self.carts.len())];
                let oracle = self.oracle.borrow();
                let ago = [0, 0, 0, 1, 3][self.below(5)];
                let version = Version(oracle.version(cart).0.saturating_sub(ago));
                let seen = oracle.cart(cart, version).unwrap_or(&Cart::NotOpened);
                intents::random(&mut self.network().dice, cart, seen, version, number)
            }
        };
        drop(known);
        let intent = Rc::new(intent);
        self.intents.borrow_mut().push(intent.clone());
        intent
    }

    /// Sends `intent` to some node; whether that gave a final answer.
    async fn send(&self, intent: &Rc<Intent>) -> Checked<bool> {
        let attempt = intent.attempt(Uuid::from_u128(u128::from(self.next())));
        let number = self.some_node();
        let (commands, life) = self.commands(number);
        let settled = self.oracle.borrow().has_key(&attempt);
        self.oracle.borrow_mut().begins(&attempt);
        let context = attempt.context();
        let may = |cart: &Cart| intent.may(cart);
        let handling = commands.handle(intent.cart, &attempt.command, &context, may);
        let killed = || self.nodes.borrow()[number].life != life;
        let outcome = until(handling, self.patience(15, 12), killed).await;
        let Some(outcome) = outcome else {
            self.tell(|| format!("{number} {}: its sender has gone", attempt.in_short()));
            self.count("a command was broken off");
            return Ok(false);
        };
        let (name, is_final) = name_of(&outcome);
        self.count(name);
        self.tell(|| format!("{number} {}: {}", attempt.in_short(), in_short(&outcome)));
        let mut oracle = self.oracle.borrow_mut();
        oracle.hears(attempt.command_id, &outcome)?;
        if settled {
            oracle::is_right_for_a_settled_key(&attempt, &outcome)?;
        }
        Ok(is_final)
    }

    /// Reads some cart from the node `number`.
    async fn read(&self, number: usize) -> Checked {
        let cart = self.carts[self.below(self.carts.len())];
        let (commands, _) = self.commands(number);
        let from = self.oracle.borrow().version(cart);
        let Ok((state, version)) = commands.state(cart).await else {
            return Ok(());
        };
        self.count("a cart was read");
        self.oracle.borrow().reads(cart, from, &state, version)
    }

    fn some_node(&self) -> usize {
        let nodes = self.nodes.borrow().len();
        self.below(nodes)
    }

    fn commands(&self, number: usize) -> (Arc<CommandHandler<CartModel>>, u64) {
        let node = &self.nodes.borrow()[number];
        (node.commands.clone(), node.life)
    }

    fn node(&self, life: u64) -> Node {
        Node {
            commands: Arc::new(CommandHandler::new(MODEL, self.link(), self.cache)),
            life,
        }
    }

    fn kill_a_node(&self) {
        let number = self.some_node();
        let life = self.nodes.borrow()[number].life + 1;
        let node = self.node(life);
        self.nodes.borrow_mut()[number] = node;
        self.count("a node was killed");
        self.tell(|| format!("{number} is killed"));
    }

    pub fn link(&self) -> Arc<Link> {
        Arc::new(Link {
            log: self.log.clone(),
            network: self.network.clone(),
        })
    }

    fn network(&self) -> std::sync::MutexGuard<'_, Network> {
        self.network.lock().expect("no panic under the lock")
    }

    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    pub fn count(&self, what: &'static str) {
        self.network().count(what);
    }

    pub fn tell(&self, line: impl FnOnce() -> String) {
        self.transcript.borrow_mut().push(line());
    }

    fn below(&self, end: usize) -> usize {
        self.network().dice.below(end)
    }

    fn fails(&self, times: usize) -> bool {
        self.network().fails(times)
    }

    /// How many turns something is given: once in `times` fewer than `few`.
    pub fn patience(&self, times: usize, few: usize) -> usize {
        if self.fails(times) {
            self.below(few)
        } else {
            usize::MAX
        }
    }

    fn next(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }
}

/// The output of `work`, unless it is dropped before: after `patience` turns, or once `killed`.
pub async fn until<T>(
    work: impl Future<Output = T>,
    mut patience: usize,
    killed: impl Fn() -> bool,
) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(move |context| {
        if patience == 0 || killed() {
            return Poll::Ready(None);
        }
        patience -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// What an answer is called in the tally, and whether it is final.
pub fn name_of(outcome: &Outcome) -> (&'static str, bool) {
    match outcome {
        Ok(handled) if handled.replayed => ("a replay", true),
        Ok(handled) if handled.position.is_none() => ("nothing to do", true),
        Ok(_) => ("a command was executed", true),
        Err(CommandError::Refused(_)) => ("a refusal", true),
        Err(CommandError::NotFound) => ("not found", true),
        Err(CommandError::VersionMismatch { .. }) => ("a version mismatch", true),
        Err(CommandError::KeyReused) => ("a key for another request", true),
        Err(CommandError::History(_)) => ("a command failed to read", false),
        Err(CommandError::NotWritten(_)) => ("a command was not written", false),
        Err(CommandError::Unknown(_)) => ("the outcome of a command is unknown", false),
        Err(CommandError::Overloaded) => ("overload", false),
    }
}

/// Without the times, which differ from one telling to the next.
fn in_short(outcome: &Outcome) -> String {
    match outcome {
        Ok(handled) => format!(
            "version {} at {:?}{}",
            handled.version,
            handled.position,
            if handled.replayed { ", again" } else { "" }
        ),
        Err(error) => format!("{error:?}"),
    }
}

/// Where files cost no disk, if there is such a place.
fn in_memory() -> std::path::PathBuf {
    let shared = std::path::PathBuf::from("/dev/shm");
    if shared.is_dir() {
        shared
    } else {
        std::env::temp_dir()
    }
}
