//! `/api/simulation`: shopping that is dated over the last days, for demos.

use crate::simulated_days::{Plan, SimulationError, Summary};
use crate::timestamp::Timestamp;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::decode::invalid;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/simulation").post(Rate::Unlimited, simulate, describe_simulate)]
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
    let (SimulationRequest { carts, days, seed }, _) = read_json(&request, payload).await?;
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
    let plan = Plan {
        carts,
        days,
        now: Timestamp::now(),
        seed: seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    let catalogue = state.catalogue.get();
    let summary = state.simulated_days.run(&catalogue, plan).await?;
    tracing::warn!(
        carts = summary.carts,
        events = summary.events,
        days,
        "simulated shopping was written on request, dated in the past"
    );
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(summary))
}

impl From<SimulationError> for Problem {
    fn from(error: SimulationError) -> Problem {
        match error {
            SimulationError::Cart(error) => error.into(),
            SimulationError::Order(error) => error.into(),
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
             again.",
        )
        .requires_operator()
        .body::<SimulationRequest>(true)
        .responds(StatusCode::OK, "What was added.")
        .json::<Summary>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::NotFound, Kind::LogUnavailable, Kind::Overloaded])
}
