//! The middleware around every route: admission, the final form of errors, security headers and the
//! request log.

use crate::timestamp::Timestamp;
use crate::traces::Tracer;
use crate::web::http::cors::{AllowedOrigins, CrossOrigin};
use crate::web::http::failures::{FailedRequest, RecentFailures};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Allowance;
use crate::web::http::request_meter::RouteMeter;
use crate::web::http::request_span::RequestSpan;
use crate::web::http::shed::{Limit, ShedMeter};
use crate::web::http::trace;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum length of path and query, in bytes.
pub const MAX_ADDRESS: usize = 8 * 1024;
/// Maximum size of all request headers, in bytes.
pub const MAX_HEADERS: usize = 16 * 1024;
/// The `tracing` target of the request log: one line per request.
pub const REQUESTS: &str = "cartlog::requests";
/// The longest method and path in the request log, in characters; the rest is cut.
const MAX_LOGGED: usize = 256;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// One year, the usual time (RFC 6797). Subdomains are not this service's to decide about.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Security headers of every response that does not set its own.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
];

/// What the gate checks requests against.
pub struct Gate {
    /// The accepted `Host` names; empty for any.
    pub hosts: Vec<String>,
    /// Whether the operator's routes require a token.
    pub operator_token_required: bool,
    /// Whether browsers connect by https. Responses then forbid plain http.
    pub https: bool,
    /// The other origins whose pages may use this service.
    pub allowed_origins: AllowedOrigins,
    pub shed: Arc<ShedMeter>,
    pub failures: RecentFailures,
    pub tracer: Tracer,
}

impl Gate {
    /// Whether `host`, with or without a port, is a name of this service.
    fn serves_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        self.hosts.is_empty() || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether `request` is a probe, which load balancers and scrapers send to an address that is
    /// not configured. Metrics without a token would be open to DNS rebinding.
    fn is_probe(&self, request: &ServiceRequest) -> bool {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        reads
            && match request.path() {
                "/livez" | "/readyz" => true,
                "/metrics" => self.operator_token_required,
                _ => false,
            }
    }
}

/// Rejects inadmissible requests and turns every error into a problem response.
pub async fn gate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let gate = request.app_data::<Data<Gate>>().cloned();
    let gate = gate.expect("the service is started with a gate");
    let span = RequestSpan::begin(&gate.tracer, &request);
    let origins = &gate.allowed_origins;
    let cross_origin = origins.allow(request.method(), request.headers());
    let response = match admit(&gate, &request, cross_origin.as_ref()) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request.error_response(problem).map_into_right_body(),
    };
    let (response, failure) = match error_of(&response) {
        None => (response.map_into_left_body(), None),
        Some(error) => {
            let (response, failure) = finish(&gate, response, &error);
            (response.map_into_right_body(), failure)
        }
    };
    log_request(&response, started.elapsed(), failure.as_ref());
    if let Some(failure) = failure {
        keep_failure(&gate, &response, failure);
    }
    if let Some(route) = response.request().app_data::<RouteMeter>() {
        route.count(response.request().method(), response.status());
    }
    let allowance = response.request().extensions().get::<Allowance>().copied();
    if let Some(span) = span {
        span.end(&gate.tracer, &response);
    }
    Ok(response.map_body(|head, body| {
        if let Some(allowance) = allowance {
            allowance.insert_into(head.headers_mut());
        }
        add_security_headers(head.headers_mut());
        let origins = &gate.allowed_origins;
        origins.insert_into(head.headers_mut(), cross_origin.as_ref());
        if gate.https {
            let headers = head.headers_mut();
            headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        body
    }))
}

