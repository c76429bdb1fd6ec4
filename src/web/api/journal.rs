//! `/api/events`: the journal of all carts, in pages or live.

use crate::cart::{CartEvent, Sku};
use crate::history::{self, CommitMetadata};
use crate::log::{Freshness, LogReader, Position, RecordedEvent, Version};
use crate::views::QueryInfo;
use crate::views::journal::{self, Candidates, Direction, Question, candidates};
use crate::web::api::event::event_document;
use crate::web::api::live_log::{self, Carts, unreadable};
use crate::web::api::operator::Operator;
use crate::web::http::negotiate;
use crate::web::http::page::{Order, Page, cursor, limit, place};
use crate::web::http::path::{hyphenated, moment, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{LOG_POSITION, server_timing};
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The type of the events, such as `ItemAdded`.
    #[serde(rename = "type")]
    name: Option<String>,
    /// The product that they are about.
    #[schemars(with = "Option<Sku>")]
    sku: Option<String>,
    /// The cart that they have happened in.
    #[schemars(with = "Option<Uuid>")]
    cart_id: Option<String>,
    /// The command that they come of, such as `add_item`.
    command: Option<String>,
    /// The earliest time.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// The time before which they have happened.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    order: Order,
    /// How many items a page has at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// In which form the journal is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Live,
}

const FORMS: &[(&str, Form)] = &[
    ("application/json", Form::Json),
    ("text/event-stream", Form::Live),
];

/// How many places in the log are looked at in one go: enough for any page.
const STRETCH: usize = 256;
/// Events that are nearer to each other than this are read in one go, with those between them.
const NEAR: u64 = 32;

pub async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    if negotiate::best(&request, FORMS)? == Form::Live {
        return live_log::follow(&request, state).await;
    }
    let which: Which = query(&request)?;
    let wanted = Wanted::of(&which)?;
    let limit = limit(which.limit)?;
    let list = format!(
        "journal {:?} {:?} {:?}",
        wanted.question, wanted.cart, which.order
    );
    let begin = match (&which.cursor, wanted.direction) {
        (Some(cursor), _) => Position(place(&list, cursor)?),
        (None, Direction::Forward) => Position(1),
        (None, Direction::Backward) => Position(i64::MAX.unsigned_abs()),
    };
    let mut response = HttpResponse::Ok();
    // One more than the page, to know where the next one begins.
    let (mut events, position) = match wanted.cart {
        Some(cart) => of_cart(&state, &wanted, cart, begin, limit + 1).await?,
        None => {
            let (events, seen) = of_all(&state, &wanted, begin, limit + 1).await?;
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
            items: documents(&*state.log, events, wanted.direction).await?,
            next,
        }))
}

/// What the query asks for.
struct Wanted {
    question: Question,
    cart: Option<Uuid>,
    direction: Direction,
}

impl Wanted {
    fn of(which: &Which) -> Result<Wanted, Problem> {
        let invalid = |detail: &str| Problem::new(Kind::InvalidQuery, detail);
        let sku = which.sku.as_deref().map(Sku::parse).transpose();
        let cart = which.cart_id.as_deref().map(|text| {
            hyphenated(text).ok_or_else(|| invalid("cart_id cannot be used: it is a UUID."))
        });
        Ok(Wanted {
            question: Question {
                name: which.name.clone(),
                sku: sku.map_err(|error| invalid(&format!("sku cannot be used: {error}.")))?,
                command: which.command.clone(),
                from: moment("from", which.from.as_deref())?,
                to: moment("to", which.to.as_deref())?,
            },
            cart: cart.transpose()?,
            direction: match which.order {
                Order::Asc => Direction::Forward,
                Order::Desc => Direction::Backward,
            },
        })
    }

