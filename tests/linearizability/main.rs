//! Each cart is linearizable: the responses to concurrent shoppers are those of a cart that
//! executes one command at a time, each between its request and its response, however often the
//! service is killed. The checker follows Wing and Gong.
//!
//! A failure prints its seed and the history. `CARTLOG_FAULTS_SEED` repeats it, as far as threads
//! and kills can be repeated; `CARTLOG_FAULTS_LONG=1` does several times as much.

mod cart;
mod cluster;
mod history;
mod http;
mod nodes;
mod shoppers;

use cart::{Answer, Change};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::memory_log::{MemoryLog, MemoryStorage};
use cartlog_testkit::process::ServiceProcess;
use cartlog_testkit::seed::Dice;
use futures_util::future::join_all;
use history::History;
use http::{HttpCart, Life};
use nodes::{Node, Slow};
use shoppers::shop;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

fn seed() -> u64 {
    let seed = std::env::var("CARTLOG_FAULTS_SEED");
    seed.map_or(2026, |seed| seed.parse().expect("a whole number"))
}

fn times(usual: u64, thorough: u64) -> u64 {
    let long = std::env::var("CARTLOG_FAULTS_LONG").is_ok_and(|value| value != "0");
    if long { thorough } else { usual }
}

const CARTS: usize = 3;
/// Of each cart.
const SHOPPERS: usize = 4;
/// Of each shopper.
const COMMANDS: usize = 60;

/// A new random wait of less than 2 ms.
async fn random_moment(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_micros(dice.below(2_000) as u64)).await;
}

/// The histories of shoppers who share a few carts, while `kill` kills a node `kills` times.
async fn histories_with_kills(
    seed: u64,
    kills: usize,
    nodes: &[watch::Receiver<Life>],
    mut kill: impl AsyncFnMut(&mut Dice, usize),
) -> Vec<History> {
    let (answer, mut answered) = watch::channel(0);
    let client = http_client();
    let mut dice = Dice(seed);
    let histories: Vec<RefCell<History>> = (0..CARTS).map(|_| RefCell::default()).collect();
    let mut shoppers = Vec::new();
    for (number, history) in histories.iter().enumerate() {
        let cart = HttpCart::open(&client, nodes, answer.clone()).await;
        for shopper in 0..SHOPPERS {
            let cart = cart.clone();
            let mut dice = Dice(seed + (number * SHOPPERS + shopper) as u64);
            shoppers.push(async move {
                let name = format!("{number}-{shopper}");
                shop(&cart, history, &name, &mut dice, COMMANDS).await;
            });
        }
    }
    let killing = async {
        let part = CARTS * SHOPPERS * COMMANDS / (kills + 1);
        for number in 1..=kills {
            // At roughly even intervals of the shoppers' work.
            let enough = part * number - dice.below(part / 2);
            let reached = answered.wait_for(|answered| *answered >= enough);
            let reached = tokio::time::timeout(PATIENCE, reached).await;
            reached
                .expect("answers in time")
                .expect("shoppers who go on");
            random_moment(&mut dice).await;
            kill(&mut dice, number).await;
        }
    };
    tokio::join!(join_all(shoppers), killing);
    histories.into_iter().map(RefCell::into_inner).collect()
}

/// The histories on one program, which is killed and started again.
async fn histories_of_one_program(seed: u64, kills: usize) -> Vec<History> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Some(ServiceProcess::serve(folder.path()));
    let (tell, life) = watch::channel(Life {
        number: 0,
        address: program.as_ref().expect("a program").address,
    });
    let kill = async |_: &mut Dice, number: usize| {
        program.take().expect("a program").kill();
        let again = program.insert(ServiceProcess::serve(folder.path()));
        tell.send_replace(Life {
            number,
            address: again.address,
        });
    };
    histories_with_kills(seed, kills, &[life], kill).await
}

/// Promise (log): Each cart is linearizable.
/// Fault: 12 shoppers on 3 carts over HTTP, `kill -9` three times, twice
/// Control: A forged response and a missing command are noticed:
/// [control_forged_history_is_not_linearizable].
#[tokio::test]
async fn carts_are_linearizable_over_http_with_kills() {
    let seed = seed();
    let (mut answered, mut unanswered) = (0, 0);
    for round in 0..times(2, 20) {
        for history in histories_of_one_program(seed + 1_000 * round, 3).await {
            assert!(
                history.is_linearizable(),
                "not linearizable, seed {seed}:\n{history}"
            );
            answered += history.answered();
            unanswered += history.unanswered();
        }
    }
    println!("{answered} commands were answered, {unanswered} never");
    assert!(answered > 500);
}

/// The history of shoppers at two nodes that share a log in memory.
async fn history_of_two_nodes(seed: u64, checks_versions: bool) -> History {
    let storage = MemoryStorage::new(Uuid::nil());
    let log = MemoryLog::open(&storage).expect("a new place");
    let slow = Arc::new(Slow {
        log: log.clone(),
        checks_versions,
    });
    let nodes = [Node::on(slow.clone()), Node::on(slow)];
    let history = history_of(&nodes, seed, 4).await;
    log.close();
    history
}

/// The history of so many shoppers of one cart, each at one of the nodes.
async fn history_of(nodes: &[Node], seed: u64, shoppers: usize) -> History {
    nodes[0].open().await;
    let history = RefCell::default();
    join_all((0..shoppers).map(|shopper| {
        let history = &history;
        let mut dice = Dice(seed + shopper as u64);
        async move {
            let (node, name) = (&nodes[shopper % nodes.len()], format!("{shopper}"));
            shop(node, history, &name, &mut dice, 40).await;
        }
    }))
    .await;
    history.into_inner()
}

/// Promise (log): Each cart is linearizable.
/// Fault: 4 shoppers at two nodes on one log
/// Control: A log that ignores the expected version is noticed:
/// [control_ignored_version_is_not_linearizable].
#[tokio::test]
async fn carts_are_linearizable_on_two_nodes() {
    for seed in seed()..seed() + times(10, 500) {
        let history = history_of_two_nodes(seed, true).await;
        assert_eq!(history.answered(), 160);
        assert!(
            history.is_linearizable(),
            "not linearizable, seed {seed}:\n{history}"
        );
    }
}

#[tokio::test]
async fn control_ignored_version_is_not_linearizable() {
    for seed in seed()..seed() + 10 {
        let history = history_of_two_nodes(seed, false).await;
        assert!(!history.is_linearizable(), "seed {seed}:\n{history}");
    }
}

#[tokio::test]
async fn control_forged_history_is_not_linearizable() {
    let history = history_of_two_nodes(seed(), true).await;
    let mut forged = 0;
    // No later command may have seen the effect of the last ones.
    for place in 0..history.operations.len() - 20 {
        let mut other = history.clone();
        let operation = &mut other.operations[place];
        let (Change::Add(..), Answer::Done { version, .. }) =
            (operation.change, &mut operation.answer)
        else {
            continue;
        };
        *version += 1;
        assert!(
            !other.is_linearizable(),
            "answer {place} is forged:\n{other}"
        );
        let mut other = history.clone();
        other.forget(place);
        assert!(
            !other.is_linearizable(),
            "command {place} is left out:\n{other}"
        );
        forged += 1;
    }
    assert!(forged > 20);
}
