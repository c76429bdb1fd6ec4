//! Rate limits on commands and on reads of carts: a token bucket per client address (GCRA, by the
//! governor crate), with the headers of the IETF draft "RateLimit header fields for HTTP".
//!
//! The policy belongs to the endpoint ([`Rate`]), so that neither the spelling of a path nor a new
//! route can avoid it. Reads have weights, since one costs up to a thousand times as much as
//! another one.
//!
//! Loopback clients are exempt unless configured otherwise: they are the operator's own tools, such
//! as load tests. Behind a proxy none is exempt, since a client whose address the proxy does not
//! name counts as the proxy.

use crate::web::http::client::{client_address, network};
use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, Query};
use actix_web::{Error, HttpMessage, Route};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The window of every policy, in seconds.
const WINDOW: u64 = 60;
/// The number of requests between evictions of addresses that were idle for a window.
const EVICTION_INTERVAL: u32 = 10_000;

/// What a command, or a read of a cart's row, takes from its quota.
const ROW: NonZeroU32 = NonZeroU32::MIN;
const FOLD: NonZeroU32 = NonZeroU32::new(20).unwrap();
const WHAT_IF: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// The policy that the requests of an endpoint's method count against, and what each takes from the
/// quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// None: its cost is bounded by itself, or it needs the operator's token.
    Unlimited,
    /// Opens a cart.
    Open,
    /// Sends a command.
    Command,
    /// Reads a cart's row, or with `version` or `at` folds its past.
    Cart,
    /// Reads some hundred events of a cart, or folds them; or counts orders.
    Fold,
    /// May fold all events of a cart.
    WhatIf,
}

type Buckets =
    RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// The configuration of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSettings {
    /// Carts that one client may open per minute; 0 for no limit.
    pub opens_per_minute: u32,
    /// Commands that one client may send per minute; 0 for no limit.
    pub commands_per_minute: u32,
    /// Reads of carts by one client per minute, in units of the cheapest one; 0 for no limit.
    pub reads_per_minute: u32,
    pub limit_loopback: bool,
    pub behind_proxy: bool,
}

