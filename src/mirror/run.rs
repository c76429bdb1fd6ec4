//! The life of the mirror: it connects, finds the stream's end, publishes until something is in the
//! way, and begins again.

use super::publisher::{Publisher, WINDOW};
use super::settings::MirrorSettings;
use super::status::{MirrorActivity, MirrorStatus};
use super::stream::MirrorStream;
use super::trouble::Trouble;
use crate::backoff::backoff;
use crate::history;
use crate::log::{LogReader, Position};
use crate::nats::{self, Api};
use crate::timestamp::Timestamp;
use crate::transfer::PreviousHashes;
use fastrand::Rng;
use prometheus::IntCounter;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Failures after which the pause grows no more, at about 2 s.
const MOST_FAILURES: u32 = 4;
/// When a refused stream is looked at again: the operator may have corrected it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often a node that stands by looks at the stream. Half of it is random.
const STAND_BY: Duration = Duration::from_millis(500);

/// Runs the mirror of one log.
pub(super) struct Runner {
    settings: Arc<MirrorSettings>,
    log: Arc<dyn LogReader>,
    status: watch::Sender<MirrorStatus>,
    failures: IntCounter,
    rng: Rng,
    hashes: PreviousHashes,
    /// Kept over faults: the client connects again by itself.
    api: Option<Api>,
    /// Positions that were sent and not acknowledged: another publisher may have stored messages
    /// there, which are compared with the log.
    doubtful: Option<RangeInclusive<u64>>,
    /// Whether this node stands by as long as the stream grows.
    is_overtaken: bool,
    /// Failures in a row.
    failed: u32,
}

impl Runner {
    pub fn new(
        settings: Arc<MirrorSettings>,
        log: Arc<dyn LogReader>,
        status: watch::Sender<MirrorStatus>,
        failures: IntCounter,
        rng: Rng,
    ) -> Runner {
        Runner {
            settings,
            log,
            status,
            failures,
            rng,
            hashes: PreviousHashes::new(),
            api: None,
            doubtful: None,
            is_overtaken: false,
            failed: 0,
        }
    }

    /// Mirrors until `stop` is true or dropped.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.mirror() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn mirror(&mut self) {
        loop {
            let Err(trouble) = self.publish().await;
            let pause = match trouble {
                Trouble::Overtaken => {
                    self.is_overtaken = true;
                    continue;
                }
                Trouble::Temporary(reason) => {
                    self.fail(MirrorActivity::Waiting, reason).await;
                    backoff(self.failed.min(MOST_FAILURES), &mut self.rng)
                }
                Trouble::Refused(reason) => {
                    self.fail(MirrorActivity::Refused, reason).await;
                    LOOK_AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Publishes from the stream's end on.
    async fn publish(&mut self) -> Result<Infallible, Trouble> {
        if self.api.is_none() {
            let opened = nats::open(&self.settings.servers).await;
            self.api = Some(opened.map_err(Trouble::Temporary)?);
        }
        let Runner {
            settings,
            log,
            status,
            rng,
            hashes,
            api,
            doubtful,
            is_overtaken,
            failed,
            ..
        } = self;
        let api = api.as_ref().expect("it is set above");
        let (stream, mut end) = MirrorStream::open(api, settings, &**log).await?;
        if let Some(positions) = doubtful {
            let last = end.0.min(*positions.end());
            stream.compare(*positions.start()..=last).await?;
        }
        // Behind a message of another program the servers have accepted what was in flight.
        let first = end.0.saturating_sub(WINDOW as u64) + 1;
        stream.compare(first..=end.0).await?;
        *doubtful = None;
        if *is_overtaken {
            end = stand_by(&stream, &**log, status, rng, end).await?;
            *is_overtaken = false;
        }
        let mut publisher = Publisher::new(&stream, &**log, hashes, status, end);
        let outcome = publisher.run().await;
        *doubtful = Some(publisher.in_flight());
        if publisher.has_stored() {
            *failed = 0;
        }
        outcome
    }

    /// Shows and counts a failure.
    async fn fail(&mut self, activity: MirrorActivity, reason: String) {
        self.failed = self.failed.saturating_add(1);
        let position = self.status.borrow().position;
        let is_news = self.status.borrow().last_error.as_deref() != Some(&reason);
        self.failures.inc();
        if is_news {
            match activity {
                MirrorActivity::Refused => tracing::error!(reason, "cannot mirror the log to NATS"),
                _ => tracing::warn!(reason, "cannot mirror the log to NATS; retrying"),
            }
        }
        let oldest = match position {
            Some(position) => oldest_after(&*self.log, position).await,
            None => self.status.borrow().oldest,
        };
        self.status.send_modify(|status| {
            status.activity = activity;
            status.oldest = oldest;
            status.last_error = Some(reason);
        });
    }
}

/// Waits as long as another publisher goes on, and returns the stream's end when it no longer does:
/// the log had more than the stream, and the stream has not grown since.
async fn stand_by(
    stream: &MirrorStream<'_>,
    log: &dyn LogReader,
    status: &watch::Sender<MirrorStatus>,
    rng: &mut Rng,
    mut end: Position,
) -> Result<Position, Trouble> {
    let mut had_more = false;
    loop {
        let oldest = oldest_after(log, end).await;
        let has_more = oldest.is_some();
        status.send_replace(MirrorStatus {
            activity: MirrorActivity::StandingBy,
            position: Some(end),
            oldest,
            last_error: None,
        });
        if had_more {
            return Ok(end);
        }
        tokio::time::sleep(STAND_BY.mul_f64(0.5 + rng.f64() / 2.0)).await;
        let next = stream.end().await?;
        if next != end {
            stream.compare(next.0..=next.0).await?;
        }
        had_more = has_more && next == end;
        end = next;
    }
}

/// When the oldest event after `position` was written, as far as this node has it.
async fn oldest_after(log: &dyn LogReader, position: Position) -> Option<Timestamp> {
    let next = log.read_all(position, 1).await.ok()?.pop();
    next.map(|event| history::written_at(&event))
}
