//! Reads that run beside commands.

use cartlog_testkit::PATIENCE;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// Enough distinct answers to show that commands ran between the reads.
const DISTINCT_ANSWERS: usize = 20;

/// Sends the commands 0, 1, 2, … while two loops read, until the reads gave enough distinct values.
///
/// `read` checks an answer and returns what each command changes of it. A slow machine takes
/// longer, and proves the same.
pub async fn read_while_commands_run(command: impl AsyncFn(u32), read: impl AsyncFn() -> u64) {
    let seen = RefCell::new(BTreeSet::new());
    let done = Cell::new(false);
    let commands = async {
        let mut number = 0;
        while seen.borrow().len() < DISTINCT_ANSWERS {
            command(number).await;
            number += 1;
        }
        done.set(true);
    };
    let reading = async || {
        while !done.get() {
            let value = read().await;
            seen.borrow_mut().insert(value);
        }
    };
    let all = async { tokio::join!(commands, reading(), reading()) };
    let finished = tokio::time::timeout(PATIENCE, all).await;
    finished.expect("reads between commands");
}
