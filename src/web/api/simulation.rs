//! `/api/simulation`: shopping that is dated over the last days, for demos.

use crate::simulated_days::{BatchKey, Plan, SimulationError, Summary};
use crate::web::api::command::REPLAYED;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::decode::invalid;
use crate::web::http::headers::idempotency_key;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::IDEMPOTENT_REPLAYED;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

const PATH: &str = "/api/simulation";

pub fn endpoints() -> Vec<Endpoint> {
    vec![at(PATH).post(Rate::Unlimited, simulate, describe_simulate)]
}

/// Carts and days of one request: its response must come within a client's patience.
const MAX_CARTS: u32 = 500;
const MAX_DAYS: u32 = 90;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SimulationRequest {
    /// Carts to open, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    carts: u32,
    /// Days up to now over which they are opened, 1 to 90.
    #[schemars(range(min = 1, max = 90))]
    days: u32,
    /// The same seed repeats the shoppers' choices; random by default.
    seed: Option<u64>,
}

/// Authorization comes first, so that the endpoint does not tell whether this is a demo.
async fn simulate(
    request: HttpRequest,
    _: Operator,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (SimulationRequest { carts, days, seed }, body) = read_json(&request, payload).await?;
    if state.operator.is_required() {
        return Err(Problem::new(
            Kind::NotFound,
            "This service is not in demo mode: nothing is simulated in its log.",
        ));
    }
    if !(1..=MAX_CARTS).contains(&carts) {
        return Err(invalid("/carts", "carts must be from 1 to 500"));
    }
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(invalid("/days", "days must be from 1 to 90"));
    }
    let key = idempotency_key(&request)?.map(|key| {
        let method = request.method().as_str().as_bytes();
        let parts = [method, PATH.as_bytes(), &body[..]];
        BatchKey::new(state.secret.clone(), key, &parts)
    });
    let drawn = || {
        key.as_ref()
            .map_or_else(|| fastrand::u64(..), BatchKey::seed)
    };
    let plan = Plan {
        carts,
        days,
        seed: seed.unwrap_or_else(drawn),
    };
    let catalogue = state.catalogue.get();
    let simulated = state.simulated_days.run(&catalogue, plan, key.as_ref());
    let summary = simulated.await?;
    let mut response = HttpResponse::Ok();
    if summary.written == 0 && summary.events > 0 {
        response.insert_header((IDEMPOTENT_REPLAYED, HeaderValue::from_static("true")));
    }
    tracing::warn!(
        carts = summary.carts,
        events = summary.written,
        days,
        "simulated shopping was written on request, dated in the past"
    );
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(summary))
}

impl From<SimulationError> for Problem {
    fn from(error: SimulationError) -> Problem {
        match error {
            SimulationError::Cart(error) => error.into(),
            SimulationError::Order(error) => error.into(),
            SimulationError::History(error) => error.into(),
        }
    }
}

fn describe_simulate(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "simulateDays", "Simulate days of shopping")
        .description(
            "Demo mode only (no operator token is configured); otherwise 404. Adds carts whose \
             events are dated over the last days, by the actor `simulation`, so that insights \
             look like a shop's. Commands are decided by the rules, with today's prices, and \
             their events get the next positions in the log, as always. Checked-out carts get \
             their order at that time, unless a warehouse is asked. Events cannot be removed \
             again. With an `Idempotency-Key`, a repeat adds what an interrupted request did not \
             reach, and nothing twice.",
        )
        .requires_operator()
        .optional_headers(&[Header::IdempotencyKey])
        .body::<SimulationRequest>(true)
        .responds(StatusCode::OK, "What was added.")
        .json::<Summary>()
        .with_headers(&[Header::CacheControl])
        .may_have_headers(REPLAYED)
        .problems(&[
            Kind::NotFound,
            Kind::KeyReused,
            Kind::LogUnavailable,
            Kind::OutcomeUnknown,
            Kind::Overloaded,
        ])
}
