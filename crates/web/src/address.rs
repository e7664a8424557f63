//! The address of the one who asks (SEC-028).
//!
//! Owns: the reading of `X-Forwarded-For`. The header counts only when the
//! socket's peer is a trusted proxy; then the rightmost value that is not itself a trusted proxy is the asker.
//! A value that does not parse ends the reading: the socket's address is used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::HttpRequest;
use domain::{ClientAddress, Network};

/// The asker's address. A request without a socket (in tests) comes from `0.0.0.0`.
#[must_use]
pub fn of(req: &HttpRequest, trusted: &[Network]) -> ClientAddress {
    let peer = req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return ClientAddress(peer);
    }
    let mut values = Vec::new();
    for line in req.headers().get_all("x-forwarded-for") {
        let Ok(line) = line.to_str() else { return ClientAddress(peer) };
        values.extend(line.split(','));
    }
    for value in values.into_iter().rev() {
        match parse(value.trim()) {
            Some(address) if is_trusted(address) => {}
            Some(address) => return ClientAddress(address),
            None => return ClientAddress(peer),
        }
    }
    ClientAddress(peer)
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        let mut req = TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 4000));
        for line in forwarded {
            req = req.append_header(("x-forwarded-for", *line));
        }
        of(&req.to_http_request(), &trusted).to_string()
    }

    #[test]
    fn sec_028_the_header_counts_from_trusted_proxies_only() {
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"], &["127.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"], &[]), "198.51.100.7");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9"], &["127.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn sec_028_the_rightmost_untrusted_value_is_the_asker() {
        let trusted = &["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(seen("127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.3"], trusted), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["1.1.1.1", "203.0.113.9:5000"], trusted), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::1]:443"], trusted), "2001:db8::1");
        assert_eq!(seen("127.0.0.1", &["10.0.0.3"], trusted), "127.0.0.1");
    }

    #[test]
    fn sec_028_what_does_not_parse_is_not_used() {
        for bad in ["a", "", "203.0.113.9, a", "203.0.113.999", "unknown"] {
            assert_eq!(seen("127.0.0.1", &[bad], &["127.0.0.1"]), "127.0.0.1", "{bad:?}");
        }
    }
}
