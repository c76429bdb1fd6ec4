//! The client's address.

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderName;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. `behind_proxy` it is the last one in `X-Forwarded-For`, which the proxy
/// appended; the client itself may have sent those before it.
pub fn client_address(request: &RequestHead, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.peer_addr.map(|peer| peer.ip().to_canonical());
    if !behind_proxy {
        return peer;
    }
    let forwarded = request.headers().get_all(FORWARDED_FOR).last();
    forwarded
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.rsplit(',').next()?.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .or(peer)
}
