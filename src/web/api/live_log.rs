//! The whole log, live, for the operator; an event's id is its position.

use crate::cart::{CartEvent, Currency};
use crate::history;
use crate::log::{Freshness, Hash, LogReader, Position, ReadError, RecordedEvent, Version};
use crate::web::api::event::event_document;
use crate::web::http::live::{self, PAGE, Source};
use crate::web::http::path::query;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use tokio::sync::watch;
use uuid::Uuid;

/// How many carts' last hashes a stream remembers. Beyond that it forgets them all and looks up
/// again: an eviction that needs no order, for what is only ever a saved look-up.
const REMEMBERED: usize = 4_096;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Of the live stream: the position after which it begins.
    after: Option<u64>,
}

/// The stream of the whole log: from `Last-Event-ID`, or from `?after=`, or from now.
pub async fn follow(request: &HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let which: Which = query(request)?;
    let end = state.log.barrier().await.map_err(unreadable)?;
    let begin = live::beginning(request, which.after, end.0)?;
    let slot = state.streams.take(request)?;
    let source = LogSource {
        wake_ups: state.log.wake_ups(),
        state: state.clone(),
        sent: begin.map_or(end, Position),
        carts: Carts::default(),
    };
    Ok(live::answer(request, &state, slot, source))
}

struct LogSource {
    state: Data<AppState>,
    wake_ups: watch::Receiver<Position>,
    /// The position of the last event that was read.
    sent: Position,
    carts: Carts,
}

impl Source for LogSource {
    async fn read(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Problem> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let log = &*self.state.log;
        let events = log.read_all(self.sent, limit).await.map_err(unreadable)?;
        for recorded in &events {
            let known = self.carts.before(log, recorded).await?;
            let document = event_document(recorded, known.hash, known.currency)?;
            let json = serde_json::to_string(&document).map_err(Problem::internal)?;
            ready.push_back(format!("id: {}\ndata: {json}\n\n", recorded.position).into());
            self.sent = recorded.position;
        }
        Ok(())
    }

    fn mark(&mut self) {
        self.wake_ups.borrow_and_update();
    }

    async fn changed(&mut self) -> Option<()> {
        self.wake_ups.changed().await.ok()
    }
}

/// What an event's document needs to know of its cart, by cart.
#[derive(Debug, Default)]
pub(super) struct Carts(HashMap<Uuid, Known>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    version: Version,
    /// The hash of the event of that version.
    pub hash: Hash,
    pub currency: Currency,
}

impl Carts {
    /// What was known of the cart right before `recorded`; from now on, right after it.
    pub async fn before(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Known, Problem> {
        let before = Version(recorded.version.0 - 1);
        let known = match self.0.get(&recorded.stream) {
            Some(known) if known.version == before => *known,
            Some(_) | None => look_up(log, recorded, before).await?,
        };
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let after = Known {
            version: recorded.version,
            hash: recorded.hash,
            ..known
        };
        self.0.insert(recorded.stream, after);
        Ok(known)
    }
}

async fn look_up(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
    version: Version,
) -> Result<Known, Problem> {
    let currency_of = |opened: &RecordedEvent| match history::event_of::<CartEvent>(opened)? {
        CartEvent::CartOpened(opened) => Ok(opened.currency),
        CartEvent::ItemAdded(_)
        | CartEvent::ItemRemoved(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_)
        | CartEvent::CartCheckedOut(_)
        | CartEvent::CartExpired(_) => Err(Problem::internal("a cart does not begin by opening")),
    };
    if version == Version(0) {
        return Ok(Known {
            version,
            hash: Hash::ZERO,
            currency: currency_of(recorded)?,
        });
    }
    let stream = recorded.stream;
    let one = async |after: u64| {
        let events = log
            .read_stream(stream, Version(after), 1, Freshness::Any)
            .await
            .map_err(unreadable)?;
        let found = events.into_iter().next();
        found.ok_or_else(|| Problem::internal(format!("{stream} lacks the event after {after}")))
    };
    Ok(Known {
        version,
        hash: one(version.0 - 1).await?.hash,
        currency: currency_of(&one(0).await?)?,
    })
}

pub(super) fn unreadable(error: ReadError) -> Problem {
    history::HistoryError::from(error).into()
}
