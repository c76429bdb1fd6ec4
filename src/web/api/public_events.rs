//! `/api/public-events`: the public events, for other services that read them at their own pace.

use crate::log::Position;
use crate::public_events::{AnyPublicEvent, PublicType, public_events};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::event_id::EventId;
use crate::web::http::live;
use crate::web::http::negotiate::{self, CLOUD_EVENTS};
use crate::web::http::page::{limit, link_to_next};
use crate::web::http::path::query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::LOG_POSITION;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/public-events").get(Rate::Unlimited, list, describe_list)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PublicEventsQuery {
    /// Start after this place in the log: the id in the previous page's `Link`, or a position.
    after: Option<EventId>,
    /// Only events of this type.
    #[serde(rename = "type")]
    kind: Option<PublicType>,
    /// Events per page; 50 by default. A page may have one more, because the events of one position
    /// stay together.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

/// Stored events read for one page at most: few of them have public ones.
const SCANNED: usize = 2_048;
/// Stored events per read.
const PAGE: usize = 256;

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    negotiate::best(&request, &[(CLOUD_EVENTS, ())])?;
    let query: PublicEventsQuery = query(&request)?;
    let limit = limit(query.limit)?;
    let types = query
        .kind
        .map_or(PublicType::ALL.to_vec(), |kind| vec![kind]);
    let log = &*state.log;
    let head = state.end().await?;
    let start = query.after.unwrap_or(EventId::START);
    let event_at = async |at| Ok(log.event_at(Position(at)).await?);
    live::check(start, head.0, event_at).await?;
    let (mut place, mut last) = (start, Position(start.place));
    let (mut batch, mut scanned) = (Vec::new(), 0);
    'page: while scanned < SCANNED {
        let read = log.read_all(last, PAGE).await?;
        if read.is_empty() {
            break;
        }
        scanned += read.len();
        for recorded in &read {
            batch.extend(public_events(log, recorded, &types).await?);
            last = recorded.position;
            place = EventId::of(last.0, &recorded.hash);
            if batch.len() >= limit {
                break 'page;
            }
        }
    }
    let events: Vec<&str> = batch.iter().map(|event| &*event.json).collect();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .insert_header((LOG_POSITION, HeaderValue::from(last.0)))
        .insert_header((
            header::LINK,
            link_to_next(&request, "after", &place.to_string()),
        ))
        .content_type(CLOUD_EVENTS)
        .body(format!("[{}]", events.join(","))))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "listPublicEvents", "List public events")
        .description(
            "What other services may rely on: carts that were checked out or expired, and orders \
             that were placed, reserved, refused, confirmed or cancelled, as CloudEvents 1.0. \
             `/asyncapi.json` describes them. `Link` always \
             leads to the page after this one, which has the events that were recorded since, or \
             is empty: a reader stores it with what it has done, and polls. A page may be empty \
             before the end; `Log-Position` is the place that it reaches.",
        )
        .requires_operator()
        .query::<PublicEventsQuery>()
        .responds(StatusCode::OK, "Public events by position, oldest first.")
        .content::<Vec<AnyPublicEvent>>(CLOUD_EVENTS)
        .with_headers(&[
            Header::CacheControl,
            Header::Link,
            Header::LogPosition,
            Header::Vary,
        ])
        .problems(&[
            Kind::UnknownEventId,
            Kind::NotAcceptable,
            Kind::Overloaded,
            Kind::LogUnavailable,
        ])
}
