//! One connection to the server.

use super::address::Address;
use super::settings::PostgresSettings;
use super::tls;
use crate::log::shared::raise;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::error::Error as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A parameter and its type. Named types spare the round trip that would ask for them, and with it
/// the named statement, which a pooler in transaction mode may not know.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum QueryError {
    /// The server refused it and rolled its transaction back.
    Refused { code: SqlState, reason: String },
    /// Its transaction may have been committed.
    Unknown(String),
}

impl QueryError {
    pub fn reason(&self) -> &str {
        match self {
            QueryError::Refused { reason, .. } | QueryError::Unknown(reason) => reason,
        }
    }

    pub fn is(&self, sql_state: &SqlState) -> bool {
        matches!(self, QueryError::Refused { code, .. } if code == sql_state)
    }
}

/// How to connect to the servers of one address.
pub(super) struct Endpoint {
    address: Address,
    tls: MakeRustlsConnect,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Endpoint {
    pub fn new(address: Address, settings: &PostgresSettings) -> Result<Endpoint, String> {
        Ok(Endpoint {
            address,
            tls: tls::connector(settings.root_certificates.as_deref())?,
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
        })
    }

    /// Connects to all servers at the same time and returns the first connection to a primary that
    /// `accept` accepts. A server that hangs or was replaced as the primary delays nothing.
    pub async fn open<F>(
        &self,
        heard: Option<&watch::Sender<u64>>,
        accept: impl Fn(Link) -> F,
    ) -> Result<Link, String>
    where
        F: Future<Output = Result<Link, String>>,
    {
        let attempts = self.address.servers.iter().enumerate();
        let mut attempts: FuturesUnordered<_> = attempts
            .map(|(index, server)| {
                let accept = &accept;
                let attempt = async move {
                    let link = self.open_one(server, heard.cloned()).await?;
                    accept(link).await
                };
                async move { (index, attempt.await) }
            })
            .collect();
        let mut failures = Vec::new();
        while let Some((index, attempt)) = attempts.next().await {
            match attempt {
                Ok(link) => return Ok(link),
                Err(reason) => failures.push((index, reason)),
            }
        }
        failures.sort_unstable();
        let reasons: Vec<String> = failures.into_iter().map(|(_, reason)| reason).collect();
        Err(reasons.join("; "))
    }

    async fn open_one(
        &self,
        server: &Config,
        heard: Option<watch::Sender<u64>>,
    ) -> Result<Link, String> {
        let place = || {
            let host = match &server.get_hosts()[0] {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            };
            format!("{host}:{}", server.get_ports()[0])
        };
        let failed = |reason: &str| format!("cannot connect to {}: {reason}", place());
        let connecting = timeout(self.connect_timeout, server.connect(self.tls.clone()));
        let (client, mut connection) = connecting
            .await
            .map_err(|_| failed(&format!("no answer within {:?}", self.connect_timeout)))?
            .map_err(|error| failed(&describe(&error)))?;
        let warned = Arc::new(AtomicBool::new(false));
        let saw_warning = warned.clone();
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    AsyncMessage::Notice(notice) if is_warning(&notice) => {
                        saw_warning.store(true, Ordering::Release);
                    }
                    AsyncMessage::Notification(notification) => {
                        if let (Some(heard), Ok(reached)) =
                            (&heard, notification.payload().parse::<u64>())
                        {
                            heard.send_if_modified(|known| raise(known, reached));
                        }
                    }
                    _ => {}
                }
            }
        });
        Ok(Link {
            client,
            warned,
            driver,
            timeout: self.timeout,
        })
    }
}

/// A connection. Dropping it closes it, without a cancel request: the server would give up waiting
/// for its standbys and report a commit that they may not have.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// Whether the server has sent a warning since the last statement began.
    warned: Arc<AtomicBool>,
    driver: JoinHandle<()>,
    timeout: Duration,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits until the connection is lost.
    pub async fn closed(&mut self) {
        // It ends without a panic.
        let _ = (&mut self.driver).await;
    }

    /// Runs one statement in a transaction of its own.
    ///
    /// A warning makes the outcome unknown, whatever the server answers: it warns when it gives up
    /// waiting for its standbys, in words that depend on its language.
    pub async fn query(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        self.warned.store(false, Ordering::Release);
        let answer = timeout(self.timeout, self.client.query_typed(statement, parameters))
            .await
            .map_err(|_| QueryError::Unknown(format!("no answer within {:?}", self.timeout)))?;
        match answer {
            _ if self.warned.load(Ordering::Acquire) => Err(QueryError::Unknown(
                "the server stopped waiting for its standbys".to_owned(),
            )),
            Ok(rows) => Ok(rows),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Runs statements without parameters, such as those of a migration.
    pub async fn run(&self, statements: &str) -> Result<(), QueryError> {
        timeout(self.timeout, self.client.batch_execute(statements))
            .await
            .map_err(|_| QueryError::Unknown(format!("no answer within {:?}", self.timeout)))?
            .map_err(|error| failure(&error))
    }
}

fn is_warning(notice: &DbError) -> bool {
    notice.parsed_severity() == Some(Severity::Warning)
}

/// An error that ends the statement alone is a refusal. One that ends the connection, or that a
/// pooler may have sent in place of the server, leaves the outcome open.
fn failure(error: &tokio_postgres::Error) -> QueryError {
    let reason = describe(error);
    match error.as_db_error() {
        Some(refusal)
            if refusal.parsed_severity() == Some(Severity::Error)
                && !["08", "57", "58", "XX"].contains(&&refusal.code().code()[..2]) =>
        {
            QueryError::Refused {
                code: refusal.code().clone(),
                reason,
            }
        }
        _ => QueryError::Unknown(reason),
    }
}

/// The error and its causes in one line.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return refusal.message().replace('\n', " ");
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.replace('\n', " ")
}
