//! Wires log, views, commands and web together, and owns the background threads. Listener and
//! shutdown signal are injected, so that tests can use any free port and stop the service.

use crate::background::{Background, BackgroundFailed};
use crate::cart::{Cart, CartCommand, CartModel};
use crate::catalogue::{CatalogueError, CurrentCatalogue, NoPictureFolder, PictureFolder};
use crate::commands::{CommandHandler, Meter, Snapshots};
use crate::config::{Config, Engine};
use crate::disk_space::DiskSpace;
use crate::expiry::Expiry;
use crate::log::{self, EventLog, OpenError, OpenLog};
use crate::order_process::OrderProcess;
use crate::orders::{OrderCommand, OrderModel};
use crate::read_side::{ReadSide, ReadSideError};
use crate::secret::{Secret, SecretError};
use crate::signing::Signing;
use crate::starting;
use crate::verify::{Verifier, VerifyTarget};
use crate::views::Reader;
use crate::web::{
    self, AllowedOrigins, CredentialIssuer, Cursors, FoldLimit, Gate, Metrics, Node,
    OperatorAccess, RateLimits, RefusedCommands, RequestMeter, ServerSettings, SessionCookie,
    ShareTokens, SharedState, ShedMeter, Streams, WarehouseAccess,
};
use crate::webhooks::{Webhooks, WebhooksError};
use prometheus::Registry;
use prometheus::core::Collector;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
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
    #[error("HTTP server failed: {0}")]
    Listen(std::io::Error),
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
    order_process: Background,
    expiry: Option<(Arc<Expiry>, Background)>,
    catalogue: Arc<CurrentCatalogue>,
    stop: watch::Sender<bool>,
}

