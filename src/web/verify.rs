//! `/api/verify`: whether the log is whole and every row of every view what its events add up to.

use super::operator::Operator;
use super::problem::{Kind, Problem};
use super::shop::Shop;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

const VERIFY: &str = "/api/verify";

/// Starts a verification.
pub async fn start(_: Operator, shop: Data<Shop>) -> Result<HttpResponse, Problem> {
    shop.verifications.start().map_err(|error| {
        Problem::new(
            Kind::VerifyRunning,
            format!("Nothing was started: {error}. GET {VERIFY} says how far that is."),
        )
    })?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, VERIFY))
        .json(shop.verifications.status()))
}

/// What the verification that runs, or ran last, is at, and what it has found.
pub async fn status(_: Operator, shop: Data<Shop>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(shop.verifications.status())
}
