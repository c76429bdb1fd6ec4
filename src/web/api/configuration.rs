//! `/api/configuration`: the settings that are in effect, without secrets.

use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::no_query;
use crate::web::http::problem::Problem;
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::setting::Setting;
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/configuration").get(Rate::Unlimited, list, describe_list)]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Configuration")]
struct ConfigurationDocument {
    /// By name.
    items: Vec<Setting>,
}

async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ConfigurationDocument {
            items: state.settings.clone(),
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getConfiguration", "Get the configuration")
        .description(
            "Every setting of this node: the defaults, the file and the environment merged, each \
             with its source. Of secrets only whether they are set is shown, and of addresses \
             that may contain one only where they lead: scheme, host and port.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The settings.")
        .json::<ConfigurationDocument>()
        .with_headers(&[Header::CacheControl])
}
