//! `[outbound]`: requests that the program makes itself.

use outbound_net::{Allowed, Network, Settings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::networks::parse_network;
use super::section::section;
use super::source::Fault;

section! {
    /// Requests that the program makes itself: for keys, request objects and lists of addresses that clients keep,
    /// and to tell clients that somebody signed out. None is made that no client registered; all are https, to
    /// public addresses and port 443 or one above 1023, take at most 5 seconds and follow no redirect.
    "outbound" {
        /// Without it no such request is made; clients that need one are refused.
        enabled: bool = true;
        /// A PEM file with further certification authorities to trust.
        extra_ca: Option<String> = None, example "/etc/latchbolt/tls/company-ca.pem";
        /// Addresses that may be called although they are not public, over https too: `host:port` or networks such
        /// as `10.1.0.0/16`. For tests and private installations.
        allow: Vec<String> = Vec::new();
    }
}

impl Given {
    /// Checks the values; none: nothing is called.
    ///
    /// # Errors
    /// A file without certificates, or an entry that is neither `host:port` nor a network.
    pub fn resolve(&self) -> Result<Option<Settings>, Fault> {
        let extra_ca = self.authorities()?;
        let allow = self.allow.iter().map(|entry| {
            allowed(entry).ok_or_else(|| {
                let what = format!("`{entry}` is neither host:port nor a network such as 10.1.0.0/16.");
                Fault::new("allow", what)
            })
        });
        let allow = allow.collect::<Result<_, _>>()?;
        Ok(self.enabled.then_some(Settings { extra_ca, allow }))
    }
}

impl Given {
    /// The further authorities, for whoever else speaks TLS to others.
    ///
    /// # Errors
    /// A file without certificates.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Fault> {
        self.extra_ca.as_deref().map_or_else(|| Ok(Vec::new()), authorities)
    }
}

fn authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let certificates =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(
            |_| Fault::new("extra_ca", "The file cannot be read as PEM certificates; name one that can."),
        )?;
    if certificates.is_empty() {
        return Err(Fault::new("extra_ca", "The file holds no certificate; name one that does."));
    }
    Ok(certificates)
}

fn allowed(entry: &str) -> Option<Allowed> {
    if let Some(network) = parse_network(entry) {
        return Some(Allowed::Network(Network { address: network.address, bits: network.bits }));
    }
    let (host, port) = entry.rsplit_once(':')?;
    let is_bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let host = url::Host::parse(host).ok().filter(|_| !is_bare_v6)?;
    Some(Allowed::Named { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(allow: &str) -> Given {
        Given { enabled: true, extra_ca: None, allow: vec![allow.to_owned()] }
    }

    #[test]
    fn exceptions_are_hosts_with_ports_or_networks() {
        for good in ["localhost:8401", "127.0.0.1:9", "[::1]:80", "10.0.0.0/8", "::1/128", "192.0.2.7"] {
            assert_eq!(
                given(good).resolve().ok().flatten().map(|settings| settings.allow.len()),
                Some(1),
                "{good}"
            );
        }
        for bad in ["localhost", "10.0.0.0/33", "host:0", "host:99999", "::1:80:x", ""] {
            assert!(given(bad).resolve().is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_called_where_it_is_switched_off() {
        let off = Given { enabled: false, extra_ca: None, allow: Vec::new() };
        assert!(matches!(off.resolve(), Ok(None)));
    }
}
