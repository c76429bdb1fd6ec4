//! Rate limits on commands: a token bucket per client address (GCRA, by the governor crate), with
//! the headers of the IETF draft "RateLimit header fields for HTTP".
//!
//! Loopback clients are exempt unless configured otherwise: they are the operator's own tools, such
//! as load tests. Behind a proxy none is exempt, since a client whose address the proxy does not
//! name counts as the proxy.

use crate::web::http::client::client_address;
use crate::web::http::problem::{Kind, Problem};
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The window of every policy, in seconds.
const WINDOW: u64 = 60;
/// The number of requests between evictions of addresses that were idle for a window.
const EVICTION_INTERVAL: u32 = 10_000;

type Buckets =
    RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// The configuration of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSettings {
    /// Carts that one client may open per minute; 0 for no limit.
    pub opens_per_minute: u32,
    /// Commands that one client may send per minute; 0 for no limit.
    pub commands_per_minute: u32,
    pub limit_loopback: bool,
    pub behind_proxy: bool,
}

/// The rate limits of commands.
pub struct RateLimits {
    opens: Option<Policy>,
    commands: Option<Policy>,
    limit_loopback: bool,
    behind_proxy: bool,
}

struct Policy {
    name: &'static str,
    /// Requests per window.
    quota: NonZeroU32,
    buckets: Buckets,
    requests: AtomicU32,
}

/// What a policy allows the client after a request, for the response headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    policy: &'static str,
    quota: u32,
    remaining: u32,
}

impl RateLimits {
    pub fn new(settings: RateSettings) -> RateLimits {
        RateLimits {
            opens: Policy::new("opens", settings.opens_per_minute),
            commands: Policy::new("commands", settings.commands_per_minute),
            limit_loopback: settings.limit_loopback,
            behind_proxy: settings.behind_proxy,
        }
    }

    /// Counts `request` if a policy applies to it, and refuses it beyond the limit.
    pub fn admit(&self, request: &ServiceRequest) -> Result<Option<Allowance>, Problem> {
        let Some(policy) = self.policy(request) else {
            return Ok(None);
        };
        match client_address(request.head(), self.behind_proxy) {
            Some(client) if !self.is_exempt(client) => policy.count(bucket(client)).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    fn is_exempt(&self, client: IpAddr) -> bool {
        client.is_loopback() && !self.limit_loopback && !self.behind_proxy
    }

    /// The policy that applies to `request`: opening a cart, or another command.
    fn policy(&self, request: &ServiceRequest) -> Option<&Policy> {
        if self.opens.is_none() && self.commands.is_none() {
            return None;
        }
        if !matches!(
            *request.method(),
            Method::POST | Method::PUT | Method::DELETE
        ) {
            return None;
        }
        // The path as the router matches it: decoded, unlike `request.path()`.
        match request.match_info().as_str().strip_prefix("/api/carts")? {
            "" => self.opens.as_ref(),
            below if below.starts_with('/') => self.commands.as_ref(),
            _ => None,
        }
    }
}

impl Policy {
    fn new(name: &'static str, per_minute: u32) -> Option<Policy> {
        let quota = NonZeroU32::new(per_minute)?;
        Some(Policy {
            name,
            quota,
            buckets: RateLimiter::dashmap(Quota::per_minute(quota))
                .with_middleware::<StateInformationMiddleware>(),
            requests: AtomicU32::new(0),
        })
    }

    fn count(&self, client: IpAddr) -> Result<Allowance, Problem> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % EVICTION_INTERVAL
            == EVICTION_INTERVAL - 1
        {
            self.buckets.retain_recent();
        }
        let allowance = |remaining| Allowance {
            policy: self.name,
            quota: self.quota.get(),
            remaining,
        };
        match self.buckets.check_key(&client) {
            Ok(state) => Ok(allowance(state.remaining_burst_capacity())),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let mut problem = Problem::new(
                    Kind::TooManyRequests,
                    format!(
                        "Too many {} from your address: {} per minute are allowed. Retry in {} s.",
                        self.name,
                        self.quota,
                        seconds.max(1)
                    ),
                )
                .with("max", self.quota.get())
                .retry_after(seconds.max(1));
                for (name, value) in allowance(0).headers() {
                    problem = problem.header(name, value);
                }
                Err(problem)
            }
        }
    }
}

