//! `[networks]`: whose word about an address is believed, and what networks are called (SEC-025, SEC-028).

use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::Place;

use super::section::section;
use super::source::Fault;

section! {
    /// Whose word about the visitor's address is believed, and what networks are called when a phone shows
    /// where a sign-in comes from.
    "networks" {
        /// Proxies in front of the program: addresses or networks. Only from these is `X-Forwarded-For`
        /// believed.
        trusted_proxies: Vec<String> = Vec::new();
        /// Names of networks that people know: `{ "10.1.0.0/16" = "Office Berlin" }`.
        names: BTreeMap<String, String> = BTreeMap::new();
    }
}

/// A network: the address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its address, with the bits that do not count as they were written.
    pub address: IpAddr,
    /// How many bits count.
    pub bits: u8,
}

/// Proxies and names.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Proxies whose word is believed.
    pub trusted_proxies: Vec<domain::Network>,
    /// Named networks.
    pub names: signin::Places,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// Something that is no network, a name that cannot be shown, or everybody as a proxy.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let mut settings = Settings::default();
        for text in &self.trusted_proxies {
            let network = text.parse().map_err(|_| {
                Fault::new(
                    "trusted_proxies",
                    format!("`{text}` is no address or network such as 10.1.0.0/16."),
                )
            })?;
            if parse_network(text).is_some_and(|network| network.bits == 0) {
                let what = "Everybody would be believed about their address; name the proxies alone.";
                return Err(Fault::new("trusted_proxies", what));
            }
            settings.trusted_proxies.push(network);
        }
        let mut named = Vec::new();
        for (text, name) in &self.names {
            let addresses = text.parse().map_err(|bad| Fault::new("names", format!("`{text}` {bad}.")))?;
            let name = domain::text::plain_line(name, 60).map_err(|bad| {
                Fault::new("names", format!("The name of {text} {bad}; write a short plain line."))
            })?;
            named.push(signin::Network {
                addresses,
                place: Place { network: Some(name), ..Place::default() },
            });
        }
        settings.names = signin::Places::new(named);
        Ok(settings)
    }
}

/// Reads an address (a network of one) or `address/bits`.
#[must_use]
pub fn parse_network(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
    };
    Some(Network { address, bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_028_nobody_may_trust_everybody_as_a_proxy() {
        let given = |text: &str| Given { trusted_proxies: vec![text.to_owned()], names: BTreeMap::new() };
        assert!(given("10.0.0.0/8").resolve().is_ok());
        assert!(given("::1").resolve().is_ok());
        for bad in ["0.0.0.0/0", "::/0", "10.0.0.0/33", "a", "*", ""] {
            assert!(given(bad).resolve().is_err(), "{bad}");
        }
    }
}
