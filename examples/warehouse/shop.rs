//! The HTTP client of cartlog.

use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(10);

pub struct Shop {
    agent: Agent,
    url: Url,
    token: String,
}

/// cartlog's response: any status is one.
pub struct Reply {
    pub status: StatusCode,
    /// For how long cartlog asks to wait.
    pub retry_after: Option<Duration>,
    /// The path of the next page.
    pub next: Option<String>,
    pub body: String,
}

impl Shop {
    pub fn new(url: &str, token: String) -> Result<Shop, String> {
        let url: Url = url
            .parse()
            .ok()
            .filter(|url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host())
            .ok_or_else(|| format!("--shop {url} must be a URL such as http://127.0.0.1:8080"))?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent("warehouse")
            .tls_config(tls(url.scheme() == "https"))
            .build();
        Ok(Shop {
            agent: config.into(),
            url,
            token,
        })
    }

    /// Posts `body` to `path` with the warehouse's token.
    pub fn post(&self, path: &str, body: &str) -> Result<Reply, String> {
        let sent = self
            .agent
            .post(self.at(path)?.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .send(body);
        self.reply(sent)
    }

    /// Gets `path`, with the operator's token if there is one.
    pub fn get(&self, path: &str, operator: Option<&str>) -> Result<Reply, String> {
        let mut request = self.agent.get(self.at(path)?.as_str());
        if let Some(token) = operator {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.reply(request.call())
    }

    fn at(&self, path: &str) -> Result<Url, String> {
        self.url
            .join(path)
            .map_err(|error| format!("{path}: {error}"))
    }

    fn reply(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Reply, String> {
        let failed = |error: ureq::Error| format!("{} cannot be reached: {error}", self.url);
        let mut response = sent.map_err(failed)?;
        let header = |name| response.headers().get(name)?.to_str().ok();
        let retry_after = header(header::RETRY_AFTER).and_then(|text| text.parse().ok());
        let next = header(header::LINK).and_then(next_of).map(str::to_owned);
        Ok(Reply {
            status: response.status(),
            retry_after: retry_after.map(Duration::from_secs),
            next,
            body: response.body_mut().read_to_string().map_err(failed)?,
        })
    }
}

impl Reply {
    /// The status, and what the problem document (RFC 9457) says.
    pub fn problem(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => format!("{}: {detail}", self.status),
            None => self.status.to_string(),
        }
    }
}

/// The path in `<path>; rel="next"`.
fn next_of(link: &str) -> Option<&str> {
    let (path, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    Some(path)
}

/// The wait after `attempts` failed attempts: doubled up to half a minute, and half of it random,
/// so that many warehouses do not come back at the same moment.
pub fn backoff(attempts: u32) -> Duration {
    let doubled = Duration::from_millis(100).saturating_mul(2u32.saturating_pow(attempts));
    doubled
        .min(Duration::from_secs(30))
        .mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Trusts the certificates of the system, which are read only where they are needed.
fn tls(is_needed: bool) -> TlsConfig {
    let system = if is_needed {
        rustls_native_certs::load_native_certs().certs
    } else {
        Vec::new()
    };
    let roots = system.iter().map(|it| Certificate::from_der(it).to_owned());
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}