impl Allowance {
    /// Adds the rate-limit headers to a response.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.insert(name, value);
        }
    }

    fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let Allowance {
            policy,
            quota,
            remaining,
        } = self;
        // Seconds until the bucket is full again.
        let used = u64::from(quota.saturating_sub(*remaining));
        let reset = (used * WINDOW).div_ceil(u64::from(*quota));
        let value = |text: String| {
            HeaderValue::from_str(&text).expect("names and numbers make a header value")
        };
        [
            (
                RATE_LIMIT_POLICY,
                value(format!(r#""{policy}";q={quota};w={WINDOW}"#)),
            ),
            (
                RATE_LIMIT,
                value(format!(r#""{policy}";r={remaining};t={reset}"#)),
            ),
        ]
    }
}

/// The key of a client's bucket. An IPv6 client usually has a whole /64, and would otherwise have a
/// bucket for each of its addresses.
fn bucket(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn limits(behind_proxy: bool) -> RateLimits {
        RateLimits::new(RateSettings {
            opens_per_minute: 2,
            commands_per_minute: 1,
            limit_loopback: false,
            behind_proxy,
        })
    }

    fn request(method: Method, path: &str, client: &str) -> ServiceRequest {
        TestRequest::default()
            .method(method)
            .uri(path)
            .insert_header(("x-forwarded-for", format!("203.0.113.9, {client}")))
            .to_srv_request()
    }

    #[test]
    fn buckets_are_per_client_and_policy() {
        let limits = limits(true);
        let open = |client| limits.admit(&request(Method::POST, "/api/carts", client));
        let allowance = open("192.0.2.1").unwrap().unwrap();
        assert_eq!(
            allowance.headers().map(|(_, value)| value),
            [r#""opens";q=2;w=60"#, r#""opens";r=1;t=30"#]
        );
        assert_eq!(open("192.0.2.1").unwrap().unwrap().remaining, 0);
        assert_eq!(open("192.0.2.1").unwrap_err().kind(), Kind::TooManyRequests);
        assert!(open("192.0.2.2").is_ok());
        let command = request(Method::PUT, "/api/carts/x/promotion", "192.0.2.1");
        assert!(limits.admit(&command).is_ok());
        assert!(limits.admit(&command).is_err());
        let read = request(Method::GET, "/api/carts/x", "192.0.2.1");
        assert_eq!(limits.admit(&read).unwrap(), None);
    }

    #[test]
    fn ipv6_network_is_one_client() {
        let limits = limits(true);
        let open = |client: &str| {
            let request = request(Method::POST, "/api/carts", client);
            limits.admit(&request).is_ok()
        };
        assert!(open("2001:db8::1"));
        assert!(open("2001:db8::2"));
        assert!(!open("2001:db8::3"));
        assert!(open("2001:db8:0:1::3"));
    }

    #[test]
    fn loopback_is_exempt_only_without_a_proxy() {
        let opened = |limits: &RateLimits, peer: &str| {
            let peer = format!("{peer}:4711").parse().unwrap();
            let request = TestRequest::post().uri("/api/carts").peer_addr(peer);
            limits.admit(&request.to_srv_request()).is_ok()
        };
        let (direct, proxied) = (limits(false), limits(true));
        for _ in 0..5 {
            assert!(opened(&direct, "127.0.0.1") && opened(&direct, "[::1]"));
        }
        let both = [(); 3].map(|()| opened(&proxied, "127.0.0.1"));
        assert_eq!(both, [true, true, false]);
    }
}
