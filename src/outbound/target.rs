//! Where a request may go: https, or http to this machine. The address is checked when a
//! connection is made, since a name may resolve to another one by then (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The address of a receiver, which was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    reach: Reach,
}

/// Which addresses the host may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Of this machine.
    Loopback,
    /// Of the internet.
    Public,
    /// Any, since the operator names the host as a private one.
    Private,
}

impl Target {
    /// The target at `url`. Its host may have a private address if it is `private_host`.
    pub fn parse(url: &str, private_host: Option<&str>) -> Result<Target, String> {
        let url = Url::parse(url).map_err(|error| format!("must be a URL: {error}"))?;
        let host = url.host().ok_or("must name a host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain credentials; what is sent is signed".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment".to_owned());
        }
        let is_named_private = private_host.is_some_and(|name| name == host.to_string());
        if private_host.is_some() && !is_named_private {
            return Err(format!(
                "has the host {host}, which private_host must equal"
            ));
        }
        let is_loopback = match host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let reach = match (url.scheme(), is_loopback) {
            ("http" | "https", true) => Reach::Loopback,
            ("https", false) if is_named_private => Reach::Private,
            ("https", false) => Reach::Public,
            ("http", false) => return Err("must use https, except to this machine".to_owned()),
            _ => return Err("must use https, or http to this machine".to_owned()),
        };
        let target = Target { url, reach };
        match target.address() {
            Some(address) if !target.allows(address) => Err(format!(
                "has the private address {address}; set private_host = \"{}\" to allow it",
                target.url.host_str().unwrap_or_default()
            )),
            Some(_) | None => Ok(target),
        }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the host may have this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        match self.reach {
            Reach::Loopback => address.is_loopback(),
            Reach::Public => is_public(address),
            Reach::Private => !(address.is_unspecified() || address.is_multicast()),
        }
    }

    /// The address in the URL, if it has no name there.
    fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }
}

/// Whether `address` is of the internet, by the special-purpose registries of IANA (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Between a provider and its customers (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // A translator leads to the IPv4 address in the last two segments (RFC 6052).
    let embedded = [segments[6].to_be_bytes(), segments[7].to_be_bytes()].concat();
    let embedded = Ipv4Addr::new(embedded[0], embedded[1], embedded[2], embedded[3]);
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(embedded),
        // Documentation, Teredo and other protocols (RFC 3849, RFC 2928), and 6to4 (RFC 3056).
        [0x2001, 0xdb8 | 0..0x200, ..] | [0x2002, ..] | [0x3fff, 0..0x1000, ..] => false,
        // All of the internet, so far.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_https_or_http_to_this_machine() {
        for (url, private, expected) in [
            ("https://shop.example/hooks", None, true),
            ("https://shop.example:8443/hooks?shop=1", None, true),
            ("http://127.0.0.1:9000/hooks", None, true),
            ("http://localhost:9000/", None, true),
            ("https://[::1]:9000/", None, true),
            ("https://93.184.215.14/", None, true),
            (
                "https://warehouse.internal/",
                Some("warehouse.internal"),
                true,
            ),
            ("https://10.0.0.5/", Some("10.0.0.5"), true),
            ("https://[fd00::5]/", Some("[fd00::5]"), true),
            ("http://shop.example/hooks", None, false),
            ("http://10.0.0.5/", Some("10.0.0.5"), false),
            ("https://10.0.0.5/", None, false),
            ("https://169.254.169.254/latest/meta-data", None, false),
            ("https://0x7f.1/", None, true),
            ("https://2130706433/", None, true),
            ("https://[::ffff:10.0.0.5]/", None, false),
            ("https://user:word@shop.example/", None, false),
            ("https://shop.example/#part", None, false),
            ("https://shop.example/", Some("warehouse.internal"), false),
            ("ftp://shop.example/", None, false),
            ("shop.example", None, false),
        ] {
            assert_eq!(Target::parse(url, private).is_ok(), expected, "{url}");
        }
    }

    /// Contract (service): A webhook is sent to no private address that a public name resolves to.
    #[test]
    fn webhook_name_resolving_to_private_address_is_refused() {
        let public = Target::parse("https://shop.example/", None).unwrap();
        let local = Target::parse("http://localhost/", None).unwrap();
        let named = Target::parse("https://shop.example/", Some("shop.example")).unwrap();
        for (address, expected) in [
            ("93.184.215.14", true),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:192.168.1.1", false),
            ("::ffff:93.184.215.14", false),
            ("64:ff9b::a00:5", false),
            ("64:ff9b::5db8:d70e", true),
            ("fd00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2002:a00:5::1", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(public.allows(address), expected, "{address}");
            assert_eq!(local.allows(address), address.is_loopback(), "{address}");
        }
        assert!(named.allows("10.1.2.3".parse().unwrap()));
        assert!(!named.allows("0.0.0.0".parse().unwrap()));
    }
}
