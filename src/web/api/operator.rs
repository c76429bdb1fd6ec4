//! `/api/operator`: the operator's session in a browser.

pub use crate::web::auth::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::{Ready, ready};

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/operator")
            .get(Rate::Unlimited, get_session, describe_get_session)
            .post(Rate::Unlimited, sign_in, describe_sign_in)
            .delete(Rate::Unlimited, sign_out, describe_sign_out),
    ]
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request
            .app_data::<Data<AppState>>()
            .expect("the service is started with its state");
        ready(state.operator.authorize(request))
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OperatorSession")]
struct Session {
    /// False in demo mode.
    token_required: bool,
    /// Whether this request is authorized.
    admitted: bool,
}

async fn get_session(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Session {
            token_required: state.operator.is_required(),
            admitted: state.operator.admit(&request)?.is_some(),
        }))
}

fn describe_get_session(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getOperator", "Get session")
        .responds(
            StatusCode::OK,
            "Whether a token is required, and whether this request is authorized.",
        )
        .json::<Session>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::TooManyGuesses])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The operator's token.
    token: String,
}

async fn sign_in(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (SignIn { token }, _) = read_json(&request, payload).await?;
    let mut response = HttpResponse::NoContent();
    if let Some(cookie) = state.operator.sign_in(&request, &token)? {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    Ok(response.finish())
}

fn describe_sign_in(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signInOperator", "Sign in")
        .description(
            "For pages; programs send the token with each request. The session is random and kept \
             by the service: it ends when the browser signs out, after 12 hours, and when the \
             service stops.",
        )
        .body::<SignIn>(true)
        .responds(StatusCode::NO_CONTENT, "Signed in.")
        .may_have_headers(&[Header::SetCookie])
        .problems(&[Kind::OperatorOnly, Kind::TooManyGuesses])
}

async fn sign_out(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    Ok(HttpResponse::NoContent()
        .insert_header((header::SET_COOKIE, state.operator.sign_out(&request)))
        .finish())
}

fn describe_sign_out(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signOutOperator", "Sign out")
        .description("Ends the session of the request's cookie.")
        .reads_body()
        .responds(StatusCode::NO_CONTENT, "Signed out.")
        .with_headers(&[Header::SetCookie])
}
