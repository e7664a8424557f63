//! A maker of phones and authenticators: who vouches for keys that were made in its hardware.
//!
//! Owns: a root, a certificate below it that signs statements, and those for apps (`latchbolt-x5c-v1`). Not here: the
//! form of WebAuthn's statements (`passkey`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::b64;

/// One maker.
#[derive(Debug)]
pub struct Maker {
    root: String,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Default for Maker {
    fn default() -> Self {
        Self::new()
    }
}

impl Maker {
    /// A new one, whose root nobody knows yet.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new() -> Self {
        let (root_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let mut root = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        root.distinguished_name.push(DnType::CommonName, format!("Root {}", b64(&crate::random::<8>())));
        let certified = root.self_signed(&root_key).expect("a certificate");
        let issuer = Issuer::from_params(&root, &root_key);
        // As WebAuthn Level 3 §8.2.1 wants it.
        let mut leaf = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.use_authority_key_identifier_extension = true;
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Maker of one test"),
            (DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (DnType::CommonName, "Keys of one test"),
        ] {
            leaf.distinguished_name.push(kind, value);
        }
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
        Self { root: certified.pem(), certificate: leaf.der().to_vec(), key: key.serialize_der() }
    }

    /// The certificate of its root, as PEM: what a policy trusts.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The certificate that signs statements, as DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its signature over these bytes (ES256, as ASN.1).
    ///
    /// # Panics
    /// When signing fails.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key, &random);
        pair.expect("own key").sign(&random, message).expect("a signature").as_ref().to_vec()
    }

    /// Its statement about an app's key, made for this message (`latchbolt-attestation-v1`).
    #[must_use]
    pub fn statement(&self, message: &str) -> Value {
        json!({
            "format": "latchbolt-x5c-v1",
            "x5c": [STANDARD.encode(&self.certificate)],
            "signature": b64(&self.sign(message.as_bytes())),
        })
    }
}
