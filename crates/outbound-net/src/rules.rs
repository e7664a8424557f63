//! Which addresses may be called (SEC-130).
//!
//! Owns: what is public, what is allowed besides, and what a URL must look like. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// One address of it.
    pub address: IpAddr,
    /// How many leading bits its addresses share.
    pub bits: u8,
}

impl Network {
    /// Whether an address is in it. An IPv4 address in IPv6 clothes is another address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                same_start(u128::from(net.to_bits()) << 96, u128::from(one.to_bits()) << 96, self.bits)
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => same_start(net.to_bits(), one.to_bits(), self.bits),
            _ => false,
        }
    }
}

fn same_start(one: u128, other: u128, bits: u8) -> bool {
    bits == 0 || (one ^ other).checked_shr(128 - u32::from(bits.min(128))).unwrap_or_default() == 0
}

/// Something that may be called although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// A host with this name (or literal address) at this port, wherever the name leads.
    Named {
        /// Which.
        host: Host<String>,
        /// At which port.
        port: u16,
    },
    /// All addresses of a network, at any port that may be called at all.
    Network(Network),
}

/// An address may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCalled {
    /// Another scheme than https.
    #[error("it is not https")]
    Scheme,
    /// User name or password in the address.
    #[error("it holds credentials")]
    Credentials,
    /// No host.
    #[error("it names no host")]
    Host,
    /// A port of another service.
    #[error("its port is reserved for other services")]
    Port,
    /// A literal address that is not public.
    #[error("it is not public")]
    NotPublic,
}

/// How an address is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// If its name leads to an address that may be called.
    Guarded,
    /// Wherever its name leads.
    Named,
}

/// The rules, with what is allowed besides.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    allow: Vec<Allowed>,
}

impl Rules {
    /// What is public, and these.
    #[must_use]
    pub const fn new(allow: Vec<Allowed>) -> Self {
        Self { allow }
    }

    /// Whether a connection may be made to this address.
    #[must_use]
    pub fn may_call(&self, address: IpAddr) -> bool {
        is_public(address)
            || self.allow.iter().any(|one| matches!(one, Allowed::Network(net) if net.contains(address)))
    }

