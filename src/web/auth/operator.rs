//! The operator's credentials.
//!
//! Operator routes require the configured token. Without one the service runs in demo mode: these
//! routes are open, and the configuration only accepts a loopback address to listen on.
//!
//! Programs send the token with each request. Pages send it once and get an `HttpOnly` session
//! cookie: a token in the page's storage could be stolen by any script that runs there, and neither
//! `EventSource` nor a link to `/metrics` can send an `Authorization` header.

use super::{bearer_digest, cookie_digest, digest};
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The session cookie of a browser that has signed in; it ends with the browser's session.
const COOKIE: &str = "operator_session";

/// The configured operator token, `None` in demo mode. It is kept as a digest, so that a comparison
/// takes the same time for a guess of any length.
#[derive(Clone, Copy)]
pub struct OperatorToken(Option<[u8; 32]>);

impl OperatorToken {
    /// `token` as configured; empty for demo mode.
    pub fn configured(token: &str) -> OperatorToken {
        OperatorToken((!token.is_empty()).then(|| digest(token)))
    }

    /// False in demo mode.
    pub fn is_required(self) -> bool {
        self.0.is_some()
    }

    /// `Set-Cookie` for a session of this token; `None` in demo mode, which needs no session.
    pub fn session_cookie(self, secure: bool) -> Option<HeaderValue> {
        self.0
            .map(|token| set_cookie(&session_id(token), "", secure))
    }

    pub fn accepts(self, credentials: OperatorCredentials) -> bool {
        let Some(token) = self.0 else { return true };
        let equal = |sent: [u8; 32], expected: [u8; 32]| sent.ct_eq(&expected).into();
        match credentials {
            OperatorCredentials::Bearer(sent) => equal(sent, token),
            OperatorCredentials::Session(sent) => equal(sent, digest(&session_id(token))),
            OperatorCredentials::Missing => false,
        }
    }

    pub fn authorize(self, credentials: OperatorCredentials) -> Result<(), Problem> {
        if self.accepts(credentials) {
            return Ok(());
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
pub enum OperatorCredentials {
    Bearer([u8; 32]),
    Session([u8; 32]),
    Missing,
}

impl OperatorCredentials {
    /// The credentials of a request that sends `token`.
    pub fn bearer(token: &str) -> OperatorCredentials {
        OperatorCredentials::Bearer(digest(token))
    }

    pub fn of(request: &HttpRequest) -> OperatorCredentials {
        let session = || cookie_digest(request, COOKIE).map(OperatorCredentials::Session);
        bearer_digest(request)
            .map(OperatorCredentials::Bearer)
            .or_else(session)
            .unwrap_or(OperatorCredentials::Missing)
    }
}

/// `Set-Cookie` that ends a browser's session.
pub fn ended_session_cookie(secure: bool) -> HeaderValue {
    set_cookie("", "; Max-Age=0", secure)
}

/// The session cookie: hidden from scripts and never sent with requests from other sites.
fn set_cookie(value: &str, age: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{COOKIE}={value}; Path=/{age}; HttpOnly; SameSite=Strict{secure}"
    ))
    .expect("hexadecimal digits and attributes make a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_mode_accepts_requests_without_token() {
        let demo = OperatorToken::configured("");
        assert!(demo.authorize(OperatorCredentials::Missing).is_ok());
    }

    #[test]
    fn configured_token_is_required() {
        let configured = OperatorToken::configured("secret");
        assert!(
            configured
                .authorize(OperatorCredentials::bearer("secret"))
                .is_ok()
        );
        for credentials in [
            OperatorCredentials::Missing,
            OperatorCredentials::bearer("Secret"),
        ] {
            let refused = configured.authorize(credentials).unwrap_err();
            assert_eq!(refused.kind(), Kind::OperatorOnly);
        }
    }

    #[test]
    fn session_differs_from_token_and_ends_with_it() {
        let [old, new] = ["secret", "another"].map(OperatorToken::configured);
        let session = session_id(old.0.unwrap());
        let cookie = OperatorCredentials::Session(digest(&session));
        assert!(old.accepts(cookie));
        assert!(!new.accepts(cookie));
        assert!(!old.accepts(OperatorCredentials::bearer(&session)));
        let token_as_cookie = OperatorCredentials::Session(digest("secret"));
        assert!(!old.accepts(token_as_cookie));
    }
}
