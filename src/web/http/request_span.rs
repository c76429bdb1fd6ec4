//! The span of a request, from its arrival to the head of the response.

use crate::traces::{Span, SpanContext, SpanKind, Tracer};
use crate::web::http::trace;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{HttpMessage, HttpRequest};
use std::time::Instant;

/// Paths that probes and scrapers ask for all the time.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// A sampled request that is being answered.
#[derive(Debug)]
pub struct RequestSpan {
    started: Instant,
    context: SpanContext,
    parent: Option<SpanContext>,
}

impl RequestSpan {
    /// Begins the span of `request`, if it is sampled. The handlers find it by [`trace::span_of`].
    pub fn begin(tracer: &Tracer, request: &ServiceRequest) -> Option<RequestSpan> {
        if !tracer.is_on() || PROBES.contains(&request.path()) {
            return None;
        }
        let parent = trace::parent(request.request());
        let context = tracer.sample(parent)?;
        request.extensions_mut().insert(context);
        Some(RequestSpan {
            started: Instant::now(),
            context,
            parent,
        })
    }

    /// Records the span with the outcome.
    pub fn end<B>(self, tracer: &Tracer, response: &ServiceResponse<B>) {
        let request = response.request();
        let method = method(request);
        let route = request.match_pattern();
        let name = match &route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        };
        let status = response.status();
        let mut span = Span::since(self.started, self.context, self.parent, name)
            .with("http.request.method", method)
            .with("http.response.status_code", u64::from(status.as_u16()));
        span.kind = SpanKind::Server;
        if let Some(route) = route {
            span = span.with("http.route", route);
        }
        if status.is_server_error() {
            span.failure = Some(format!("answered {status}"));
        }
        tracer.record(span);
    }
}

/// The method, or `_OTHER` for one that clients have made up, as OpenTelemetry names it.
fn method(request: &HttpRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}
