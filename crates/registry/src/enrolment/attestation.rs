//! Who vouches for an app's key (SEC-076).
//!
//! Owns: verifying a statement of the form `latchbolt-x5c-v1`: a certificate that leads to a root of the policy signed
//! the key, the server's nonce and the issuer (`qr::approval::KeyStatement`). Not here: statements about passkeys
//! (`ceremony`), what the policy demands (`complete`).
//!
//! Not covered: certificates that their maker has withdrawn (no lists are fetched), and which app it is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::Timestamp;
use qr::wire::KeyAttestation;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

/// The one form that is known.
const FORMAT: &str = "latchbolt-x5c-v1";
/// Certificates of a chain at most, and bytes of each.
const LONGEST_CHAIN: usize = 6;
const LARGEST: usize = 8 * 1024;
/// tcg-kp-AIKCertificate (2.23.133.8.3): a certificate that says what it is for must be for this.
const FOR_KEYS: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x03];

/// How the certificate may sign: what its key is decides which one fits.
const SIGNATURES: &[&dyn SignatureVerificationAlgorithm] =
    &[ring::ECDSA_P256_SHA256, ring::ECDSA_P384_SHA256, ring::ED25519, ring::RSA_PKCS1_2048_8192_SHA256];

/// Who vouches, in a few words; none when nobody of these roots does, whatever is wrong.
pub(super) fn vouched_for(
    statement: &KeyAttestation,
    message: &str,
    roots: &[String],
    now: Timestamp,
) -> Option<String> {
    if statement.format != FORMAT || statement.x5c.is_empty() || statement.x5c.len() > LONGEST_CHAIN {
        return None;
    }
    let chain = statement
        .x5c
        .iter()
        .map(|text| STANDARD.decode(text).ok().filter(|der| der.len() <= LARGEST).map(CertificateDer::from))
        .collect::<Option<Vec<_>>>()?;
    let roots: Vec<CertificateDer<'static>> =
        roots.iter().filter_map(|root| CertificateDer::from_pem_slice(root.as_bytes()).ok()).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        roots.iter().filter_map(|root| anchor_from_trusted_cert(root).ok()).collect();
    let (first, above) = chain.split_first()?;
    let signer = EndEntityCert::try_from(first).ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.seconds()).ok()?));
    let usage = KeyUsage::required_if_present(FOR_KEYS);
    let path = signer
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, above, at, usage, None, None)
        .inspect_err(
            |error| tracing::info!(%error, "The certificates of an app's key lead to no trusted root"),
        )
        .ok()?;
    let signature = URL_SAFE_NO_PAD.decode(&statement.signature).ok()?;
    let is_signed =
        SIGNATURES.iter().any(|by| signer.verify_signature(*by, message.as_bytes(), &signature).is_ok());
    if !is_signed {
        return None;
    }
    let root = roots.iter().find(|root| {
        anchor_from_trusted_cert(root).is_ok_and(|anchor| anchor.subject == path.anchor().subject)
    })?;
    let mark = URL_SAFE_NO_PAD.encode(Sha256::digest(root.as_ref()));
    Some(format!("{FORMAT}, root SHA-256 {mark}"))
}

#[cfg(test)]
mod tests;
