//! The settings of one webhook.

use super::signature::SigningSecret;
use crate::outbound::Target;
use crate::public_events::PublicType;
use std::time::Duration;

/// A receiver of public events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Under this name the state of deliveries is kept.
    pub name: String,
    pub target: Target,
    /// The events that it receives.
    pub types: Vec<PublicType>,
    pub secret: SigningSecret,
    /// The time limit of one attempt.
    pub timeout: Duration,
    /// How many failed attempts park a cart.
    pub attempts: u32,
    /// Deliveries at the same time, each of another cart.
    pub concurrency: usize,
}
