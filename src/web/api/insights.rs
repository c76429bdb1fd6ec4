//! `/api/insights/…`: what the shop can learn from its log.

use crate::cart::{Currency, Money, Sku};
use crate::log::{Freshness, LogReader, Version};
use crate::timestamp::Timestamp;
use crate::views::carts::{self, IdleCart};
use crate::views::insights::journeys::{self, Funnel, TakenOut};
use crate::views::insights::products::{self, By};
use crate::views::insights::{activity, baskets};
use crate::views::{QueryInfo, QueryResult};
use crate::web::api::event::{EventDocument, event_document};
use crate::web::api::live_log::{Carts, unreadable};
use crate::web::api::operator::Operator;
use crate::web::http::page::{Page, cursor, cursor_of, limit, place, place_of};
use crate::web::http::path::{moment, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{LOG_POSITION, server_timing};
use crate::web::state::AppState;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// How many steps of time an answer has at the most.
const MOST_STEPS: usize = 1_440;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// The earliest time.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// The time up to which, and no longer.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
}

/// The funnel, with the moment as of which carts are idle.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FunnelAsOf")]
pub struct FunnelDocument {
    #[serde(flatten)]
    funnel: Funnel,
    /// A cart counts as idle if nothing has happened in it since.
    idle_since: Timestamp,
}

