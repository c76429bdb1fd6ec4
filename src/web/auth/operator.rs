//! The operator's credentials.
//!
//! Operator routes require the configured token. Without one the service runs in demo mode: these
//! routes are open, and the configuration only accepts a loopback address to listen on.
//!
//! Programs send the token with each request. Pages send it once and get an `HttpOnly` session
//! cookie: a token in the page's storage could be stolen by any script that runs there, and neither
//! `EventSource` nor a link to `/metrics` can send an `Authorization` header.

use super::guesses::GuessLimit;
use super::sessions::Sessions;
use super::{bearer_digest, cookie_digests, digest};
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use prometheus::Registry;
use std::time::Instant;

/// Decides which requests are the operator's.
pub struct OperatorAccess {
    /// The configured token, `None` in demo mode. It is kept as a digest, so that a comparison
    /// takes the same time for a guess of any length.
    token: Option<[u8; 32]>,
    sessions: Sessions,
    guesses: GuessLimit,
    cookie: SessionCookie,
}

/// Proof that a request is the operator's. A handler that takes one is an operator route.
#[derive(Debug, Clone, Copy)]
pub struct Operator {
    /// The digest of the session by which the request was admitted, if by one.
    session: Option<[u8; 32]>,
}

impl OperatorAccess {
    /// Access by `token` as configured, empty for demo mode. `behind_proxy`, clients are those
    /// that the proxy names.
    pub fn new(token: &str, cookie: SessionCookie, behind_proxy: bool) -> OperatorAccess {
        OperatorAccess {
            token: (!token.is_empty()).then(|| digest(token)),
            sessions: Sessions::default(),
            guesses: GuessLimit::new("operator", behind_proxy),
            cookie,
        }
    }

    /// Registers the counters of refused tokens.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.guesses.register(registry)
    }

    /// False in demo mode.
    pub fn is_required(&self) -> bool {
        self.token.is_some()
    }

    /// Admits `request` by its token or, if it has none, by its session. `None` if it has neither
    /// or a wrong one.
    pub fn admit(&self, request: &HttpRequest) -> Result<Option<Operator>, Problem> {
        let Some(token) = self.token else {
            return Ok(Some(Operator { session: None }));
        };
        if let Some(sent) = bearer_digest(request) {
            let is_right = self.guesses.compare(request, sent, token)?;
            return Ok(is_right.then_some(Operator { session: None }));
        }
        let session = self.sessions_of(request).find(|id| self.is_open(id));
        Ok(session.map(|session| Operator {
            session: Some(session),
        }))
    }

    /// Admits `request`, or refuses it with a problem.
    pub fn authorize(&self, request: &HttpRequest) -> Result<Operator, Problem> {
        let has_token = bearer_digest(request).is_some();
        self.admit(request)?.ok_or_else(|| refusal(has_token))
    }

    /// Whether the session by which a request was admitted has not ended since.
    pub fn still_admits(&self, operator: Operator) -> bool {
        operator
            .session
            .is_none_or(|session| self.is_open(&session))
    }

    /// Opens a session for a browser that sends `token`: the `Set-Cookie`, `None` in demo mode.
    pub fn sign_in(
        &self,
        request: &HttpRequest,
        token: &str,
    ) -> Result<Option<HeaderValue>, Problem> {
        let Some(expected) = self.token else {
            return Ok(None);
        };
        if !self.guesses.compare(request, digest(token), expected)? {
            return Err(refusal(true));
        }
        let session = self.sessions.open(Instant::now())?;
        Ok(Some(self.cookie.set(&session, "")))
    }

    /// Ends the browser's session: the `Set-Cookie` that removes its cookie.
    pub fn sign_out(&self, request: &HttpRequest) -> HeaderValue {
        for session in self.sessions_of(request) {
            self.sessions.end(&session);
        }
        self.cookie.set("", "; Max-Age=0")
    }

    /// The digests of the session ids that `request` sends.
    fn sessions_of(&self, request: &HttpRequest) -> impl Iterator<Item = [u8; 32]> {
        cookie_digests(request, &self.cookie.name)
    }

    fn is_open(&self, session: &[u8; 32]) -> bool {
        self.sessions.is_open(session, Instant::now())
    }
}

