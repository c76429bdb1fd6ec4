//! Who may ask the operator's routes: whoever has the operator's token. Without one configured the
//! service runs in demo mode, in which they are open; the configuration refuses to listen beyond
//! loopback then.

use super::access::bearer_digest;
use super::problem::{Kind, Problem};
use super::shop::Shop;
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use subtle::ConstantTimeEq;

/// The token that the operator's routes ask for. Only its digest is kept, so that the comparison
/// takes as long for a short guess as for a long one.
#[derive(Clone, Copy)]
pub struct OperatorToken(Option<[u8; 32]>);

impl OperatorToken {
    /// The token as it is configured; empty for demo mode.
    pub fn configured(token: &str) -> OperatorToken {
        OperatorToken((!token.is_empty()).then(|| Sha256::digest(token).into()))
    }
}

/// Proof that a request comes from the operator: a handler that takes one is an operator's route.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shop = request
            .app_data::<Data<Shop>>()
            .expect("the service is started with a shop");
        ready(admit(shop.operator, bearer_digest(request)))
    }
}

fn admit(asked: OperatorToken, presented: Option<[u8; 32]>) -> Result<Operator, Problem> {
    let Some(asked) = asked.0 else {
        return Ok(Operator);
    };
    // RFC 6750, 3.1: an error is named only where there was a token to be wrong.
    let challenge = match presented {
        Some(presented) if presented.ct_eq(&asked).into() => return Ok(Operator),
        Some(_) => r#"Bearer realm="operator", error="invalid_token""#,
        None => r#"Bearer realm="operator""#,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_configured_everybody_is_the_operator() {
        assert!(admit(OperatorToken::configured(""), None).is_ok());
    }

    #[test]
    fn a_configured_token_is_asked_for() {
        let asked = OperatorToken::configured("secret");
        assert!(admit(asked, Some(Sha256::digest("secret").into())).is_ok());
        for presented in [None, Some(Sha256::digest("Secret").into())] {
            let refused = admit(asked, presented).unwrap_err();
            assert_eq!(refused.kind(), Kind::OperatorOnly);
        }
    }
}
