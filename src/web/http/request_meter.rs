//! Counts responses by route, method and class of status.
//!
//! A route has its counters as data of its own, one set for each worker, so a request costs one
//! atomic addition: no lock, no allocation, no look-up by label.

use actix_web::http::{Method, StatusCode};
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use std::cell::OnceCell;

/// The methods that are counted by name; the last one is all others.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "other"];
/// The classes of status, from 1 on.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The route of what was refused before it was routed, or fits no route.
const UNMATCHED: &str = "unmatched";

/// The counters of all routes.
#[derive(Clone)]
pub struct RequestMeter(IntCounterVec);

/// The counters of one route in one worker, made when they are needed first.
pub struct RouteMeter {
    requests: IntCounterVec,
    route: String,
    counters: [[OnceCell<IntCounter>; CLASSES.len()]; METHODS.len()],
}

impl RequestMeter {
    /// Adds the counters to `registry`.
    pub fn register_in(registry: &Registry) -> prometheus::Result<RequestMeter> {
        let requests = IntCounterVec::new(
            Opts::new(
                "cartlog_http_requests_total",
                "Responses by route, method and class of status; live streams when they begin.",
            ),
            &["route", "method", "status"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        Ok(RequestMeter(requests))
    }

    /// The counters of the route with the pattern `route`.
    pub fn of_route(&self, route: String) -> RouteMeter {
        RouteMeter {
            requests: self.0.clone(),
            route,
            counters: Default::default(),
        }
    }

    /// The counters of requests without a route.
    pub fn of_unmatched(&self) -> RouteMeter {
        self.of_route(UNMATCHED.to_owned())
    }
}

impl RouteMeter {
    /// Counts a response with `status` to a request with `method`.
    pub fn count(&self, method: &Method, status: StatusCode) {
        let method = METHODS[..METHODS.len() - 1]
            .iter()
            .position(|name| *name == method.as_str())
            .unwrap_or(METHODS.len() - 1);
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let counter = self.counters[method][class].get_or_init(|| {
            let labels = [self.route.as_str(), METHODS[method], CLASSES[class]];
            self.requests.with_label_values(&labels)
        });
        counter.inc();
    }
}
