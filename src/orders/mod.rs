//! The model of an order: its commands, events and state. No I/O, no clock and no randomness.
//!
//! An order is a stream of its own, placed by the process that reacts to a cart's checkout. In the
//! order of processing: [`decide`](self) turns a [`command`] and a [`state`] into [`event`]s,
//! [`step`] names what the process has to do next, [`document`] is the state as JSON, and
//! [`sentence`] describes an event in words.

pub mod command;
mod decide;
pub mod document;
pub mod event;
mod evolve;
mod refusal;
pub mod sentence;
pub mod state;
pub mod step;

pub use command::OrderCommand;
pub use event::OrderEvent;
pub use refusal::OrderRefusal;
pub use state::{Order, OrderStatus};
pub use step::NextStep;

use crate::decider::{Decider, EventContext};

/// The order as a [`Decider`].
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderModel;

impl Decider for OrderModel {
    type Command = OrderCommand;
    type Event = OrderEvent;
    type State = Order;
    type Refusal = OrderRefusal;

    fn initial() -> Order {
        Order::NotPlaced
    }

    fn decide(
        &self,
        order: &Order,
        command: &OrderCommand,
    ) -> Result<Vec<OrderEvent>, OrderRefusal> {
        decide::decide(order, command)
    }

    fn evolve(order: &mut Order, event: &OrderEvent, context: &EventContext<'_>) {
        evolve::evolve(order, event, context);
    }

    fn weight(order: &Order) -> usize {
        order.weight()
    }
}
