//! `/api/insights/abandoned`: open carts idle for longer than configured, longest idle first.

use super::{OF_REPORTS, describe, idle_since, report};
use crate::cart::{Currency, Money};
use crate::log::{Freshness, LogReader, Version};
use crate::timestamp::Timestamp;
use crate::views::QueryResult;
use crate::views::carts::{self, IdleCart};
use crate::views::insights::journeys::{self, TakenOut};
use crate::web::api::event::{EventDocument, EventFormatter};
use crate::web::api::operator::Operator;
use crate::web::http::page::{Page, PageQuery};
use crate::web::http::path::query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::Operation;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

const LIST: &str = "abandoned";

/// What is read from the document of an idle cart.
#[derive(Deserialize)]
struct CartSummary {
    version: u64,
    currency: Currency,
    total: Money,
    opened_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AbandonedCart")]
struct AbandonedDocument {
    cart_id: Uuid,
    version: u64,
    currency: Currency,
    total: Money,
    opened_at: Timestamp,
    idle_since: Timestamp,
    #[schemars(with = "Option<EventDocument<'static>>")]
    last_event: Option<Box<RawValue>>,
    /// The last removal; null if nothing was removed.
    taken_out_last: Option<TakenOut>,
}

pub async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let page: PageQuery = query(&request)?;
    let limit = page.limit()?;
    let after = match &page.cursor {
        None => None,
        Some(cursor) => Some(from_place(state.cursors.place_of(LIST, cursor)?)),
    };
    let before = idle_since(&state);
    let result = state
        .views
        .query(&[carts::NAME, journeys::NAME], move |tables| {
            let mut found = Vec::new();
            for idle in carts::idle(tables, before, after, limit + 1)? {
                let row = carts::find(tables, idle.id)?;
                let Some(cart) = row.and_then(|row| serde_json::from_slice(&row.document).ok())
                else {
                    continue;
                };
                let cart: CartSummary = cart;
                let removal = journeys::taken_out_last(tables, idle.id, cart.opened_at)?;
                found.push((idle, cart, removal));
            }
            Ok(found)
        });
    let QueryResult { answer, seen } = result.await?;
    let mut found = answer;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|(idle, ..)| state.cursors.cursor_of(LIST, &to_place(*idle)));
    let mut items = Vec::with_capacity(found.len());
    for (idle, cart, taken_out_last) in found {
        items.push(AbandonedDocument {
            cart_id: idle.id,
            version: cart.version,
            currency: cart.currency,
            total: cart.total,
            opened_at: cart.opened_at,
            idle_since: idle.idle_since,
            last_event: event_at(&*state.log, idle.id, cart.version).await?,
            taken_out_last,
        });
    }
    Ok(report(seen, &Page { items, next }))
}

pub fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    describe(operation, "listAbandoned", "List abandoned carts")
        .description("Open carts idle for longer than configured, longest idle first.")
        .query::<PageQuery>()
        .responds(StatusCode::OK, "Abandoned carts.")
        .json::<Page<AbandonedDocument>>()
        .with_headers(OF_REPORTS)
        .problems(&[Kind::LogUnavailable])
}

async fn event_at(
    log: &dyn LogReader,
    cart: Uuid,
    version: u64,
) -> Result<Option<Box<RawValue>>, Problem> {
    let before = Version(version.saturating_sub(1));
    let mut read = log.read_stream(cart, before, 1, Freshness::Any).await?;
    match read.pop() {
        None => Ok(None),
        Some(recorded) => Ok(Some(EventFormatter::default().json(log, &recorded).await?)),
    }
}

/// An idle cart as a place in the list: its idle time and its id.
fn to_place(idle: IdleCart) -> [u8; 24] {
    let mut place = [0; 24];
    place[..8].copy_from_slice(&idle.idle_since.millis().to_be_bytes());
    place[8..].copy_from_slice(idle.id.as_bytes());
    place
}

fn from_place(place: [u8; 24]) -> IdleCart {
    let (millis, id) = place.split_at(8);
    IdleCart {
        idle_since: Timestamp::from_millis(i64::from_be_bytes(
            millis.try_into().expect("eight bytes"),
        )),
        id: Uuid::from_slice(id).expect("sixteen bytes"),
    }
}
