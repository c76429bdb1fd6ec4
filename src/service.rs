//! Wires log, views, commands and web together, and owns the background threads. Listener and
//! shutdown signal are injected, so that tests can use any free port and stop the service.

mod parts;

use crate::background::{Background, BackgroundFailed};
use crate::background_errors::BackgroundErrors;
use crate::cart::CartCommand;
use crate::catalogue::{CatalogueError, CurrentCatalogue, NoPictureFolder, PictureFolder};
use crate::commands::Meter;
use crate::config::Config;
use crate::expiry::Expiry;
use crate::jobs::JobHistory;
use crate::log::{self, EventLog, OpenError, OpenLog};
use crate::mirror::{Mirror, MirrorError};
use crate::orders::OrderCommand;
use crate::read_side::{ReadSide, ReadSideError};
use crate::secret::{Secret, SecretError};
use crate::signing::Signing;
use crate::starting;
use crate::traces::{Traces, TracesError};
use crate::verify::{Verifier, VerifyTarget};
use crate::web::{
    self, AppState, CredentialIssuer, Cursors, Downloads, FoldLimit, Measurements, Metrics,
    RateLimits, RefusedCommands, RequestMeter, ShareTokens, SharedState,
};
use crate::webhooks::{Webhooks, WebhooksError};
use parts::{
    gate, handlers, node, operator_access, order_process, read_side, readers, register,
    server_settings, simulated_days, start_expiry, start_measuring, start_order_process,
    start_verifier, start_webhooks, streams, warehouse_access,
};
use prometheus::Registry;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

