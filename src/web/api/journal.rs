//! `/api/events`: the journal, which is the events of all carts, in pages or as a live stream.

use crate::cart::{CartEvent, Sku};
use crate::history::{self, CommitMetadata};
use crate::log::{Freshness, LogReader, Position, RecordedEvent, Version};
use crate::views::QueryInfo;
use crate::views::journal::{self, Candidates, Direction, Question, candidates};
use crate::web::api::event::{EventDocument, EventFormatter};
use crate::web::api::live_log::{self, StreamQuery};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::negotiate;
use crate::web::http::page::{Order, Page, cursor, limit, place};
use crate::web::http::path::{hyphenated, moment, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{LOG_POSITION, server_timing};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/events").get(list, describe_list)]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JournalQuery {
    /// Event type, such as `ItemAdded`.
    #[serde(rename = "type")]
    name: Option<String>,
    /// Product of the event.
    #[schemars(with = "Option<Sku>")]
    sku: Option<String>,
    #[schemars(with = "Option<Uuid>")]
    cart_id: Option<String>,
    /// Command that caused the event, such as `add_item`.
    command: Option<String>,
    /// Earliest time, inclusive.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Latest time, exclusive.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
    /// Oldest first or newest first.
    #[serde(default)]
    order: Order,
    /// Items per page; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// The media types of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Live,
}

const FORMATS: &[(&str, Format)] = &[
    ("application/json", Format::Json),
    ("text/event-stream", Format::Live),
];

/// Candidate positions per query of the view: enough to fill any page.
const BATCH: usize = 256;
/// Events at most this many positions apart are read in one go, with those between them.
const MAX_GAP: u64 = 32;

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    if negotiate::best(&request, FORMATS)? == Format::Live {
        return live_log::follow(&request, state).await;
    }
    let query: JournalQuery = query(&request)?;
    let filter = Filter::of(&query)?;
    let limit = limit(query.limit)?;
    let list = format!(
        "journal {:?} {:?} {:?}",
        filter.question, filter.cart, query.order
    );
    let start = match (&query.cursor, filter.direction) {
        (Some(cursor), _) => Position(place(&list, cursor)?),
        (None, Direction::Forward) => Position(1),
        (None, Direction::Backward) => Position(i64::MAX.unsigned_abs()),
    };
    let mut response = HttpResponse::Ok();
    // One event more than the page shows where the next page starts.
    let (mut events, position) = match filter.cart {
        Some(cart) => of_cart(&state, &filter, cart, start, limit + 1).await?,
        None => {
            let (events, seen) = of_all(&state, &filter, start, limit + 1).await?;
            response.insert_header(server_timing(&[("view", seen.time)]));
            (events, seen.position)
        }
    };
    let next = (events.len() > limit).then(|| cursor(&list, events[limit].position.0));
    events.truncate(limit);
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .insert_header((LOG_POSITION, HeaderValue::from(position.0)))
        .json(Page {
            items: documents(&*state.log, events, filter.direction).await?,
            next,
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listEvents", "List events of all carts")
        .description(
            "A page of matching events. With `Accept: text/event-stream`, a live stream of the \
             whole log: first the events missed since `Last-Event-ID` or `after`, then new ones, \
             each exactly once. An event's id in the stream is its position. The stream accepts \
             only `after`, the page all other parameters.",
        )
        .requires_operator()
        .query::<JournalQuery>()
        .query::<StreamQuery>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent])
        .responds(
            StatusCode::OK,
            "Events in the format requested by `Accept`.",
        )
        .json::<Page<EventDocument<'static>>>(include_str!("examples/journal.json"))
        .text_content(
            "text/event-stream",
            Some(include_str!("examples/stream.txt")),
        )
        .with_headers(&[Header::CacheControl, Header::Vary])
        .may_have_headers(&[Header::AccelBuffering, Header::LogPosition])
        .problems(&[
            Kind::NotAcceptable,
            Kind::TooManyStreams,
            Kind::Overloaded,
            Kind::LogUnavailable,
            Kind::ViewUnavailable,
        ])
}

/// Which events the query selects.
struct Filter {
    question: Question,
    cart: Option<Uuid>,
    direction: Direction,
}

impl Filter {
    fn of(query: &JournalQuery) -> Result<Filter, Problem> {
        let invalid = |detail: &str| Problem::new(Kind::InvalidQuery, detail);
        let sku = query.sku.as_deref().map(Sku::parse).transpose();
        let cart = query.cart_id.as_deref().map(|text| {
            hyphenated(text).ok_or_else(|| invalid("Invalid cart_id: it must be a UUID."))
        });
        Ok(Filter {
            question: Question {
                name: query.name.clone(),
                sku: sku.map_err(|error| invalid(&format!("Invalid sku: {error}.")))?,
                command: query.command.clone(),
                from: moment("from", query.from.as_deref())?,
                to: moment("to", query.to.as_deref())?,
            },
            cart: cart.transpose()?,
            direction: match query.order {
                Order::Asc => Direction::Forward,
                Order::Desc => Direction::Backward,
            },
        })
    }

