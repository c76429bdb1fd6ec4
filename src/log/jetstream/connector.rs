//! Connecting to a log in JetStream.

use super::ENGINE;
use super::sequencer::JetStreamSequencer;
use super::settings::JetStreamSettings;
use super::stream::Stream;
use crate::log::OpenError;
use crate::log::shared::{Sequencer, SequencerConnector};
use crate::nats::{addresses, is_token, list, open};
use async_trait::async_trait;
use std::sync::Arc;

/// Connects to the log that [`JetStreamSettings`] name.
#[derive(Debug)]
pub struct JetStreamConnector {
    settings: JetStreamSettings,
}

impl JetStreamConnector {
    pub fn new(settings: JetStreamSettings) -> JetStreamConnector {
        JetStreamConnector { settings }
    }

    async fn open(&self, creates: bool) -> Result<Option<Arc<dyn Sequencer>>, String> {
        let settings = &self.settings;
        check_names(settings)?;
        let api = open(&settings.servers).await?;
        let Some(stream) = Stream::open(api, settings, creates).await? else {
            return Ok(None);
        };
        let sequencer = JetStreamSequencer::start(stream, settings.clone());
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
impl SequencerConnector for JetStreamConnector {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    /// The messages of different streams are in flight at the same time.
    fn keeps_order(&self) -> bool {
        false
    }

    fn location(&self) -> String {
        match addresses(&self.settings.servers) {
            Ok(servers) => {
                format!(
                    "nats://{} (stream {})",
                    list(&servers),
                    self.settings.stream
                )
            }
            Err(_) => "in JetStream".to_owned(),
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

fn check_names(settings: &JetStreamSettings) -> Result<(), String> {
    if !is_token(&settings.stream) {
        return Err(format!(
            "log.jetstream.stream = \"{}\" must be a name of letters, digits, - and _, such as \
             cartlog",
            settings.stream
        ));
    }
    if !settings.subject_prefix.split('.').all(is_token) {
        return Err(format!(
            "log.jetstream.subject_prefix = \"{}\" must have letters, digits, - and _, with dots \
             between its parts, such as cartlog",
            settings.subject_prefix
        ));
    }
    if !(1..=5).contains(&settings.replicas) {
        return Err(format!(
            "log.jetstream.replicas = {} must be from 1 to 5",
            settings.replicas
        ));
    }
    Ok(())
}
