//! Host names: which can match a request, and which are of this machine alone.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The entry of `server.hosts` for any host.
pub(super) const ANY: &str = "*";

/// Why `host` could never match a request's `Host`, with what to write instead.
pub(super) fn problem(host: &str) -> Option<String> {
    if host == ANY {
        return None;
    }
    match plain(host) {
        Some(plain) if plain == host => None,
        Some(plain) => Some(format!(
            "can never match; write \"{plain}\": a name or address alone, IPv6 in brackets"
        )),
        None => Some(
            "can never match; write each name in full, such as \"shop.example\", or \"*\" for any \
             host"
                .to_owned(),
        ),
    }
}

/// The name or address in `host` without scheme, port and path, IPv6 in brackets.
fn plain(host: &str) -> Option<String> {
    let rest = host.split_once("://").map_or(host, |(_, rest)| rest).trim();
    let rest = rest.split(['/', '?', '#']).next()?;
    if let Ok(address) = rest.parse::<Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    if let Some(rest) = rest.strip_prefix('[') {
        let (address, _port) = rest.split_once(']')?;
        return Some(format!("[{}]", address.parse::<Ipv6Addr>().ok()?));
    }
    let name = rest.split_once(':').map_or(rest, |(name, _port)| name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

/// Whether only programs on this machine use `host` for it.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|it: Ipv4Addr| it.is_loopback())
        || address.is_some_and(|it| it.parse().is_ok_and(|it: Ipv6Addr| it.is_loopback()))
}
