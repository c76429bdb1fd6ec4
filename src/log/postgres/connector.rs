//! Connecting to a log in PostgreSQL.

use super::ENGINE;
use super::address::Address;
use super::link::Endpoint;
use super::schema;
use super::sequencer::PostgresSequencer;
use super::settings::PostgresSettings;
use crate::log::OpenError;
use crate::log::shared::{Sequencer, SequencerConnector};
use async_trait::async_trait;
use std::sync::Arc;

/// The longest name in PostgreSQL, in bytes.
const LONGEST_NAME: usize = 63;

/// Connects to the log that [`PostgresSettings`] name.
#[derive(Debug)]
pub struct PostgresConnector {
    settings: PostgresSettings,
}

impl PostgresConnector {
    pub fn new(settings: PostgresSettings) -> PostgresConnector {
        PostgresConnector { settings }
    }

    fn endpoint(&self, url: &str, key: &str) -> Result<Endpoint, String> {
        let address = Address::parse(url, &self.settings)
            .map_err(|reason| format!("{key} cannot be used: {reason}"))?;
        Endpoint::new(address, &self.settings)
    }

    async fn open(&self, creates: bool) -> Result<Option<Arc<dyn Sequencer>>, String> {
        let schema = &self.settings.schema;
        if !is_plain_name(schema) {
            return Err(format!(
                "log.postgres.schema = \"{schema}\" must be a name of lower-case letters, digits \
                 and underscores, such as cartlog"
            ));
        }
        let endpoint = self.endpoint(&self.settings.url, "log.postgres.url")?;
        let listening = match &self.settings.listen_url {
            Some(url) => self.endpoint(url, "log.postgres.listen_url")?,
            None => self.endpoint(&self.settings.url, "log.postgres.url")?,
        };
        let link = endpoint.open(None, |link| async { Ok(link) }).await?;
        let Some(identity) = schema::prepare(&link, schema, creates).await? else {
            return Ok(None);
        };
        let sequencer = PostgresSequencer::start(endpoint, listening, schema, identity);
        Ok(Some(Arc::new(sequencer)))
    }

    fn failed(&self, reason: String) -> OpenError {
        OpenError {
            location: self.location(),
            reason,
            in_use: false,
        }
    }
}

#[async_trait]
impl SequencerConnector for PostgresConnector {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn location(&self) -> String {
        match Address::parse(&self.settings.url, &self.settings) {
            Ok(address) => address.location,
            Err(_) => "in PostgreSQL".to_owned(),
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Sequencer>, OpenError> {
        match self.open(true).await {
            Ok(Some(sequencer)) => Ok(sequencer),
            Ok(None) => Err(self.failed("it was not created".to_owned())),
            Err(reason) => Err(self.failed(reason)),
        }
    }

    async fn connect_existing(&self) -> Result<Option<Arc<dyn Sequencer>>, OpenError> {
        self.open(false).await.map_err(|reason| self.failed(reason))
    }
}

/// Whether `name` means the same with and without quotation marks in SQL.
fn is_plain_name(name: &str) -> bool {
    let begins = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    name.len() <= LONGEST_NAME
        && name.starts_with(begins)
        && name
            .chars()
            .all(|letter| begins(letter) || letter.is_ascii_digit())
}
