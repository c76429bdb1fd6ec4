//! The HTTP client, which connects only to addresses that its target allows.

use super::Target;
use crate::build;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::Url;

/// A client for requests to `target`, each within the time limit, which keeps `connections` open.
pub fn agent(target: &Target, timeout: Duration, connections: usize) -> Agent {
    let config = config(target.url(), timeout, connections);
    let resolver = CheckedResolver {
        target: target.clone(),
        system: DefaultResolver::default(),
    };
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// A client for requests to a collector at `url`. Its address is not checked: it is in the
/// operator's own network, and gets no request that anyone else has written.
pub fn collector_agent(url: &Url, timeout: Duration) -> Agent {
    config(url, timeout, 1).new_agent()
}

fn config(url: &Url, timeout: Duration, connections: usize) -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        // A redirect leads elsewhere than to the address that was checked.
        .max_redirects(0)
        .max_redirects_will_error(false)
        // So does a proxy.
        .proxy(None)
        .timeout_global(Some(timeout))
        .max_response_header_size(16 * 1024)
        .max_idle_connections_per_host(connections)
        .max_idle_connections(connections)
        .user_agent(format!("cartlog/{}", build::RELEASE))
        .tls_config(tls(url.scheme() == "https"))
        .build()
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

/// Resolves a name to those of its addresses that the target allows.
#[derive(Debug)]
struct CheckedResolver {
    target: Target,
    system: DefaultResolver,
}

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in found.iter().filter(|it| self.target.allows(it.ip())) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            let host = uri.host().unwrap_or_default();
            return Err(ureq::Error::Io(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{host} resolves to {}, which is not allowed; if it is meant, set \
                     private_host = \"{host}\"",
                    found[0].ip()
                ),
            )));
        }
        Ok(allowed)
    }
}
