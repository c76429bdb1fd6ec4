//! `/api/code`: the lines of this program that decided a command and applied an event.

use crate::model_code::{self, Excerpt};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/code").get(Rate::Unlimited, get, describe_get)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CodeQuery {
    /// Type of an event, such as `ItemAdded`.
    event: String,
    /// The command that wrote it, such as `add_item`.
    command: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Code")]
struct CodeDocument {
    event: String,
    command: Option<String>,
    /// The rules of the command, then the functions that they call; empty without `command`.
    decide: Vec<Excerpt>,
    /// How the event changes the state, then the functions that do it.
    evolve: Vec<Excerpt>,
}

async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let CodeQuery { event, command } = query(&request)?;
    let evolve = model_code::evolve_of(&event);
    let decide = command
        .as_deref()
        .map_or_else(Vec::new, |command| model_code::decide_of(&event, command));
    if evolve.is_empty() || (command.is_some() && decide.is_empty()) {
        return Err(Problem::new(
            Kind::NotFound,
            "This program has no such event or command.",
        ));
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CodeDocument {
            event,
            command,
            decide,
            evolve,
        }))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Histories, "getCode", "Get the code of an event")
        .description(
            "The lines of this program's source that decide a command and apply an event of a cart \
             or an order, as they were compiled.",
        )
        .query::<CodeQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The lines, with their files and numbers.")
        .json::<CodeDocument>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NotFound])
}
