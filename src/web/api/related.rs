//! `/api/products/{sku}/related`: what is often bought together with a product, for the shop.

use crate::cart::Sku;
use crate::views::QueryResult;
use crate::views::insights::baskets;
use crate::web::api::products::{Priced, ProductDocument};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::page::limit;
use crate::web::http::path::{PathSku, query};
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
use serde::{Deserialize, Serialize};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/products/{sku}/related").get(Rate::Fold, list, describe_list)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RelatedQuery {
    /// Maximum number of products; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

/// Products in an order that says all: the figures behind it are the operator's.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RelatedProducts")]
struct Related<'a> {
    /// The most frequent companion first.
    items: Vec<ProductDocument<'a>>,
}

async fn list(
    request: HttpRequest,
    sku: PathSku,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query: RelatedQuery = query(&request)?;
    let limit = limit(query.limit)?;
    let catalogue = state.catalogue.get();
    catalogue.product(&sku.0).ok_or_else(Problem::not_found)?;
    let result = state.views.query(&[baskets::NAME], move |tables| {
        baskets::companions(tables, &sku.0)
    });
    let QueryResult { answer, seen } = result.await?;
    let sold = answer.iter().filter_map(|sku| Sku::parse(sku).ok());
    let sold = sold.filter_map(|sku| catalogue.product(&sku));
    let items = sold.take(limit).map(ProductDocument::of).collect();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=60"))
        .insert_header((LOG_POSITION, HeaderValue::from(seen.position.0)))
        .json(Priced {
            currency: catalogue.currency,
            document: Related { items },
        }))
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Catalogue,
            "listRelatedProducts",
            "List products bought together with one",
        )
        .description(
            "Products of the catalogue that at least two of the 10,000 newest orders have together \
             with this one, most frequent first. Empty if there are none yet. Counts as 20 in the \
             limit on reads.",
        )
        .query::<RelatedQuery>()
        .optional_headers(&[Header::Traceparent])
        .responds(StatusCode::OK, "The products.")
        .json::<Priced<Related<'static>>>()
        .with_headers(&[Header::CacheControl, Header::LogPosition])
        .problems(&[Kind::NotFound, Kind::ViewUnavailable])
}
