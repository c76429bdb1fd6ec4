//! `/api/views/damage`: damages a row of the views, so that visitors of a demo can watch a
//! verification find it and a rebuild heal it.

use crate::views::DamagedRow;
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
use schemars::JsonSchema;
use serde::Serialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/views/damage").post(Rate::Unlimited, damage, describe_damage)]
}

/// What was damaged.
#[derive(Serialize, JsonSchema)]
struct Damage {
    /// `null` if the views have no cart.
    damaged: Option<DamagedRow>,
}

/// Authorization comes first, so that the endpoint does not tell whether this is a demo.
async fn damage(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    if state.operator.is_required() {
        return Err(Problem::new(
            Kind::NotFound,
            "This service is not in demo mode: its views cannot be damaged on purpose.",
        ));
    }
    state.views.wait_until_written().await;
    let damage = block(state.views.damage_newest_cart()).await;
    let damaged = damage
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    if let Some(row) = &damaged {
        tracing::warn!(cart = %row.cart_id, "a row of the views was damaged on request");
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Damage { damaged }))
}

fn describe_damage(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "damageViews", "Damage a row of the views")
        .description(
            "Demo mode only (no operator token is configured); otherwise 404. Adds 1,000 minor \
             units to the total in the newest cart's row of the view `carts`, to show that a \
             verification names the row and a rebuild heals it. The log is not touched, and \
             commands are decided from the log alone. The cart's next event writes the row again.",
        )
        .requires_operator()
        .reads_body()
        .responds(StatusCode::OK, "The row, and its total before and after.")
        .json::<Damage>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NotFound])
}
