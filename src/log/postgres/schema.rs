//! The log's tables: checked, and created by the first start.

use super::link::{Link, QueryError};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The statements that create the tables of [`FORMAT`].
const CREATE: &str = include_str!("schema.sql");
/// Those that create what a log may lack that was created by an earlier version.
const ADD_CHECKPOINT: &str = include_str!("signed_checkpoint.sql");
/// The format of the log's tables.
const FORMAT: i32 = 1;
/// The oldest server that the adapter is tested with, as in `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// The id of the log in `schema`, whose tables are created if `creates` and there are none; `None`
/// if there are none. The error says in one line what is wrong and what to do.
pub(super) async fn prepare(
    link: &Link,
    schema: &str,
    creates: bool,
) -> Result<Option<Uuid>, String> {
    check_server(link).await?;
    if let Found::Log { identity, complete } = find(link, schema).await? {
        if creates && !complete {
            add_checkpoint(link, schema).await?;
        }
        return Ok(Some(identity));
    }
    if !creates {
        return Ok(None);
    }
    create(link, schema).await?;
    match find(link, schema).await? {
        Found::Log { identity, .. } => {
            tracing::info!(schema, %identity, "created the log's tables in PostgreSQL");
            Ok(Some(identity))
        }
        Found::Nothing { .. } => Err("the tables that were created are not there".to_owned()),
    }
}

async fn check_server(link: &Link) -> Result<(), String> {
    let rows = link
        .query(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                    current_setting('server_encoding'),
                    current_setting('default_transaction_isolation'), current_user::text,
                    current_setting('synchronous_standby_names')",
            &[],
        )
        .await
        .map_err(|error| advised(&error))?;
    let row = only(&rows)?;
    let (number, version, encoding): (i32, &str, &str) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
    let (isolation, role): (&str, &str) = (get(row, 3)?, get(row, 4)?);
    if number < OLDEST_SERVER {
        return Err(format!(
            "the server is PostgreSQL {version}, but must be {} or later",
            OLDEST_SERVER / 10_000
        ));
    }
    if encoding != "UTF8" {
        return Err(format!(
            "the database's encoding is {encoding}, but must be UTF8: create the database with \
             ENCODING 'UTF8' TEMPLATE template0"
        ));
    }
    if isolation != "read committed" {
        return Err(format!(
            "default_transaction_isolation is {isolation}, but must be read committed: ALTER ROLE \
             {role} SET default_transaction_isolation = 'read committed'"
        ));
    }
    if get::<&str>(row, 5)?.is_empty() {
        tracing::info!(
            "synchronous_standby_names is empty: a failover may lose acknowledged commands"
        );
    }
    Ok(())
}

/// What a schema contains.
enum Found {
    Log {
        identity: Uuid,
        /// Whether it has what [`ADD_CHECKPOINT`] creates.
        complete: bool,
    },
    Nothing {
        schema_exists: bool,
    },
}

async fn find(link: &Link, schema: &str) -> Result<Found, String> {
    let rows = link
        .query(
            "SELECT n.oid IS NOT NULL,
                    EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid
                                AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
                    (SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                      WHERE c.relnamespace = n.oid AND c.relname = 'log'
                        AND a.attname IN ('format', 'log_id', 'secret_digest')) = 3,
                    EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid
                                AND c.relname = 'signed_checkpoint')
               FROM (VALUES ($1::text)) AS wanted(name)
               LEFT JOIN pg_namespace n ON n.nspname = wanted.name",
            &[(&schema, Type::TEXT)],
        )
        .await
        .map_err(|error| advised(&error))?;
    let row = only(&rows)?;
    let (schema_exists, has_tables, has_log) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
    let complete = get(row, 3)?;
    match (has_tables, has_log) {
        (false, _) => return Ok(Found::Nothing { schema_exists }),
        (true, false) => {
            return Err(format!(
                "the schema {schema} has tables of something else: set log.postgres.schema to a \
                 name of its own"
            ));
        }
        (true, true) => {}
    }
    let rows = link
        .query(&format!("SELECT format, log_id FROM \"{schema}\".log"), &[])
        .await
        .map_err(|error| advised(&error))?;
    let row = only(&rows)?;
    let format: i32 = get(row, 0)?;
    if format != FORMAT {
        return Err(format!(
            "the log has format {format}, but must have format {FORMAT}: it was created by another \
             version of cartlog, use that one or a later one"
        ));
    }
    Ok(Found::Log {
        identity: get(row, 1)?,
        complete,
    })
}

/// Begins a transaction that creates or migrates tables, one node after the other.
async fn begin(link: &Link, schema: &str) -> Result<(), String> {
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('cartlog migration {schema}', 0))"
    );
    link.run(&lock).await.map_err(|error| advised(&error))
}

/// Adds what a log lacks that was created by an earlier version, unless another node is first. A
/// role that may not do that serves the log all the same, without signing it.
async fn add_checkpoint(link: &Link, schema: &str) -> Result<(), String> {
    begin(link, schema).await?;
    if let Found::Log {
        complete: false, ..
    } = find(link, schema).await?
    {
        let statements = format!("SET LOCAL search_path = \"{schema}\", pg_temp; {ADD_CHECKPOINT}");
        match link.run(&statements).await {
            Ok(()) => tracing::info!(schema, "added the table of the last signed checkpoint"),
            Err(error) if error.is(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                return link.run("ROLLBACK").await.map_err(|error| advised(&error));
            }
            Err(error) => return Err(advised(&error)),
        }
    }
    link.run("COMMIT").await.map_err(|error| advised(&error))
}

/// Creates the tables, unless another node does so at the same time and is first.
async fn create(link: &Link, schema: &str) -> Result<(), String> {
    begin(link, schema).await?;
    if let Found::Nothing { schema_exists } = find(link, schema).await? {
        let create_schema = if schema_exists {
            String::new()
        } else {
            format!("CREATE SCHEMA \"{schema}\";")
        };
        let statements = format!(
            "{create_schema} SET LOCAL search_path = \"{schema}\", pg_temp; {CREATE}; \
             {ADD_CHECKPOINT}"
        );
        link.run(&statements).await.map_err(|error| {
            if error.is(&SqlState::INSUFFICIENT_PRIVILEGE) {
                return format!(
                    "{}: start cartlog once as the role that owns the log, which creates its \
                     tables (docs/cluster.md)",
                    error.reason()
                );
            }
            advised(&error)
        })?;
    }
    link.run("COMMIT").await.map_err(|error| advised(&error))
}

/// The reason of `error`, with what to do about a missing privilege.
pub(super) fn advised(error: &QueryError) -> String {
    if error.is(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return format!(
            "{}: grant the role what docs/cluster.md lists",
            error.reason()
        );
    }
    error.reason().to_owned()
}

pub(super) fn only(rows: &[Row]) -> Result<&Row, String> {
    match rows {
        [row] => Ok(row),
        rows => Err(format!(
            "expected one row from the server, not {}",
            rows.len()
        )),
    }
}

pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    column: usize,
) -> Result<T, String> {
    row.try_get(column)
        .map_err(|error| format!("unexpected answer from the server: {error}"))
}