fn refusal(has_token: bool) -> Problem {
    // RFC 6750, 3.1: only a request that sent a token gets an error code.
    let challenge = if has_token {
        r#"Bearer realm="operator", error="invalid_token""#
    } else {
        r#"Bearer realm="operator""#
    };
    Problem::new(
        Kind::OperatorOnly,
        "This requires the operator token: send it as Authorization: Bearer.",
    )
    .header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}

/// The cookie of a session: hidden from scripts and never sent with requests from other sites. It
/// ends with the browser's session.
pub struct SessionCookie {
    name: String,
    secure: bool,
}

impl SessionCookie {
    /// The cookie of the service that `shop` identifies on its host. Cookies do not depend on the
    /// port, so two shops on one host must not have the same name for it.
    pub fn new(shop: [u8; 32], secure: bool) -> SessionCookie {
        // RFC 6265bis, 4.1.3.2: with this prefix no other host and no http page can set it.
        let prefix = if secure { "__Host-" } else { "" };
        SessionCookie {
            name: format!("{prefix}operator_session_{}", hex::encode(&shop[..4])),
            secure,
        }
    }

    fn set(&self, value: &str, age: &str) -> HeaderValue {
        let SessionCookie { name, secure } = self;
        let secure = if *secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!(
            "{name}={value}; Path=/{age}; HttpOnly; SameSite=Strict{secure}"
        ))
        .expect("hexadecimal digits and attributes make a header value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const TOKEN: &str = "a token of the operator";

    fn access(token: &str) -> OperatorAccess {
        OperatorAccess::new(token, SessionCookie::new([1; 32], false), false)
    }

    fn with_bearer(token: &str) -> HttpRequest {
        TestRequest::default()
            .insert_header(("authorization", format!("Bearer {token}")))
            .to_http_request()
    }

    fn with_cookies(cookies: &str) -> HttpRequest {
        TestRequest::default()
            .insert_header(("cookie", cookies))
            .to_http_request()
    }

    /// The name and value of a new session's cookie.
    fn signed_in(access: &OperatorAccess) -> String {
        let set = access.sign_in(&with_cookies(""), TOKEN).unwrap().unwrap();
        let set = set.to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn demo_mode_accepts_requests_without_token() {
        assert!(access("").authorize(&with_cookies("")).is_ok());
    }

    #[test]
    fn configured_token_is_required() {
        let access = access(TOKEN);
        assert!(access.authorize(&with_bearer(TOKEN)).is_ok());
        for request in [with_cookies(""), with_bearer("A token of the operator")] {
            let refused = access.authorize(&request).unwrap_err();
            assert_eq!(refused.kind(), Kind::OperatorOnly);
        }
    }

    #[test]
    fn session_is_found_among_repeated_cookies() {
        let access = access(TOKEN);
        let session = signed_in(&access);
        let (name, value) = session.split_once('=').unwrap();
        let other = format!("{name}=of-another-shop");
        for cookies in [
            session.clone(),
            format!("{other}; {session}"),
            format!("{session}; {other}"),
        ] {
            assert!(access.authorize(&with_cookies(&cookies)).is_ok());
        }
        for cookies in [other, format!("operator_session={value}")] {
            assert!(access.authorize(&with_cookies(&cookies)).is_err());
        }
        assert!(access.authorize(&with_bearer(value)).is_err());
    }

    #[test]
    fn sign_out_ends_the_session_alone() {
        let access = access(TOKEN);
        let [first, second] = [(); 2].map(|()| signed_in(&access));
        let operator = access.authorize(&with_cookies(&first)).unwrap();
        assert!(access.still_admits(operator));
        access.sign_out(&with_cookies(&first));
        assert!(!access.still_admits(operator));
        assert!(access.authorize(&with_cookies(&first)).is_err());
        assert!(access.authorize(&with_cookies(&second)).is_ok());
    }
}