/// By default browsers must not guess the type, load resources, frame the response or share it with
/// other sites. Pages set a policy of their own.
fn add_security_headers(headers: &mut HeaderMap) {
    for (name, value) in SECURITY_HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn admit(
    gate: &Gate,
    request: &ServiceRequest,
    cross_origin: Option<&CrossOrigin>,
) -> Result<(), Problem> {
    check_head(request)?;
    let host = requested_host(request);
    if !gate.serves_host(host) && !gate.is_probe(request) {
        return Err(Problem::new(
            Kind::WrongHost,
            "This service does not have that host name. Configure it in server.hosts.",
        ));
    }
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !safe && cross_origin.is_none() && is_cross_site(request, host) {
        return Err(Problem::new(
            Kind::CrossSite,
            "Pages of other sites cannot change anything here.",
        ));
    }
    Ok(())
}

/// The requested host. One in the request target takes precedence over `Host` (RFC 9112, 3.2.2).
fn requested_host(request: &ServiceRequest) -> &str {
    if let Some(authority) = request.uri().authority() {
        return authority.as_str();
    }
    let host = request.headers().get(header::HOST);
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Limits the request head, far below the parser's own limits.
fn check_head(request: &ServiceRequest) -> Result<(), Problem> {
    let address = request.uri().path_and_query();
    if address.is_some_and(|address| address.as_str().len() > MAX_ADDRESS) {
        return Err(Problem::new(
            Kind::AddressTooLong,
            format!("Path and query together can have at most {MAX_ADDRESS} bytes."),
        )
        .with("max", MAX_ADDRESS));
    }
    let size = request.headers().iter().fold(0, |size, (name, value)| {
        size + name.as_str().len() + value.len()
    });
    if size > MAX_HEADERS {
        return Err(Problem::new(
            Kind::HeadersTooLarge,
            format!("Request headers together can have at most {MAX_HEADERS} bytes."),
        )
        .with("max", MAX_HEADERS));
    }
    Ok(())
}

/// Whether a browser says that a page of another site sent the request. Programs send neither
/// header and have no cookies.
fn is_cross_site(request: &ServiceRequest, host: &str) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get(FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    match headers.get(header::ORIGIN) {
        None => false,
        Some(origin) => {
            let origin = origin.to_str().unwrap_or_default();
            origin
                .split_once("://")
                .is_none_or(|(_, from)| from != host)
        }
    }
}

/// The error of a response, if it is one.
fn error_of<B>(response: &ServiceResponse<B>) -> Option<ErrorSource> {
    let error = response.response().error()?;
    Some(match error.as_error::<Problem>() {
        Some(_) => ErrorSource::Handler,
        None => ErrorSource::Framework(error.as_response_error().status_code(), error.to_string()),
    })
}

/// Where an error response comes from.
enum ErrorSource {
    /// A handler: the error is a [`Problem`].
    Handler,
    /// actix-web: a status and a reason.
    Framework(StatusCode, String),
}

/// What the request log says of a failure and the client does not get.
struct Failure {
    trace_id: String,
    cause: Option<String>,
}

/// The problem response, and the failure to log if the status is a server error.
fn finish<B>(
    gate: &Gate,
    response: ServiceResponse<B>,
    source: &ErrorSource,
) -> (ServiceResponse, Option<Failure>) {
    let trace_id = trace::id_or_new(response.request());
    let made = match source {
        ErrorSource::Handler => None,
        ErrorSource::Framework(StatusCode::NOT_FOUND, _) => Some(Problem::not_found()),
        ErrorSource::Framework(status, reason) if status.is_client_error() => {
            Some(Problem::new(Kind::InvalidQuery, format!("{reason}.")))
        }
        ErrorSource::Framework(_, reason) => Some(Problem::internal(reason)),
    };
    let problem = match &made {
        Some(problem) => problem,
        None => response
            .response()
            .error()
            .and_then(|error| error.as_error::<Problem>())
            .expect("error_of found a problem in this response"),
    };
    let problem_response = problem.to_response(&trace_id);
    let is_failure = match problem.kind() {
        // Any client can wait for a version that does not exist. Why nothing is signed is logged
        // once, by the signer.
        Kind::ViewBehind | Kind::ProofUnavailable | Kind::LogNotSigned => false,
        Kind::Overloaded => {
            gate.shed.count(Limit::Service);
            false
        }
        _ => problem_response.status().is_server_error(),
    };
    let failure = is_failure.then(|| Failure {
        trace_id,
        cause: problem.cause().map(str::to_owned),
    });
    let (request, _) = response.into_parts();
    (ServiceResponse::new(request, problem_response), failure)
}

/// Logs the request, without its query, headers or body, which may contain secrets. The response
/// body may not have been sent yet.
fn log_request<B>(response: &ServiceResponse<B>, duration: Duration, failure: Option<&Failure>) {
    let request = response.request();
    let status = response.status().as_u16();
    let (method, path) = (
        shortened(request.method().as_str()),
        shortened(request.path()),
    );
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident, $trace_id:expr, $message:literal $(, $field:ident = $value:expr)?) => {
            tracing::$level!(
                target: REQUESTS,
                method = %method,
                path = &*path,
                status,
                duration_us,
                trace_id = $trace_id,
                $($field = $value,)?
                $message
            )
        };
    }
    match failure {
        None => line!(info, trace::own_id(request), "request completed"),
        Some(Failure {
            trace_id,
            cause: None,
        }) => line!(warn, trace_id, "request failed"),
        Some(Failure {
            trace_id,
            cause: Some(cause),
        }) => {
            line!(error, trace_id, "request failed", cause = cause);
        }
    }
}

/// Keeps a failure for the operator's page.
fn keep_failure<B>(gate: &Gate, response: &ServiceResponse<B>, failure: Failure) {
    let request = response.request();
    gate.failures.add(FailedRequest {
        at: Timestamp::now(),
        method: shortened(request.method().as_str()).into_owned(),
        path: shortened(request.path()).into_owned(),
        status: response.status().as_u16(),
        trace_id: failure.trace_id,
        cause: failure.cause,
    });
}

/// At most [`MAX_LOGGED`] characters of `text`: a client must not fill the log.
fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LOGGED {
        return text.into();
    }
    match text.char_indices().nth(MAX_LOGGED) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}
