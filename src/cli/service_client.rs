//! HTTP client of the service that the configuration describes, for subcommands on its machine.

use crate::config::Config;
use std::net::SocketAddr;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);

pub struct ServiceClient {
    agent: Agent,
    address: SocketAddr,
    host: String,
    authorization: String,
}

impl ServiceClient {
    /// A client of the service at `server.bind`, with the operator's token.
    pub fn new(config: &Config) -> ServiceClient {
        let address = config.server.reachable_at();
        let host = match config.server.hosts.first() {
            Some(name) if name != "*" => name.clone(),
            Some(_) | None => address.to_string(),
        };
        ServiceClient {
            agent: Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(TIMEOUT))
                .build()
                .into(),
            address,
            host,
            authorization: format!("Bearer {}", config.security.operator_token.text()),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Any status is a response, not an error.
    pub fn get(&self, path: &str) -> Result<Response<Body>, ureq::Error> {
        self.agent
            .get(self.url(path))
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .call()
    }

    /// Any status is a response, not an error.
    pub fn post(&self, path: &str) -> Result<Response<Body>, ureq::Error> {
        self.agent
            .post(self.url(path))
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .send_empty()
    }
}
