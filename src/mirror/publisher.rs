//! Publishing events in the order of the log, with a window of messages that are not acknowledged
//! yet.
//!
//! All are sent over one connection in order, and each is stored only behind the one before. If the
//! servers take two of them in another order, they refuse those that come too early; so a refusal
//! means either that, or that another node was faster. In both cases the stream's end says where to
//! go on.

use super::message::{Message, at};
use super::status::{MirrorActivity, MirrorStatus};
use super::stream::MirrorStream;
use super::trouble::Trouble;
use crate::history;
use crate::log::{LogReader, Position, ReadError, RecordedEvent};
use crate::nats::{ANSWER_WITHIN, Published, check_size, outcome};
use crate::timestamp::Timestamp;
use crate::transfer::PreviousHashes;
use async_nats::connection::State;
use async_nats::{StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Messages that may wait for their acknowledgements.
pub(super) const WINDOW: usize = 1_024;
/// Their bytes; the last message may go beyond.
const WINDOW_BYTES: usize = 4 << 20;
/// Events per read of the log. Fewer are read only when there are no more.
const PAGE: usize = 256;
/// How long the servers may acknowledge nothing.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);
/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A message that is sent.
struct Flight {
    position: Position,
    written_at: Timestamp,
    bytes: usize,
    is_stored: bool,
}

/// Publishes from the end of the stream on.
pub(super) struct Publisher<'a> {
    stream: &'a MirrorStream<'a>,
    log: &'a dyn LogReader,
    hashes: &'a mut PreviousHashes,
    status: &'a watch::Sender<MirrorStatus>,
    begun_at: Position,
    /// Up to here everything is acknowledged.
    stored: Position,
    /// By position, from the one behind `stored` on.
    flights: VecDeque<Flight>,
    bytes: usize,
    /// When the servers have acknowledged something last, or had nothing to acknowledge.
    answered: Instant,
}

