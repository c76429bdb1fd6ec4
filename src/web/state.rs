//! The state that handlers share.

use crate::cart::{Cart, CartModel};
use crate::catalogue::Catalogue;
use crate::commands::CommandHandler;
use crate::log::{LogReader, Position};
use crate::verify::Verifications;
use crate::views::carts::CartRow;
use crate::views::{Arrivals, Reader, Rebuilds, ViewFailure, ViewReadError};
use crate::web::auth::cart::{CartTokenDigest, CredentialIssuer};
use crate::web::auth::operator::OperatorToken;
use crate::web::http::gate::Gate;
use crate::web::http::problem::Problem;
use crate::web::http::streams::Streams;
use crate::web::metrics::Metrics;
use actix_web::web::Bytes;
use quick_cache::sync::Cache;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// The state of one worker: what all workers share, and its own connection to the views.
pub struct AppState {
    shared: Arc<SharedState>,
    pub views: Reader,
}

/// What all workers share.
pub struct SharedState {
    pub commands: Arc<CommandHandler<CartModel>>,
    pub log: Arc<dyn LogReader>,
    pub catalogue: Catalogue,
    pub credentials: CredentialIssuer,
    pub operator: OperatorToken,
    pub arrivals: Arc<Arrivals>,
    pub rebuilds: Arc<Rebuilds>,
    pub verifications: Arc<Verifications>,
    /// Why the views cannot be written, if they cannot.
    pub views_health: watch::Receiver<Option<ViewFailure>>,
    pub gate: Arc<Gate>,
    /// The limit on live streams.
    pub streams: Arc<Streams>,
    /// New events as the live streams of their carts send them, by cart and version.
    pub live_events: Cache<(Uuid, u64), Bytes>,
    pub metrics: Metrics,
    /// The time without an event after which an open cart counts as abandoned.
    pub abandoned_after: Duration,
    /// True once the service is shutting down: live streams end then.
    pub stopping: watch::Receiver<bool>,
    /// Whether cookies are marked `Secure`, because browsers connect by https.
    pub secure_cookies: bool,
}

impl AppState {
    pub fn new(shared: Arc<SharedState>, views: Reader) -> AppState {
        AppState { shared, views }
    }

    /// The row of the cart `id`, for a request with its `token`, and a position up to which the row
    /// reflects the log.
    ///
    /// Falls back to the write side, which reads the log, when the view does not have the cart yet,
    /// is being rebuilt, or cannot be read: a cart is never missing after its opening was
    /// acknowledged.
    pub async fn cart_row(
        &self,
        id: Uuid,
        token: CartTokenDigest,
    ) -> Result<(CartRow, Position), Problem> {
        let viewed = if self.views.can_read_carts() {
            match self.views.cart(id) {
                Ok((row, shown)) => row.map(|row| (row, shown)),
                Err(error) => {
                    // The projector logs damage, once.
                    if !matches!(error, ViewReadError::Damaged(_)) {
                        tracing::error!(%error, cart = %id, "reading a cart's row failed");
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
