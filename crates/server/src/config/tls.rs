//! `[tls]`: TLS by the program itself.

use std::path::PathBuf;

use super::section::section;
use super::source::Fault;

section! {
    /// TLS by the program itself. Leave both out where a proxy in front does it.
    "tls" {
        /// The certificate chain: a PEM file, the server's own certificate first.
        cert_file: Option<String> = None, example "/etc/latchbolt/tls/fullchain.pem";
        /// Its private key: a PEM file (PKCS#8, PKCS#1 or SEC1).
        key_file: Option<String> = None, example "/etc/latchbolt/tls/privkey.pem";
    }
}

/// Files to serve TLS with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Certificate chain.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
}

impl Given {
    /// What it means; nothing when a proxy does the TLS.
    ///
    /// # Errors
    /// Only one of the two is given.
    pub fn resolve(&self) -> Result<Option<Settings>, Fault> {
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some(Settings { cert_file: cert.into(), key_file: key.into() })),
            (Some(_), None) => {
                Err(Fault::new("key_file", "A certificate needs its key: set tls.key_file too."))
            }
            (None, Some(_)) => {
                Err(Fault::new("cert_file", "A key needs its certificate: set tls.cert_file too."))
            }
        }
    }
}
