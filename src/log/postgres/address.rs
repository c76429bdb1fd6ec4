//! The servers that a URL names.

use super::settings::PostgresSettings;
use crate::files::read_first_line;
use std::fmt::Write;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

/// The default port of PostgreSQL.
const PORT: u16 = 5432;
/// After this long without a packet the peer is asked whether it is still there, as often as
/// [`KEEPALIVE_RETRIES`] says.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// The servers of a URL, any of which may be the primary.
#[derive(Clone)]
pub(super) struct Address {
    /// How to connect to each.
    pub servers: Vec<Config>,
    /// For messages: without user and password.
    pub location: String,
}

impl Address {
    /// The servers of `url`; the error is a sentence without the URL.
    pub fn parse(url: &str, settings: &PostgresSettings) -> Result<Address, String> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let reason = cause.unwrap_or_else(|| error.to_string());
            if reason.contains("sslmode") {
                return "its sslmode must be disable, prefer or require; require checks the \
                        certificate and the name of the server"
                    .to_owned();
            }
            format!("expected postgres://user@host:port/database: {reason}")
        })?;
        if let Some(path) = &settings.password_file {
            config.password(read_first_line(path, "password")?);
        }
        if config.get_user().is_none() {
            return Err("it names no user: expected postgres://user@host:port/database".to_owned());
        }
        if config.get_hosts().is_empty() {
            return Err("it names no host: expected postgres://user@host:port/database".to_owned());
        }
        let ports = config.get_ports().to_vec();
        if ports.len() > 1 && ports.len() != config.get_hosts().len() {
            return Err("it must name a port for each of its hosts, or one for all".to_owned());
        }
        let mut location = "postgres://".to_owned();
        let mut servers = Vec::new();
        for (index, host) in config.get_hosts().iter().enumerate() {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(PORT);
            let name = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(location, "{comma}{name}:{port}");
            servers.push(server(&config, host, port, settings));
        }
        let database = config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default();
        let _ = write!(location, "/{database} (schema {})", settings.schema);
        Ok(Address { servers, location })
    }
}

/// The settings of `config` for one of its servers. Each is connected to by itself: the client
/// library would wait for one that hangs before it tries the next.
fn server(config: &Config, host: &Host, port: u16, settings: &PostgresSettings) -> Config {
    let mut server = Config::new();
    match host {
        Host::Tcp(name) => server.host(name),
        Host::Unix(path) => server.host_path(path),
    };
    server
        .port(port)
        .user(config.get_user().unwrap_or_default())
        .application_name(config.get_application_name().unwrap_or("cartlog"))
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .connect_timeout(settings.connect_timeout)
        .tcp_user_timeout(settings.timeout)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    if let Some(password) = config.get_password() {
        server.password(password);
    }
    if let Some(database) = config.get_dbname() {
        server.dbname(database);
    }
    if let Some(options) = config.get_options() {
        server.options(options);
    }
    server
}
