//! `[orders]`: what follows a checkout.

use super::confidential::Confidential;
use super::{Config, Invalid, LEAST_DIFFERENT, LEAST_TOKEN, is_hard_to_guess};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    pub confirm: Confirmation,
    pub warehouse_token: Confidential<String>,
    pub(super) reserve_within_seconds: u64,
}

/// Who confirms an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// No one has to: a checkout is all there is of an order.
    Off,
    /// The service itself, at once.
    AtOnce,
    /// A warehouse, by reserving its units.
    Warehouse,
}

impl Orders {
    /// Whether checkouts lead to orders.
    pub fn follow_checkouts(&self) -> bool {
        self.confirm != Confirmation::Off
    }

    /// How long the warehouse may take to answer; `None` if it is not asked.
    pub fn reserve_within(&self) -> Option<Duration> {
        (self.confirm == Confirmation::Warehouse)
            .then(|| Duration::from_secs(self.reserve_within_seconds))
    }
}

impl Config {
    /// A warehouse must be able to answer, and nothing else may answer for it.
    pub(super) fn validate_orders(&self) -> Result<(), Invalid> {
        let token = self.orders.warehouse_token.text();
        if token.is_empty() && self.orders.confirm != Confirmation::Warehouse {
            return Ok(());
        }
        if is_hard_to_guess(token) {
            return Ok(());
        }
        Err(Invalid {
            key: "orders.warehouse_token",
            problem: format!(
                "must have at least {LEAST_TOKEN} characters, {LEAST_DIFFERENT} of them \
                 different, where orders.confirm is \"warehouse\"; generate one, for example with \
                 openssl rand -hex 16"
            ),
        })
    }
}
