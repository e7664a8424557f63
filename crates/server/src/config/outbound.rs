//! `[outbound]`: requests that the program makes itself.
//!
//! Nothing makes such requests yet; the keys are read and checked, so that a configuration made for a
//! coming version is not refused by this one.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::networks::parse_network;
use super::section::section;
use super::source::Fault;

section! {
    /// Requests that the program makes itself. It makes none yet: the keys are checked and kept.
    "outbound" {
        /// A PEM file with further certification authorities to trust.
        extra_ca: Option<String> = None, example "/etc/latchbolt/tls/company-ca.pem";
        /// Addresses that may be called although they are not public: `host:port` or networks such as
        /// `10.1.0.0/16`. For tests and private installations.
        allow: Vec<String> = Vec::new();
    }
}

impl Given {
    /// Checks the values.
    ///
    /// # Errors
    /// A file without certificates, or an entry that is neither `host:port` nor a network.
    pub fn resolve(&self) -> Result<(), Fault> {
        if let Some(path) = &self.extra_ca {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|_| {
                    Fault::new("extra_ca", "The file cannot be read as PEM certificates; name one that can.")
                })?;
            if certificates.is_empty() {
                return Err(Fault::new("extra_ca", "The file holds no certificate; name one that does."));
            }
        }
        for entry in &self.allow {
            if !is_host_with_port(entry) && parse_network(entry).is_none() {
                let what = format!("`{entry}` is neither host:port nor a network such as 10.1.0.0/16.");
                return Err(Fault::new("allow", what));
            }
        }
        Ok(())
    }
}

fn is_host_with_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    !is_bare_v6 && port.parse::<u16>().is_ok_and(|p| p > 0) && url::Host::parse(host).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_hosts_with_ports_or_networks() {
        for good in ["localhost:8401", "127.0.0.1:9", "[::1]:80", "10.0.0.0/8", "::1/128", "192.0.2.7"] {
            assert!(Given { extra_ca: None, allow: vec![good.to_owned()] }.resolve().is_ok(), "{good}");
        }
        for bad in ["localhost", "10.0.0.0/33", "host:0", "host:99999", "::1:80:x", ""] {
            assert!(Given { extra_ca: None, allow: vec![bad.to_owned()] }.resolve().is_err(), "{bad}");
        }
    }
}