pub async fn funnel(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let stretch: Stretch = query(&request)?;
    let from = moment("from", stretch.from.as_deref())?;
    let to = moment("to", stretch.to.as_deref())?;
    let idle_since = idle_since(&state);
    let asked = state
        .views
        .query(&[journeys::NAME, carts::NAME], move |tables| {
            journeys::funnel(tables, from, to, idle_since)
        });
    let QueryResult { answer, seen } = asked.await?;
    Ok(json(
        seen,
        &FunnelDocument {
            funnel: answer,
            idle_since,
        },
    ))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichPage {
    /// How many items a page has at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

pub async fn products(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    products_by(&request, &state, By::Sku, "products by sku").await
}

/// The products that shoppers put in and take out again.
pub async fn hesitated(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    products_by(&request, &state, By::Hesitation, "products by hesitation").await
}

async fn products_by(
    request: &HttpRequest,
    state: &AppState,
    by: By,
    list: &str,
) -> Result<HttpResponse, Problem> {
    let which: WhichPage = query(request)?;
    let limit = limit(which.limit)?;
    let skip = match &which.cursor {
        None => 0,
        Some(cursor) => place(list, cursor)?,
    };
    let asked = state.views.query(&[products::NAME], move |tables| {
        products::list(tables, by, skip, limit + 1)
    });
    let QueryResult { answer, seen } = asked.await?;
    let mut items = answer;
    let next = (items.len() > limit).then(|| cursor(list, skip + limit as u64));
    items.truncate(limit);
    Ok(json(seen, &Page { items, next }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichPairs {
    /// The product whose pairs are asked for; of all products if nothing is said.
    #[schemars(with = "Option<Sku>")]
    sku: Option<String>,
    /// How many pairs at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

pub async fn pairs(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let which: WhichPairs = query(&request)?;
    let limit = limit(which.limit)?;
    let sku = which.sku.as_deref().map(Sku::parse).transpose();
    let sku = sku.map_err(|error| {
        Problem::new(Kind::InvalidQuery, format!("sku cannot be used: {error}."))
    })?;
    let asked = state.views.query(&[baskets::NAME], move |tables| {
        baskets::pairs(tables, sku.as_ref(), limit)
    });
    let QueryResult { answer, seen } = asked.await?;
    Ok(json(seen, &answer))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichSteps {
    /// How long a step of time is.
    #[serde(default)]
    step: StepSize,
    /// The earliest time.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// The time up to which, and no longer.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StepSize {
    Minute,
    #[default]
    Hour,
    Day,
}

impl StepSize {
    fn minutes(self) -> i64 {
        match self {
            StepSize::Minute => 1,
            StepSize::Hour => 60,
            StepSize::Day => 24 * 60,
        }
    }
}

/// The steps in which something happened: a chart draws the others empty.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Activity")]
pub struct ActivityDocument {
    step: StepSize,
    items: Vec<activity::Step>,
}

pub async fn activity(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let which: WhichSteps = query(&request)?;
    let from = moment("from", which.from.as_deref())?;
    let to = moment("to", which.to.as_deref())?;
    let minutes = which.step.minutes();
    let asked = state.views.query(&[activity::NAME], move |tables| {
        activity::steps(tables, minutes, from, to, MOST_STEPS)
    });
    let QueryResult { answer, seen } = asked.await?;
    Ok(json(
        seen,
        &ActivityDocument {
            step: which.step,
            items: answer,
        },
    ))
}

/// What an abandoned cart's own document says of it.
#[derive(Deserialize)]
struct Left {
    version: u64,
    currency: Currency,
    total: Money,
    opened_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AbandonedCart")]
pub struct AbandonedDocument {
    cart_id: Uuid,
    version: u64,
    currency: Currency,
    /// What the shopper would have paid.
    total: Money,
    opened_at: Timestamp,
    idle_since: Timestamp,
    #[schemars(with = "Option<EventDocument<'static>>")]
    last_event: Option<Box<RawValue>>,
    /// Null if nothing was ever taken out.
    taken_out_last: Option<TakenOut>,
}

/// The open carts that were left behind, the longest idle first.
pub async fn abandoned(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "abandoned";
    let which: WhichPage = query(&request)?;
    let limit = limit(which.limit)?;
    let after = match &which.cursor {
        None => None,
        Some(cursor) => Some(read_place(place_of(LIST, cursor)?)),
    };
    let before = idle_since(&state);
    let asked = state
        .views
        .query(&[carts::NAME, journeys::NAME], move |tables| {
            let mut left = Vec::new();
            for idle in carts::idle(tables, before, after, limit + 1)? {
                let row = carts::find(tables, idle.id)?;
                let Some(document) = row.and_then(|row| serde_json::from_slice(&row.document).ok())
                else {
                    continue;
                };
                let document: Left = document;
                let taken_out = journeys::taken_out_last(tables, idle.id, document.opened_at)?;
                left.push((idle, document, taken_out));
            }
            Ok(left)
        });
    let QueryResult { answer, seen } = asked.await?;
    let mut left = answer;
    let more = left.len() > limit;
    left.truncate(limit);
    let last = left.last().map(|(idle, ..)| *idle);
    let next = last.filter(|_| more);
    let mut items = Vec::with_capacity(left.len());
    for (idle, document, taken_out_last) in left {
        items.push(AbandonedDocument {
            cart_id: idle.id,
            version: document.version,
            currency: document.currency,
            total: document.total,
            opened_at: document.opened_at,
            idle_since: idle.idle_since,
            last_event: event(&*state.log, idle.id, document.version).await?,
            taken_out_last,
        });
    }
    Ok(json(
        seen,
        &Page {
            items,
            next: next.map(|idle| cursor_of(LIST, &written_place(idle))),
        },
    ))
}

/// Since when nothing has happened in a cart that counts as abandoned, by the clock of the reader:
/// no view may ask one.
fn idle_since(state: &AppState) -> Timestamp {
    let after = i64::try_from(state.abandoned_after.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(Timestamp::now().millis().saturating_sub(after))
}

async fn event(
    log: &dyn LogReader,
    cart: Uuid,
    version: u64,
) -> Result<Option<Box<RawValue>>, Problem> {
    let before = Version(version.saturating_sub(1));
    let read = log.read_stream(cart, before, 1, Freshness::Any).await;
    let Some(recorded) = read.map_err(unreadable)?.pop() else {
        return Ok(None);
    };
    let known = Carts::default().before(log, &recorded).await?;
    let document = event_document(&recorded, known.hash, known.currency)?;
    let raw = serde_json::value::to_raw_value(&document).map_err(Problem::internal)?;
    Ok(Some(raw))
}

fn written_place(idle: IdleCart) -> [u8; 24] {
    let mut place = [0; 24];
    place[..8].copy_from_slice(&idle.idle_since.millis().to_be_bytes());
    place[8..].copy_from_slice(idle.id.as_bytes());
    place
}

fn read_place(place: [u8; 24]) -> IdleCart {
    let (millis, id) = place.split_at(8);
    IdleCart {
        idle_since: Timestamp::from_millis(i64::from_be_bytes(
            millis.try_into().expect("eight bytes"),
        )),
        id: Uuid::from_slice(id).expect("sixteen bytes"),
    }
}

fn json(seen: QueryInfo, document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((LOG_POSITION, HeaderValue::from(seen.position.0)))
        .insert_header(server_timing(&[("view", seen.time)]))
        .json(document)
}
