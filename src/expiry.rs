//! Expiry of idle carts in the background.
//!
//! An open cart without events for the configured time gets `CartExpired` through the command
//! path. This module reads the clock and the view lists the idle carts. The command names the last
//! change that the view has seen, so that a cart that changed meanwhile refuses to expire.

use crate::cart::{CartCommand, CartModel, Refusal};
use crate::commands::{CommandContext, CommandError, CommandHandler};
use crate::timestamp::Timestamp;
use crate::views::carts::{self, IdleCart};
use crate::views::{Reader, ViewReadError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Idle carts per query of the view.
const PAGE: usize = 500;
/// The shortest and longest pause between sweeps.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_mins(5);

/// Expires idle carts.
pub struct Expiry {
    commands: Arc<CommandHandler<CartModel>>,
    /// Opens a reader of the views for each sweep, since sweeps are rare.
    views: Box<dyn Fn() -> Reader + Send + Sync>,
    idle_time: Duration,
}

/// Why a sweep failed. The next sweep retries.
#[derive(Debug, thiserror::Error)]
pub enum ExpiryError {
    #[error(transparent)]
    Views(#[from] ViewReadError),
    #[error(transparent)]
    Command(#[from] CommandError<Refusal>),
}

impl Expiry {
    /// Expires carts in which nothing has happened for `idle_time`.
    pub fn new(
        commands: Arc<CommandHandler<CartModel>>,
        views: impl Fn() -> Reader + Send + Sync + 'static,
        idle_time: Duration,
    ) -> Expiry {
        Expiry {
            commands,
            views: Box::new(views),
            idle_time,
        }
    }

    /// Sweeps periodically until `stop` is true or dropped. A failed sweep is retried at the next
    /// period: log and views report their own failures.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let pause = (self.idle_time / 10).clamp(SOONEST, LATEST);
        loop {
            let swept = tokio::select! {
                swept = self.sweep(Timestamp::now()) => swept,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match swept {
                Ok(0) => {}
                Ok(expired) => tracing::info!(expired, "expired idle carts"),
                Err(error) => {
                    tracing::warn!(%error, "expiry of idle carts failed; it is retried later");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Expires every cart that is idle at `now` and returns their number. One at a time, so that
    /// shoppers' commands take precedence.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, ExpiryError> {
        let idle_time = i64::try_from(self.idle_time.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.millis().saturating_sub(idle_time));
        let views = (self.views)();
        // A view that still catches up after the start would list no carts.
        views.wait_until_complete(&[carts::NAME]).await;
        views.wait_until_written().await;
        let mut expired = 0;
        let mut last: Option<IdleCart> = None;
        loop {
            let carts = views.idle_carts(before, last, PAGE)?;
            for cart in &carts {
                expired += usize::from(self.expire(*cart).await?);
            }
            match carts.last() {
                Some(cart) if carts.len() == PAGE => last = Some(*cart),
                Some(_) | None => return Ok(expired),
            }
        }
    }

    /// Expires one cart; false if it is not idle or not open any more.
    async fn expire(&self, cart: IdleCart) -> Result<bool, ExpiryError> {
        let command = CartCommand::Expire {
            idle_since: cart.idle_since,
        };
        let context = CommandContext::new(command.name(), "service");
        let handled = self
            .commands
            .handle(cart.id, &command, &context, |_| true)
            .await;
        match handled {
            Ok(_) => Ok(true),
            // The view was behind: the cart is not idle, or closed already.
            Err(CommandError::Refused(_)) => Ok(false),
            // One unreadable stream must not stop the expiry of all other carts.
            Err(CommandError::History(error)) => {
                tracing::warn!(cart = %cart.id, %error, "cannot expire an idle cart");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
