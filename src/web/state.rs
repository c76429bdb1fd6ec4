//! The state that handlers share.

use crate::background_errors::BackgroundErrors;
use crate::cart::what_if::WhatIf;
use crate::cart::{Cart, CartModel, WithdrawnAtCheckout};
use crate::catalogue::{CurrentCatalogue, PictureFolder};
use crate::commands::CommandHandler;
use crate::jobs::JobHistory;
use crate::log::{LogAdministration, LogReader, Position, ReadError, Version};
use crate::mirror::MirrorHandle;
use crate::orders::OrderModel;
use crate::proof::{SigningStatus, VerifierKey, WitnessStatus};
use crate::secret::Secret;
use crate::simulated_days::SimulatedDays;
use crate::verify::Verifications;
use crate::views::carts::CartRow;
use crate::views::{Arrivals, PastCart, Reader, Rebuilds, Until, ViewFailure, ViewReadError};
use crate::web::auth::cart::{CartTokenDigest, CredentialIssuer};
use crate::web::auth::operator::OperatorAccess;
use crate::web::auth::share::ShareTokens;
use crate::web::auth::warehouse::WarehouseAccess;
use crate::web::fold_limit::{FoldLimit, FoldTurn};
use crate::web::http::downloads::DownloadTurn;
use crate::web::http::gate::Gate;
use crate::web::http::page::Cursors;
use crate::web::http::problem::Problem;
use crate::web::http::rate::RateLimits;
use crate::web::http::request_meter::RequestMeter;
use crate::web::http::streams::Streams;
use crate::web::measurements::Measurements;
use crate::web::metrics::Metrics;
use crate::web::refused_commands::RefusedCommands;
use crate::web::setting::Setting;
use crate::webhooks::WebhookHandle;
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

/// This node, as operators see it.
#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    /// The engine's name in the configuration.
    pub engine: &'static str,
}

/// The signed checkpoints of the log.
#[derive(Debug, Clone)]
pub struct ProofState {
    pub status: watch::Receiver<SigningStatus>,
    /// The key that signs, if there is one.
    pub key: Option<VerifierKey>,
    /// How far each witness is.
    pub witnesses: watch::Receiver<Vec<WitnessStatus>>,
    /// Whether anyone may read checkpoints, tiles and consistency proofs.
    pub is_public: bool,
}

/// What downloads of the log need.
pub struct Downloads {
    /// Copies the log for backups.
    pub administration: Arc<dyn LogAdministration>,
    /// Of the log as events.
    pub exports: DownloadTurn,
    /// Of the log's file.
    pub backups: DownloadTurn,
}

impl Downloads {
    pub fn of(administration: Arc<dyn LogAdministration>) -> Downloads {
        Downloads {
            administration,
            exports: DownloadTurn::new(
                "The log is being exported already, and one export runs at a time.",
            ),
            backups: DownloadTurn::new(
                "A backup is being downloaded already, and one download runs at a time.",
            ),
        }
    }
}

/// What all workers share.
pub struct SharedState {
    pub commands: Arc<CommandHandler<CartModel>>,
    pub orders: Arc<CommandHandler<OrderModel>>,
    /// Shopping in the past, which only a demo allows.
    pub simulated_days: SimulatedDays,
    pub warehouse: WarehouseAccess,
    pub log: Arc<dyn LogReader>,
    pub node: Node,
    /// The settings in effect, without secrets.
    pub settings: Vec<Setting>,
    pub catalogue: Arc<CurrentCatalogue>,
    /// The operator's own pictures.
    pub pictures: Option<PictureFolder>,
    /// What a checkout does about what the catalogue no longer has.
    pub withdrawn_at_checkout: WithdrawnAtCheckout,
    pub secret: Arc<Secret>,
    pub credentials: CredentialIssuer,
    pub cursors: Cursors,
    pub shares: ShareTokens,
    pub operator: OperatorAccess,
    pub arrivals: Arc<Arrivals>,
    pub rebuilds: Arc<Rebuilds>,
    pub webhooks: Vec<WebhookHandle>,
    /// The mirror of the log, if there is one.
    pub mirror: Option<MirrorHandle>,
    pub verifications: Arc<Verifications>,
    pub job_history: Arc<JobHistory>,
    pub background_errors: BackgroundErrors,
    /// Why the views cannot be written, if they cannot.
    pub views_health: watch::Receiver<Option<ViewFailure>>,
    pub gate: Arc<Gate>,
    pub rates: Arc<RateLimits>,
    pub proof: ProofState,
    /// The limit on live streams.
    pub streams: Arc<Streams>,
    /// The limit on folds at once.
    pub folds: FoldLimit,
    pub downloads: Downloads,
    /// The commands that this node has refused lately.
    pub refusals: RefusedCommands,
    pub metrics: Metrics,
    pub measurements: Measurements,
    pub requests: RequestMeter,
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

