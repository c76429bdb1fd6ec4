//! `/api/insights/products` and `/api/insights/hesitated`: statistics of each product, by sku or by
//! how often shoppers removed it.

use super::{OF_REPORTS, describe, report};
use crate::views::QueryResult;
use crate::views::insights::products::{self, By, Product};
use crate::web::api::operator::Operator;
use crate::web::http::page::{Page, PageQuery};
use crate::web::http::path::query;
use crate::web::http::problem::Problem;
use crate::web::openapi::Operation;
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

pub async fn list(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    list_by(&request, &state, By::Sku, "products by sku").await
}

pub fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    page(describe(
        operation,
        "listProductNumbers",
        "List product statistics",
    ))
    .description("Ordered by sku.")
}

pub async fn hesitated(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    list_by(&request, &state, By::Hesitation, "products by hesitation").await
}

pub fn describe_hesitated(operation: Operation<'_>) -> Operation<'_> {
    page(describe(
        operation,
        "listHesitated",
        "List products with second thoughts",
    ))
    .description("Products that shoppers added and removed again, most often removed first.")
}

async fn list_by(
    request: &HttpRequest,
    state: &AppState,
    by: By,
    list: &str,
) -> Result<HttpResponse, Problem> {
    let page: PageQuery = query(request)?;
    let limit = page.limit()?;
    let skip = page.place(&state.cursors, list)?.unwrap_or(0);
    let result = state.views.query(&[products::NAME], move |tables| {
        products::list(tables, by, skip, limit + 1)
    });
    let QueryResult { answer, seen } = result.await?;
    let mut items = answer;
    let next = (items.len() > limit).then(|| state.cursors.cursor(list, skip + limit as u64));
    items.truncate(limit);
    Ok(report(seen, &Page { items, next }))
}

fn page(operation: Operation<'_>) -> Operation<'_> {
    operation
        .query::<PageQuery>()
        .responds(StatusCode::OK, "Product statistics.")
        .json::<Page<Product>>()
        .with_headers(OF_REPORTS)
}