    /// Looks at an address before anything is looked up. `url` has read its host as browsers do: decimal, octal and
    /// hexadecimal spellings of an IPv4 address are that address here.
    pub(crate) fn check(&self, url: &Url) -> Result<Verdict, NotCalled> {
        if url.scheme() != "https" {
            return Err(NotCalled::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotCalled::Credentials);
        }
        let host = url.host().ok_or(NotCalled::Host)?.to_owned();
        let port = url.port_or_known_default().ok_or(NotCalled::Port)?;
        let is_named =
            |one: &Allowed| matches!(one, Allowed::Named { host: h, port: p } if *h == host && *p == port);
        if self.allow.iter().any(is_named) {
            return Ok(Verdict::Named);
        }
        // Mail, shells and databases are not spoken to, whatever they make of it.
        if port != 443 && port < 1024 {
            return Err(NotCalled::Port);
        }
        let literal = match host {
            Host::Domain(_) => return Ok(Verdict::Guarded),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if self.may_call(literal) { Ok(Verdict::Guarded) } else { Err(NotCalled::NotPublic) }
    }
}

/// Ranges of IPv4 that are not the public internet (IANA special-purpose registry), multicast, and one address that
/// answers for a cloud's own machinery.
const CLOSED_4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The one range of IPv6 that is public, and what in it is not: protocol assignments with Teredo, documentation,
/// 6to4. Mapped addresses, NAT64, unique local, link-local and multicast ones lie outside of it.
const OPEN_6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const CLOSED_6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public(address: IpAddr) -> bool {
    let is_in = |net: IpAddr, bits: u8| Network { address: net, bits }.contains(address);
    match address {
        IpAddr::V4(_) => !CLOSED_4.iter().any(|(net, bits)| is_in((*net).into(), *bits)),
        IpAddr::V6(_) => {
            is_in(OPEN_6.0.into(), OPEN_6.1)
                && !CLOSED_6.iter().any(|(net, bits)| is_in((*net).into(), *bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &Rules, url: &str) -> Result<Verdict, NotCalled> {
        rules.check(&Url::parse(url).unwrap())
    }

    #[test]
    fn sec_130_only_public_literals_may_be_called() {
        let rules = Rules::default();
        for good in [
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/x",
            "https://8.8.8.8:8443/",
            "https://rp.example/",
        ] {
            assert_eq!(check(&rules, good), Ok(Verdict::Guarded), "{good}");
        }
        for bad in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0/",
            "https://10.0.0.1/",
            "https://100.64.0.1/",
            "https://100.100.100.200/",
            "https://169.254.169.254/latest/meta-data/",
            "https://168.63.129.16/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://192.0.0.192/",
            "https://198.19.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:1.1.1.1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:1::1]/",
            "https://[2001:db8::1]/",
            "https://[fc00::1]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
            "https://[3fff::1]/",
        ] {
            assert_eq!(check(&rules, bad), Err(NotCalled::NotPublic), "{bad}");
        }
    }

    #[test]
    fn sec_130_schemes_credentials_and_ports() {
        let rules = Rules::default();
        for (url, why) in [
            ("http://rp.example/", NotCalled::Scheme),
            ("ftp://rp.example/", NotCalled::Scheme),
            ("file:///etc/passwd", NotCalled::Scheme),
            ("gopher://rp.example/", NotCalled::Scheme),
            ("data:text/plain,x", NotCalled::Scheme),
            ("https://a:b@rp.example/", NotCalled::Credentials),
            ("https://a@rp.example/", NotCalled::Credentials),
            ("https://rp.example:22/", NotCalled::Port),
            ("https://rp.example:25/", NotCalled::Port),
            ("https://rp.example:80/", NotCalled::Port),
        ] {
            assert_eq!(check(&rules, url), Err(why), "{url}");
        }
    }

    #[test]
    fn what_is_allowed_is_exactly_that() {
        let named = |host: &str, port| Allowed::Named { host: Host::parse(host).unwrap(), port };
        let net = Network { address: "10.1.0.0".parse().unwrap(), bits: 16 };
        let rules =
            Rules::new(vec![named("localhost", 9443), named("127.0.0.1", 444), Allowed::Network(net)]);
        for (url, verdict) in [
            ("https://localhost:9443/jwks", Ok(Verdict::Named)),
            ("https://LOCALHOST:9443/jwks", Ok(Verdict::Named)),
            ("https://127.0.0.1:444/", Ok(Verdict::Named)),
            ("https://0x7f000001:444/", Ok(Verdict::Named)),
            ("https://localhost:9444/", Ok(Verdict::Guarded)),
            ("https://127.0.0.1:9443/", Err(NotCalled::NotPublic)),
            ("https://10.1.2.3/", Ok(Verdict::Guarded)),
            ("https://10.2.0.1/", Err(NotCalled::NotPublic)),
            ("http://localhost:9443/", Err(NotCalled::Scheme)),
            ("https://a@localhost:9443/", Err(NotCalled::Credentials)),
        ] {
            assert_eq!(check(&rules, url), verdict, "{url}");
        }
        assert!(rules.may_call("10.1.255.255".parse().unwrap()));
        assert!(!rules.may_call("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!rules.may_call("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_network_is_its_leading_bits() {
        let net = |text: &str, bits| Network { address: text.parse().unwrap(), bits };
        let is_in = |net: Network, address: &str| net.contains(address.parse().unwrap());
        assert!(
            is_in(net("192.168.3.0", 24), "192.168.3.255") && !is_in(net("192.168.3.0", 24), "192.168.4.0")
        );
        assert!(is_in(net("1.2.3.4", 32), "1.2.3.4") && !is_in(net("1.2.3.4", 32), "1.2.3.5"));
        assert!(is_in(net("0.0.0.0", 0), "255.1.1.1") && !is_in(net("0.0.0.0", 0), "::1"));
        assert!(is_in(net("2000::", 3), "3fff::1") && !is_in(net("2000::", 3), "4000::"));
        assert!(is_in(net("::1", 128), "::1") && !is_in(net("::1", 128), "::2"));
    }
}
