//! The stream: created at the first start, and compared with the log.

use super::message::mirrors;
use super::settings::MirrorSettings;
use super::trouble::Trouble;
use crate::log::{LogReader, Position, ReadError};
use crate::nats::{Api, Failure, NO_STREAM, StreamSettings, check, create, get, info, retrying};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Time limit for a request with all of its attempts.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Messages that are compared at the same time.
const COMPARED_AT_ONCE: u64 = 64;
/// The stream's metadata that has the id of its log.
const LOG_ID: &str = "cartlog_log_id";

/// The stream of one log, which is no other log's.
pub(super) struct MirrorStream<'a> {
    pub api: &'a Api,
    pub settings: &'a MirrorSettings,
    log: &'a dyn LogReader,
}

impl<'a> MirrorStream<'a> {
    /// The stream of `settings`, created if there is none, and the position of its last message.
    pub async fn open(
        api: &'a Api,
        settings: &'a MirrorSettings,
        log: &'a dyn LogReader,
    ) -> Result<(MirrorStream<'a>, Position), Trouble> {
        let name = &settings.stream;
        let stream = StreamSettings {
            name,
            subjects: format!("{}.*.*", settings.subject),
            replicas: settings.replicas,
            name_key: "nats.stream",
            subjects_key: "nats.subject",
            replicas_key: "nats.replicas",
        };
        let deadline = Instant::now() + TIMEOUT;
        let found = match retrying(deadline, || info(api, name)).await {
            Err(failure) if failure.is(NO_STREAM) => {
                let id = log.identity().to_string();
                let description = "Mirror of the event log of a cartlog service.";
                let more = [
                    ("description", json!(description)),
                    ("metadata", json!({ LOG_ID: id })),
                ];
                let created = create(api, &stream, &more, deadline).await;
                if created.map_err(Trouble::Temporary)? {
                    tracing::info!(stream = name, "created the stream that mirrors the log");
                }
                retrying(deadline, || info(api, name)).await
            }
            found => found,
        };
        let found = found.map_err(temporary)?;
        check(&found.config, &stream).map_err(Trouble::Refused)?;
        let opened = MirrorStream { api, settings, log };
        opened.check_log(&found.config)?;
        Ok((opened, Position(found.state.last_seq)))
    }

    /// The position of the stream's last message.
    pub async fn end(&self) -> Result<Position, Trouble> {
        let deadline = Instant::now() + TIMEOUT;
        let found = retrying(deadline, || info(self.api, &self.settings.stream)).await;
        let found = found.map_err(temporary)?;
        self.check_log(&found.config)?;
        Ok(Position(found.state.last_seq))
    }

    /// A stream that an operator has created need not name its log.
    fn check_log(&self, config: &Value) -> Result<(), Trouble> {
        let own = self.log.identity().to_string();
        match config["metadata"][LOG_ID].as_str() {
            Some(other) if other != own => Err(Trouble::Refused(format!(
                "the stream {0} mirrors another log, {other}: set nats.stream and nats.subject to \
                 names of its own, or delete that stream (`nats stream rm {0}`)",
                self.settings.stream
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Compares the messages at `positions` with the log. The error names the first that differs.
    pub async fn compare(&self, positions: RangeInclusive<u64>) -> Result<(), Trouble> {
        let (mut first, last) = positions.into_inner();
        if first > last {
            return Ok(());
        }
        let last_event = self.log.event_at(Position(last)).await;
        if last_event.map_err(|error| unread(&error))?.is_none() {
            // This node's copy of a shared log may be behind.
            let end = self.log.barrier().await.map_err(|error| unread(&error))?;
            if end < Position(last) {
                return Err(self.diverged(&format!(
                    "has {last} messages or more, and the log ends at position {end}"
                )));
            }
        }
        while first <= last {
            let end = last.min(first + COMPARED_AT_ONCE - 1);
            let compared = (first..=end).map(|position| self.compare_one(Position(position)));
            join_all(compared)
                .await
                .into_iter()
                .collect::<Result<(), _>>()?;
            first = end + 1;
        }
        Ok(())
    }

    async fn compare_one(&self, position: Position) -> Result<(), Trouble> {
        let recorded = self
            .log
            .event_at(position)
            .await
            .map_err(|error| unread(&error))?;
        let Some(recorded) = recorded else {
            let reason = format!("the log has no event at position {position} yet");
            return Err(Trouble::Temporary(reason));
        };
        let name = &self.settings.stream;
        let deadline = Instant::now() + TIMEOUT;
        let found = get(self.api, name, &json!({ "seq": position.0 }), deadline).await;
        let is_same = match found.map_err(temporary)? {
            Some((message, payload)) => mirrors(
                &self.settings.subject,
                &recorded,
                &message.subject,
                &payload,
            ),
            None => false,
        };
        if is_same {
            return Ok(());
        }
        Err(self.diverged(&format!(
            "has something else than the event at position {position}"
        )))
    }

    fn diverged(&self, how: &str) -> Trouble {
        Trouble::Refused(format!(
            "the stream {0} is no mirror of this log: it {how}, for example because the log was \
             restored from a backup, or because another program publishes to {1}. Delete the \
             stream (`nats stream rm {0}`), and it is filled again, or set nats.stream and \
             nats.subject to other names",
            self.settings.stream, self.settings.subject
        ))
    }
}

fn unread(error: &ReadError) -> Trouble {
    Trouble::Temporary(error.to_string())
}

fn temporary(failure: Failure) -> Trouble {
    Trouble::Temporary(failure.reason())
}
