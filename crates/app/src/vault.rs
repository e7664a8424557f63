//! The data key: what must outlive a replaced wrapping key hangs on it.
//!
//! Owns: the data key in memory, and what is derived from it so far: keys, sealers and MACs by purpose (pairwise
//! subjects, refresh tokens, sealed client secrets). Not here: keeping it sealed in the store
//! (`provider::keys`), short-lived things, which hang on the wrapping key itself (`sealing`).

use std::sync::{PoisonError, RwLock};

use jose::seal::{Macer, MasterKey};
use zeroize::Zeroizing;

use crate::sealing::{Sealer, macer};
use crate::{Entropy, Refusal};

/// The data key and what was derived from it. Empty until [`Vault::open`].
#[derive(Debug, Default)]
pub struct Vault(RwLock<Option<Opened>>);

struct Opened {
    key: MasterKey,
    // There are few purposes, and they are named in the source.
    derived: Vec<(&'static str, Derived)>,
}

/// Everything of one purpose. The three are unrelated: each is derived under a name of its own.
#[derive(Clone)]
struct Derived {
    key: Zeroizing<[u8; 32]>,
    sealer: jose::seal::Sealer,
    macer: Macer,
}

impl Vault {
    /// Takes the data key. The one that is kept never changes, so that this happens once in the life of a process.
    pub fn open(&self, key: MasterKey) {
        let mut opened = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *opened = Some(Opened { key, derived: Vec::new() });
    }

    /// Whether the data key is there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn derived<T>(&self, purpose: &'static str, of: impl Fn(&Derived) -> T) -> Result<T, Refusal> {
        let closed = || Refusal::Unavailable("the data key is not loaded".to_owned());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let opened = known.as_ref().ok_or_else(closed)?;
        if let Some((_, derived)) = opened.derived.iter().find(|(name, _)| *name == purpose) {
            return Ok(of(derived));
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let opened = known.as_mut().ok_or_else(closed)?;
        let derived = Derived {
            key: opened.key.subkey(&format!("key {purpose}")),
            sealer: opened.key.sealer(purpose),
            macer: macer(&opened.key, purpose),
        };
        let asked = of(&derived);
        if opened.derived.iter().all(|(name, _)| *name != purpose) {
            opened.derived.push((purpose, derived));
        }
        Ok(asked)
    }

    pub(crate) fn key(&self, purpose: &'static str) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        self.derived(purpose, |derived| derived.key.clone())
    }

    pub(crate) fn sealer(&self, purpose: &'static str, entropy: &Entropy) -> Result<Sealer, Refusal> {
        self.derived(purpose, |derived| Sealer::new(derived.sealer.clone(), entropy.clone()))
    }

    pub(crate) fn mac(&self, purpose: &'static str, data: &[u8]) -> Result<[u8; 32], Refusal> {
        self.derived(purpose, |derived| derived.macer.mac(data))
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_data_key_nothing_is_derived() {
        let vault = Vault::default();
        assert!(!vault.is_open());
        assert!(matches!(vault.key("x"), Err(Refusal::Unavailable(_))));
        assert!(matches!(vault.mac("x", b""), Err(Refusal::Unavailable(_))));
        assert!(matches!(vault.sealer("x", &Entropy::system()), Err(Refusal::Unavailable(_))));
    }

    #[test]
    fn what_is_derived_is_stable_and_bound_to_its_purpose() {
        let open = |byte| {
            let vault = Vault::default();
            vault.open(MasterKey::new([byte; 32]));
            vault
        };
        let (one, same, other) = (open(1), open(1), open(2));
        assert_eq!(one.key("subject").unwrap(), one.key("subject").unwrap());
        assert_eq!(one.key("subject").unwrap(), same.key("subject").unwrap());
        assert_ne!(one.key("subject").unwrap(), one.key("refresh").unwrap());
        assert_ne!(one.key("subject").unwrap(), other.key("subject").unwrap());
        assert_eq!(one.mac("a", b"x").unwrap(), same.mac("a", b"x").unwrap());
        assert_ne!(one.mac("a", b"x").unwrap(), one.mac("b", b"x").unwrap());
        assert_ne!(one.mac("a", b"x").unwrap(), other.mac("a", b"x").unwrap());
        let entropy = Entropy::system();
        let sealed = one.sealer("secret", &entropy).unwrap().seal(b"row", b"plain");
        assert_eq!(same.sealer("secret", &entropy).unwrap().open(b"row", &sealed).unwrap(), b"plain");
        assert!(other.sealer("secret", &entropy).unwrap().open(b"row", &sealed).is_none());
        assert!(same.sealer("else", &entropy).unwrap().open(b"row", &sealed).is_none());
        assert!(!format!("{one:?}").contains("[1"));
    }
}