/// Why the service failed to start, or stopped unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("catalogue.pictures: {0}")]
    Pictures(#[from] NoPictureFolder),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Views(#[from] ReadSideError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot start cart expiry: {0}")]
    Expiry(std::io::Error),
    #[error("cannot start the order process: {0}")]
    Orders(std::io::Error),
    #[error("cannot start to measure: {0}")]
    Measuring(std::io::Error),
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("cannot start the signer of checkpoints: {0}")]
    Signer(std::io::Error),
    #[error("cannot start the verifier: {0}")]
    Verifier(std::io::Error),
    #[error("webhooks {0}")]
    WebhookSettings(String),
    #[error(transparent)]
    Webhooks(#[from] WebhooksError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("HTTP server failed: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    Traces(#[from] TracesError),
    #[error(transparent)]
    Background(#[from] BackgroundFailed),
}

/// A running service: it listens, and its log and views are open.
pub struct Service {
    server: actix_web::dev::Server,
    log: Arc<dyn EventLog>,
    log_worker: Background,
    read_side: ReadSide,
    signing: Signing,
    verifier: Background,
    webhooks: Webhooks,
    mirror: Mirror,
    order_process: Background,
    measuring: Background,
    expiry: Option<Arc<Expiry>>,
    expiring: Background,
    traces: Traces,
    catalogue: Arc<CurrentCatalogue>,
    stop: watch::Sender<bool>,
}

impl Service {
    /// Opens log and views and starts to serve on `listener`. What the parts log as errors is
    /// shown from `background_errors`, a layer of the subscriber.
    pub async fn start(
        config: &Config,
        listener: TcpListener,
        background_errors: BackgroundErrors,
    ) -> Result<Service, ServiceError> {
        let (products, promotions) = (config.catalogue.products(), config.catalogue.promotions());
        let catalogue = Arc::new(CurrentCatalogue::load(products, promotions)?);
        let pictures = config.catalogue.pictures().map(PictureFolder::open);
        let pictures = pictures.transpose()?;
        let OpenLog {
            log,
            administration,
            notes,
            mut gauges,
            mut worker,
        } = log::open(&config.log_config())?;
        tokio::select! {
            filled = starting::serve_until_filled(&log, server_settings(config), &listener) => {
                filled.map_err(ServiceError::Listen)?;
            }
            ended = worker.ended() => ended?,
        }
        let source = config.security.secret_source();
        let secret = Arc::new(Secret::of(&*log, &*administration, &source).await?);
        let (stop, stopping) = watch::channel(false);
        let registry = Registry::new();
        let traces = Traces::start(config.trace_settings(), &registry)?;
        let tracer = &traces.tracer;
        let history = Arc::new(JobHistory::open(config.log.jobs_path()));
        let read_side = read_side(config, &log, tracer, &history, &stopping).await?;
        let reader = readers(config, &read_side);
        let signing = Signing::start(config, &log, notes, &reader, &stopping, &mut gauges).await;
        let signing = signing.map_err(ServiceError::Signer)?;
        let verifier = Verifier::new(subject(config), history.clone());
        let stopping_verifier = stopping.clone();
        let meter = Meter::of(&[CartCommand::NAMES, OrderCommand::NAMES].concat());
        let operator = operator_access(config, &secret, &listener)?;
        let warehouse = warehouse_access(config);
        register(&registry, config, &meter, &operator, &warehouse, gauges)?;
        let webhooks = start_webhooks(config, &log, &registry, tracer, &stopping)?;
        let mirror = Mirror::start(config.nats.settings(), &log, &registry, &stopping)?;
        let (commands, orders) = handlers(config, &log, meter, tracer, reader());
        let order_process = order_process(config, (&commands, &orders), &log, &read_side);
        let order_process = start_order_process(order_process, reader(), stopping.clone())?;
        let (expiry, expiring) = start_expiry(config, &commands, reader.clone(), stopping.clone())?;
        let shared = Arc::new(SharedState {
            simulated_days: simulated_days(config, &commands, &orders, &log),
            commands,
            orders,
            warehouse,
            log: log.clone(),
            catalogue: catalogue.clone(),
            pictures,
            withdrawn_at_checkout: config.checkout.withdrawn,
            credentials: CredentialIssuer::new(secret.clone()),
            cursors: Cursors::new(secret.derive(b"code of cursors", b"")),
            shares: ShareTokens::new(&secret),
            secret,
            arrivals: read_side.read_handle.arrivals.clone(),
            verifications: verifier.verifications(),
            proof: signing.state.clone(),
            rebuilds: read_side.rebuilds.clone(),
            job_history: history,
            background_errors,
            webhooks: webhooks.handles.clone(),
            mirror: mirror.handle.clone(),
            views_health: read_side.health.clone(),
            gate: Arc::new(gate(config, &operator, &registry, tracer.clone())?),
            rates: Arc::new(RateLimits::new(config.rate_settings())),
            operator,
            requests: RequestMeter::register_in(&registry)?,
            metrics: Metrics::register_in(registry)?,
            measurements: Measurements::default(),
            node: node(config),
            settings: config.effective(),
            abandoned_after: config.insights.abandoned_after(),
            streams: streams(config),
            folds: FoldLimit::default(),
            downloads: Downloads::of(administration),
            refusals: RefusedCommands::default(),
            stopping,
            secure_cookies: config.server.https,
        });
        let measuring = start_measuring(AppState::new(shared.clone(), reader()))?;
        Ok(Service {
            server: web::serve(&server_settings(config), listener, shared, reader)
                .map_err(ServiceError::Listen)?,
            log,
            log_worker: worker,
            read_side,
            signing,
            verifier: start_verifier(verifier, stopping_verifier)?,
            webhooks,
            mirror,
            order_process,
            measuring,
            expiry,
            expiring,
            traces,
            catalogue,
            stop,
        })
    }

    /// The catalogue, for reloads.
    pub fn catalogue(&self) -> Arc<CurrentCatalogue> {
        self.catalogue.clone()
    }

    /// The expiry of idle carts, if enabled; tests run it with a clock of their own.
    pub fn expiry(&self) -> Option<Arc<Expiry>> {
        self.expiry.clone()
    }

    /// Serves until `shutdown` resolves, then shuts down gracefully: accepts no new requests,
    /// completes those in flight and the commands in the queue, and closes log and views.
    ///
    /// Fails as soon as a background thread has ended. A service that cannot write commands, or
    /// whose views no longer advance, must not stay up.
    pub async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServiceError> {
        let handle = self.server.handle();
        let mut serving = std::pin::pin!(self.server);
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            ended = &mut serving => ended.map_err(ServiceError::Listen),
            ended = self.log_worker.ended() => ended.map_err(ServiceError::from),
            ended = self.verifier.ended() => ended.map_err(ServiceError::from),
            ended = self.read_side.ended() => ended.map_err(ServiceError::from),
            ended = self.signing.ended() => ended.map_err(ServiceError::from),
            ended = self.webhooks.ended() => ended.map_err(ServiceError::from),
            ended = self.mirror.ended() => ended.map_err(ServiceError::from),
            ended = self.order_process.ended() => ended.map_err(ServiceError::from),
            ended = self.measuring.ended() => ended.map_err(ServiceError::from),
            ended = self.expiring.ended() => ended.map_err(ServiceError::from),
        };
        match &outcome {
            Ok(()) => tracing::info!("shutting down"),
            // The caller reports the reason.
            Err(_) => tracing::info!("shutting down: a background thread failed"),
        }
        // Live streams end on this signal; otherwise the server would wait for them.
        self.stop.send_replace(true);
        let graceful = outcome.is_ok();
        tokio::join!(handle.stop(graceful), async {
            if let Err(error) = serving.await {
                tracing::warn!(%error, "HTTP server failed during shutdown");
            }
        });
        self.read_side.join();
        self.signing.join();
        self.verifier.join();
        self.webhooks.join();
        self.mirror.join();
        self.order_process.join();
        self.measuring.join();
        self.expiring.join();
        self.log.close();
        let written = if graceful {
            self.log_worker.ended().await
        } else {
            Ok(())
        };
        self.log_worker.join();
        self.traces.flush().await;
        outcome?;
        Ok(written?)
    }
}

/// The files that `verify` reads, from `config`.
pub fn subject(config: &Config) -> VerifyTarget {
    VerifyTarget {
        log: config.log_config(),
        views: config.views.path.clone(),
        cache_bytes: config.cache.views_bytes(),
        expected_head: None,
        signing_key: Some(config.proof.key_path.clone()),
        checkpoint: None,
    }
}