    /// Whether `recorded` is what is asked for, by itself.
    fn fits(&self, recorded: &RecordedEvent) -> Result<bool, Problem> {
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

    fn is_behind(&self, position: Position, begin: Position) -> bool {
        match self.direction {
            Direction::Forward => position >= begin,
            Direction::Backward => position <= begin,
        }
    }
}

/// The events of one cart: its stream is short, and found without the view.
async fn of_cart(
    state: &AppState,
    wanted: &Wanted,
    cart: Uuid,
    begin: Position,
    count: usize,
) -> Result<(Vec<RecordedEvent>, Position), Problem> {
    let seen = state.log.barrier().await.map_err(unreadable)?;
    let mut events = Vec::new();
    let fresh = Freshness::AtLeast(seen);
    history::for_each(&*state.log, cart, Version(0), None, fresh, |recorded| {
        if wanted.is_behind(recorded.position, begin) {
            events.push(recorded);
        }
        Ok(())
    })
    .await?;
    if wanted.direction == Direction::Backward {
        events.reverse();
    }
    let mut fitting = Vec::new();
    for recorded in events {
        if fitting.len() < count && wanted.fits(&recorded)? {
            fitting.push(recorded);
        }
    }
    Ok((fitting, seen))
}

/// The events of all carts: the view says where they are, the log has them.
async fn of_all(
    state: &AppState,
    wanted: &Wanted,
    mut begin: Position,
    count: usize,
) -> Result<(Vec<RecordedEvent>, QueryInfo), Problem> {
    let mut fitting: Vec<RecordedEvent> = Vec::new();
    let mut time = Duration::ZERO;
    loop {
        let (question, direction) = (wanted.question.clone(), wanted.direction);
        let stretch = STRETCH.min(count - fitting.len());
        let found = state
            .views
            .query(&[journal::NAME], move |tables| {
                candidates(tables, &question, begin, direction, stretch)
            })
            .await?;
        let Candidates { positions, more } = found.answer;
        let position = found.seen.position;
        time += found.seen.time;
        let last = positions.last().copied();
        for recorded in at_positions(&*state.log, positions, direction).await? {
            if recorded.position <= position && wanted.fits(&recorded)? {
                fitting.push(recorded);
            }
        }
        let next = match (last, direction) {
            (None, _) | (Some(Position(0 | 1)), Direction::Backward) => None,
            (Some(last), Direction::Forward) => Some(Position(last.0 + 1)),
            (Some(last), Direction::Backward) => Some(Position(last.0 - 1)),
        };
        match next {
            Some(next) if more && fitting.len() < count => begin = next,
            Some(_) | None => return Ok((fitting, QueryInfo { position, time })),
        }
    }
}

/// The events at `positions`, in `direction`; what the log has none at is left out.
async fn at_positions(
    log: &dyn LogReader,
    mut positions: Vec<Position>,
    direction: Direction,
) -> Result<Vec<RecordedEvent>, Problem> {
    positions.sort_unstable();
    let wanted: HashSet<Position> = positions.iter().copied().collect();
    let mut events = Vec::with_capacity(positions.len());
    for run in positions.chunk_by(|one, next| next.0 - one.0 <= NEAR) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let read = log.read_all(Position(first.saturating_sub(1)), limit).await;
        let read = read.map_err(unreadable)?.into_iter();
        events.extend(read.filter(|recorded| wanted.contains(&recorded.position)));
    }
    if direction == Direction::Backward {
        events.reverse();
    }
    Ok(events)
}

/// The documents of `events`, which are in `direction`. They are made oldest first, since each
/// shows the hash of the event before it in its cart.
async fn documents(
    log: &dyn LogReader,
    mut events: Vec<RecordedEvent>,
    direction: Direction,
) -> Result<Vec<Box<RawValue>>, Problem> {
    if direction == Direction::Backward {
        events.reverse();
    }
    let mut carts = Carts::default();
    let mut documents = Vec::with_capacity(events.len());
    for recorded in &events {
        let known = carts.before(log, recorded).await?;
        let document = event_document(recorded, known.hash, known.currency)?;
        documents.push(serde_json::value::to_raw_value(&document).map_err(Problem::internal)?);
    }
    if direction == Direction::Backward {
        documents.reverse();
    }
    Ok(documents)
}
