//! `/api/events`: the journal, which is the events of all carts, in pages or as a live stream.

use crate::cart::Sku;
use crate::history::{self, CommitMetadata, HistoryError, PAGE};
use crate::log::{LogReader, Position, RecordedEvent, Version};
use crate::models::ModelEvent;
use crate::views::journal::{self, Candidates, Direction, Question, candidates};
use crate::views::{QueryInfo, Until};
use crate::web::api::event::{EventFormatter, read_stream};
use crate::web::api::events::{FORMATS, Format, describe_formats};
use crate::web::api::live_log::{self, StreamQuery};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::negotiate::{self, CLOUD_EVENTS};
use crate::web::http::page::{Order, Page, limit, next_link};
use crate::web::http::path::{hyphenated, moment, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::{LOG_POSITION, server_timing};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
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
    vec![at("/api/events").get(Rate::Unlimited, list, describe_list)]
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
    /// Promotion code of the event, or of the order that it places.
    promotion: Option<String>,
    /// The cart, or the order.
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

/// Candidate positions per query of the view: enough to fill any page.
const BATCH: usize = 256;
/// Events at most this many positions apart are read in one go, with those between them.
const MAX_GAP: u64 = 32;

async fn list(
    request: HttpRequest,
    operator: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let format = negotiate::best(&request, FORMATS)?;
    if format == Format::Live {
        return live_log::follow(&request, operator, state).await;
    }
    let query: JournalQuery = query(&request)?;
    let filter = Filter::of(&query)?;
    let limit = limit(query.limit)?;
    // The place of a list of one cart is a version, that of the whole journal a position.
    let list = match filter.cart {
        Some(cart) => format!("journal of {cart} {:?} {:?}", filter.question, query.order),
        None => format!("journal {:?} {:?}", filter.question, query.order),
    };
    let start = query.cursor.as_deref();
    let start = start
        .map(|cursor| state.cursors.place(&list, cursor))
        .transpose()?;
    let mut response = HttpResponse::Ok();
    // One event more than the page shows where the next page starts.
    let (mut events, position) = match filter.cart {
        Some(cart) => of_cart(&state, &filter, cart, start.map(Version), limit + 1).await?,
        None => {
            let start = start.map_or_else(|| filter.first_position(), Position);
            let (events, seen) = of_all(&state, &filter, start, limit + 1).await?;
            response.insert_header(server_timing(&[("view", seen.time)]));
            (events, seen.position)
        }
    };
    let place_of = |event: &RecordedEvent| match filter.cart {
        Some(_) => event.version.0,
        None => event.position.0,
    };
    let next = events.get(limit).map(place_of);
    let next = next.map(|place| state.cursors.cursor(&list, place));
    events.truncate(limit);
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .insert_header((LOG_POSITION, HeaderValue::from(position.0)));
    let items = documents(&*state.log, events, filter.direction, format).await?;
    if format == Format::Json {
        return Ok(response.json(Page { items, next }));
    }
    // A batch is a plain array, so the next page is in a `Link` header (RFC 8288).
    if let Some(next) = &next {
        response.insert_header((header::LINK, next_link(&request, next)));
    }
    Ok(response.content_type(CLOUD_EVENTS).json(items))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    let operation = operation
        .named(Tag::Log, "listEvents", "List events of all carts")
        .description(
            "A page of matching events as JSON; with `Accept: \
             application/cloudevents-batch+json`, as CloudEvents 1.0. With `Accept: \
             text/event-stream`, a live stream of the whole log: first the events missed since \
             `Last-Event-ID` or `after`, then new ones, each exactly once. An event's id in the \
             stream is its position and the start of its hash. The stream accepts only `after`, \
             the page all other parameters.",
        )
        .requires_operator()
        .query::<JournalQuery>()
        .query::<StreamQuery>()
        .optional_headers(&[Header::LastEventId, Header::Traceparent]);
    describe_formats(operation)
        .may_have_headers(&[Header::LogPosition])
        .problems(&[
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
                promotion: query.promotion.clone(),
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
            promotion,
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
            && *command != CommitMetadata::of(recorded)?.command
        {
            return Ok(false);
        }
        if sku.is_none() && promotion.is_none() {
            return Ok(true);
        }
        let event = history::event_of::<ModelEvent>(recorded)?;
        let is_of_sku = |sku| match &event {
            ModelEvent::Cart(event) => event.sku() == Some(sku),
            ModelEvent::Order(_) => false,
        };
        Ok(sku.as_ref().is_none_or(is_of_sku)
            && (promotion.is_none() || event.promotion_code() == promotion.as_deref()))
    }

    /// Where the first page of the whole journal starts.
    fn first_position(&self) -> Position {
        match self.direction {
            Direction::Forward => Position(1),
            Direction::Backward => Position(i64::MAX.unsigned_abs()),
        }
    }
}

/// Matching events of one cart from `start` on, without the view: its stream is read page by page.
async fn of_cart(
    state: &AppState,
    filter: &Filter,
    cart: Uuid,
    start: Option<Version>,
    count: usize,
) -> Result<(Vec<RecordedEvent>, Position), Problem> {
    let log = &*state.log;
    let position = state.end().await?;
    let mut version = match (start, filter.direction) {
        (Some(start), _) => start.0,
        (None, Direction::Forward) => 1,
        (None, Direction::Backward) => newest_version(state, cart).await?,
    };
    let mut matching = Vec::new();
    while version > 0 && matching.len() < count {
        let (first, last, next) = match filter.direction {
            Direction::Forward => {
                let next = version.saturating_add(PAGE as u64);
                (version, next - 1, next)
            }
            Direction::Backward => {
                let next = version.saturating_sub(PAGE as u64);
                (next + 1, version, next)
            }
        };
        let mut page = read_stream(log, cart, first, last).await?;
        if page.is_empty() {
            break;
        }
        if filter.direction == Direction::Backward {
            page.reverse();
        }
        for recorded in page {
            if recorded.position <= position
                && matching.len() < count
                && filter.matches(&recorded)?
            {
                matching.push(recorded);
            }
        }
        version = next;
    }
    Ok((matching, position))
}

/// The newest version of the cart or order `stream`; 0 if there is none.
async fn newest_version(state: &AppState, stream: Uuid) -> Result<u64, Problem> {
    match state
        .views
        .cart_at(&*state.log, stream, Until::NEWEST)
        .await
    {
        Ok(newest) => Ok(newest
            .cart
            .contents()
            .map_or(0, |contents| contents.version)),
        Err(HistoryError::OtherModel { .. }) => Ok(state.orders.state(stream).await?.1.0),
        Err(error) => Err(error.into()),
    }
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
pub(super) async fn at_positions(
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
    format: Format,
) -> Result<Vec<Box<RawValue>>, Problem> {
    if direction == Direction::Backward {
        events.reverse();
    }
    let mut formatter = EventFormatter::default();
    let mut documents = Vec::with_capacity(events.len());
    for recorded in &events {
        documents.push(match format {
            Format::CloudEvents => formatter.cloud_event(log, recorded).await?,
            Format::Json | Format::Live => formatter.json(log, recorded).await?,
        });
    }
    if direction == Direction::Backward {
        documents.reverse();
    }
    Ok(documents)
}
