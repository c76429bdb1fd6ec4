//! Carts that are left behind: what the service does by itself.
//!
//! An open cart in which nothing has happened for long gets `CartExpired`, by the same way as any
//! command. The clock stays outside the model: this module looks at it, the view says which carts
//! have been idle since before then, and the command names the moment that the view has seen, so
//! that a cart in which something happened meanwhile refuses to expire.

use crate::cart::{CartCommand, CartModel, Refusal};
use crate::commands::{CommandContext, CommandError, CommandHandler};
use crate::timestamp::Timestamp;
use crate::views::carts::{self, IdleCart};
use crate::views::{Reader, ViewReadError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many idle carts are read from the view at a time.
const PAGE: usize = 500;
/// How often idle carts are looked for, at the most and at the least.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_mins(5);

/// Expires the carts that have been idle for long.
pub struct Expiry {
    commands: Arc<CommandHandler<CartModel>>,
    /// Makes a reader of the views: one is opened for each sweep, since sweeps are rare.
    views: Box<dyn Fn() -> Reader + Send + Sync>,
    idle_time: Duration,
}

/// Why a sweep ended early. The next one begins where it makes sense.
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

    /// Looks for idle carts from time to time, until `stop` says so or is dropped.
    ///
    /// A sweep that fails is tried again at the next time: whatever keeps it from the log or the
    /// views is noticed by those who own these.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let pause = (self.idle_time / 10).clamp(SOONEST, LATEST);
        loop {
            let swept = tokio::select! {
                swept = self.sweep(Timestamp::now()) => swept,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match swept {
                Ok(0) => {}
                Ok(expired) => tracing::info!(expired, "idle carts have expired"),
                Err(error) => tracing::warn!(%error, "idle carts could not be expired"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Expires every cart that has been idle for long at the moment `now`, and says how many these
    /// were. One after the other: shoppers' commands come first at the log.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, ExpiryError> {
        let idle_time = i64::try_from(self.idle_time.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.millis().saturating_sub(idle_time));
        let views = (self.views)();
        // Views that are behind the log at the start would show nothing, and the next sweep is a pause
        // away.
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

    /// Expires one cart; false if it turns out not to be idle, or not open.
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
            // One history that cannot be read must not keep all other carts open.
            Err(CommandError::History(error)) => {
                tracing::warn!(cart = %cart.id, %error, "an idle cart could not be expired");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
