//! One shopper's HTTP client: sends requests with the cart's token and an idempotency key, retries
//! as the contract says (same key, after `Retry-After`), and records the outcome.

use super::plan::{Plan, SimulateError};
use super::report::{Outcome, Report};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

/// Time limit of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Delay before a retry, unless the response has `Retry-After`.
const RETRY_DELAY: Duration = Duration::from_millis(200);

pub(super) struct Client {
    url: String,
    agent: Agent,
    patience: Duration,
    report: Report,
}

/// Headers and body of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent<'a> {
    pub token: Option<&'a str>,
    pub key: Option<&'a str>,
    pub if_match: Option<u64>,
    pub body: Option<String>,
}

/// A response other than 429 and 503.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub replayed: bool,
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
}

impl Reply {
    /// The slug of the problem, if the body is one.
    pub fn problem_slug(&self) -> Option<String> {
        let problem: Problem = serde_json::from_slice(&self.body).ok()?;
        problem.kind.rsplit('/').next().map(str::to_owned)
    }
}

/// The outcome of one attempt.
enum Attempt {
    Answered(Reply),
    RetryAfter(Duration),
}

impl Client {
    pub fn new(plan: &Plan) -> Result<Client, SimulateError> {
        let url = plan.url.trim_end_matches('/');
        let host = url.strip_prefix("http://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(SimulateError::Address {
                url: plan.url.clone(),
            });
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ATTEMPT_TIMEOUT))
            .max_redirects(0)
            .build()
            .new_agent();
        Ok(Client {
            url: url.to_owned(),
            agent,
            patience: plan.patience,
            report: Report::default(),
        })
    }

    pub fn into_report(self) -> Report {
        self.report
    }

    pub fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    /// Fetches the document at `path` without retries: at the start, the service must be up.
    pub fn get_once<T: DeserializeOwned>(&self, path: &str) -> Result<T, SimulateError> {
        let mut response = self
            .send(&Method::GET, path, &Sent::default())
            .map_err(|error| SimulateError::Unreachable {
                url: self.url.clone(),
                reason: error.to_string(),
            })?;
        let status = response.status();
        let body = response.body_mut().read_to_vec();
        let body = body.map_err(|error| self.not_cartlog(&error.to_string()))?;
        if !status.is_success() {
            return Err(self.not_cartlog(&format!("GET {path} failed with {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| self.not_cartlog(&format!("{path}: {error}")))
    }

    pub fn not_cartlog(&self, reason: &str) -> SimulateError {
        SimulateError::NotCartlog {
            url: self.url.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Sends a request and retries it after 429, 503 and lost connections. `None` if that took
    /// longer than the plan's patience. `name` groups requests in the report.
    pub fn send_with_retries(
        &mut self,
        name: &'static str,
        method: &Method,
        path: &str,
        sent: &Sent<'_>,
    ) -> Option<Reply> {
        let begun = Instant::now();
        loop {
            let started = Instant::now();
            let (wait, reason) = match self.attempt(method, path, sent) {
                Ok(Attempt::Answered(reply)) => {
                    self.report.answered(name, started.elapsed());
                    return Some(reply);
                }
                Ok(Attempt::RetryAfter(wait)) => (wait, "the service is busy".to_owned()),
                Err(error) => (RETRY_DELAY, error.to_string()),
            };
            if begun.elapsed() + wait > self.patience {
                let failure = format!("{method} {path}: gave up retrying: {reason}");
                self.report.outcome(name, Outcome::Unexpected(failure));
                return None;
            }
            self.report.retried();
            std::thread::sleep(wait);
        }
    }

    fn attempt(
        &self,
        method: &Method,
        path: &str,
        sent: &Sent<'_>,
    ) -> Result<Attempt, ureq::Error> {
        let mut response = self.send(method, path, sent)?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let replayed = header("idempotent-replayed") == Some("true");
        let wait = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let body = response.body_mut().read_to_vec()?;
        Ok(match status {
            429 | 503 => Attempt::RetryAfter(wait.map_or(RETRY_DELAY, Duration::from_secs)),
            _ => Attempt::Answered(Reply {
                status,
                replayed,
                body,
            }),
        })
    }

    fn send(
        &self,
        method: &Method,
        path: &str,
        sent: &Sent<'_>,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(token) = sent.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = sent.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(version) = sent.if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        match &sent.body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.as_str())?)
            }
            None => self.agent.run(request.body(())?),
        }
    }
}
