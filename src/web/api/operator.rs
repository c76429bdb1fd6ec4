//! Who may ask the operator's routes: whoever has the operator's token. Without one configured the
//! service runs in demo mode, in which they are open; the configuration refuses to listen beyond
//! loopback then.
//!
//! Programs send the token with each request. The pages send it once, and the answer sets a cookie
//! that no script can read: kept in the page's own storage, the token would belong to whatever
//! script ever gets to run there, and neither a live stream (`EventSource` sends no header of ours)
//! nor a link to `/metrics` could carry it.

use crate::web::api::access::{bearer_digest, cookie_digest};
use crate::web::http::body::{read_json, read_nothing};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use subtle::ConstantTimeEq;

/// The cookie of a browser in which the operator's token was entered. It lasts as long as the
/// browser's session.
const COOKIE: &str = "operator_session";

/// The token that the operator's routes ask for. Only its digest is kept, so that the comparison
/// takes as long for a short guess as for a long one.
#[derive(Clone, Copy)]
pub struct OperatorToken(Option<[u8; 32]>);

impl OperatorToken {
    /// The token as it is configured; empty for demo mode.
    pub fn configured(token: &str) -> OperatorToken {
        OperatorToken((!token.is_empty()).then(|| Sha256::digest(token).into()))
    }

    fn admits(self, presented: Presented) -> bool {
        let Some(asked) = self.0 else { return true };
        let same = |presented: [u8; 32], asked: [u8; 32]| presented.ct_eq(&asked).into();
        match presented {
            Presented::Bearer(token) => same(token, asked),
            Presented::Cookie(session) => same(session, Sha256::digest(session_of(asked)).into()),
            Presented::Nothing => false,
        }
    }
}

/// What the cookie holds: it proves that its holder had the token, and does not tell it. A new
/// token ends all sessions of the old one.
fn session_of(token: [u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(b"a session of the operator with the token ")
        .chain_update(token)
        .finalize();
    hex::encode(digest)
}

/// By what a request says that it comes from the operator, as digests.
#[derive(Debug, Clone, Copy)]
enum Presented {
    Bearer([u8; 32]),
    Cookie([u8; 32]),
    Nothing,
}

impl Presented {
    fn of(request: &HttpRequest) -> Presented {
        let cookie = || cookie_digest(request, COOKIE).map(Presented::Cookie);
        bearer_digest(request)
            .map(Presented::Bearer)
            .or_else(cookie)
            .unwrap_or(Presented::Nothing)
    }
}

/// Proof that a request comes from the operator: a handler that takes one is an operator's route.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admit(state(request).operator, Presented::of(request)))
    }
}

fn state(request: &HttpRequest) -> &Data<AppState> {
    request
        .app_data::<Data<AppState>>()
        .expect("the service is started with a shop")
}

fn admit(asked: OperatorToken, presented: Presented) -> Result<Operator, Problem> {
    if asked.admits(presented) {
        return Ok(Operator);
    }
    // RFC 6750, 3.1: an error is named only where there was a token to be wrong.
    let challenge = match presented {
        Presented::Bearer(_) => r#"Bearer realm="operator", error="invalid_token""#,
        Presented::Cookie(_) | Presented::Nothing => r#"Bearer realm="operator""#,
    };
    Err(Problem::new(
        Kind::OperatorOnly,
        "This is for the operator: send Authorization: Bearer with the service's operator token.",
    )
    .header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    ))
}

/// What a page has to know before it asks the operator's routes.
#[derive(Serialize, JsonSchema)]
pub struct Standing {
    /// False in demo mode.
    token_required: bool,
    /// Whether this request would be let in.
    admitted: bool,
}

/// Whether the one who asks is the operator.
pub async fn standing(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Standing {
            token_required: state.operator.0.is_some(),
            admitted: state.operator.admits(Presented::of(&request)),
        }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The operator's token.
    token: String,
}

/// Lets this browser in for as long as its session lasts.
pub async fn sign_in(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (SignIn { token }, _) = read_json(&request, payload).await?;
    let presented = Presented::Bearer(Sha256::digest(token).into());
    admit(state.operator, presented)?;
    // In demo mode there is nothing to keep: everybody is let in.
    Ok(match state.operator.0 {
        None => HttpResponse::NoContent().finish(),
        Some(token) => with_cookie(&session_of(token), "", state.secure_cookies),
    })
}

/// Forgets that this browser was let in.
pub async fn sign_out(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    read_nothing(&request, payload).await?;
    Ok(with_cookie("", "; Max-Age=0", state.secure_cookies))
}

/// An answer that sets the cookie: out of reach for scripts, never sent along by another site.
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

    fn bearer(token: &str) -> Presented {
        Presented::Bearer(Sha256::digest(token).into())
    }

    #[test]
    fn without_a_token_configured_everybody_is_the_operator() {
        assert!(admit(OperatorToken::configured(""), Presented::Nothing).is_ok());
    }

    #[test]
    fn a_configured_token_is_asked_for() {
        let asked = OperatorToken::configured("secret");
        assert!(admit(asked, bearer("secret")).is_ok());
        for presented in [Presented::Nothing, bearer("Secret")] {
            let refused = admit(asked, presented).unwrap_err();
            assert_eq!(refused.kind(), Kind::OperatorOnly);
        }
    }

    #[test]
    fn a_session_is_not_the_token_and_ends_with_it() {
        let [old, new] = ["secret", "another"].map(OperatorToken::configured);
        let session = session_of(old.0.unwrap());
        let cookie = Presented::Cookie(Sha256::digest(&session).into());
        assert!(old.admits(cookie));
        assert!(!new.admits(cookie));
        assert!(!old.admits(bearer(&session)));
        assert!(!old.admits(Presented::Cookie(Sha256::digest("secret").into())));
    }
}
