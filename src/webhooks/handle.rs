//! How the operator sees and commands a webhook that is running.

use super::settings::WebhookSettings;
use crate::log::Position;
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// `idle`: everything is delivered or parked. `waiting`: the receiver cannot be reached, or asked
/// to wait. `stopped`: nothing is delivered; `last_error` says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WebhookState")]
pub enum Activity {
    Idle,
    Delivering,
    Waiting,
    Stopped,
}

/// The state of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookStatus {
    pub activity: Activity,
    /// Up to this position everything is delivered, parked or dropped.
    pub position: Position,
    /// Age of the oldest event that is neither delivered nor parked.
    pub lag: Duration,
    pub parked_carts: usize,
    /// The last failure, until a delivery succeeds.
    pub last_error: Option<String>,
}

impl WebhookStatus {
    /// The status of a webhook that cannot run, for `reason`.
    pub(super) fn stopped(reason: &str) -> WebhookStatus {
        WebhookStatus {
            activity: Activity::Stopped,
            position: Position(0),
            lag: Duration::ZERO,
            parked_carts: 0,
            last_error: Some(reason.to_owned()),
        }
    }
}

/// A cart whose deliveries wait for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ParkedCart {
    pub cart_id: Uuid,
    /// Where its events that are not delivered are in the log.
    pub positions: Vec<Position>,
    pub parked_at: Timestamp,
    /// The last failure of the first of them.
    pub reason: String,
}

/// What the operator asks for.
#[derive(Debug)]
pub enum Command {
    Status(oneshot::Sender<WebhookStatus>),
    Parked(oneshot::Sender<Result<Vec<ParkedCart>, String>>),
    /// Delivers a parked cart again.
    Retry(Uuid, oneshot::Sender<Result<bool, String>>),
    /// Gives the parked events of a cart up, for a reason.
    Drop(Uuid, String, oneshot::Sender<Result<bool, String>>),
}

/// A running webhook.
#[derive(Debug, Clone)]
pub struct WebhookHandle {
    pub settings: Arc<WebhookSettings>,
    pub(super) commands: mpsc::Sender<Command>,
}

impl WebhookHandle {
    /// The state now.
    pub async fn status(&self) -> Result<WebhookStatus, String> {
        self.ask(Command::Status).await
    }

    /// The parked carts, by their ids.
    pub async fn parked(&self) -> Result<Vec<ParkedCart>, String> {
        self.ask(Command::Parked).await?
    }

    /// Delivers the parked events of `cart` again; false if it has none.
    pub async fn retry(&self, cart: Uuid) -> Result<bool, String> {
        self.ask(|reply| Command::Retry(cart, reply)).await?
    }

    /// Gives the parked events of `cart` up, for `reason`; false if it has none.
    pub async fn drop_cart(&self, cart: Uuid, reason: String) -> Result<bool, String> {
        self.ask(|reply| Command::Drop(cart, reason, reply)).await?
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, String> {
        const ENDED: &str = "the service is shutting down";
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| ENDED.to_owned())?;
        answer.await.map_err(|_| ENDED.to_owned())
    }
}
