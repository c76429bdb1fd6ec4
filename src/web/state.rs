//! What the handlers of one worker have at hand.

use crate::cart::{Cart, CartModel};
use crate::catalogue::Catalogue;
use crate::commands::CommandHandler;
use crate::log::{LogReader, Position};
use crate::verify::Verifications;
use crate::views::carts::CartRow;
use crate::views::{Arrivals, Reader, Rebuilds, ViewFailure, ViewReadError};
use crate::web::api::access::{CartTokenDigest, CredentialIssuer};
use crate::web::api::metrics::Metrics;
use crate::web::api::operator::OperatorToken;
use crate::web::http::problem::Problem;
use crate::web::http::rate::RateLimits;
use crate::web::http::streams::Streams;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// One worker's share: what all workers have, and its own connection to the views.
pub struct AppState {
    shared: Arc<SharedState>,
    pub views: Reader,
}

/// What all workers have.
pub struct SharedState {
    pub commands: Arc<CommandHandler<CartModel>>,
    pub log: Arc<dyn LogReader>,
    pub catalogue: Catalogue,
    pub credentials: CredentialIssuer,
    pub operator: OperatorToken,
    pub arrivals: Arc<Arrivals>,
    /// Where the views are made anew.
    pub rebuilds: Arc<Rebuilds>,
    /// Where log and views are verified.
    pub verifications: Arc<Verifications>,
    /// What keeps the views from being written, if anything does.
    pub views_health: watch::Receiver<Option<ViewFailure>>,
    /// The bounds on what one client may send.
    pub rates: RateLimits,
    /// The bound on live streams.
    pub streams: Arc<Streams>,
    /// What is counted, for whoever watches over the service.
    pub metrics: Metrics,
    /// After how long without an event an open cart counts as abandoned.
    pub abandoned_after: Duration,
    /// True once the service is stopping: streams end then.
    pub stopping: watch::Receiver<bool>,
    /// Whether browsers come by https, so that cookies may ask for it.
    pub secure_cookies: bool,
    /// The names under which the service may be asked; empty for any.
    pub hosts: Vec<String>,
}

impl AppState {
    pub fn new(shared: Arc<SharedState>, views: Reader) -> AppState {
        AppState { shared, views }
    }

    /// Whether `host` (with or without a port) is a name of this service.
    pub fn serves_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        self.hosts.is_empty() || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The cart `id` as the view has it, for a request with its `token`. A cart that the view
    /// does not know yet is looked up where commands are decided, so that no cart is missing
    /// between its opening and the view's next batch. So is every cart while the views are being
    /// made, and one whose row cannot be read: the log has it.
    ///
    /// With the row comes a position that it has seen everything up to.
    pub async fn cart_row(
        &self,
        id: Uuid,
        token: CartTokenDigest,
    ) -> Result<(CartRow, Position), Problem> {
        let viewed = if self.views.can_read_carts() {
            match self.views.cart(id) {
                Ok((row, shown)) => row.map(|row| (row, shown)),
                Err(error) => {
                    // Damage is told once, by the updater.
                    if !matches!(error, ViewReadError::Damaged(_)) {
                        tracing::error!(%error, cart = %id, "a cart's row cannot be read");
                    }
                    None
                }
            }
        } else {
            None
        };
        let (row, seen) = match viewed {
            Some(viewed) => viewed,
            None => {
                let seen = self.views.progress().position;
                let (cart, _) = self.commands.state(id).await?;
                let row = CartRow::of(id, &cart).ok_or_else(Problem::not_found)?;
                (row, seen)
            }
        };
        if token.matches(&row.token_hash) {
            Ok((row, seen))
        } else {
            Err(Problem::not_found())
        }
    }

    /// The cart `id` as of everything acknowledged, for a request with its `token`.
    pub async fn cart(&self, id: Uuid, token: CartTokenDigest) -> Result<Arc<Cart>, Problem> {
        let (cart, _) = self.commands.state(id).await?;
        if token.authorizes(&cart) {
            Ok(cart)
        } else {
            Err(Problem::not_found())
        }
    }
}

impl Deref for AppState {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.shared
    }
}
