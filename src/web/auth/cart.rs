//! Cart credentials. A cart's id is public; its bearer token is the capability to use the cart.
//! Only the token's holder has it: the log stores its SHA-256 digest.

use super::{bearer_digest, cookie_digest, digest};
use crate::cart::Cart;
use crate::secret::Secret;
use crate::web::http::problem::Problem;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The cookie in which the shop's pages keep a cart's token; its `Path` is the cart's.
const COOKIE: &str = "cart_token";
const COOKIE_MAX_AGE_SECONDS: u32 = 30 * 24 * 60 * 60;

/// A new cart's id and token.
#[derive(Debug, Clone)]
pub struct CartCredentials {
    pub id: Uuid,
    /// 64 hexadecimal digits.
    pub token: String,
}

impl CartCredentials {
    pub fn token_hash(&self) -> [u8; 32] {
        digest(&self.token)
    }

    /// `Set-Cookie` for the token: hidden from scripts, limited to this cart's paths, and never
    /// sent with requests from other sites.
    pub fn cookie(&self, secure: bool) -> HeaderValue {
        let CartCredentials { id, token } = self;
        let secure = if secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!(
            "{COOKIE}={token}; Path=/api/carts/{id}; Max-Age={COOKIE_MAX_AGE_SECONDS}; \
             HttpOnly; SameSite=Strict{secure}"
        ))
        .expect("hexadecimal digits and a UUID make a header value")
    }
}

/// Issues the credentials of new carts.
pub struct CredentialIssuer {
    secret: Secret,
}

impl CredentialIssuer {
    pub fn new(secret: Secret) -> CredentialIssuer {
        CredentialIssuer { secret }
    }

    /// Random credentials: a UUIDv7 and a token of 256 bits.
    pub fn issue(&self) -> Result<CartCredentials, Problem> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(Problem::internal)?;
        Ok(CartCredentials {
            id: Uuid::now_v7(),
            token: hex::encode(token),
        })
    }

    /// The credentials for an idempotency key, derived from the key and the secret, so that a retry
    /// gets the same ones on every node and after a restart. The id is a UUIDv8 (RFC 9562, section
    /// 5.8): a retry does not know the timestamp that a UUIDv7 would begin with.
    pub fn issue_for_key(&self, key: &str) -> CartCredentials {
        let derive = |purpose: &[u8]| self.secret.derive(purpose, key.as_bytes());
        let id = derive(b"id of the cart opened under ");
        CartCredentials {
            id: Uuid::new_v8(*id.first_chunk().expect("SHA-256 has 32 bytes")),
            token: hex::encode(derive(b"token of the cart opened under ")),
        }
    }
}

/// The SHA-256 digest of the token that a request sends, if it sends one.
#[derive(Debug, Clone, Copy)]
pub struct CartTokenDigest(Option<[u8; 32]>);

impl CartTokenDigest {
    /// The token is taken from `Authorization: Bearer`, otherwise from the cookie.
    pub fn of(request: &HttpRequest) -> CartTokenDigest {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return CartTokenDigest(bearer_digest(request));
        }
        CartTokenDigest(cookie_digest(request, COOKIE))
    }

    /// Compares with a stored digest in constant time.
    pub fn matches(&self, token_hash: &[u8; 32]) -> bool {
        self.0.is_some_and(|digest| digest.ct_eq(token_hash).into())
    }

    /// Whether the request may use `cart`; false for a cart that does not exist.
    pub fn authorizes(&self, cart: &Cart) -> bool {
        cart.contents()
            .is_some_and(|contents| self.matches(&contents.token_hash))
    }
}
