//! TLS on loopback, by an authority that a test made itself.
//!
//! Owns: the authority, certificates of it for `localhost`, what trusts it, and both ends of a connection.
//! Not here: HTTP (`wire`, `site`).

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Who is reached on loopback.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// An authority of one test run.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS#8).
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new() -> Self {
        // Whoever links another provider of cryptography beside it would have to choose (see dependencies).
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Authority of one test run");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate as PEM: what others trust.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this machine's loopback.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn certify(&self) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(NAMES.map(str::to_owned)).expect("parameters");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Certified { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a server on loopback speaks TLS with.
    ///
    /// # Panics
    /// When the certificate does not fit its key.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        let made = self.certify();
        let certificate = CertificateDer::from_pem_slice(made.certificate.as_bytes()).expect("PEM");
        let key = PrivatePkcs8KeyDer::from_pem_slice(made.key.as_bytes()).expect("PEM");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::from(key));
        Arc::new(config.expect("a key that fits"))
    }

    /// What a client speaks TLS with: it trusts this authority and no other.
    #[must_use]
    pub fn client(&self) -> Trust {
        Trust::new(&self.pem())
    }
}

/// Trust in one authority.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// In the authority of this PEM text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn new(pem: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("an authority");
        Self(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }

    /// Speaks TLS to the host (`name:port`) at the other end.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}
