//! Cart credentials. A cart's id is public; its bearer token is the capability to use the cart.
//! Only the token's holder has it: the log stores its SHA-256 digest.

use super::{bearer_digest, cookie_digests, cookie_values, digest};
use crate::cart::Cart;
use crate::id::new_id;
use crate::secret::Secret;
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use uuid::{Uuid, Variant};

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

/// `Set-Cookie` with which a browser that has checked out a cart may read its order `order`: the
/// token of the cart, if `request` sent it in a cookie.
pub fn order_cookie(
    request: &HttpRequest,
    token_hash: &[u8; 32],
    order: Uuid,
    secure: bool,
) -> Option<HeaderValue> {
    let mut tokens = cookie_values(request, COOKIE);
    let token = tokens.find(|token| digest(token).ct_eq(token_hash).into())?;
    let secure = if secure { "; Secure" } else { "" };
    let cookie = HeaderValue::try_from(format!(
        "{COOKIE}={token}; Path=/api/orders/{order}; Max-Age={COOKIE_MAX_AGE_SECONDS}; \
         HttpOnly; SameSite=Strict{secure}"
    ));
    cookie.ok()
}

/// Issues the credentials of new carts.
pub struct CredentialIssuer {
    secret: Arc<Secret>,
}

impl CredentialIssuer {
    pub fn new(secret: Arc<Secret>) -> CredentialIssuer {
        CredentialIssuer { secret }
    }

    /// Random credentials: a UUIDv7 and a token of 256 bits.
    pub fn issue(&self) -> Result<CartCredentials, Problem> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(Problem::internal)?;
        Ok(CartCredentials {
            id: new_id(),
            token: hex::encode(token),
        })
    }

    /// The credentials for an idempotency key, derived from the key and the secret, so that a retry
    /// gets the same ones on every node and after a restart. The id is a UUIDv8 (RFC 9562, section
    /// 5.8): a retry does not know the timestamp that a UUIDv7 would begin with.
    ///
    /// Refuses a key that others could guess: they would get the token.
    pub fn issue_for_key(&self, key: &str) -> Result<CartCredentials, Problem> {
        if !is_hard_to_guess(key) {
            return Err(Problem::new(
                Kind::GuessableKey,
                "The key that opens a cart must be a random UUID (version 4 or 7) or at least 32 \
                 random hexadecimal digits: a client that guesses it gets the cart's token.",
            ));
        }
        let derive = |purpose: &[u8]| self.secret.derive(purpose, key.as_bytes());
        let id = derive(b"id of the cart opened under ");
        Ok(CartCredentials {
            id: Uuid::new_v8(*id.first_chunk().expect("SHA-256 has 32 bytes")),
            token: hex::encode(derive(b"token of the cart opened under ")),
        })
    }
}

/// Whether `key` has the form of 128 random bits: a UUID of a random version, or 32 hexadecimal
/// digits. Words and counters do not have it; that a key is random cannot be checked.
fn is_hard_to_guess(key: &str) -> bool {
    let is_random_uuid = key.len() == 36
        && Uuid::try_parse(key).is_ok_and(|uuid| {
            uuid.get_variant() == Variant::RFC4122 && matches!(uuid.get_version_num(), 4 | 7)
        });
    let is_hexadecimal = key.len() >= 32 && key.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_random_uuid || is_hexadecimal) && has_varied_digits(key)
}

/// Whether `key` has six different digits, and none more often than all others together. A padded
/// counter does not, and less than one random key in 10^8 does not.
fn has_varied_digits(key: &str) -> bool {
    let mut counts = [0; 16];
    for digit in key.chars().filter_map(|digit| digit.to_digit(16)) {
        counts[digit as usize] += 1;
    }
    let different = counts.iter().filter(|count| **count > 0).count();
    let commonest = counts.iter().max().unwrap_or(&0);
    different >= 6 && commonest * 2 <= counts.iter().sum::<usize>()
}

/// The SHA-256 digests of the tokens that a request sends: one as a bearer token, or any number in
/// cookies.
#[derive(Debug, Clone)]
pub struct CartTokenDigest(Vec<[u8; 32]>);

impl CartTokenDigest {
    /// The token is taken from `Authorization: Bearer`, otherwise from the cookies.
    pub fn of(request: &HttpRequest) -> CartTokenDigest {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return CartTokenDigest(bearer_digest(request).into_iter().collect());
        }
        CartTokenDigest(cookie_digests(request, COOKIE).collect())
    }

    /// Compares with a stored digest in constant time.
    pub fn matches(&self, token_hash: &[u8; 32]) -> bool {
        self.0.iter().any(|digest| digest.ct_eq(token_hash).into())
    }

    /// Whether the request may use `cart`; false for a cart that does not exist.
    pub fn authorizes(&self, cart: &Cart) -> bool {
        cart.contents()
            .is_some_and(|contents| self.matches(&contents.token_hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessable_opening_keys_are_refused() {
        for key in [
            "order-1",
            "a",
            &"a".repeat(255),
            &"ab".repeat(16),
            "0123456789abcdef0123456789abcde",
            "checkout-2026-11-29-customer-0001-first",
            "00000000-0000-4000-8000-000000000001",
            "00000000-0000-4000-8000-000000123456",
            "00000000000000000000000000345678",
            // Versions 1, 5 and nil: a time, a name, nothing.
            "d9428888-122b-11e1-b85c-61cd3cbb3210",
            "2ed6657d-e927-568b-95e1-2665a8aea6a2",
            "00000000-0000-0000-0000-000000000000",
            // Another variant, and other notations than that with four hyphens.
            "9f1d6a52-0c5e-4f0b-cf43-3a2e5b1c7d10",
            "{9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10}",
            "urn:uuid:9f1d6a52-0c5e-4f0b-8f43-3a2e5b1c7d10",
        ] {
            assert!(!is_hard_to_guess(key), "{key}");
        }
    }

    #[test]
    fn random_opening_keys_are_accepted() {
        for _ in 0..10_000 {
            let mut random = [0; 16];
            getrandom::fill(&mut random).unwrap();
            let four = uuid::Builder::from_random_bytes(random).into_uuid();
            let seven = Uuid::now_v7();
            for key in [
                four.to_string(),
                four.to_string().to_uppercase(),
                four.simple().to_string(),
                seven.to_string(),
                format!("{}{}", four.simple(), seven.simple()),
            ] {
                assert!(is_hard_to_guess(&key), "{key}");
            }
        }
    }
}
