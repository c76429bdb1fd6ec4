//! `/api/operator`: the operator's session in a browser.

use crate::web::auth::operator::{OperatorCredentials, ended_session_cookie};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::future::{Ready, ready};

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/operator")
            .get(get_session, describe_get_session)
            .post(sign_in, describe_sign_in)
            .delete(sign_out, describe_sign_out),
    ]
}

/// Proof that a request is the operator's. A handler that takes one is an operator route.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request
            .app_data::<Data<AppState>>()
            .expect("the service is started with its state");
        let credentials = OperatorCredentials::of(request);
        ready(state.operator.authorize(credentials).map(|()| Operator))
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
            admitted: state.operator.accepts(OperatorCredentials::of(&request)),
        }))
}

fn describe_get_session(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "getOperator", "Get session")
        .responds(
            StatusCode::OK,
            "Whether a token is required, and whether this request is authorized.",
        )
        .json::<Session>(r#"{ "token_required": true, "admitted": false }"#)
        .with_headers(&[Header::CacheControl])
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
    let credentials = OperatorCredentials::bearer(&token);
    state.operator.authorize(credentials)?;
    let mut response = HttpResponse::NoContent();
    if let Some(cookie) = state.operator.session_cookie(state.secure_cookies) {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    Ok(response.finish())
}

fn describe_sign_in(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signInOperator", "Sign in")
        .description(
            "For pages; programs send the token with each request. The session cookie does not \
             reveal the token and ends with the browser session.",
        )
        .body::<SignIn>(true, &json!({ "token": "the-configured-token" }))
        .responds(StatusCode::NO_CONTENT, "Signed in.")
        .may_have_headers(&[Header::SetCookie])
        .problems(&[Kind::OperatorOnly])
}

async fn sign_out(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    let cookie = ended_session_cookie(state.secure_cookies);
    Ok(HttpResponse::NoContent()
        .insert_header((header::SET_COOKIE, cookie))
        .finish())
}

fn describe_sign_out(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signOutOperator", "Sign out")
        .reads_body()
        .responds(StatusCode::NO_CONTENT, "Signed out.")
        .with_headers(&[Header::SetCookie])
}
