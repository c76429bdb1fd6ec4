//! Which client a request comes from, by its address.

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderName;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from. `behind_proxy`, every connection is the proxy's, and the
/// client's address is the last one in `X-Forwarded-For`: those before it are whatever the client
/// wrote there itself.
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
