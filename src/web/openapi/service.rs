//! The service itself, its description, and its pages.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::web::api::health::{Liveness, Readiness};
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;

pub fn live(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getLiveness", "Whether the process answers")
        .text("Nothing else is looked at: a restart would mend nothing else.")
        .answers(StatusCode::OK, "It does.")
        .json::<Liveness>(r#"{ "status": "live" }"#)
        .with(&[Header::CacheControl])
}

pub fn ready(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getReadiness", "Whether requests can be served")
        .text("The log's files are looked at, and its end is read from them.")
        .answers(StatusCode::OK, "They can.")
        .json::<Readiness>(include_str!("examples/ready.json"))
        .with(&[Header::CacheControl])
        .answers(StatusCode::SERVICE_UNAVAILABLE, "They cannot, and why.")
        .json::<Readiness>(
            r#"{ "status": "not ready", "checks": { "log": "the disk is full", "service": "ok", "views": "ok" } }"#,
        )
        .with(&[Header::CacheControl])
}

pub fn metrics(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getMetrics", "The service in numbers, for Prometheus")
        .text("Commands by kind and outcome, how long they take to decide and to append, the size of the groups in which the log writes, conflicts, the views' lag, open streams, and the size of the log. Counters begin anew with the process.")
        .for_the_operator()
        .answers(StatusCode::OK, "The numbers, in Prometheus's text format.")
        .words("text/plain", Some(include_str!("examples/metrics.txt")))
        .with(&[Header::CacheControl])
}

pub fn openapi(operation: Operation<'_>) -> Operation<'_> {
    revalidated(operation)
        .named(
            Tag::Service,
            "getDescription",
            "This description, as OpenAPI 3.1",
        )
        .answers(StatusCode::OK, "The document.")
        .content::<serde_json::Map<String, serde_json::Value>>(
            "application/json",
            r#"{ "openapi": "3.1.0" }"#,
        )
        .with(&[Header::Etag, Header::CacheControl, Header::Vary])
}

pub fn shop(operation: Operation<'_>) -> Operation<'_> {
    page(operation).named(Tag::Pages, "getShop", "The shop")
}

pub fn history(operation: Operation<'_>) -> Operation<'_> {
    page(operation).named(Tag::Pages, "getHistoryPage", "The history of all carts")
}

pub fn cart_history(operation: Operation<'_>) -> Operation<'_> {
    page(operation)
        .named(Tag::Pages, "getCartHistoryPage", "The history of a cart")
        .text("The page is the same for every cart: it asks the API for the cart, with the token that the browser has.")
        .refuses(&[Kind::NotFound])
}

pub fn insights(operation: Operation<'_>) -> Operation<'_> {
    page(operation).named(
        Tag::Pages,
        "getInsightsPage",
        "What the shop can learn from its log",
    )
}

pub fn operations(operation: Operation<'_>) -> Operation<'_> {
    page(operation)
        .named(Tag::Pages, "getOperationsPage", "The log and its views at work")
        .text("The page is the same for everybody: it asks the API for what it shows, as the operator.")
}

pub fn docs(operation: Operation<'_>) -> Operation<'_> {
    page(operation).named(Tag::Pages, "getDocs", "This description, as a page")
}

pub fn problems(operation: Operation<'_>) -> Operation<'_> {
    page(operation).named(Tag::Pages, "listProblems", "The types of problems")
}

pub fn problem(operation: Operation<'_>) -> Operation<'_> {
    page(operation)
        .named(Tag::Pages, "getProblem", "What a type of problems means")
        .refuses(&[Kind::NotFound])
}

pub fn file(operation: Operation<'_>) -> Operation<'_> {
    revalidated(operation)
        .named(Tag::Pages, "getFile", "A file of the pages")
        .text("A style sheet, a script or a picture; its path may have several parts.")
        .answers(StatusCode::OK, "The file.")
        .words("text/css", None)
        .words("text/javascript", None)
        .words("image/svg+xml", None)
        .with(OF_PAGES)
        .maybe_with(&[Header::Vary])
        .refuses(&[Kind::NotFound])
}

/// What every page has.
const OF_PAGES: &[Header] = &[
    Header::Etag,
    Header::CacheControl,
    Header::ContentSecurityPolicy,
    Header::OpenerPolicy,
    Header::ReferrerPolicy,
];

/// A page for people, as it was when the service was built.
fn page(operation: Operation<'_>) -> Operation<'_> {
    revalidated(operation)
        .answers(StatusCode::OK, "The page.")
        .words("text/html", None)
        .with(OF_PAGES)
        .with(&[Header::Vary])
}

fn revalidated(operation: Operation<'_>) -> Operation<'_> {
    operation
        .takes(&[Header::IfNoneMatch])
        .answers(
            StatusCode::NOT_MODIFIED,
            "It is what `If-None-Match` names.",
        )
        .with(&[Header::Etag, Header::CacheControl])
}
