//! `cartlog simulate --days`: asks a demo service for shopping dated over the last days. The
//! service has the rules and the log; a client cannot date events.

use super::client::{Client, Sent};
use super::plan::{Plan, SimulateError};
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use ureq::http::Method;
use uuid::Uuid;

/// Carts per request, which keeps each far below the time limit of an attempt.
const BATCH: u64 = 100;

/// What the service added.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Simulated {
    carts: u64,
    checked_out: u64,
    refused: u64,
    events: u64,
    from: Option<String>,
    to: Option<String>,
}

/// Has `plan.carts` carts simulated over `days` days. `progress` is called with the number of
/// finished carts.
pub(super) fn simulate(
    plan: &Plan,
    days: u32,
    progress: &impl Fn(u64),
) -> Result<Simulated, SimulateError> {
    let mut client = Client::new(plan)?;
    let mut whole = Simulated::default();
    let run = Uuid::now_v7();
    let mut left = plan.carts;
    for batch in 0.. {
        if left == 0 {
            break;
        }
        let carts = left.min(BATCH);
        let body = json!({ "carts": carts, "days": days, "seed": plan.seed.wrapping_add(batch) });
        let key = format!("{run}-{batch}");
        let sent = Sent {
            key: Some(&key),
            body: Some(body.to_string()),
            ..Sent::default()
        };
        let reply = client.send_with_retries("simulation", &Method::POST, "/api/simulation", &sent);
        let reply = reply.ok_or_else(|| SimulateError::Unreachable {
            url: plan.url.clone(),
            reason: "it did not respond in time".to_owned(),
        })?;
        if reply.status != 200 {
            return Err(SimulateError::Refused {
                reason: match reply.status {
                    401 | 404 => "the service must be in demo mode, without \
                                  security.operator_token"
                        .to_owned(),
                    status => format!("the service responded with status {status}"),
                },
            });
        }
        let added: Simulated = serde_json::from_slice(&reply.body)
            .map_err(|error| client.not_cartlog(&error.to_string()))?;
        whole.add(added);
        left -= carts;
        progress(plan.carts - left);
    }
    Ok(whole)
}

impl Simulated {
    fn add(&mut self, other: Simulated) {
        self.carts += other.carts;
        self.checked_out += other.checked_out;
        self.refused += other.refused;
        self.events += other.events;
        // Times of one width sort as texts.
        self.from = [self.from.take(), other.from].into_iter().flatten().min();
        self.to = self.to.take().max(other.to);
    }
}

impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |time: &Option<String>| time.as_deref().unwrap_or("none").to_owned();
        writeln!(f, "carts {}", self.carts)?;
        writeln!(f, "bought {}", self.checked_out)?;
        writeln!(f, "refused {}", self.refused)?;
        writeln!(f, "events {}", self.events)?;
        writeln!(f, "from {}", or_none(&self.from))?;
        writeln!(f, "to {}", or_none(&self.to))
    }
}
