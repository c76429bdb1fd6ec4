//! `/api/insights/…`: what the shop can learn from its log. One file a report.

mod abandoned;
mod activity;
mod funnel;
mod pairs;
mod products;

use crate::timestamp::Timestamp;
use crate::views::QueryInfo;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::Kind;
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::{LOG_POSITION, server_timing};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use serde::Serialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/insights/funnel").get(Rate::Unlimited, funnel::get, funnel::describe_get),
        at("/api/insights/products").get(Rate::Unlimited, products::list, products::describe_list),
        at("/api/insights/hesitated").get(
            Rate::Unlimited,
            products::hesitated,
            products::describe_hesitated,
        ),
        at("/api/insights/pairs").get(Rate::Unlimited, pairs::list, pairs::describe_list),
        at("/api/insights/abandoned").get(
            Rate::Unlimited,
            abandoned::list,
            abandoned::describe_list,
        ),
        at("/api/insights/activity").get(Rate::Unlimited, activity::get, activity::describe_get),
    ]
}

/// The time since which an open cart without events counts as idle. It is passed to views as an
/// argument: a view must not read a clock.
fn idle_since(state: &AppState) -> Timestamp {
    let after = i64::try_from(state.abandoned_after.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(Timestamp::now().millis().saturating_sub(after))
}

fn report(info: QueryInfo, document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((LOG_POSITION, HeaderValue::from(info.position.0)))
        .insert_header(server_timing(&[("view", info.time)]))
        .json(document)
}

/// Describes what all reports have in common.
fn describe<'a>(
    operation: Operation<'a>,
    name: &'static str,
    summary: &'static str,
) -> Operation<'a> {
    operation
        .named(Tag::Insights, name, summary)
        .requires_operator()
        .optional_headers(&[Header::Traceparent])
        .problems(&[Kind::ViewUnavailable])
}

/// The headers of every report.
const OF_REPORTS: &[Header] = &[Header::CacheControl, Header::LogPosition];