impl<'a> Publisher<'a> {
    /// A publisher that goes on behind `end`, the last message of the stream.
    pub fn new(
        stream: &'a MirrorStream<'a>,
        log: &'a dyn LogReader,
        hashes: &'a mut PreviousHashes,
        status: &'a watch::Sender<MirrorStatus>,
        end: Position,
    ) -> Publisher<'a> {
        Publisher {
            stream,
            log,
            hashes,
            status,
            begun_at: end,
            stored: end,
            flights: VecDeque::new(),
            bytes: 0,
            answered: Instant::now(),
        }
    }

    /// Whether a message of this publisher was acknowledged.
    pub fn has_stored(&self) -> bool {
        self.stored > self.begun_at
    }

    /// Publishes until something is in the way.
    pub async fn run(&mut self) -> Result<Infallible, Trouble> {
        let client = &self.stream.api.client;
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.*"));
        let answers = tokio::time::timeout(ANSWER_WITHIN, answers).await;
        let mut answers = match answers {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => return Err(Trouble::Temporary(error.to_string())),
            Err(_) => return Err(hangs()),
        };
        let mut wake_ups = self.log.wake_ups();
        loop {
            wake_ups.borrow_and_update();
            let has_room = self.has_room();
            if has_room {
                self.send(&inbox).await?;
            }
            self.report();
            tokio::select! {
                Some(answer) = answers.next() => {
                    self.take(&answer)?;
                    self.take_others(&mut answers)?;
                }
                Ok(()) = wake_ups.changed(), if has_room => {}
                () = tokio::time::sleep(LOOK) => self.look()?,
            }
        }
    }

    /// Whether a page may be sent: not for every acknowledgement.
    fn has_room(&self) -> bool {
        self.flights.len() + PAGE <= WINDOW && self.bytes < WINDOW_BYTES
    }

    /// Sends what the log has, as long as there is room.
    async fn send(&mut self, inbox: &str) -> Result<(), Trouble> {
        while self.has_room() {
            let sent = self
                .flights
                .back()
                .map_or(self.stored, |last| last.position);
            let page = self.log.read_all(sent, PAGE).await;
            let page = page.map_err(|error| Trouble::Temporary(error.to_string()))?;
            for (next, recorded) in (sent.0 + 1..).zip(&page) {
                if recorded.position.0 != next {
                    return Err(Trouble::Refused(format!(
                        "{} is missing in the log: check it (`cartlog verify`)",
                        at(Position(next))
                    )));
                }
                self.send_one(recorded, inbox).await?;
                if self.bytes >= WINDOW_BYTES {
                    break;
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        Ok(())
    }

    async fn send_one(&mut self, recorded: &RecordedEvent, inbox: &str) -> Result<(), Trouble> {
        let position = recorded.position;
        let unread = |error: ReadError| Trouble::Temporary(error.to_string());
        let refused = |reason| Trouble::Refused(format!("{}: {reason}", at(position)));
        let previous = self.hashes.before(self.log, recorded).await;
        let previous = previous.map_err(unread)?;
        let prefix = &self.stream.settings.subject;
        let message = Message::of(prefix, recorded, previous).map_err(refused)?;
        let api = self.stream.api;
        check_size(api, "event", &message.headers, &message.payload).map_err(refused)?;
        let bytes = message.payload.len();
        if self.flights.is_empty() {
            self.answered = Instant::now();
        }
        let sending = api.client.publish_with_reply_and_headers(
            message.subject,
            format!("{inbox}.{position}"),
            message.headers,
            message.payload,
        );
        match tokio::time::timeout(ANSWER_WITHIN, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Trouble::Temporary(error.to_string())),
            Err(_) => return Err(hangs()),
        }
        self.hashes.pass(recorded);
        self.bytes += bytes;
        self.flights.push_back(Flight {
            position,
            written_at: history::written_at(recorded),
            bytes,
            is_stored: false,
        });
        Ok(())
    }

    /// Takes the answers that are there already.
    fn take_others(&mut self, answers: &mut Subscriber) -> Result<(), Trouble> {
        while let Some(Some(answer)) = answers.next().now_or_never() {
            self.take(&answer)?;
        }
        Ok(())
    }

    /// Takes the answer to one message.
    fn take(&mut self, answer: &async_nats::Message) -> Result<(), Trouble> {
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(Trouble::Temporary(
                "no server answers: the stream was deleted, or has no leader at the moment"
                    .to_owned(),
            ));
        }
        let position = answer.subject.rsplit('.').next();
        let position = position.and_then(|text| text.parse::<u64>().ok());
        let place = position.and_then(|position| position.checked_sub(self.stored.0 + 1));
        let Some((position, place)) = position.zip(place) else {
            return Ok(());
        };
        match outcome(&answer.payload) {
            Published::Stored { sequence, .. } if sequence == position => {
                if let Some(flight) = self.flights.get_mut(place as usize) {
                    flight.is_stored = true;
                }
                self.settle();
                Ok(())
            }
            Published::Stored { sequence, .. } => Err(Trouble::Refused(format!(
                "{} was stored as message {sequence}: check the settings of the stream {}",
                at(Position(position)),
                self.stream.settings.stream
            ))),
            Published::OtherLast { .. } | Published::InFlight => Err(Trouble::Overtaken),
            Published::NotReceived(reason) | Published::Unknown(reason) => {
                Err(Trouble::Temporary(reason))
            }
            Published::Refused(reason) => Err(Trouble::Refused(format!(
                "the stream {} refuses {}: {reason}",
                self.stream.settings.stream,
                at(Position(position))
            ))),
        }
    }

    /// Moves on over what is acknowledged without a gap.
    fn settle(&mut self) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.is_stored) {
            self.stored = flight.position;
            self.bytes -= flight.bytes;
            self.answered = Instant::now();
        }
    }

    /// The positions that are sent and not acknowledged.
    pub fn in_flight(&self) -> RangeInclusive<u64> {
        let last = self
            .flights
            .back()
            .map_or(self.stored, |last| last.position);
        self.stored.0 + 1..=last.0
    }

    /// Gives up a connection that is lost, and servers that acknowledge nothing.
    fn look(&self) -> Result<(), Trouble> {
        let api = self.stream.api;
        if api.client.connection_state() != State::Connected {
            return Err(Trouble::Temporary(
                "there is no connection to NATS".to_owned(),
            ));
        }
        if !self.flights.is_empty() && self.answered.elapsed() >= ACKNOWLEDGED_WITHIN {
            let reason = format!("no acknowledgement from NATS within {ACKNOWLEDGED_WITHIN:?}");
            return Err(Trouble::Temporary(api.last_error.explain(reason)));
        }
        Ok(())
    }

    fn report(&self) {
        let oldest = self.flights.front().map(|flight| flight.written_at);
        let next = MirrorStatus {
            activity: match oldest {
                Some(_) => MirrorActivity::Publishing,
                None => MirrorActivity::Current,
            },
            position: Some(self.stored),
            oldest,
            last_error: None,
        };
        self.status.send_if_modified(|status| {
            let is_news = *status != next;
            if status.last_error.is_some() {
                tracing::info!("the log is mirrored to NATS again");
            }
            *status = next;
            is_news
        });
    }
}

fn hangs() -> Trouble {
    Trouble::Temporary("the connection to NATS hangs".to_owned())
}
