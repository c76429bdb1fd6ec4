//! `/api/operator`: the operator's credentials and browser session.
//!
//! Operator routes require the configured token. Without one the service runs in demo mode: these
//! routes are open, and the configuration only accepts a loopback address to listen on.
//!
//! Programs send the token with each request. Pages send it once and get an `HttpOnly` session
//! cookie: a token in the page's storage could be stolen by any script that runs there, and neither
//! `EventSource` nor a link to `/metrics` can send an `Authorization` header.

use crate::web::api::access::{bearer_digest, cookie_digest};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use subtle::ConstantTimeEq;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/operator")
            .get(get_session, describe_get_session)
            .post(sign_in, describe_sign_in)
            .delete(sign_out, describe_sign_out),
    ]
}

/// The session cookie of a browser that has signed in; it ends with the browser's session.
const COOKIE: &str = "operator_session";

/// The configured operator token, `None` in demo mode. It is kept as a digest, so that a comparison
/// takes the same time for a guess of any length.
#[derive(Clone, Copy)]
pub struct OperatorToken(Option<[u8; 32]>);

impl OperatorToken {
    /// `token` as configured; empty for demo mode.
    pub fn configured(token: &str) -> OperatorToken {
        OperatorToken((!token.is_empty()).then(|| Sha256::digest(token).into()))
    }

    fn accepts(self, credentials: OperatorCredentials) -> bool {
        let Some(token) = self.0 else { return true };
        let equal = |digest: [u8; 32], expected: [u8; 32]| digest.ct_eq(&expected).into();
        match credentials {
            OperatorCredentials::Bearer(digest) => equal(digest, token),
            OperatorCredentials::Session(digest) => {
                equal(digest, Sha256::digest(session_id(token)).into())
            }
            OperatorCredentials::Missing => false,
        }
    }

    fn authorize(self, credentials: OperatorCredentials) -> Result<Operator, Problem> {
        if self.accepts(credentials) {
            return Ok(Operator);
        }
        // RFC 6750, 3.1: only a request that sent a token gets an error code.
        let challenge = match credentials {
            OperatorCredentials::Bearer(_) => r#"Bearer realm="operator", error="invalid_token""#,
            OperatorCredentials::Session(_) | OperatorCredentials::Missing => {
                r#"Bearer realm="operator""#
            }
        };
        Err(Problem::new(
            Kind::OperatorOnly,
            "This requires the operator token: send it as Authorization: Bearer.",
        )
        .header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        ))
    }
}

/// The value of the session cookie. It is derived from the token without revealing it, and a new
/// token ends all sessions of the previous one.
fn session_id(token: [u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(b"a session of the operator with the token ")
        .chain_update(token)
        .finalize();
    hex::encode(digest)
}

/// The operator credentials that a request sends, as digests.
#[derive(Debug, Clone, Copy)]
enum OperatorCredentials {
    Bearer([u8; 32]),
    Session([u8; 32]),
    Missing,
}

impl OperatorCredentials {
    fn of(request: &HttpRequest) -> OperatorCredentials {
        let session = || cookie_digest(request, COOKIE).map(OperatorCredentials::Session);
        bearer_digest(request)
            .map(OperatorCredentials::Bearer)
            .or_else(session)
            .unwrap_or(OperatorCredentials::Missing)
    }
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
        ready(state.operator.authorize(OperatorCredentials::of(request)))
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
            token_required: state.operator.0.is_some(),
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
    let credentials = OperatorCredentials::Bearer(Sha256::digest(token).into());
    state.operator.authorize(credentials)?;
    Ok(match state.operator.0 {
        // Demo mode needs no session.
        None => HttpResponse::NoContent().finish(),
        Some(token) => with_cookie(&session_id(token), "", state.secure_cookies),
    })
}

fn describe_sign_in(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signInOperator", "Sign in")
        .description("For pages; programs send the token with each request. The session cookie does not reveal the token and ends with the browser session.")
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
    Ok(with_cookie("", "; Max-Age=0", state.secure_cookies))
}

fn describe_sign_out(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Service, "signOutOperator", "Sign out")
        .reads_body()
        .responds(StatusCode::NO_CONTENT, "Signed out.")
        .with_headers(&[Header::SetCookie])
}

/// 204 that sets the session cookie: hidden from scripts and never sent by other sites.
fn with_cookie(value: &str, age: &str, secure: bool) -> HttpResponse {
    let secure = if secure { "; Secure" } else { "" };
    HttpResponse::NoContent()
        .insert_header((
            header::SET_COOKIE,
            format!("{COOKIE}={value}; Path=/{age}; HttpOnly; SameSite=Strict{secure}"),
        ))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(token: &str) -> OperatorCredentials {
        OperatorCredentials::Bearer(Sha256::digest(token).into())
    }

    #[test]
    fn demo_mode_accepts_requests_without_token() {
        let demo = OperatorToken::configured("");
        assert!(demo.authorize(OperatorCredentials::Missing).is_ok());
    }

    #[test]
    fn configured_token_is_required() {
        let configured = OperatorToken::configured("secret");
        assert!(configured.authorize(bearer("secret")).is_ok());
        for credentials in [OperatorCredentials::Missing, bearer("Secret")] {
            let refused = configured.authorize(credentials).unwrap_err();
            assert_eq!(refused.kind(), Kind::OperatorOnly);
        }
    }

    #[test]
    fn session_differs_from_token_and_ends_with_it() {
        let [old, new] = ["secret", "another"].map(OperatorToken::configured);
        let session = session_id(old.0.unwrap());
        let cookie = OperatorCredentials::Session(Sha256::digest(&session).into());
        assert!(old.accepts(cookie));
        assert!(!new.accepts(cookie));
        assert!(!old.accepts(bearer(&session)));
        let token_as_cookie = OperatorCredentials::Session(Sha256::digest("secret").into());
        assert!(!old.accepts(token_as_cookie));
    }
}