    /// The last position that this node can show. Other nodes of a shared log may have
    /// acknowledged more, and no engine is asked for that.
    pub async fn end(&self) -> Result<Position, ReadError> {
        match self.log.replica() {
            Some(replica) => Ok(replica.position),
            None => self.log.barrier().await,
        }
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
                    // The updater logs damage, once.
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

    /// The cart `id` as it was at `until`, for a request with its `token`. It is not opened if
    /// `until` is before its first event.
    pub async fn past_cart(
        &self,
        id: Uuid,
        token: CartTokenDigest,
        until: Until,
    ) -> Result<PastCart, Problem> {
        let turn = self.folds.turn().await?;
        self.fold_past_cart(&turn, id, token, until).await
    }

    async fn fold_past_cart(
        &self,
        _turn: &FoldTurn<'_>,
        id: Uuid,
        token: CartTokenDigest,
        until: Until,
    ) -> Result<PastCart, Problem> {
        let past = self.views.cart_at(&*self.log, id, until).await?;
        let is_authorized = if past.cart.contents().is_some() {
            token.authorizes(&past.cart)
        } else {
            let opened = Until::Version(Version(1));
            let opened = self.views.cart_at(&*self.log, id, opened).await?;
            token.authorizes(&opened.cart)
        };
        if is_authorized {
            Ok(past)
        } else {
            Err(Problem::not_found())
        }
    }

    /// The cart `id` at `version`, for a request with a share of it.
    pub async fn shared_cart(&self, id: Uuid, version: Version) -> Result<Cart, Problem> {
        let _turn = self.folds.turn().await?;
        let until = Until::Version(version);
        Ok(self.views.cart_at(&*self.log, id, until).await?.cart)
    }

    /// The newest contents of the cart `id`, read from the log, for a request with its `token`.
    pub async fn newest_cart(&self, id: Uuid, token: CartTokenDigest) -> Result<Cart, Problem> {
        Ok(self.past_cart(id, token, Until::NEWEST).await?.cart)
    }

    /// The same, in a turn that the request keeps for [`AppState::hypothetical_cart`].
    pub async fn newest_cart_in(
        &self,
        turn: &FoldTurn<'_>,
        id: Uuid,
        token: CartTokenDigest,
    ) -> Result<Cart, Problem> {
        let past = self.fold_past_cart(turn, id, token, Until::NEWEST).await?;
        Ok(past.cart)
    }

    /// The cart `id` as it would be at version `last` in `what_if`.
    pub async fn hypothetical_cart(
        &self,
        _turn: &FoldTurn<'_>,
        id: Uuid,
        last: Version,
        what_if: &mut WhatIf<'_>,
    ) -> Result<Cart, Problem> {
        let views = &self.views;
        let cart = views.hypothetical_cart(&*self.log, id, last, what_if);
        Ok(cart.await?)
    }

    /// The cart `id` as the write side has it, for a request with its `token`. For commands, which
    /// need it there anyway: the write side reads the whole of a stream that it has not cached.
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
