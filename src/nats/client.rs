//! The connection to the servers.

use super::api::Api;
use super::last_error::LastError;
use super::settings::{Credentials, ServerSettings};
use crate::tls;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use std::error::Error;
use std::time::Duration;

/// The oldest servers that are tested, as major and minor version.
const OLDEST_SERVER: (i64, i64) = (2, 15);
/// A server that answers no ping for twice this long is given up.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Pause before the next server is tried.
const RECONNECT_AFTER: Duration = Duration::from_millis(100);

/// The addresses of `settings`; the error is one line.
pub(crate) fn addresses(settings: &ServerSettings) -> Result<Vec<ServerAddr>, String> {
    let addresses: Result<Vec<ServerAddr>, String> = settings
        .servers
        .iter()
        .map(|server| {
            let section = settings.section;
            let expected = "expected nats://host:port or tls://host:port";
            // Not shown: it may contain a password.
            let address: ServerAddr = server
                .parse()
                .map_err(|_| format!("{section}.servers has an unreadable address; {expected}"))?;
            if address.has_user_pass() || address.password().is_some() {
                return Err(format!(
                    "{section}.servers must not contain a user or password: set {section}.user and \
                     {section}.password_file"
                ));
            }
            if address.is_websocket() || address.host().is_empty() {
                return Err(format!("{section}.servers has \"{server}\"; {expected}"));
            }
            Ok(address)
        })
        .collect();
    match addresses? {
        none if none.is_empty() => Err(format!(
            "{}.servers must name a server, such as [\"nats://127.0.0.1:4222\"]",
            settings.section
        )),
        addresses => Ok(addresses),
    }
}

/// Connects to one of the servers of `settings`, which must not be too old.
pub(crate) async fn open(settings: &ServerSettings) -> Result<Api, String> {
    let servers = addresses(settings)?;
    let last_error = LastError::default();
    let client = connect(settings, &servers, &last_error).await?;
    let (major, minor) = OLDEST_SERVER;
    if !client.is_server_compatible(major, minor, 0) {
        return Err(format!(
            "the server is NATS {}, but must be {major}.{minor} or later",
            client.server_info().version
        ));
    }
    Ok(Api { client, last_error })
}

/// Connects to one of `servers`. A connection that is lost is opened again, to any server of the
/// cluster.
async fn connect(
    settings: &ServerSettings,
    servers: &[ServerAddr],
    last_error: &LastError,
) -> Result<Client, String> {
    let reported = last_error.clone();
    let mut options = authenticated(ConnectOptions::new(), &settings.credentials)?
        .name("cartlog")
        .connection_timeout(settings.connect_timeout)
        .ping_interval(PING_EVERY)
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            if attempts <= 1 {
                Duration::ZERO
            } else {
                RECONNECT_AFTER
            }
        })
        .event_callback(move |event| {
            if let Event::ServerError(error) = event {
                reported.set(error.to_string().replace('\n', " "));
            }
            std::future::ready(())
        });
    if let Some(path) = &settings.root_certificates {
        tls::certificates(path)?;
        options = options
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    let connecting = async_nats::connect_with_options(servers, options);
    // One attempt for each address; a name may have several.
    let limit = settings.connect_timeout * (servers.len() as u32 + 1);
    match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(format!(
            "cannot connect to {}: {}",
            list(servers),
            advised(&error, settings.section)
        )),
        Err(_) => Err(format!(
            "cannot connect to {}: no answer within {limit:?}",
            list(servers)
        )),
    }
}

/// The addresses for messages.
pub(crate) fn list(servers: &[ServerAddr]) -> String {
    let names: Vec<String> = servers
        .iter()
        .map(|server| format!("{}:{}", server.host(), server.port()))
        .collect();
    names.join(", ")
}

fn authenticated(
    options: ConnectOptions,
    credentials: &Credentials,
) -> Result<ConnectOptions, String> {
    Ok(match credentials {
        Credentials::None => options,
        Credentials::Password { user, password } => {
            options.user_and_password(user.clone(), password.read("password")?)
        }
        Credentials::Token(token) => options.token(token.read("token")?),
        Credentials::NkeyFile(path) => {
            options.nkey(crate::files::read_first_line(path, "seed of an nkey")?)
        }
        Credentials::CredentialsFile(path) => {
            let failed = |reason: String| {
                let path = path.display();
                format!("cannot read the credentials file {path}: {reason}")
            };
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            // Its errors may quote the file.
            options.credentials(&text).map_err(|_| {
                failed("expected a JWT and the seed of a user, as `nsc` writes them".to_owned())
            })?
        }
    })
}

/// The reason of `error` in one line, with what to do about a refusal.
fn advised(error: &ConnectError, section: &str) -> String {
    let mut text = error.kind().to_string();
    let mut cause = error.source();
    while let Some(reason) = cause {
        text.push_str(": ");
        text.push_str(&reason.to_string());
        cause = reason.source();
    }
    if matches!(
        error.kind(),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
    ) {
        let advice = ": check the user and password, token, nkey or credentials of ";
        text.push_str(advice);
        text.push_str(section);
    }
    text.replace('\n', " ")
}
