//! Import into an engine without a bulk path: each commit of the export is appended again.

use crate::log::{
    self, BulkImporter, Commit, Head, LogConfig, NewEvent, OpenError, OpenLog, Position,
    RecordedEvent,
};
use futures_util::future::join_all;
use std::collections::HashMap;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// How many commits are appended together.
const GROUP: usize = 256;

/// Appends the events of an import, commit by commit. Unlike the bulk path it leaves a partial log
/// behind when the import fails.
pub struct AppendImporter {
    opened: OpenLog,
    location: String,
    runtime: Runtime,
    heads: HashMap<Uuid, Head>,
    /// The events of one commit so far, and the end of their stream before them.
    commit: Vec<RecordedEvent>,
    before: Head,
    /// Commits that are appended together.
    group: Vec<Commit>,
    imported: u64,
}

impl AppendImporter {
    /// Opens the log of `config`, which must be empty or missing.
    pub fn open(config: &LogConfig) -> Result<AppendImporter, OpenError> {
        let opened = log::open(&config.in_order())?;
        let importer = AppendImporter {
            location: opened.administration.location(),
            opened,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime without I/O starts"),
            heads: HashMap::new(),
            commit: Vec::new(),
            before: Head::START,
            group: Vec::with_capacity(GROUP),
            imported: 0,
        };
        let log = &importer.opened.log;
        let end = importer.runtime.block_on(async {
            log.wait_until_filled().await?;
            log.barrier().await
        });
        match end {
            Ok(Position(0)) => Ok(importer),
            Ok(end) => Err(importer.close_with(&format!("it has {end} events already"))),
            Err(error) => Err(importer.close_with(&error.to_string())),
        }
    }

    /// Queues the pending commit. The events of a commit follow each other in the export and share
    /// their metadata, which has the id of their command.
    fn flush(&mut self) -> Result<(), OpenError> {
        let Some(first) = self.commit.first() else {
            return Ok(());
        };
        let (stream, recorded_at) = (first.stream, first.recorded_at);
        let metadata = first.metadata.to_string();
        let events: Vec<NewEvent> = self
            .commit
            .drain(..)
            .map(|event| NewEvent {
                name: event.name,
                schema: event.schema,
                data: event.data.to_string(),
            })
            .collect();
        let commit = Commit::new(stream, self.before, recorded_at, metadata, events);
        self.group.push(commit);
        if self.group.len() >= GROUP {
            self.append()?;
        }
        Ok(())
    }

    /// Appends the queued commits, all at once: opened in order, the log writes them in the order
    /// of the calls.
    fn append(&mut self) -> Result<(), OpenError> {
        let log = &self.opened.log;
        let group = self.group.drain(..);
        let sizes: Vec<usize> = group
            .as_slice()
            .iter()
            .map(|it| it.events().len())
            .collect();
        let appended = self
            .runtime
            .block_on(join_all(group.map(|commit| log.append(commit))));
        for (appended, size) in appended.into_iter().zip(sizes) {
            if let Err(error) = appended {
                return Err(self.failed(&format!(
                    "{error}; the first {} events were imported: remove the log before the import \
                     is repeated",
                    self.imported
                )));
            }
            self.imported += size as u64;
        }
        Ok(())
    }

    fn failed(&self, reason: &str) -> OpenError {
        OpenError {
            location: self.location.clone(),
            reason: reason.to_owned(),
            in_use: false,
        }
    }

    fn close_with(self, reason: &str) -> OpenError {
        let error = self.failed(reason);
        self.opened.log.close();
        self.opened.worker.join();
        error
    }
}

impl BulkImporter for AppendImporter {
    fn add(&mut self, event: &RecordedEvent) -> Result<(), OpenError> {
        let continues = self.commit.last().is_some_and(|last| {
            last.stream == event.stream
                && last.metadata == event.metadata
                && last.recorded_at == event.recorded_at
        });
        if !continues {
            self.flush()?;
            self.before = self.head(event.stream)?;
        }
        self.heads.insert(event.stream, Head::at(event));
        self.commit.push(event.clone());
        Ok(())
    }

    fn head(&self, stream: Uuid) -> Result<Head, OpenError> {
        Ok(self.heads.get(&stream).copied().unwrap_or(Head::START))
    }

    fn finish(mut self: Box<Self>) -> Result<u64, OpenError> {
        self.flush()?;
        self.append()?;
        self.opened.log.close();
        let ended = self.runtime.block_on(self.opened.worker.ended());
        let result = ended.map_err(|error| self.failed(&error.to_string()));
        self.opened.worker.join();
        result.map(|()| self.imported)
    }
}
