//! What every request passes on its way in and every answer on its way out.

use crate::web::http::headers;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::{Allowance, RateLimits};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The longest address with its query, and the most that a request's headers may have, in bytes.
pub const MAX_ADDRESS: usize = 8 * 1024;
pub const MAX_HEADERS: usize = 16 * 1024;
/// The target of the lines in the log that tell of requests: one each.
pub const REQUESTS: &str = "cartlog::requests";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of every answer that does not say otherwise.
const PROTECTION: [(HeaderName, &str); 4] = [
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
    pub rates: RateLimits,
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
}

/// Turns away what is not meant for this service, and gives every error its final form.
pub async fn gate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let admitted = admit(&request);
    let allowance = *admitted.as_ref().unwrap_or(&None);
    let response = match admitted {
        Ok(_) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request.error_response(problem).map_into_right_body(),
    };
    let (response, failure) = match problem_of(&response) {
        None => (response.map_into_left_body(), None),
        Some(trouble) => {
            let (response, failure) = finish(response, &trouble);
            (response.map_into_right_body(), failure)
        }
    };
    tell(&response, started.elapsed(), failure.as_ref());
    Ok(response.map_body(|head, body| {
        if let Some(allowance) = allowance {
            allowance.tell(head.headers_mut());
        }
        protect(head.headers_mut());
        body
    }))
}

/// What a browser may do with an answer, whichever it is: guess nothing, load nothing, frame it
/// nowhere, hand it to no other site. A page says itself what it loads.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in PROTECTION {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn admit(request: &ServiceRequest) -> Result<Option<Allowance>, Problem> {
    let gate = request
        .app_data::<Data<Gate>>()
        .expect("the service is started with a gate");
    check_head(request)?;
    let host = asked_host(request);
    if !gate.serves_host(host) {
        return Err(Problem::new(
            Kind::WrongHost,
            "This service does not answer for that host. The operator sets its names (server.hosts).",
        ));
    }
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !safe && from_another_site(request, host) {
        return Err(Problem::new(
            Kind::CrossSite,
            "A page of another site may not change anything here.",
        ));
    }
    gate.rates.admit(request)
}

/// The host that a request is for: the one in its target if there is one there, whatever the Host
/// header says besides (RFC 9112, 3.2.2).
fn asked_host(request: &ServiceRequest) -> &str {
    if let Some(authority) = request.uri().authority() {
        return authority.as_str();
    }
    let host = request.headers().get(header::HOST);
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Bounds a request's head, far below what the parser would take.
fn check_head(request: &ServiceRequest) -> Result<(), Problem> {
    let address = request.uri().path_and_query();
    if address.is_some_and(|address| address.as_str().len() > MAX_ADDRESS) {
        return Err(Problem::new(
            Kind::AddressTooLong,
            format!("An address has at most {MAX_ADDRESS} bytes, its query included."),
        )
        .with("max", MAX_ADDRESS));
    }
    let size = request.headers().iter().fold(0, |size, (name, value)| {
        size + name.as_str().len() + value.len()
    });
    if size > MAX_HEADERS {
        return Err(Problem::new(
            Kind::HeadersTooLarge,
            format!("The headers of a request have at most {MAX_HEADERS} bytes together."),
        )
        .with("max", MAX_HEADERS));
    }
    Ok(())
}

/// What the browser says of where a request comes from. Programs say nothing and carry no cookie.
fn from_another_site(request: &ServiceRequest, host: &str) -> bool {
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

/// The problem behind an error, and the trouble that is no [`Problem`] yet: what actix-web answers
/// by itself.
fn problem_of<B>(response: &ServiceResponse<B>) -> Option<Trouble> {
    let error = response.response().error()?;
    Some(match error.as_error::<Problem>() {
        Some(_) => Trouble::Ours,
        None => Trouble::Theirs(error.as_response_error().status_code(), error.to_string()),
    })
}

enum Trouble {
    Ours,
    Theirs(StatusCode, String),
}

/// What the operator learns of a request that failed, and the client does not.
struct Failure {
    trace_id: String,
    cause: Option<String>,
}

/// The answer to a request that was refused or has failed, and the failure if it is one.
fn finish<B>(
    response: ServiceResponse<B>,
    trouble: &Trouble,
) -> (ServiceResponse, Option<Failure>) {
    let trace_id = match headers::trace_id(response.request()) {
        Some(trace_id) => trace_id.to_owned(),
        None => Uuid::now_v7().simple().to_string(),
    };
    let made = match trouble {
        Trouble::Ours => None,
        Trouble::Theirs(StatusCode::NOT_FOUND, _) => Some(Problem::not_found()),
        Trouble::Theirs(status, reason) if status.is_client_error() => {
            Some(Problem::new(Kind::InvalidQuery, format!("{reason}.")))
        }
        Trouble::Theirs(_, reason) => Some(Problem::internal(reason)),
    };
    let problem = match &made {
        Some(problem) => problem,
        None => response
            .response()
            .error()
            .and_then(|error| error.as_error::<Problem>())
            .expect("a problem was found in this response"),
    };
    let answer = problem.to_response(&trace_id);
    let failure = answer.status().is_server_error().then(|| Failure {
        trace_id,
        cause: problem.cause().map(str::to_owned),
    });
    let (request, _) = response.into_parts();
    (ServiceResponse::new(request, answer), failure)
}

/// Writes the one line of a request to the log: its path without the query, and nothing of what is
/// secret, all of which comes in headers and bodies. The body of an answer may still be on its way.
fn tell<B>(response: &ServiceResponse<B>, duration: Duration, failure: Option<&Failure>) {
    let request = response.request();
    let status = response.status().as_u16();
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident, $trace_id:expr, $words:literal $(, $field:ident = $value:expr)?) => {
            tracing::$level!(
                target: REQUESTS,
                method = %request.method(),
                path = request.path(),
                status,
                duration_us,
                trace_id = $trace_id,
                $($field = $value,)?
                $words
            )
        };
    }
    match failure {
        None => line!(info, headers::trace_id(request), "a request was answered"),
        Some(Failure {
            trace_id,
            cause: None,
        }) => line!(warn, trace_id, "a request failed"),
        Some(Failure {
            trace_id,
            cause: Some(cause),
        }) => {
            line!(error, trace_id, "a request failed", cause = cause);
        }
    }
}
