//! Serves the routes on a listener.
//!
//! The server is put together from the parts of actix-web's own, because that one does not allow a
//! connection of our own ([`Connection`]) below the HTTP library.

use crate::log::EventLog;
use crate::views::Reader;
use crate::web::api::health::starting_routes;
use crate::web::api::live_events::LiveEvents;
use crate::web::api::tree::FullTiles;
use crate::web::http::connection::{Connection, send_bare_response};
use crate::web::http::gate::gate;
use crate::web::http::per_client::{Held, PerClient};
use crate::web::http::shed::{Limit, ShedMeter};
use crate::web::http::turn::{LINGER, execute_in_turn};
use crate::web::routes;
use crate::web::state::{AppState, SharedState};
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Request, Response};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App, Error};
use prometheus::Registry;
use std::fmt::Debug;
use std::future::ready;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How many reads of files one worker runs at a time. Each of these threads keeps some memory, so
/// that a flood of commands would take as much as there are connections.
const READING_THREADS: usize = 16;
/// Seconds after which a client with too many connections may retry.
const RETRY_AFTER: &str = "retry-after: 10\r\n";

/// The settings of the server.
pub struct ServerSettings {
    /// HTTP worker threads.
    pub workers: usize,
    /// Concurrent connections; further ones wait in the accept queue.
    pub connections: usize,
    /// Concurrent connections per client address; `None` for no limit.
    pub connections_per_client: Option<usize>,
    /// Whether that limit is also for clients on loopback.
    pub limit_loopback: bool,
    /// Time without progress after which a response is aborted.
    pub stalled: Duration,
    /// Grace period for requests in flight during shutdown.
    pub shutdown_seconds: u64,
}

/// Serves on `listener` until the server is stopped. `reader` makes the views' reader of a worker.
pub fn serve(
    settings: &ServerSettings,
    listener: TcpListener,
    shared: Arc<SharedState>,
    reader: impl Fn() -> Reader + Clone + Send + 'static,
) -> io::Result<Server> {
    let shed = shared.gate.shed.clone();
    let requests = shared.requests.clone();
    let live_events = Data::new(LiveEvents::default());
    let full_tiles = Data::new(FullTiles::default());
    listen(settings, listener, shed, move || {
        App::new()
            .app_data(live_events.clone())
            .app_data(full_tiles.clone())
            .app_data(requests.of_unmatched())
            .app_data(Data::new(AppState::new(shared.clone(), reader())))
            .app_data(Data::from(shared.gate.clone()))
            .app_data(Data::from(shared.rates.clone()))
            .wrap(from_fn(gate))
            .configure(|config| routes(config, &requests))
    })
}

/// Serves what a node answers while it fills its replica of `log`, until the server is stopped.
pub fn serve_starting(
    settings: &ServerSettings,
    listener: TcpListener,
    log: Arc<dyn EventLog>,
) -> io::Result<Server> {
    // Refusals are counted once the service has started.
    let shed = ShedMeter::register_in(&Registry::new()).map_err(io::Error::other)?;
    let log = Data::new(log);
    listen(settings, listener, Arc::new(shed), move || {
        App::new().app_data(log.clone()).configure(starting_routes)
    })
}

/// Serves what `app` makes, one for each worker, with the limits and deadlines of connections.
fn listen<A, S, B>(
    settings: &ServerSettings,
    listener: TcpListener,
    shed: Arc<ShedMeter>,
    app: impl Fn() -> A + Clone + Send + 'static,
) -> io::Result<Server>
where
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = Error> + 'static,
    S::Response: Into<Response<B>>,
    S::InitError: Debug,
    B: MessageBody + Unpin + 'static,
{
    let door = Arc::new(Door {
        clients: settings.connections_per_client.map(PerClient::limited),
        limit_loopback: settings.limit_loopback,
        stalled: settings.stalled,
        shed,
    });
    let workers = settings.workers;
    let builder = Server::build()
        .workers(workers)
        .worker_max_blocking_threads(READING_THREADS)
        .max_concurrent_connections(settings.connections.div_ceil(workers))
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
    let draining = builder.graceful_shutdown_signal();
    let builder = builder.listen("http", listener, move || {
        let app = app()
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let app = map_config(app, |()| AppConfig::default());
        let draining = draining.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            // The connection has the deadlines of heads and idle connections.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.state());
            })
            .h1(apply_fn_factory(app, execute_in_turn));
        let door = door.clone();
        fn_service(move |stream: TcpStream| ready(door.admit(stream))).and_then(http)
    })?;
    Ok(builder.run())
}

/// Admits connections.
struct Door {
    clients: Option<Arc<PerClient>>,
    limit_loopback: bool,
    stalled: Duration,
    shed: Arc<ShedMeter>,
}

impl Door {
    /// The connection over `stream` and the client's address, unless the client has too many.
    fn admit(&self, stream: TcpStream) -> Result<(Connection, Option<SocketAddr>), DispatchError> {
        let peer = stream.peer_addr().ok();
        let held = match peer.map(|peer| self.hold(peer.ip().to_canonical())) {
            None => None,
            Some(Ok(held)) => held,
            Some(Err(LimitReached)) => {
                self.shed.count(Limit::ClientConnections);
                // The client may see a reset instead, because its request is not read.
                send_bare_response(&stream, "503 Service Unavailable", RETRY_AFTER);
                return Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into()));
            }
        };
        Ok((Connection::new(stream, self.stalled, held), peer))
    }

    /// A place for a connection of `client`; none if it is not limited.
    fn hold(&self, client: IpAddr) -> Result<Option<Held>, LimitReached> {
        match &self.clients {
            Some(clients) if self.limit_loopback || !client.is_loopback() => {
                clients.take(client).map(Some).ok_or(LimitReached)
            }
            Some(_) | None => Ok(None),
        }
    }
}

/// A client has as many connections as it may.
struct LimitReached;
