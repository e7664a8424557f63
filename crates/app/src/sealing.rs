//! Sealing and MACs with subkeys of the master key.
//!
//! Owns: the fresh nonces, and the MAC keys derived so far. Not here: the algorithms (`jose::seal`).

use std::sync::{PoisonError, RwLock};

use domain::SecretHash;
use jose::seal::{Macer, MasterKey};

use crate::{Entropy, Refusal};

/// Seals and opens for one purpose; cheap to clone.
#[derive(Debug, Clone)]
pub struct Sealer {
    inner: jose::seal::Sealer,
    entropy: Entropy,
}

impl Sealer {
    pub(crate) const fn new(inner: jose::seal::Sealer, entropy: Entropy) -> Self {
        Self { inner, entropy }
    }

    /// Seals with a fresh nonce; `aad` must be given again to open.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] when `plain` is longer than AES-GCM allows (64 GiB).
    pub fn try_seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Refusal> {
        let sealed = self.inner.seal(self.entropy.bytes(), aad, plain);
        sealed.ok_or_else(|| Refusal::Corrupt("too long to be sealed".to_owned()))
    }

    /// Seals with a fresh nonce; `aad` must be given again to open. What is longer than AES-GCM allows
    /// (64 GiB) comes back empty, which opens as nothing.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.try_seal(aad, plain).unwrap_or_default()
    }

    /// Opens what was sealed for the same purpose with the same `aad`; `None` for everything else.
    #[must_use]
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.inner.open(aad, sealed)
    }
}

/// MAC keys by purpose. There are few purposes, and they are named in the source.
#[derive(Debug)]
pub(crate) struct Macs(RwLock<Vec<(&'static str, Macer)>>);

impl Macs {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    pub(crate) fn mac(&self, master: &MasterKey, purpose: &'static str, data: &[u8]) -> SecretHash {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, macer)) = known.iter().find(|(name, _)| *name == purpose) {
            return SecretHash(macer.mac(data));
        }
        drop(known);
        let macer = macer(master, purpose);
        let hash = SecretHash(macer.mac(data));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.iter().all(|(name, _)| *name != purpose) {
            known.push((purpose, macer));
        }
        hash
    }
}

pub(crate) fn macer(master: &MasterKey, purpose: &str) -> Macer {
    Macer::new(&master.subkey(&format!("mac {purpose}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_143_nonces_are_fresh_and_purposes_apart() {
        let master = MasterKey::new([1; 32]);
        let sealer = Sealer::new(master.sealer("code"), Entropy::system());
        let other = Sealer::new(master.sealer("other"), Entropy::system());
        let (one, two) = (sealer.seal(b"a", b"x"), sealer.seal(b"a", b"x"));
        assert_ne!(one, two);
        assert_eq!(sealer.open(b"a", &one).as_deref(), Some(&b"x"[..]));
        assert_eq!(sealer.open(b"b", &one), None);
        assert_eq!(other.open(b"a", &one), None);
        assert_eq!(sealer.open(b"a", b""), None);
    }

    #[test]
    fn a_mac_is_stable_and_bound_to_its_purpose() {
        let (master, macs) = (MasterKey::new([1; 32]), Macs::new());
        let first = macs.mac(&master, "channel", b"x");
        assert_eq!(macs.mac(&master, "channel", b"x"), first);
        assert_eq!(Macs::new().mac(&master, "channel", b"x"), first);
        assert_ne!(macs.mac(&master, "enrolment", b"x"), first);
        assert_ne!(macs.mac(&master, "channel", b"y"), first);
    }
}