impl Service {
    /// Opens log and views and starts to serve on `listener`.
    pub async fn start(config: &Config, listener: TcpListener) -> Result<Service, ServiceError> {
        let (products, promotions) = (config.catalogue.products(), config.catalogue.promotions());
        let catalogue = Arc::new(CurrentCatalogue::load(products, promotions)?);
        let pictures = config.catalogue.pictures().map(PictureFolder::open);
        let pictures = pictures.transpose()?;
        let log_config = config.log_config();
        let OpenLog {
            log,
            administration,
            notes,
            mut gauges,
            mut worker,
        } = log::open(&log_config)?;
        tokio::select! {
            filled = starting::serve_until_filled(&log, server_settings(config), &listener) => {
                filled.map_err(ServiceError::Listen)?;
            }
            ended = worker.ended() => ended?,
        }
        let source = config.security.secret_source();
        let secret = Arc::new(Secret::of(&*log, &*administration, &source).await?);
        let (stop, stopping) = watch::channel(false);
        let (views, cache) = (&config.views.path, config.cache.views_bytes());
        let read_side = ReadSide::open(views, cache, log.clone(), &stopping).await?;
        let reader = readers(config, &read_side);
        let signing = Signing::start(config, &log, notes, &reader, &stopping, &mut gauges).await;
        let signing = signing.map_err(ServiceError::Signer)?;
        let verifier = Verifier::new(subject(config));
        let stopping_verifier = stopping.clone();
        let meter = Meter::of(&[CartCommand::NAMES, OrderCommand::NAMES].concat());
        let operator = operator_access(config, &secret, &listener)?;
        let registry = registry(config, &meter, &operator, gauges)?;
        let webhooks = config.webhooks().map_err(ServiceError::WebhookSettings)?;
        let path = config.log.webhooks_path();
        let webhooks = Webhooks::start(webhooks, &path, &log, &registry, &stopping)?;
        let (commands, orders) = handlers(config, &log, meter, reader());
        let order_process = OrderProcess {
            carts: commands.clone(),
            orders: orders.clone(),
            log: log.clone(),
            arrivals: read_side.read_handle.arrivals.clone(),
            reserve_within: config.orders.reserve_within(),
        };
        let order_process = start_order_process(order_process, reader(), stopping.clone())?;
        let expiry = start_expiry(config, &commands, reader.clone(), stopping.clone())?;
        let shared = Arc::new(SharedState {
            commands,
            orders,
            warehouse: WarehouseAccess::new(&config.orders.warehouse_token),
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
            webhooks: webhooks.handles.clone(),
            views_health: read_side.health.clone(),
            gate: Arc::new(Gate {
                hosts: hosts(config),
                operator_token_required: operator.is_required(),
                https: config.server.https,
                allowed_origins: AllowedOrigins::new(config.server.allowed_origins.clone()),
                shed: Arc::new(ShedMeter::register_in(&registry)?),
            }),
            rates: Arc::new(RateLimits::new(config.rate_settings())),
            operator,
            requests: RequestMeter::register_in(&registry)?,
            metrics: Metrics::register_in(registry)?,
            node: Node {
                name: config.server.node_name(),
                engine: log_config.engine(),
            },
            abandoned_after: config.insights.abandoned_after(),
            streams: Streams::bounded(
                config.server.live_streams,
                config.server.live_streams_per_client,
                config.server.behind_proxy,
            ),
            folds: FoldLimit::default(),
            refusals: RefusedCommands::default(),
            stopping,
            secure_cookies: config.server.https,
        });
        Ok(Service {
            server: web::serve(&server_settings(config), listener, shared, reader)
                .map_err(ServiceError::Listen)?,
            log,
            log_worker: worker,
            read_side,
            signing,
            verifier: start_verifier(verifier, stopping_verifier)?,
            webhooks,
            order_process,
            expiry,
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
        self.expiry.as_ref().map(|(expiry, _)| expiry.clone())
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
            ended = self.order_process.ended() => ended.map_err(ServiceError::from),
            ended = expiry_ended(&mut self.expiry) => ended.map_err(ServiceError::from),
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
        self.order_process.join();
        if let Some((_, expiring)) = self.expiry {
            expiring.join();
        }
        self.log.close();
        let written = if graceful {
            self.log_worker.ended().await
        } else {
            Ok(())
        };
        self.log_worker.join();
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

/// The metrics of commands, operator, log and disk space.
fn registry(
    config: &Config,
    meter: &Meter,
    operator: &OperatorAccess,
    gauges: Vec<Box<dyn Collector>>,
) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    meter.register(&registry)?;
    operator.register(&registry)?;
    for gauge in gauges {
        registry.register(gauge)?;
    }
    registry.register(Box::new(disk_space(config)?))?;
    Ok(registry)
}

/// The space that is left for the log, or this node's replica of it, and for the views.
fn disk_space(config: &Config) -> prometheus::Result<DiskSpace> {
    let log = match config.log.engine {
        Engine::Sqlite => config.log.path.clone(),
        Engine::Postgres | Engine::JetStream => config.log.replica_path(),
    };
    DiskSpace::of(vec![("log", log), ("views", config.views.path.clone())])
}

/// The operator's access. The session cookie is named after the secret and the port, so that shops
/// on one host have different names for it, also those that share a secret.
fn operator_access(
    config: &Config,
    secret: &Secret,
    listener: &TcpListener,
) -> Result<OperatorAccess, ServiceError> {
    let address = listener.local_addr().map_err(ServiceError::Listen)?;
    let shop = secret.derive(
        b"name of the session cookie on port ",
        &address.port().to_be_bytes(),
    );
    Ok(OperatorAccess::new(
        &config.security.operator_token,
        SessionCookie::new(shop, config.server.https),
        config.server.behind_proxy,
    ))
}

/// A factory for readers of the views: one per HTTP worker.
fn readers(
    config: &Config,
    read_side: &ReadSide,
) -> impl Fn() -> Reader + Clone + Send + Sync + use<> {
    let (path, read_handle) = (config.views.path.clone(), read_side.read_handle.clone());
    move || Reader::new(path.clone(), read_handle.clone())
}

/// The snapshots of the views, for replays of commands.
fn snapshots(reader: Reader) -> Box<Snapshots<Cart>> {
    let reader = Mutex::new(reader);
    Box::new(move |id, version| {
        let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.snapshot_before(id, version)
    })
}

/// The handlers of the commands of carts and of orders.
fn handlers(
    config: &Config,
    log: &Arc<dyn EventLog>,
    meter: Meter,
    reader: Reader,
) -> (
    Arc<CommandHandler<CartModel>>,
    Arc<CommandHandler<OrderModel>>,
) {
    let model = CartModel {
        limits: config.limits.limits(),
        withdrawn: config.checkout.withdrawn,
        order_follows: config.orders.follow_checkouts(),
    };
    // An order has a handful of events within moments of each other.
    let cache = config.cache.commands_bytes();
    let orders_cache = cache / 16;
    let carts = CommandHandler::new(model, log.clone(), cache - orders_cache)
        .counted_by(meter.clone())
        .with_snapshots(snapshots(reader));
    let orders = CommandHandler::new(OrderModel, log.clone(), orders_cache).counted_by(meter);
    (Arc::new(carts), Arc::new(orders))
}

/// Runs the order process on a background thread. It also finishes the orders of checkouts that
/// were made while it was enabled, if it no longer is.
fn start_order_process(
    process: OrderProcess,
    views: Reader,
    stopping: watch::Receiver<bool>,
) -> Result<Background, ServiceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(ServiceError::Orders)?;
    Background::spawn("order process", move || {
        runtime.block_on(process.run(&views, stopping));
        Ok(())
    })
    .map_err(ServiceError::Orders)
}

/// Runs verifications on request, on a low-priority thread.
fn start_verifier(
    verifier: Verifier,
    stopping: watch::Receiver<bool>,
) -> Result<Background, ServiceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(ServiceError::Verifier)?;
    Background::spawn_yielding("verifier", move || {
        verifier.run(&runtime, stopping);
        Ok(())
    })
    .map_err(ServiceError::Verifier)
}

/// Expires idle carts on a background thread, if expiry is enabled.
fn start_expiry(
    config: &Config,
    commands: &Arc<CommandHandler<CartModel>>,
    reader: impl Fn() -> Reader + Send + Sync + 'static,
    stopping: watch::Receiver<bool>,
) -> Result<Option<(Arc<Expiry>, Background)>, ServiceError> {
    let Some(idle_time) = config.carts.idle_time() else {
        return Ok(None);
    };
    let expiry = Arc::new(Expiry::new(commands.clone(), reader, idle_time));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(ServiceError::Expiry)?;
    let sweeping = expiry.clone();
    let background = Background::spawn("cart expiry", move || {
        runtime.block_on(sweeping.run(stopping));
        Ok(())
    })
    .map_err(ServiceError::Expiry)?;
    Ok(Some((expiry, background)))
}

/// Resolves when the expiry thread ends; never, if expiry is disabled.
async fn expiry_ended(
    expiry: &mut Option<(Arc<Expiry>, Background)>,
) -> Result<(), BackgroundFailed> {
    match expiry {
        Some((_, expiring)) => expiring.ended().await,
        None => std::future::pending().await,
    }
}

fn server_settings(config: &Config) -> ServerSettings {
    let server = &config.server;
    ServerSettings {
        workers: match server.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            workers => workers,
        },
        connections: server.connections,
        // Behind a proxy they are all the proxy's.
        connections_per_client: (!server.behind_proxy).then_some(server.connections_per_client),
        limit_loopback: config.rates.loopback,
        stalled: Duration::from_secs(server.stalled_seconds),
        shutdown_seconds: server.shutdown_seconds,
    }
}

/// The accepted `Host` names; empty for any.
fn hosts(config: &Config) -> Vec<String> {
    if config.server.hosts.iter().any(|host| host == "*") {
        return Vec::new();
    }
    config.server.hosts.clone()
}
