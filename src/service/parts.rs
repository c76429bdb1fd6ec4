//! The parts of the service, each from the configuration.

use super::ServiceError;
use crate::background::Background;
use crate::cart::{Cart, CartModel};
use crate::commands::{CommandHandler, Meter, Snapshots};
use crate::config::{Config, Engine};
use crate::database_size::DatabaseSize;
use crate::disk_space::DiskSpace;
use crate::expiry::Expiry;
use crate::jobs::JobHistory;
use crate::log::EventLog;
use crate::order_process::OrderProcess;
use crate::orders::OrderModel;
use crate::read_side::{ReadSide, ReadSideError};
use crate::secret::Secret;
use crate::simulated_days::SimulatedDays;
use crate::traces::Tracer;
use crate::verify::Verifier;
use crate::views::Reader;
use crate::web::{
    self, AllowedOrigins, AppState, Gate, Node, OperatorAccess, RecentFailures, ServerSettings,
    SessionCookie, ShedMeter, Streams, WarehouseAccess,
};
use crate::webhooks::Webhooks;
use prometheus::Registry;
use prometheus::core::Collector;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Adds the metrics of commands, refused tokens, log, views and disk space to `registry`.
pub(super) fn register(
    registry: &Registry,
    config: &Config,
    meter: &Meter,
    operator: &OperatorAccess,
    warehouse: &WarehouseAccess,
    gauges: Vec<Box<dyn Collector>>,
) -> prometheus::Result<()> {
    meter.register(registry)?;
    operator.register(registry)?;
    warehouse.register(registry)?;
    for gauge in gauges {
        registry.register(gauge)?;
    }
    registry.register(Box::new(DatabaseSize::of("views", &config.views.path)?))?;
    registry.register(Box::new(disk_space(config)?))
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
pub(super) fn operator_access(
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
        config.security.operator_token.text(),
        SessionCookie::new(shop, config.server.https),
        config.server.behind_proxy,
    ))
}

/// The warehouse's access.
pub(super) fn warehouse_access(config: &Config) -> WarehouseAccess {
    WarehouseAccess::new(
        config.orders.warehouse_token.text(),
        config.server.behind_proxy,
    )
}

/// Sends public events to the receivers of this node.
pub(super) fn start_webhooks(
    config: &Config,
    log: &Arc<dyn EventLog>,
    registry: &Registry,
    tracer: &Tracer,
    stopping: &watch::Receiver<bool>,
) -> Result<Webhooks, ServiceError> {
    let webhooks = config.webhooks().map_err(ServiceError::WebhookSettings)?;
    let path = config.log.webhooks_path();
    let started = Webhooks::start(webhooks, &path, log, registry, tracer, stopping)?;
    Ok(started)
}

/// The views, kept up to date until `stopping` is true.
pub(super) async fn read_side(
    config: &Config,
    log: &Arc<dyn EventLog>,
    tracer: &Tracer,
    history: &Arc<JobHistory>,
    stopping: &watch::Receiver<bool>,
) -> Result<ReadSide, ReadSideError> {
    let (views, cache) = (&config.views.path, config.cache.views_bytes());
    let watched = (tracer.clone(), history.clone());
    ReadSide::open_watched(views, cache, log.clone(), stopping, watched).await
}

/// A factory for readers of the views: one per HTTP worker.
pub(super) fn readers(
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
pub(super) fn handlers(
    config: &Config,
    log: &Arc<dyn EventLog>,
    meter: Meter,
    tracer: &Tracer,
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
        .traced_by(tracer.clone())
        .with_snapshots(snapshots(reader));
    let orders = CommandHandler::new(OrderModel, log.clone(), orders_cache)
        .counted_by(meter)
        .traced_by(tracer.clone());
    (Arc::new(carts), Arc::new(orders))
}

/// Shopping in the past, which follows the same rules.
pub(super) fn simulated_days(
    config: &Config,
    carts: &Arc<CommandHandler<CartModel>>,
    orders: &Arc<CommandHandler<OrderModel>>,
    log: &Arc<dyn EventLog>,
) -> SimulatedDays {
    let warehouse_answers_within = config.orders.reserve_within();
    let expire_after = config.carts.idle_time();
    SimulatedDays::new(
        carts.clone(),
        orders.clone(),
        log.clone(),
        expire_after,
        warehouse_answers_within,
    )
}

/// What places, confirms and cancels orders.
pub(super) fn order_process(
    config: &Config,
    (carts, orders): (
        &Arc<CommandHandler<CartModel>>,
        &Arc<CommandHandler<OrderModel>>,
    ),
    log: &Arc<dyn EventLog>,
    read_side: &ReadSide,
) -> OrderProcess {
    OrderProcess {
        carts: carts.clone(),
        orders: orders.clone(),
        log: log.clone(),
        arrivals: read_side.read_handle.arrivals.clone(),
        reserve_within: config.orders.reserve_within(),
    }
}

/// Runs the order process on a background thread. It also finishes the orders of checkouts that
/// were made while it was enabled, if it no longer is.
pub(super) fn start_order_process(
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

/// This node, as operators see it.
pub(super) fn node(config: &Config) -> Node {
    Node {
        name: config.server.node_name(),
        engine: config.log_config().engine(),
    }
}

/// The limit on live streams.
pub(super) fn streams(config: &Config) -> Arc<Streams> {
    Streams::bounded(
        config.server.live_streams,
        config.server.live_streams_per_client,
        config.server.behind_proxy,
    )
}

/// Measures this node for the operations page, on a background thread.
pub(super) fn start_measuring(state: AppState) -> Result<Background, ServiceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(ServiceError::Measuring)?;
    Background::spawn("measurements", move || {
        runtime.block_on(web::measure(state));
        Ok(())
    })
    .map_err(ServiceError::Measuring)
}

/// Runs verifications on request, on a low-priority thread.
pub(super) fn start_verifier(
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
pub(super) fn start_expiry(
    config: &Config,
    commands: &Arc<CommandHandler<CartModel>>,
    reader: impl Fn() -> Reader + Send + Sync + 'static,
    stopping: watch::Receiver<bool>,
) -> Result<(Option<Arc<Expiry>>, Background), ServiceError> {
    let Some(idle_time) = config.carts.idle_time() else {
        return Ok((None, Background::none()));
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
    Ok((Some(expiry), background))
}

pub(super) fn server_settings(config: &Config) -> ServerSettings {
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

/// What every request passes first.
pub(super) fn gate(
    config: &Config,
    operator: &OperatorAccess,
    registry: &Registry,
    tracer: Tracer,
) -> prometheus::Result<Gate> {
    Ok(Gate {
        hosts: hosts(config),
        operator_token_required: operator.is_required(),
        https: config.server.https,
        allowed_origins: AllowedOrigins::new(config.server.allowed_origins.clone()),
        shed: Arc::new(ShedMeter::register_in(registry)?),
        failures: RecentFailures::default(),
        tracer,
    })
}

/// The accepted `Host` names; empty for any.
fn hosts(config: &Config) -> Vec<String> {
    if config.server.hosts.iter().any(|host| host == "*") {
        return Vec::new();
    }
    config.server.hosts.clone()
}