/// The rate limits of commands and reads.
pub struct RateLimits {
    opens: Option<Policy>,
    commands: Option<Policy>,
    reads: Option<Policy>,
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

/// What a policy allows the client after a request, for the response headers. An extension of the
/// requests that were counted.
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
            reads: Policy::new("reads", settings.reads_per_minute),
            limit_loopback: settings.limit_loopback,
            behind_proxy: settings.behind_proxy,
        }
    }

    /// Counts `request` against `rate` if that policy is configured, and refuses it beyond the
    /// limit.
    fn admit(&self, rate: Rate, request: &ServiceRequest) -> Result<Option<Allowance>, Problem> {
        let (policy, weight) = match rate {
            Rate::Unlimited => return Ok(None),
            Rate::Open => (&self.opens, ROW),
            Rate::Command => (&self.commands, ROW),
            Rate::Cart if asks_for_past(request.query_string()) => (&self.reads, FOLD),
            Rate::Cart => (&self.reads, ROW),
            Rate::Fold => (&self.reads, FOLD),
            Rate::WhatIf => (&self.reads, WHAT_IF),
        };
        match (policy, client_address(request.head(), self.behind_proxy)) {
            (Some(policy), Some(client)) if !self.is_exempt(client) => {
                policy.count(network(client), weight).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn is_exempt(&self, client: IpAddr) -> bool {
        client.is_loopback() && !self.limit_loopback && !self.behind_proxy
    }
}

impl Rate {
    /// `route`, whose requests count against this rate. A malformed path names nothing, and is not
    /// counted.
    pub fn limit(self, route: Route) -> Route {
        if self == Rate::Unlimited {
            return route;
        }
        route.wrap(from_fn(move |request, next| limited(self, request, next)))
    }
}

/// Executes `request` if the client's quota has room for it.
async fn limited(
    rate: Rate,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    if names_something(request.request()) {
        let limits = request.app_data::<Data<RateLimits>>();
        let limits = limits.expect("the service is started with limits");
        match limits.admit(rate, &request) {
            Ok(None) => {}
            Ok(Some(allowance)) => {
                request.extensions_mut().insert(allowance);
            }
            Err(problem) => return Ok(request.error_response(problem)),
        }
    }
    next.call(request).await
}

/// Whether the query of a cart asks for it as it was.
fn asks_for_past(query: &str) -> bool {
    if query.is_empty() {
        return false;
    }
    let pairs = Query::<Vec<(String, String)>>::from_query(query);
    pairs.is_ok_and(|pairs| {
        let mut names = pairs.iter().map(|(name, _)| name.as_str());
        names.any(|name| matches!(name, "version" | "at"))
    })
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

    fn count(&self, client: IpAddr, weight: NonZeroU32) -> Result<Allowance, Problem> {
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
        let weight = weight.min(self.quota);
        let admitted = self.buckets.check_key_n(&client, weight);
        match admitted.expect("a request takes the whole quota at the most") {
            Ok(state) => Ok(allowance(state.remaining_burst_capacity())),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let counted = match weight {
                    ROW => String::new(),
                    weight => format!(", and this one counts as {weight}"),
                };
                let mut problem = Problem::new(
                    Kind::TooManyRequests,
                    format!(
                        "Too many {} from your address: {} per minute are allowed{counted}. \
                         Retry in {} s.",
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

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn limits(behind_proxy: bool) -> RateLimits {
        RateLimits::new(RateSettings {
            opens_per_minute: 2,
            commands_per_minute: 1,
            reads_per_minute: 310,
            limit_loopback: false,
            behind_proxy,
        })
    }

    fn request(path: &str, client: &str) -> ServiceRequest {
        TestRequest::with_uri(path)
            .insert_header(("x-forwarded-for", format!("203.0.113.9, {client}")))
            .to_srv_request()
    }

    #[test]
    fn buckets_are_per_client_and_policy() {
        let limits = limits(true);
        let open = |client| limits.admit(Rate::Open, &request("/api/carts", client));
        let allowance = open("192.0.2.1").unwrap().unwrap();
        assert_eq!(
            allowance.headers().map(|(_, value)| value),
            [r#""opens";q=2;w=60"#, r#""opens";r=1;t=30"#]
        );
        assert_eq!(open("192.0.2.1").unwrap().unwrap().remaining, 0);
        assert_eq!(open("192.0.2.1").unwrap_err().kind(), Kind::TooManyRequests);
        assert!(open("192.0.2.2").is_ok());
        let command = request("/api/carts/x/promotion", "192.0.2.1");
        assert!(limits.admit(Rate::Command, &command).is_ok());
        assert!(limits.admit(Rate::Command, &command).is_err());
        let product = request("/api/products", "192.0.2.1");
        assert_eq!(limits.admit(Rate::Unlimited, &product).unwrap(), None);
    }

    #[test]
    fn reads_are_weighted_by_their_cost() {
        let limits = limits(true);
        let mut left = 310;
        for (rate, path, weight) in [
            (Rate::Cart, "/api/carts/x", 1),
            (Rate::Cart, "/api/carts/x?min_version=3", 1),
            (Rate::Cart, "/api/carts/x?version=3", 20),
            (Rate::Cart, "/api/carts/x?%76ersion=3", 20),
            (Rate::Cart, "/api/carts/x?at=2026-01-01T00:00:00Z", 20),
            (Rate::Fold, "/api/carts/x/events", 20),
            (Rate::Fold, "/api/carts/x/why?version=3", 20),
            (Rate::WhatIf, "/api/carts/x/what-if", 200),
        ] {
            let admitted = limits.admit(rate, &request(path, "192.0.2.1"));
            left -= weight;
            let Allowance {
                policy, remaining, ..
            } = admitted.unwrap().unwrap();
            assert_eq!((policy, remaining), ("reads", left), "{path}");
        }
        let refused = limits.admit(Rate::Fold, &request("/api/carts/x/why", "192.0.2.1"));
        assert_eq!(refused.unwrap_err().kind(), Kind::TooManyRequests);
    }

    #[test]
    fn read_heavier_than_the_quota_takes_all_of_it() {
        let limits = RateLimits::new(RateSettings {
            opens_per_minute: 0,
            commands_per_minute: 0,
            reads_per_minute: 7,
            limit_loopback: false,
            behind_proxy: true,
        });
        let what_if = request("/api/carts/x/what-if", "192.0.2.1");
        assert_eq!(
            limits
                .admit(Rate::WhatIf, &what_if)
                .unwrap()
                .unwrap()
                .remaining,
            0
        );
        assert!(limits.admit(Rate::WhatIf, &what_if).is_err());
    }

    #[test]
    fn ipv6_network_is_one_client() {
        let limits = limits(true);
        let open = |client: &str| {
            let request = request("/api/carts", client);
            limits.admit(Rate::Open, &request).is_ok()
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
            limits.admit(Rate::Open, &request.to_srv_request()).is_ok()
        };
        let (direct, proxied) = (limits(false), limits(true));
        for _ in 0..5 {
            assert!(opened(&direct, "127.0.0.1") && opened(&direct, "[::1]"));
        }
        let both = [(); 3].map(|()| opened(&proxied, "127.0.0.1"));
        assert_eq!(both, [true, true, false]);
    }
}
