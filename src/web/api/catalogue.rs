//! `/api/catalogue/reload`: reads the files of products and promotions again.

use crate::catalogue::CatalogueChange;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_nothing;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload, block};
use actix_web::{HttpRequest, HttpResponse};

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/catalogue/reload").post(Rate::Unlimited, reload, describe_reload)]
}

async fn reload(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let catalogue = state.catalogue.clone();
    let reloaded = block(move || catalogue.reload()).await;
    let change = reloaded.map_err(Problem::internal)?.map_err(|error| {
        Problem::new(
            Kind::InvalidCatalogue,
            format!("Catalogue not reloaded: {error}. The previous one stays in use."),
        )
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(change))
}

fn describe_reload(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Catalogue, "reloadCatalogue", "Reload the catalogue")
        .description(
            "Reads the files of products and promotions again, as the signal SIGHUP does. All \
             requests after the response see the new catalogue. Units in carts keep the price at \
             which they were added.",
        )
        .requires_operator()
        .reads_body()
        .responds(StatusCode::OK, "Catalogue reloaded: what has changed.")
        .json::<CatalogueChange>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::InvalidCatalogue])
}
