//! A log that PostgreSQL orders, replicates and keeps.
//!
//! One function in the database, `append` in `schema.sql`, writes a group of commits in one
//! transaction and gives each its sequence. What an acknowledged commit survives is the server's
//! matter: `docs/cluster.md` has the settings.

mod address;
mod connector;
mod link;
mod rows;
mod schema;
mod sequencer;
mod settings;
mod statements;
mod tls;

pub use connector::PostgresConnector;
pub use settings::PostgresSettings;

/// The name in the configuration.
const ENGINE: &str = "postgres";
