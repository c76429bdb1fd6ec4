//! `/api/insights/pairs`: products bought together.

use super::{OF_REPORTS, describe, report};
use crate::cart::Sku;
use crate::views::QueryResult;
use crate::views::insights::baskets::{self, Pairs};
use crate::web::api::operator::Operator;
use crate::web::http::page::limit;
use crate::web::http::path::query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::Operation;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PairsQuery {
    /// Only pairs with this product; all products by default.
    #[schemars(with = "Option<Sku>")]
    sku: Option<String>,
    /// Maximum number of pairs; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

pub async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query: PairsQuery = query(&request)?;
    let limit = limit(query.limit)?;
    let sku = query.sku.as_deref().map(Sku::parse).transpose();
    let sku =
        sku.map_err(|error| Problem::new(Kind::InvalidQuery, format!("Invalid sku: {error}.")))?;
    let result = state.views.query(&[baskets::NAME], move |tables| {
        baskets::pairs(tables, sku.as_ref(), limit)
    });
    let QueryResult { answer, seen } = result.await?;
    Ok(report(seen, &answer))
}

pub fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    describe(operation, "listPairs", "List products bought together")
        .description("Market-basket analysis of checked-out carts: support, confidence and lift.")
        .query::<PairsQuery>()
        .responds(StatusCode::OK, "The most frequent pairs.")
        .json::<Pairs>()
        .with_headers(OF_REPORTS)
}
