//! The warehouse's token, which admits its answers to orders.

use super::guesses::GuessLimit;
use super::{bearer_digest, digest};
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use prometheus::Registry;

/// Decides which requests are the warehouse's.
pub struct WarehouseAccess {
    /// The digest of the configured token; `None` if no warehouse may answer.
    token: Option<[u8; 32]>,
    guesses: GuessLimit,
}

impl WarehouseAccess {
    /// Access by `token` as configured; no request has it if that is empty. `behind_proxy`, clients
    /// are those that the proxy names.
    pub fn new(token: &str, behind_proxy: bool) -> WarehouseAccess {
        WarehouseAccess {
            token: (!token.is_empty()).then(|| digest(token)),
            guesses: GuessLimit::new("warehouse", behind_proxy),
        }
    }

    /// Registers the counters of refused tokens.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.guesses.register(registry)
    }

    /// Admits `request` by its token, or refuses it with a problem.
    pub fn authorize(&self, request: &HttpRequest) -> Result<(), Problem> {
        let sent = bearer_digest(request);
        let is_right = match (self.token, sent) {
            (Some(token), Some(sent)) => self.guesses.compare(request, sent, token)?,
            (None, _) | (_, None) => false,
        };
        if is_right {
            return Ok(());
        }
        // RFC 6750, 3.1: only a request that sent a token gets an error code.
        let challenge = match sent {
            Some(_) => r#"Bearer realm="warehouse", error="invalid_token""#,
            None => r#"Bearer realm="warehouse""#,
        };
        let challenge = HeaderValue::from_static(challenge);
        Err(Problem::new(
            Kind::WarehouseOnly,
            "This requires the warehouse's token: send it as Authorization: Bearer.",
        )
        .header(header::WWW_AUTHENTICATE, challenge))
    }
}
