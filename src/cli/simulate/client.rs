//! One shopper's connection: requests with the token and the key of their cart, tried again as the
//! contract says (the same key, after `Retry-After`), and what came of them.

use super::plan::{Plan, SimulateError};
use super::report::{Outcome, Report};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long is waited before a request is tried again, unless the service names a time.
const USUAL_WAIT: Duration = Duration::from_millis(200);

pub(super) struct Client {
    url: String,
    agent: Agent,
    patience: Duration,
    report: Report,
}

/// What a request carries.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent<'a> {
    pub token: Option<&'a str>,
    pub key: Option<&'a str>,
    pub if_match: Option<u64>,
    pub body: Option<String>,
}

/// The service's answer, once it was more than "not now".
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub replayed: bool,
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
}

impl Answer {
    /// The last part of the problem's type, where the answer is one.
    pub fn problem(&self) -> Option<String> {
        let problem: Problem = serde_json::from_slice(&self.body).ok()?;
        problem.kind.rsplit('/').next().map(str::to_owned)
    }
}

/// One attempt's end.
enum Attempt {
    Answered(Answer),
    NotNow(Duration),
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
            .timeout_global(Some(ATTEMPT))
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

    /// The document at `path`, asked once: whoever does not answer now is not there at all.
    pub fn first_look<T: DeserializeOwned>(&self, path: &str) -> Result<T, SimulateError> {
        let mut response = self
            .send(&Method::GET, path, &Sent::default())
            .map_err(|error| SimulateError::Unreachable {
                url: self.url.clone(),
                reason: error.to_string(),
            })?;
        let status = response.status();
        let body = response.body_mut().read_to_vec();
        let body = body.map_err(|error| self.no_shop(&error.to_string()))?;
        if !status.is_success() {
            return Err(self.no_shop(&format!("{path} gives {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| self.no_shop(&format!("{path}: {error}")))
    }

    pub fn no_shop(&self, reason: &str) -> SimulateError {
        SimulateError::NoShop {
            url: self.url.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Sends a request called `name` until it is answered by more than "not now". `None` where the
    /// service was silent, or said "not now", for longer than the shopper's patience.
    pub fn ask(
        &mut self,
        name: &'static str,
        method: &Method,
        path: &str,
        sent: &Sent<'_>,
    ) -> Option<Answer> {
        let begun = Instant::now();
        loop {
            let started = Instant::now();
            let (wait, silence) = match self.attempt(method, path, sent) {
                Ok(Attempt::Answered(answer)) => {
                    self.report.answered(name, started.elapsed());
                    return Some(answer);
                }
                Ok(Attempt::NotNow(wait)) => (wait, "it says “not now”".to_owned()),
                Err(error) => (USUAL_WAIT, error.to_string()),
            };
            if begun.elapsed() + wait > self.patience {
                let told = format!("{method} {path}: no answer, {silence}");
                self.report.outcome(name, Outcome::Unexpected(told));
                return None;
            }
            self.report.tried_again();
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
            429 | 503 => Attempt::NotNow(wait.map_or(USUAL_WAIT, Duration::from_secs)),
            _ => Attempt::Answered(Answer {
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