    fn matches(&self, recorded: &RecordedEvent) -> Result<bool, Problem> {
        let Question {
            name,
            sku,
            command,
            from,
            to,
        } = &self.question;
        if name.as_ref().is_some_and(|name| *name != recorded.name)
            || from.is_some_and(|from| recorded.recorded_at < from)
            || to.is_some_and(|to| recorded.recorded_at >= to)
        {
            return Ok(false);
        }
        if let Some(command) = command
            && *command != CommitMetadata::read(&recorded.metadata)?.command
        {
            return Ok(false);
        }
        Ok(match sku {
            None => true,
            Some(sku) => history::event_of::<CartEvent>(recorded)?.sku() == Some(sku),
        })
    }

    /// Whether a list that starts at `start` reaches `position`.
    fn reaches(&self, position: Position, start: Position) -> bool {
        match self.direction {
            Direction::Forward => position >= start,
            Direction::Backward => position <= start,
        }
    }
}

/// Matching events of one cart. A stream is short, so it is scanned without the view.
async fn of_cart(
    state: &AppState,
    filter: &Filter,
    cart: Uuid,
    start: Position,
    count: usize,
) -> Result<(Vec<RecordedEvent>, Position), Problem> {
    let position = state.log.barrier().await?;
    let mut events = Vec::new();
    let fresh = Freshness::AtLeast(position);
    history::for_each(&*state.log, cart, Version(0), None, fresh, |recorded| {
        if recorded.position <= position && filter.reaches(recorded.position, start) {
            events.push(recorded);
        }
        Ok(())
    })
    .await?;
    if filter.direction == Direction::Backward {
        events.reverse();
    }
    let mut matching = Vec::new();
    for recorded in events {
        if matching.len() < count && filter.matches(&recorded)? {
            matching.push(recorded);
        }
    }
    Ok((matching, position))
}

/// Matching events of all carts: the view finds candidate positions, the log has the events.
async fn of_all(
    state: &AppState,
    filter: &Filter,
    mut start: Position,
    count: usize,
) -> Result<(Vec<RecordedEvent>, QueryInfo), Problem> {
    let mut matching: Vec<RecordedEvent> = Vec::new();
    let mut time = Duration::ZERO;
    let mut snapshot = None;
    loop {
        let (question, direction) = (filter.question.clone(), filter.direction);
        let limit = BATCH.min(count - matching.len());
        let found = state
            .views
            .query(&[journal::NAME], move |tables| {
                candidates(tables, &question, start, direction, limit)
            })
            .await?;
        let Candidates { positions, more } = found.answer;
        // Later batches see more of the log; the page is as of the first.
        let position = *snapshot.get_or_insert(found.seen.position);
        time += found.seen.time;
        let last = positions.last().copied();
        for recorded in at_positions(&*state.log, positions, direction).await? {
            if recorded.position <= position && filter.matches(&recorded)? {
                matching.push(recorded);
            }
        }
        let next = match (last, direction) {
            (None, _) | (Some(Position(0 | 1)), Direction::Backward) => None,
            (Some(last), Direction::Forward) => (last < position).then_some(Position(last.0 + 1)),
            (Some(last), Direction::Backward) => Some(Position(last.0 - 1)),
        };
        match next {
            Some(next) if more && matching.len() < count => start = next,
            Some(_) | None => return Ok((matching, QueryInfo { position, time })),
        }
    }
}

/// The events at `positions`, in `direction`. Positions without an event are skipped.
async fn at_positions(
    log: &dyn LogReader,
    mut positions: Vec<Position>,
    direction: Direction,
) -> Result<Vec<RecordedEvent>, Problem> {
    positions.sort_unstable();
    let wanted: HashSet<Position> = positions.iter().copied().collect();
    let mut events = Vec::with_capacity(positions.len());
    for run in positions.chunk_by(|one, next| next.0 - one.0 <= MAX_GAP) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let read = log.read_all(Position(first.saturating_sub(1)), limit);
        let read = read.await?.into_iter();
        events.extend(read.filter(|recorded| wanted.contains(&recorded.position)));
    }
    if direction == Direction::Backward {
        events.reverse();
    }
    Ok(events)
}

/// The documents of `events`, in the order of `events`, which is `direction`. They are formatted
/// oldest first, as [`EventFormatter`] requires.
async fn documents(
    log: &dyn LogReader,
    mut events: Vec<RecordedEvent>,
    direction: Direction,
) -> Result<Vec<Box<RawValue>>, Problem> {
    if direction == Direction::Backward {
        events.reverse();
    }
    let mut formatter = EventFormatter::default();
    let mut documents = Vec::with_capacity(events.len());
    for recorded in &events {
        documents.push(formatter.json(log, recorded).await?);
    }
    if direction == Direction::Backward {
        documents.reverse();
    }
    Ok(documents)
}
