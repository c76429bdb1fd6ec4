//! The client's address.

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. `behind_proxy` it is the one that the proxy appended to `X-Forwarded-For`
/// or `Forwarded` (RFC 7239), or the proxy's own if it names none.
pub fn client_address(request: &RequestHead, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.peer_addr.map(|peer| peer.ip().to_canonical());
    if !behind_proxy {
        return peer;
    }
    let appended = [
        last_element(&request.headers, &FORWARDED_FOR).map(address),
        last_element(&request.headers, &header::FORWARDED).map(forwarded),
    ];
    match appended {
        [Some(client), None] | [None, Some(client)] => client,
        // A proxy adds to one of the two and passes the other one on: a client could have sent it.
        [Some(one), Some(other)] if one == other => one,
        _ => None,
    }
    .or(peer)
}

/// The addresses that limits count as one client. An IPv6 client usually has a whole /64, and would
/// otherwise have a limit for each of its addresses.
pub fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

/// The last element of a list in one or more headers. The client itself may have sent those before.
fn last_element<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).last()?;
    let text = value.to_str().unwrap_or_default();
    text.rsplit(',').next()
}

/// The address in `for=` of an element of `Forwarded`.
fn forwarded(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_client = name.trim().eq_ignore_ascii_case("for");
        is_client.then(|| address(value.trim().trim_matches('"')))?
    })
}

/// An address with or without brackets and port; `None` for `unknown` and obfuscated names.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || {
        let brackets = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        brackets.unwrap_or(text).parse::<IpAddr>().ok()
    };
    let with_port = text.parse::<SocketAddr>().ok().map(|address| address.ip());
    with_port
        .or_else(bare)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn client(headers: &[(&'static str, &str)], behind_proxy: bool) -> String {
        let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
        let mut request = TestRequest::default().peer_addr(peer);
        for header in headers {
            request = request.append_header(*header);
        }
        let request = request.to_http_request();
        let address = client_address(request.head(), behind_proxy);
        address.expect("a peer").to_string()
    }

    #[test]
    fn last_forwarded_address_is_the_client() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1:80 ", "192.0.2.1"),
            ("203.0.113.9,192.0.2.1:1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
            ("unknown", "127.0.0.1"),
            ("203.0.113.9, unknown", "127.0.0.1"),
            ("203.0.113.9,", "127.0.0.1"),
            ("192.0.2.1:x", "127.0.0.1"),
            ("[2001:db8::1", "127.0.0.1"),
            ("_hidden", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(
                client(&[("x-forwarded-for", value)], true),
                expected,
                "{value}"
            );
            assert_eq!(client(&[("x-forwarded-for", value)], false), "127.0.0.1");
        }
        let twice = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(client(&twice, true), "192.0.2.1");
        for (value, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:99\"; proto=https", "192.0.2.1"),
            (
                "for=203.0.113.9, by=_edge;for=\"[2001:db8::1]:99\"",
                "2001:db8::1",
            ),
            ("for=\"203.0.113.9, for=192.0.2.1", "192.0.2.1"),
            ("for=203.0.113.9, proto=https", "127.0.0.1"),
            ("for=203.0.113.9, for=_hidden", "127.0.0.1"),
            ("for=unknown", "127.0.0.1"),
        ] {
            assert_eq!(client(&[("forwarded", value)], true), expected, "{value}");
        }
    }

    #[test]
    fn forwarded_headers_that_disagree_are_ignored() {
        for (other, expected) in [
            ("for=192.0.2.1:99", "192.0.2.1"),
            ("for=203.0.113.9", "127.0.0.1"),
            ("for=unknown", "127.0.0.1"),
        ] {
            let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", other)];
            assert_eq!(client(&both, true), expected, "{other}");
        }
    }
}
