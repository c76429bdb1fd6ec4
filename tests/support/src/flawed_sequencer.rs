//! An engine of a shared log that breaks one of its promises without a trace in the log: the
//! control of tests that judge histories.

use crate::memory_log::recommit;
use async_trait::async_trait;
use cartlog::log::shared::{
    Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerConnector, SequencerError,
};
use cartlog::log::{Commit, Head, OpenError};
use std::sync::Arc;
use uuid::Uuid;

/// The promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A commit is written at the end of its stream whatever version it expects.
    IgnoresExpectedVersion,
    /// A barrier covers nothing, so that a node answers from whatever it has.
    StaleBarriers,
}

/// Connects to the engine of `inner`, which then has `flaw`.
#[derive(Debug)]
pub struct FlawedConnector {
    pub inner: Arc<dyn SequencerConnector>,
    pub flaw: Flaw,
}

#[async_trait]
impl SequencerConnector for FlawedConnector {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn keeps_order(&self) -> bool {
        self.inner.keeps_order()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    async fn connect(&self) -> Result<Arc<dyn Sequencer>, OpenError> {
        let inner = self.inner.connect().await?;
        let flaw = self.flaw;
        Ok(Arc::new(FlawedSequencer { inner, flaw }))
    }

    async fn connect_existing(&self) -> Result<Option<Arc<dyn Sequencer>>, OpenError> {
        let flaw = self.flaw;
        let inner = self.inner.connect_existing().await?;
        Ok(inner.map(|inner| Arc::new(FlawedSequencer { inner, flaw }) as Arc<dyn Sequencer>))
    }
}

struct FlawedSequencer {
    inner: Arc<dyn Sequencer>,
    flaw: Flaw,
}

impl FlawedSequencer {
    /// Writes `commit` at the end of its stream, wherever that is.
    async fn force(&self, commit: &Commit) -> SequencedOutcome {
        loop {
            let log = self.inner.tail(Sequence(0), usize::MAX >> 1).await;
            let Ok(log) = log else {
                return SequencedOutcome::Unknown("the log could not be read".to_owned());
            };
            let mut events = log.iter().rev().filter_map(|commit| commit.events.last());
            let last = events.find(|event| event.stream == commit.stream());
            let forced = recommit(commit, last.map_or(Head::START, Head::at), usize::MAX);
            let outcome = self.inner.append(&[forced]).await.remove(0);
            if !matches!(outcome, SequencedOutcome::Conflict { .. }) {
                return outcome;
            }
        }
    }
}

#[async_trait]
impl Sequencer for FlawedSequencer {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn identity(&self) -> Uuid {
        self.inner.identity()
    }

    async fn append(&self, group: &[Commit]) -> Vec<SequencedOutcome> {
        let mut outcomes = self.inner.append(group).await;
        if self.flaw == Flaw::IgnoresExpectedVersion {
            for (outcome, commit) in outcomes.iter_mut().zip(group) {
                if matches!(outcome, SequencedOutcome::Conflict { .. }) {
                    *outcome = self.force(commit).await;
                }
            }
        }
        outcomes
    }

    async fn tail(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<SequencedCommit>, SequencerError> {
        self.inner.tail(after, limit).await
    }

    async fn news(&self, after: Sequence) -> Sequence {
        self.inner.news(after).await
    }

    async fn barrier(&self) -> Result<Sequence, SequencerError> {
        match self.flaw {
            Flaw::StaleBarriers => Ok(Sequence(0)),
            Flaw::IgnoresExpectedVersion => self.inner.barrier().await,
        }
    }

    async fn secret_digest(&self) -> Result<Option<[u8; 32]>, SequencerError> {
        self.inner.secret_digest().await
    }

    async fn record_secret_digest(
        &self,
        digest: [u8; 32],
        replace: bool,
    ) -> Result<[u8; 32], SequencerError> {
        self.inner.record_secret_digest(digest, replace).await
    }

    async fn note(&self) -> Result<Option<String>, SequencerError> {
        self.inner.note().await
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, SequencerError> {
        self.inner.replace_note(last, next).await
    }

    async fn health(&self) -> Result<(), String> {
        self.inner.health().await
    }
}
