//! Generated pages: `/docs` from the API's description and the recorded examples, `/problems` from
//! the problem types. They are complete without scripts, which add search and a console.

mod common;
mod docs;
mod html;
mod operation;
mod problems;
mod samples;
mod schema;

use crate::web::endpoint::{Endpoint, at};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag, asyncapi};
use crate::web::site::assets::Asset;
use crate::web::site::pages;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use std::sync::{LazyLock, OnceLock};

/// The frame of all generated pages.
pub const PAGE: &str = include_str!("page.html");

/// The pages and documents that are generated from the API's description. The description is made
/// of the routes, which include these pages, so it is passed in as a function.
pub struct Reference {
    describe: fn() -> Value,
    openapi: OnceLock<Asset>,
    docs: OnceLock<Asset>,
}

impl Reference {
    pub const fn of(describe: fn() -> Value) -> Reference {
        Reference {
            describe,
            openapi: OnceLock::new(),
            docs: OnceLock::new(),
        }
    }

    fn openapi(&self) -> &Asset {
        let document = || Asset::made("application/json", (self.describe)().to_string());
        self.openapi.get_or_init(document)
    }

    fn docs(&self) -> &Asset {
        let page = || made("the API", "docs", &docs::page(&(self.describe)()));
        self.docs.get_or_init(page)
    }
}

static EVENTS: LazyLock<Asset> =
    LazyLock::new(|| Asset::made("application/json", asyncapi().to_string()));

static PROBLEMS: LazyLock<Asset> =
    LazyLock::new(|| made("problems", "reference", &problems::index()));
/// The pages of the problem types, in the order of [`Kind::ALL`].
static PROBLEM_PAGES: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    Kind::ALL
        .iter()
        .map(|kind| made(kind.title(), "reference", &problems::page(*kind)))
        .collect()
});

/// The page of the problem type `slug`.
fn problem_page(slug: &str) -> Option<&'static Asset> {
    let place = Kind::ALL.iter().position(|kind| kind.slug() == slug)?;
    PROBLEM_PAGES.get(place)
}

/// A page with this title and content; `class` chooses the layout.
fn made(title: &str, class: &str, main: &str) -> Asset {
    let page = PAGE
        .replace("{{title}}", &html::escaped(title))
        .replace("{{class}}", class)
        .replace("{{main}}", main);
    Asset::made("text/html; charset=utf-8", page)
}

/// The endpoints; the app data has to hold a `&'static` [`Reference`].
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/openapi.json").get(Rate::Unlimited, openapi, describe_openapi),
        at("/asyncapi.json").get(Rate::Unlimited, events, describe_events),
        at("/docs").get(Rate::Unlimited, docs, describe_docs),
        at("/problems").get(Rate::Unlimited, problems, describe_problems),
        at("/problems/{slug}").get(Rate::Unlimited, problem, describe_problem),
    ]
}

fn reference(request: &HttpRequest) -> &'static Reference {
    request
        .app_data::<&'static Reference>()
        .expect("the routes come with a Reference")
}

/// `GET /openapi.json`.
async fn openapi(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let document = reference(&request).openapi();
    pages::answer(&request, document, StatusCode::OK, "public, max-age=60")
}

fn describe_openapi(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_revalidated(operation)
        .named(
            Tag::Service,
            "getDescription",
            "This document, as OpenAPI 3.1",
        )
        .responds(StatusCode::OK, "The document.")
        .content::<serde_json::Map<String, Value>>("application/json")
        .with_headers(&[Header::Etag, Header::CacheControl, Header::Vary])
}

/// `GET /asyncapi.json`: the public events.
async fn events(request: HttpRequest) -> Result<HttpResponse, Problem> {
    pages::answer(&request, &EVENTS, StatusCode::OK, "public, max-age=60")
}

fn describe_events(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_revalidated(operation)
        .named(
            Tag::Service,
            "getEventsDescription",
            "The public events, as AsyncAPI 3.0",
        )
        .responds(StatusCode::OK, "The document.")
        .content::<serde_json::Map<String, Value>>("application/json")
        .with_headers(&[Header::Etag, Header::CacheControl, Header::Vary])
}

/// `GET /docs`: every route with its parameters and responses.
async fn docs(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let page = reference(&request).docs();
    pages::answer(&request, page, StatusCode::OK, "no-cache")
}

fn describe_docs(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation).named(Tag::Pages, "getDocs", "This document, as a page")
}

/// `GET /problems`: the problem types.
async fn problems(request: HttpRequest) -> Result<HttpResponse, Problem> {
    pages::answer(&request, &PROBLEMS, StatusCode::OK, "no-cache")
}

fn describe_problems(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation).named(Tag::Pages, "listProblems", "The problem types")
}

/// `GET /problems/{slug}`: what a problem type means and how to fix it.
async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let slug = request.match_info().query("slug");
    let Some(page) = problem_page(slug) else {
        return pages::not_found(request).await;
    };
    pages::answer(&request, page, StatusCode::OK, "no-cache")
}

fn describe_problem(operation: Operation<'_>) -> Operation<'_> {
    pages::describe_page(operation)
        .named(Tag::Pages, "getProblem", "A problem type")
        .problems(&[Kind::NotFound])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::site::assets::Coding;

    /// Compression takes milliseconds, a thousand times as long as the rest of a request.
    #[test]
    fn problem_pages_are_compressed_once() {
        for kind in Kind::ALL {
            for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli] {
                let [first, second] =
                    [(), ()].map(|()| problem_page(kind.slug()).unwrap().body(coding));
                assert_eq!(
                    first.as_ptr(),
                    second.as_ptr(),
                    "{} {coding:?}",
                    kind.slug()
                );
            }
        }
        assert!(problem_page("no-such-problem").is_none());
    }
}
