//! The events that matter to a warehouse. It reads the members that it needs and ignores others,
//! so that cartlog may add some.

use serde::Deserialize;
use std::fmt;
use uuid::Uuid;

/// A CloudEvent of cartlog.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Envelope")]
pub struct Event {
    /// The same whenever the event is sent.
    pub id: String,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    Placed(Placed),
    Cancelled(Cancelled),
    /// Of a type that is of no interest here.
    Other,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: serde_json::Value,
}

impl TryFrom<Envelope> for Event {
    type Error = serde_json::Error;

    fn try_from(envelope: Envelope) -> Result<Event, serde_json::Error> {
        let Envelope { id, kind, data } = envelope;
        let what = match kind.as_str() {
            "cartlog.v1.order.placed" => What::Placed(serde_json::from_value(data)?),
            "cartlog.v1.order.cancelled" => What::Cancelled(serde_json::from_value(data)?),
            _ => What::Other,
        };
        Ok(Event { id, what })
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Placed {
    pub order_id: Uuid,
    pub lines: Vec<Line>,
    /// Until when cartlog waits for the answer; absent if it does not ask a warehouse.
    pub reserve_by: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    pub sku: String,
    pub name: String,
    pub quantity: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Cancelled {
    pub order_id: Uuid,
    pub message: String,
}

/// The short number of an order, as the shop's pages show it.
pub struct Short<'a>(pub &'a Uuid);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.simple().to_string()[20..])
    }
}
