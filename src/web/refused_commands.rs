//! Refused commands, kept in this node's memory: the log has what happened, and a refused command
//! did not. They explain a cart to its owner, and nothing else is derived from them.
//!
//! The store is bounded by carts and by refusals of each, and is written only where a command is
//! refused.

use crate::cart::{CartCommand, RequestedItem, Sku};
use crate::commands::CommandContext;
use crate::timestamp::Timestamp;
use crate::web::http::problem::Problem;
use quick_cache::sync::Cache;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Carts whose refusals are kept; those refused least recently make room.
const MAX_CARTS: usize = 1_000;
/// Refusals that are kept of a cart: the newest.
const MAX_PER_CART: usize = 20;

/// A command that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RefusedCommand {
    refused_at: Timestamp,
    /// Version of the cart that refused the command: it came after the event of that version.
    version: u64,
    command: &'static str,
    command_id: Uuid,
    /// The product that the command named.
    sku: Option<Sku>,
    quantity: Option<u32>,
    /// The problem type, whose page explains the rule.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    /// The rule that refused it, in words for the shopper.
    detail: String,
    /// Milliseconds until it was refused. A refusal is decided twice: the second time on all events
    /// that the log has acknowledged by then.
    decide_ms: f64,
    trace_id: Option<String>,
}

impl RefusedCommand {
    /// `command`, refused by the cart at `version` with `problem` after `time`.
    pub fn of(
        command: &CartCommand,
        context: &CommandContext,
        version: u64,
        problem: &Problem,
        time: Duration,
    ) -> RefusedCommand {
        let (sku, quantity) = match command {
            CartCommand::AddItem(RequestedItem { sku, quantity, .. })
            | CartCommand::SetQuantity(RequestedItem { sku, quantity, .. }) => {
                (Some(sku.clone()), Some(*quantity))
            }
            CartCommand::RemoveItem { sku } => (Some(sku.clone()), None),
            CartCommand::OpenCart { .. }
            | CartCommand::ClearCart
            | CartCommand::ApplyPromotion { .. }
            | CartCommand::RemovePromotion
            | CartCommand::Undo
            | CartCommand::Checkout { .. }
            | CartCommand::Expire { .. } => (None, None),
        };
        RefusedCommand {
            refused_at: Timestamp::now(),
            version,
            command: context.command,
            command_id: context.command_id,
            sku,
            quantity,
            kind: problem.kind().address(),
            title: problem.kind().title(),
            detail: problem.detail().to_owned(),
            decide_ms: Duration::from_micros(time.as_micros() as u64).as_secs_f64() * 1_000.0,
            trace_id: context.trace_id.clone(),
        }
    }
}

type OfCart = Arc<Mutex<VecDeque<RefusedCommand>>>;

/// The latest refused commands, by cart.
#[derive(Debug)]
pub struct RefusedCommands {
    carts: Cache<Uuid, OfCart>,
}

impl Default for RefusedCommands {
    fn default() -> RefusedCommands {
        RefusedCommands {
            carts: Cache::new(MAX_CARTS),
        }
    }
}

impl RefusedCommands {
    pub fn add(&self, cart: Uuid, refused: RefusedCommand) {
        let kept = self
            .carts
            .get_or_insert_with(&cart, || Ok::<_, Infallible>(OfCart::default()))
            .unwrap_or_else(|never| match never {});
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_PER_CART {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    /// What `cart` has refused, oldest first.
    pub fn of(&self, cart: Uuid) -> Vec<RefusedCommand> {
        let kept = self.carts.get(&cart).unwrap_or_default();
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::http::problem::Kind;

    fn refused(version: u64) -> RefusedCommand {
        let context = CommandContext::new("undo", "shopper");
        let problem = Problem::new(Kind::NothingToUndo, "Nothing to undo.");
        let time = Duration::from_nanos(1_234_567);
        RefusedCommand::of(&CartCommand::Undo, &context, version, &problem, time)
    }

    #[test]
    fn newest_refusals_of_a_cart_are_kept() {
        let refusals = RefusedCommands::default();
        let cart = Uuid::from_u128(1);
        for version in 1..=25 {
            refusals.add(cart, refused(version));
        }
        let kept = refusals.of(cart);
        let versions: Vec<u64> = kept.iter().map(|it| it.version).collect();
        assert_eq!(versions, (6..=25).collect::<Vec<_>>());
        assert!((kept[0].decide_ms - 1.234).abs() < 1e-9);
        assert!(refusals.of(Uuid::from_u128(2)).is_empty());
    }

    #[test]
    fn refusals_of_many_carts_are_bounded() {
        let refusals = RefusedCommands::default();
        let carts = 5 * MAX_CARTS as u128;
        for cart in 0..carts {
            refusals.add(Uuid::from_u128(cart), refused(1));
        }
        assert!(refusals.carts.len() <= MAX_CARTS);
        assert!(!refusals.of(Uuid::from_u128(carts - 1)).is_empty());
    }
}
