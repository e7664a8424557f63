//! Content encryption (RFC 7518 §5) with the checks that josekit leaves out.
//!
//! josekit hands OpenSSL whatever length of initialisation vector and tag a token has: a GCM tag of one byte would
//! be accepted after 256 tries, a missing vector is a panic. And it decrypts CBC before it has looked at the MAC,
//! which tells an attacker about the padding. So lengths are checked first, and MACs before anything is decrypted.

use domain::ContentEncryption;
use hmac::{Hmac, KeyInit as _, Mac as _};
use josekit::JoseError;
use josekit::jwe::JweContentEncryption;
use josekit::jwe::enc::aescbc_hmac::AescbcHmacJweEncryption;
use josekit::jwe::enc::aesgcm::AesgcmJweEncryption;
use sha2::{Sha256, Sha512};

/// One way to encrypt content.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    enc: ContentEncryption,
    inner: Box<dyn JweContentEncryption>,
}

impl Checked {
    pub(super) fn new(enc: ContentEncryption) -> Self {
        let inner: Box<dyn JweContentEncryption> = match enc {
            ContentEncryption::A128Gcm => Box::new(AesgcmJweEncryption::A128gcm),
            ContentEncryption::A192Gcm => Box::new(AesgcmJweEncryption::A192gcm),
            ContentEncryption::A256Gcm => Box::new(AesgcmJweEncryption::A256gcm),
            ContentEncryption::A128CbcHs256 => Box::new(AescbcHmacJweEncryption::A128cbcHs256),
            ContentEncryption::A256CbcHs512 => Box::new(AescbcHmacJweEncryption::A256cbcHs512),
        };
        Self { enc, inner }
    }

    fn tag_len(&self) -> usize {
        match self.enc {
            ContentEncryption::A256CbcHs512 => 32,
            _ => 16,
        }
    }

    /// The MAC of the CBC algorithms (RFC 7518 §5.2.2.2), compared in constant time. GCM checks its own tag.
    fn is_authentic(&self, key: &[u8], parts: [&[u8]; 3], tag: &[u8]) -> bool {
        let [aad, _, _] = parts;
        let bits = u64::try_from(aad.len()).unwrap_or(u64::MAX).saturating_mul(8).to_be_bytes();
        let Some(mac_key) = key.get(..key.len() / 2) else { return false };
        macro_rules! verify {
            ($hash:ty) => {{
                let Ok(mut mac) = Hmac::<$hash>::new_from_slice(mac_key) else { return false };
                parts.iter().for_each(|part| mac.update(part));
                mac.update(&bits);
                mac.verify_truncated_left(tag).is_ok()
            }};
        }
        match self.enc {
            ContentEncryption::A128CbcHs256 => verify!(Sha256),
            ContentEncryption::A256CbcHs512 => verify!(Sha512),
            ContentEncryption::A128Gcm | ContentEncryption::A192Gcm | ContentEncryption::A256Gcm => true,
        }
    }
}

impl JweContentEncryption for Checked {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn key_len(&self) -> usize {
        self.inner.key_len()
    }

    fn iv_len(&self) -> usize {
        self.inner.iv_len()
    }

    fn encrypt(
        &self,
        key: &[u8],
        iv: Option<&[u8]>,
        message: &[u8],
        aad: &[u8],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), JoseError> {
        self.inner.encrypt(key, iv, message, aad)
    }

    fn decrypt(
        &self,
        key: &[u8],
        iv: Option<&[u8]>,
        encrypted_message: &[u8],
        aad: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<Vec<u8>, JoseError> {
        let refused = || JoseError::InvalidJweFormat(std::io::Error::other("not authentic").into());
        let (iv, tag) = (iv.unwrap_or_default(), tag.unwrap_or_default());
        if key.len() != self.key_len() || iv.len() != self.iv_len() || tag.len() != self.tag_len() {
            return Err(refused());
        }
        if !self.is_authentic(key, [aad, iv, encrypted_message], tag) {
            return Err(refused());
        }
        self.inner.decrypt(key, Some(iv), encrypted_message, aad, Some(tag))
    }

    fn box_clone(&self) -> Box<dyn JweContentEncryption> {
        Box::new(self.clone())
    }
}
