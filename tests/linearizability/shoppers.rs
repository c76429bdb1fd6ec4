//! Shoppers who share a cart and record their requests and responses.

use crate::cart::{Answer, Change, SKUS};
use crate::history::History;
use cartlog_testkit::seed::Dice;
use std::cell::RefCell;

/// What came of sending a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Answered(Answer),
    /// Nothing was done; it may be sent again.
    NotDone,
    /// The outcome is unknown.
    Lost,
}

/// Where commands to one cart are sent.
pub trait Counter {
    async fn send(&self, change: Change, if_match: Option<u64>, key: Option<&str>) -> Reply;

    /// Waits until it is worth while to send something again.
    async fn opens_again(&self);
}

/// Sends `count` commands, one after the other. One under a key is sent until it is answered; of
/// one without a key it may remain unknown what became of it.
pub async fn shop(
    counter: &impl Counter,
    history: &RefCell<History>,
    name: &str,
    dice: &mut Dice,
    count: usize,
) {
    let mut seen = 1;
    for number in 0..count {
        let (change, matched) = random_change(dice);
        let if_match = matched.then_some(seen);
        let key = (dice.below(4) > 0).then(|| format!("{name}-{number}"));
        let operation = history.borrow_mut().calls(change, if_match);
        loop {
            let reply = counter.send(change, if_match, key.as_deref()).await;
            match reply {
                Reply::Answered(answer) => {
                    if let Answer::Done { version, .. } | Answer::Mismatch { current: version } =
                        answer
                    {
                        seen = version;
                    }
                    history.borrow_mut().returns(operation, answer);
                    break;
                }
                Reply::NotDone | Reply::Lost => {
                    counter.opens_again().await;
                    if key.is_none() {
                        if reply == Reply::NotDone {
                            history.borrow_mut().forget(operation);
                        }
                        break;
                    }
                }
            }
        }
    }
}

/// A change, and whether it is for the version that was seen last.
fn random_change(dice: &mut Dice) -> (Change, bool) {
    let sku = dice.below(SKUS.len());
    let quantity = u32::try_from(dice.below(4)).expect("a quantity");
    match dice.below(10) {
        0..4 => (Change::Add(sku, quantity + 1), dice.below(6) == 0),
        4..7 => (Change::Set(sku, quantity), dice.below(6) == 0),
        7 => (Change::Remove(sku), false),
        8 => (Change::Clear, false),
        _ => (Change::Undo, true),
    }
}
