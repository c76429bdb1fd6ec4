//! The models that share the log. Every stream belongs to one of them, by the events that it
//! begins with; an event's name says which. A further model is one more entry here.

use crate::cart::sentence::sentence as cart_sentence;
use crate::cart::{CartEvent, Currency};
use crate::decider::{Event, UnreadableEvent};
use crate::orders::OrderEvent;
use crate::orders::sentence::sentence as order_sentence;
use schemars::JsonSchema;

/// A model in this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Cart,
    Order,
}

/// An event of any model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelEvent {
    Cart(CartEvent),
    Order(OrderEvent),
}

/// An event's data in the log, in the current shape or an old one, by the event's type and schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum StoredData {
    Cart(crate::cart::event::StoredData),
    Order(OrderEvent),
}

impl Model {
    /// The model that has events called `name`. An unknown name is taken for a cart's: carts were
    /// the only model once.
    pub fn of(name: &str) -> Model {
        if OrderEvent::NAMES.contains(&name) {
            Model::Order
        } else {
            Model::Cart
        }
    }

    /// What a stream of this model is, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Model::Cart => "cart",
            Model::Order => "order",
        }
    }

    /// The path of the REST resources of this model.
    pub fn path(self) -> &'static str {
        match self {
            Model::Cart => "/api/carts",
            Model::Order => "/api/orders",
        }
    }
}

impl ModelEvent {
    /// Whether the event is the first of its stream: each stream has exactly one of these.
    pub fn opens_stream(&self) -> bool {
        match self {
            ModelEvent::Cart(event) => matches!(event, CartEvent::CartOpened(_)),
            ModelEvent::Order(event) => matches!(event, OrderEvent::OrderPlaced(_)),
        }
    }

    /// The code of the promotion that the event is about, or that its order has.
    pub fn promotion_code(&self) -> Option<&str> {
        match self {
            ModelEvent::Cart(CartEvent::PromotionApplied(promotion)) => Some(&promotion.code),
            ModelEvent::Cart(CartEvent::PromotionRemoved(removed)) => Some(&removed.code),
            ModelEvent::Order(OrderEvent::OrderPlaced(placed)) => placed.promotion.as_deref(),
            ModelEvent::Cart(_) | ModelEvent::Order(_) => None,
        }
    }

    /// What a person wrote about the order.
    pub fn message(&self) -> Option<&str> {
        match self {
            ModelEvent::Order(OrderEvent::OrderRefused(refused)) => Some(&refused.message),
            ModelEvent::Order(OrderEvent::OrderCancelled(cancelled)) => Some(&cancelled.message),
            ModelEvent::Cart(_) | ModelEvent::Order(_) => None,
        }
    }

    /// The event in plain English, with amounts in the stream's `currency`.
    pub fn sentence(&self, currency: Currency) -> String {
        match self {
            ModelEvent::Cart(event) => cart_sentence(event, currency),
            ModelEvent::Order(event) => order_sentence(event),
        }
    }
}

impl Event for ModelEvent {
    const NAMES: &'static [&'static str] = &{
        const CARTS: usize = CartEvent::NAMES.len();
        let mut names = [""; CARTS + OrderEvent::NAMES.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = if at < CARTS {
                CartEvent::NAMES[at]
            } else {
                OrderEvent::NAMES[at - CARTS]
            };
            at += 1;
        }
        names
    };

    fn name(&self) -> &'static str {
        match self {
            ModelEvent::Cart(event) => event.name(),
            ModelEvent::Order(event) => event.name(),
        }
    }

    fn schema(&self) -> u32 {
        match self {
            ModelEvent::Cart(event) => event.schema(),
            ModelEvent::Order(event) => event.schema(),
        }
    }

    fn data(&self) -> String {
        match self {
            ModelEvent::Cart(event) => event.data(),
            ModelEvent::Order(event) => event.data(),
        }
    }

    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent> {
        match Model::of(name) {
            Model::Cart => CartEvent::read(name, schema, data).map(ModelEvent::Cart),
            Model::Order => OrderEvent::read(name, schema, data).map(ModelEvent::Order),
        }
    }
}
