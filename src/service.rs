//! Wires log, views, commands and web together, and owns the background threads. Listener and
//! shutdown signal are injected, so that tests can use any free port and stop the service.

use crate::background::{Background, BackgroundFailed};
use crate::cart::{CartCommand, CartModel};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::commands::{CommandHandler, Meter};
use crate::config::Config;
use crate::expiry::Expiry;
use crate::log::{self, EventLog, OpenError, OpenLog};
use crate::read_side::{ReadSide, ReadSideError};
use crate::secret::{Secret, SecretError};
use crate::verify::{Verifier, VerifyTarget};
use crate::views::Reader;
use crate::web::{
    self, AppState, CredentialIssuer, Gate, Metrics, OperatorToken, RateLimits, SharedState,
    Streams,
};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use prometheus::Registry;
use prometheus::core::Collector;
use quick_cache::sync::Cache;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Time limit for receiving a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Events that the live streams of a cart share, about a KiB each.
const LIVE_EVENTS: usize = 4_096;
const MIB: u64 = 1024 * 1024;

/// Why the service failed to start, or stopped unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Views(#[from] ReadSideError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot start cart expiry: {0}")]
    Expiry(std::io::Error),
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("cannot start the verifier: {0}")]
    Verifier(std::io::Error),
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
    verifier: Background,
    expiry: Option<(Arc<Expiry>, Background)>,
    stop: watch::Sender<bool>,
}

impl Service {
    /// Opens log and views and starts to serve on `listener`.
    pub async fn start(config: &Config, listener: TcpListener) -> Result<Service, ServiceError> {
        let catalogue =
            Catalogue::load(config.catalogue.products(), config.catalogue.promotions())?;
        let OpenLog {
            log,
            administration,
            gauges,
            worker,
        } = log::open(&config.log_config())?;
        let secret = Secret::of(&*log, &*administration, &config.security.secret_path).await?;
        let (stop, stopping) = watch::channel(false);
        let (views, cache) = (&config.views.path, config.cache.views_mib * MIB);
        let read_side = ReadSide::open(views, cache, log.clone(), &stopping).await?;
        let reader = readers(config, &read_side);
        let verifier = Verifier::new(subject(config));
        let stopping_verifier = stopping.clone();
        let model = CartModel {
            limits: config.limits.limits(),
        };
        let meter = Meter::of(CartCommand::NAMES);
        let metrics = metrics(&meter, gauges)?;
        let operator = OperatorToken::configured(&config.security.operator_token);
        let cache = config.cache.commands_mib * MIB;
        let commands = CommandHandler::new(model, log.clone(), cache).counted_by(meter);
        let commands = Arc::new(commands);
        let expiry = start_expiry(config, &commands, reader.clone(), stopping.clone())?;
        let shared = Arc::new(SharedState {
            commands,
            log: log.clone(),
            catalogue,
            credentials: CredentialIssuer::new(secret),
            operator,
            arrivals: read_side.read_handle.arrivals.clone(),
            verifications: verifier.verifications(),
            rebuilds: read_side.rebuilds.clone(),
            views_health: read_side.health.clone(),
            gate: Arc::new(Gate {
                hosts: hosts(config),
                operator_token_required: operator.is_required(),
                https: config.server.https,
                rates: RateLimits::new(config.rate_settings()),
            }),
            metrics,
            abandoned_after: config.insights.abandoned_after(),
            streams: Streams::bounded(
                config.server.live_streams,
                config.server.live_streams_per_client,
                config.server.behind_proxy,
            ),
            live_events: Cache::new(LIVE_EVENTS),
            stopping,
            secure_cookies: config.server.https,
        });
        Ok(Service {
            server: serve(config, listener, shared, reader)?,
            log,
            log_worker: worker,
            read_side,
            verifier: start_verifier(verifier, stopping_verifier)?,
            expiry,
            stop,
        })
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
        self.verifier.join();
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
        cache_bytes: config.cache.views_mib * MIB,
    }
}

/// Registers all metrics of the service.
fn metrics(meter: &Meter, gauges: Vec<Box<dyn Collector>>) -> prometheus::Result<Metrics> {
    let registry = Registry::new();
    meter.register(&registry)?;
    for gauge in gauges {
        registry.register(gauge)?;
    }
    Metrics::register_in(registry)
}

/// A factory for readers of the views: one per HTTP worker.
fn readers(
    config: &Config,
    read_side: &ReadSide,
) -> impl Fn() -> Reader + Clone + Send + Sync + use<> {
    let (path, read_handle) = (config.views.path.clone(), read_side.read_handle.clone());
    move || Reader::new(path.clone(), read_handle.clone())
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

fn serve(
    config: &Config,
    listener: TcpListener,
    shared: Arc<SharedState>,
    reader: impl Fn() -> Reader + Clone + Send + 'static,
) -> Result<actix_web::dev::Server, ServiceError> {
    let workers = match config.server.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    };
    let stalled = Duration::from_secs(config.server.stalled_seconds);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(AppState::new(shared.clone(), reader())))
            .app_data(Data::from(shared.gate.clone()))
            .wrap(from_fn(web::gate))
            .configure(web::routes)
    });
    Ok(server
        .workers(workers)
        .max_connections(config.server.connections.div_ceil(workers))
        .on_connect(move |connection, _| web::end_when_stalled(connection, stalled))
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(config.server.shutdown_seconds)
        .disable_signals()
        .listen(listener)
        .map_err(ServiceError::Listen)?
        .run())
}

/// The accepted `Host` names; empty for any.
fn hosts(config: &Config) -> Vec<String> {
    if config.server.hosts.iter().any(|host| host == "*") {
        return Vec::new();
    }
    config.server.hosts.clone()
}
