//! The [`Sequencer`] of PostgreSQL: four connections, and the functions `append` and
//! `replace_checkpoint`.

use super::ENGINE;
use super::link::{Endpoint, Link, Parameter, QueryError};
use super::rows::{self, Appended, Group};
use super::schema::{advised, get, only};
use super::statements::Statements;
use crate::log::Commit;
use crate::log::shared::{
    Rounds, Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerError, raise,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// After this long without commits the tail checks that its server still has a quorum. A server
/// that was replaced as the primary would otherwise be read for ever, and never show a commit.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);
/// Pause before the listening connection is opened again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// A log in PostgreSQL. One connection appends, one reads, one listens, and one is the signer's.
pub(super) struct PostgresSequencer {
    engine: Arc<Engine>,
    writer: AsyncMutex<Option<Link>>,
    reader: AsyncMutex<Option<Reader>>,
    signer: AsyncMutex<Option<Link>>,
    rounds: Rounds,
    /// The newest sequence that a notification has named.
    heard: watch::Sender<u64>,
    listener: JoinHandle<()>,
    troubles: Mutex<Troubles>,
}

/// What each connection of the log needs.
struct Engine {
    endpoint: Endpoint,
    identity: Uuid,
    statements: Statements,
}

struct Reader {
    link: Link,
    confirmed: Instant,
}

/// Why the last statement of a connection failed, if it did.
#[derive(Default)]
struct Troubles {
    writer: Option<String>,
    reader: Option<String>,
}

impl Drop for PostgresSequencer {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl PostgresSequencer {
    /// Serves the log `identity` in `schema`; notifications are heard from `listening`.
    pub fn start(
        endpoint: Endpoint,
        listening: Endpoint,
        schema: &str,
        identity: Uuid,
    ) -> PostgresSequencer {
        let engine = |endpoint| {
            Arc::new(Engine {
                endpoint,
                identity,
                statements: Statements::of(schema),
            })
        };
        let heard = watch::Sender::new(0);
        let listener = tokio::spawn(engine(listening).listen(heard.clone()));
        PostgresSequencer {
            engine: engine(endpoint),
            writer: AsyncMutex::default(),
            reader: AsyncMutex::default(),
            signer: AsyncMutex::default(),
            rounds: Rounds::default(),
            heard,
            listener,
            troubles: Mutex::default(),
        }
    }

    /// One call of `append` on the writing connection, which is opened if there is none.
    async fn round(
        &self,
        writer: &mut Option<Link>,
        group: &Group<'_>,
    ) -> Result<Appended, QueryError> {
        let open = writer.take().filter(|link| !link.is_closed());
        let result = async {
            let link = match open {
                Some(link) => link,
                None => self
                    .engine
                    .open()
                    .await
                    .map_err(|reason| QueryError::Refused {
                        code: SqlState::CONNECTION_EXCEPTION,
                        reason,
                    })?,
            };
            let round = self.rounds.begin();
            let appended = self.engine.append(&link, group).await?;
            round.end(appended.reached);
            self.heard
                .send_if_modified(|heard| raise(heard, appended.reached));
            Ok((link, appended))
        }
        .await;
        self.troubles().writer = result.as_ref().err().map(advised);
        let (link, appended) = result?;
        *writer = Some(link);
        Ok(appended)
    }

    /// The commits after `after`, on the reading connection, which is opened if there is none. Any
    /// failure closes it.
    async fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Row>, String> {
        let mut slot = self.reader.lock().await;
        let mut reader = match slot.take() {
            Some(reader) => reader,
            None => Reader {
                link: self.engine.open().await?,
                confirmed: self.confirmed(),
            },
        };
        let (after, limit) = (after.0.cast_signed(), limit.cast_signed() as i64);
        let parameters: [Parameter<'_>; 2] = [(&after, Type::INT8), (&limit, Type::INT8)];
        let found = reader.link.query(&self.engine.statements.tail, &parameters);
        let found = found.await.map_err(|error| advised(&error))?;
        if found.is_empty() && reader.confirmed.elapsed() >= CONFIRM_AFTER {
            let confirmed = self.engine.append(&reader.link, &Group::default()).await;
            confirmed.map_err(|error| advised(&error))?;
            reader.confirmed = self.confirmed();
        }
        *slot = Some(reader);
        Ok(found)
    }

    /// One row for `statement` on the signer's connection, which is opened if there is none. Any
    /// failure closes it.
    async fn ask_for_signer<T>(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        read: impl FnOnce(&Row) -> Result<T, String>,
    ) -> Result<T, SequencerError> {
        let unavailable = SequencerError::Unavailable;
        let mut slot = self.signer.lock().await;
        let link = match slot.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => self.engine.open().await.map_err(unavailable)?,
        };
        let rows = link.query(statement, parameters).await.map_err(|error| {
            unavailable(if error.is(&SqlState::UNDEFINED_TABLE) {
                "the log was created by an earlier version: start cartlog once as the role that \
                 owns the log, and repeat the grants (docs/cluster.md)"
                    .to_owned()
            } else {
                advised(&error)
            })
        })?;
        let found = only(&rows).and_then(read).map_err(unavailable)?;
        *slot = Some(link);
        Ok(found)
    }

    /// The server has acknowledged a write just now.
    fn confirmed(&self) -> Instant {
        self.troubles().writer = None;
        Instant::now()
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Opens a connection to the server that has this log and a quorum.
    ///
    /// The write that confirms it comes before anything is read: after a crash of the server, rows
    /// are visible that no standby has. Once a later write is acknowledged, the standbys have them.
    async fn open(&self) -> Result<Link, String> {
        self.endpoint.open(None, |link| self.accept(link)).await
    }

    async fn accept(&self, link: Link) -> Result<Link, String> {
        let rows = link.query(&self.statements.identity, &[]).await;
        let rows = rows.map_err(|error| advised(&error))?;
        let identity: Uuid = get(only(&rows)?, 0)?;
        if identity != self.identity {
            return Err(format!(
                "the database now has the log {identity} instead of {}: restart cartlog if that is \
                 intended",
                self.identity
            ));
        }
        let confirmed = self.append(&link, &Group::default()).await;
        confirmed.map_err(|error| advised(&error))?;
        Ok(link)
    }

    async fn append(&self, link: &Link, group: &Group<'_>) -> Result<Appended, QueryError> {
        let rows = link
            .query(&self.statements.append, &group.parameters())
            .await?;
        only(&rows)
            .and_then(Appended::read)
            .map_err(QueryError::Unknown)
    }

    /// Raises `heard` to each sequence that a notification names.
    async fn listen(self: Arc<Self>, heard: watch::Sender<u64>) {
        loop {
            let listening = async {
                let mut link = self
                    .endpoint
                    .open(Some(&heard), |link| self.accept(link))
                    .await?;
                let listening = link.run(&self.statements.listen).await;
                listening.map_err(|error| advised(&error))?;
                link.closed().await;
                Ok::<(), String>(())
            };
            if let Err(reason) = listening.await {
                tracing::debug!(reason, "cannot listen for new commits; polling for them");
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }
}

#[async_trait]
impl Sequencer for PostgresSequencer {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn identity(&self) -> Uuid {
        self.engine.identity
    }

    async fn append(&self, commits: &[Commit]) -> Vec<SequencedOutcome> {
        let group = match Group::of(commits) {
            Ok(group) => group,
            Err(reason) => return vec![SequencedOutcome::NotWritten(reason); commits.len()],
        };
        let mut writer = self.writer.lock().await;
        match self.round(&mut writer, &group).await {
            Ok(appended) if appended.outcomes.len() == commits.len() => appended.outcomes,
            Ok(_) => {
                vec![
                    SequencedOutcome::Unknown("the server answered for other commits".to_owned());
                    commits.len()
                ]
            }
            Err(error @ QueryError::Refused { .. }) => {
                vec![SequencedOutcome::NotWritten(advised(&error)); commits.len()]
            }
            Err(QueryError::Unknown(reason)) => {
                vec![SequencedOutcome::Unknown(reason); commits.len()]
            }
        }
    }

    async fn tail(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<SequencedCommit>, SequencerError> {
        let found = self.read(after, limit).await;
        self.troubles().reader = found.as_ref().err().cloned();
        let mut commits = Vec::with_capacity(limit.min(256));
        for row in &found.map_err(SequencerError::Unavailable)? {
            match rows::commit(row) {
                Ok(commit) => commits.push(commit),
                Err(_) if !commits.is_empty() => break,
                Err((sequence, reason)) => {
                    return Err(SequencerError::Unreadable { sequence, reason });
                }
            }
        }
        Ok(commits)
    }

    async fn news(&self, after: Sequence) -> Sequence {
        let mut heard = self.heard.subscribe();
        let reached = heard.wait_for(|reached| *reached > after.0).await;
        Sequence(*reached.expect("the sender lives as long as this sequencer"))
    }

    async fn barrier(&self) -> Result<Sequence, SequencerError> {
        if let Some(reached) = self.rounds.next().await {
            return Ok(Sequence(reached));
        }
        let mut writer = self.writer.lock().await;
        let appended = self.round(&mut writer, &Group::default()).await;
        let appended = appended.map_err(|error| SequencerError::Unavailable(advised(&error)))?;
        Ok(Sequence(appended.reached))
    }

    async fn secret_digest(&self) -> Result<Option<[u8; 32]>, SequencerError> {
        let link = self.engine.open().await;
        let link = link.map_err(SequencerError::Unavailable)?;
        self.engine.secret_digest(&link).await
    }

    async fn record_secret_digest(
        &self,
        digest: [u8; 32],
        replace: bool,
    ) -> Result<[u8; 32], SequencerError> {
        let unavailable = SequencerError::Unavailable;
        let link = self.engine.open().await.map_err(unavailable)?;
        let parameters: [Parameter<'_>; 2] = [(&&digest[..], Type::BYTEA), (&replace, Type::BOOL)];
        let recorded = link
            .query(&self.engine.statements.record_secret, &parameters)
            .await;
        recorded.map_err(|error| {
            unavailable(format!(
                "cannot record the digest of the secret: {}: start cartlog once as the role that \
                 owns the log (docs/cluster.md)",
                error.reason()
            ))
        })?;
        let recorded = self.engine.secret_digest(&link).await?;
        recorded.ok_or_else(|| unavailable("the digest of the secret is not there".to_owned()))
    }

    async fn note(&self) -> Result<Option<String>, SequencerError> {
        self.ask_for_signer(&self.engine.statements.note, &[], |row| get(row, 0))
            .await
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, SequencerError> {
        let parameters: [Parameter<'_>; 2] = [(&last, Type::TEXT), (&next, Type::TEXT)];
        let statement = &self.engine.statements.replace_note;
        self.ask_for_signer(statement, &parameters, |row| get(row, 0))
            .await
    }

    async fn health(&self) -> Result<(), String> {
        let troubles = self.troubles();
        match troubles.reader.as_ref().or(troubles.writer.as_ref()) {
            Some(reason) => Err(format!("PostgreSQL: {reason}")),
            None => Ok(()),
        }
    }
}

impl Engine {
    async fn secret_digest(&self, link: &Link) -> Result<Option<[u8; 32]>, SequencerError> {
        let rows = link.query(&self.statements.secret, &[]).await;
        let digest = rows
            .map_err(|error| advised(&error))
            .and_then(|rows| Ok(get::<Option<&[u8]>>(only(&rows)?, 0)?.map(<[u8]>::to_vec)))
            .map_err(SequencerError::Unavailable)?;
        // The table checks its length.
        Ok(digest.and_then(|digest| digest.try_into().ok()))
    }
}
