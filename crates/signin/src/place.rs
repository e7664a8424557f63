//! Where an address is, as far as the operator's table and the address itself tell (SEC-025, SEC-027).
//!
//! Owns: the table of networks, and the proximity of two addresses. Not here: finding the address out
//! (`web::address`). Hints only: they raise no level.

use std::net::IpAddr;
use std::str::FromStr;

use domain::{ClientAddress, Place, Proximity};

/// A block of addresses in CIDR notation; a single address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: u128,
    is_v4: bool,
    bits: u8,
}

/// The text is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no address or block of addresses such as 192.0.2.0/24")]
pub struct NotACidr;

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| NotACidr)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = match bits {
            None => width,
            Some(text) if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map_err(|_| NotACidr)?
            }
            Some(_) => return Err(NotACidr),
        };
        if bits > width {
            return Err(NotACidr);
        }
        let base = number(address);
        if base & !mask(width, bits) & mask(width, width) != 0 {
            // 192.0.2.7/24 is a mistake: which of both was meant?
            return Err(NotACidr);
        }
        Ok(Self { base, is_v4: width == 32, bits })
    }
}

impl Cidr {
    /// Whether the address is in it. IPv4 written as IPv6 is IPv4.
    #[must_use]
    pub fn contains(&self, address: ClientAddress) -> bool {
        let address = address.0.to_canonical();
        let width = if self.is_v4 { 32 } else { 128 };
        address.is_ipv4() == self.is_v4 && number(address) & mask(width, self.bits) == self.base
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The first `bits` of `width`.
fn mask(width: u8, bits: u8) -> u128 {
    let all = u128::MAX >> (128 - u32::from(width));
    let rest = u32::from(width - bits);
    all.checked_shr(rest).map_or(0, |ones| ones << rest)
}

/// A network that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its addresses.
    pub addresses: Cidr,
    /// What it is called and where it is.
    pub place: Place,
}

/// The operator's table; the narrowest block that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<Network>);

impl Places {
    /// A table of these networks.
    #[must_use]
    pub fn new(mut networks: Vec<Network>) -> Self {
        networks.sort_by_key(|network| std::cmp::Reverse(network.addresses.bits));
        Self(networks)
    }

    /// What is known about an address.
    #[must_use]
    pub fn of(&self, address: ClientAddress) -> Place {
        if let Some(network) = self.0.iter().find(|network| network.addresses.contains(address)) {
            return network.place.clone();
        }
        Place { network: own_kind(address).map(str::to_owned), ..Place::default() }
    }

    /// How near two addresses are.
    #[must_use]
    pub fn proximity(&self, one: ClientAddress, other: ClientAddress) -> Proximity {
        let (a, b) = (one.0.to_canonical(), other.0.to_canonical());
        if a == b {
            return Proximity::SameAddress;
        }
        let (here, there) = (self.of(one), self.of(other));
        if is_same_subnet(a, b) || (here.network.is_some() && here.network == there.network) {
            return Proximity::SameNetwork;
        }
        match (here.country, there.country) {
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(&other) => Proximity::SameCountry,
            (Some(_), Some(_)) => Proximity::Far,
            _ => Proximity::Unknown,
        }
    }
}

/// Whether phone and browser are surely in one country: what the policy of SEC-027 asks for. What cannot be
/// told is not enough.
#[must_use]
pub const fn is_same_country(proximity: Proximity) -> bool {
    matches!(proximity, Proximity::SameAddress | Proximity::SameNetwork | Proximity::SameCountry)
}

/// Names for addresses that are no public ones.
fn own_kind(address: ClientAddress) -> Option<&'static str> {
    match address.0.to_canonical() {
        address if address.is_loopback() => Some("this computer"),
        IpAddr::V4(address) if address.is_private() || address.is_link_local() => Some("private network"),
        IpAddr::V6(address) if address.is_unique_local() || address.is_unicast_link_local() => {
            Some("private network")
        }
        _ => None,
    }
}

/// One IPv6 customer's /64, which phones and computers share at home.
fn is_same_subnet(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn network(block: &str, name: &str, country: Option<&str>) -> Network {
        let place = Place { network: Some(name.into()), city: None, country: country.map(str::to_owned) };
        Network { addresses: block.parse().unwrap(), place }
    }

    fn places() -> Places {
        Places::new(vec![
            network("198.51.0.0/16", "Backbone", Some("DE")),
            network("198.51.100.0/24", "Office Berlin", Some("DE")),
            network("203.0.113.0/24", "Office Paris", Some("FR")),
            network("2001:db8:1::/48", "Campus", Some("DE")),
            network("10.1.0.0/16", "Lab", None),
        ])
    }

    #[test]
    fn blocks_are_read_strictly() {
        for good in ["0.0.0.0/0", "192.0.2.1", "192.0.2.0/24", "::/0", "2001:db8::/32", "::1"] {
            assert!(good.parse::<Cidr>().is_ok(), "{good}");
        }
        for bad in ["", "192.0.2.1/24", "192.0.2.0/33", "::/129", "a/8", "10.0.0.0/", "10.0.0.0/+8", "10/8"] {
            assert_eq!(bad.parse::<Cidr>(), Err(NotACidr), "{bad}");
        }
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains(at("8.8.8.8")));
        assert!(!"0.0.0.0/0".parse::<Cidr>().unwrap().contains(at("2001:db8::1")));
        assert!("192.0.2.0/24".parse::<Cidr>().unwrap().contains(at("::ffff:192.0.2.9")));
    }

    #[test]
    fn sec_025_the_narrowest_network_names_the_place_and_the_rest_is_unknown() {
        let name = |address| places().of(at(address)).network;
        assert_eq!(name("198.51.100.7").as_deref(), Some("Office Berlin"));
        assert_eq!(name("198.51.7.7").as_deref(), Some("Backbone"));
        assert_eq!(name("127.0.0.1").as_deref(), Some("this computer"));
        assert_eq!(name("::1").as_deref(), Some("this computer"));
        assert_eq!(name("192.168.1.9").as_deref(), Some("private network"));
        assert_eq!(name("fd00::1").as_deref(), Some("private network"));
        assert_eq!(name("10.1.2.3").as_deref(), Some("Lab"));
        assert_eq!(places().of(at("8.8.8.8")), Place::default());
    }

    #[test]
    fn sec_027_the_proximity_hint_is_right() {
        let near = |one, other| places().proximity(at(one), at(other));
        for (one, other, hint) in [
            ("8.8.8.8", "8.8.8.8", Proximity::SameAddress),
            ("8.8.8.8", "::ffff:8.8.8.8", Proximity::SameAddress),
            ("198.51.100.1", "198.51.100.2", Proximity::SameNetwork),
            ("192.168.1.1", "192.168.1.2", Proximity::SameNetwork),
            ("2001:db8:9:9::1", "2001:db8:9:9::2", Proximity::SameNetwork),
            ("198.51.100.1", "2001:db8:1::5", Proximity::SameCountry),
            ("198.51.100.1", "203.0.113.1", Proximity::Far),
            ("198.51.100.1", "8.8.8.8", Proximity::Unknown),
            ("8.8.8.8", "9.9.9.9", Proximity::Unknown),
        ] {
            assert_eq!(near(one, other), hint, "{one} {other}");
            assert_eq!(near(other, one), hint, "{other} {one}");
        }
    }

    #[test]
    fn sec_027_what_cannot_be_told_is_not_the_same_country() {
        assert!(is_same_country(Proximity::SameCountry) && is_same_country(Proximity::SameAddress));
        assert!(!is_same_country(Proximity::Far) && !is_same_country(Proximity::Unknown));
    }
}
