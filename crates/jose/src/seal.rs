//! Sealing: authenticated encryption of what leaves our hands (codes, kept private keys).
//!
//! Owns: the master key, its subkeys (HKDF-SHA256, RFC 5869), and the sealed form
//! `version (1) | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. Version, key id and the caller's
//! associated data are authenticated.
//! Not here: randomness. The caller gives the nonce: 96 random bits, so fewer than 2^32 seals a subkey.

use std::fmt;

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The first byte of everything sealed in the form of today.
const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;
/// How much longer the sealed form is than what it holds, in bytes.
pub const OVERHEAD: usize = HEAD_LEN + TAG_LEN;

/// The text is no master key: 32 bytes as 64 hexadecimal digits or in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of 32 bytes in hexadecimal or base64")]
pub struct NotAMasterKey;

/// The key from outside the database that all sealing and MACs hang on (SEC-190).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// From 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From text: 64 hexadecimal digits, or base64 (either alphabet, padded or not) of 32 bytes. White space
    /// at the ends does not count.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, NotAMasterKey> {
        let text = text.trim();
        let bytes = Zeroizing::new(if text.len() == 64 {
            (0..64)
                .step_by(2)
                .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
                .collect::<Option<Vec<u8>>>()
                .ok_or(NotAMasterKey)?
        } else {
            let bare = text.trim_end_matches('=');
            URL_SAFE_NO_PAD.decode(bare).or_else(|_| STANDARD.decode(text)).map_err(|_| NotAMasterKey)?
        });
        bytes.as_slice().try_into().map(Self).map_err(|_| NotAMasterKey)
    }

    /// A key of its own for one purpose: knowing one tells nothing of the others.
    #[must_use]
    pub fn subkey(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let root = Zeroizing::new(extract(b"latchbolt v1", &self.0));
        let mut key = Zeroizing::new([0; 32]);
        expand(&root, purpose.as_bytes(), key.as_mut());
        key
    }

    /// Seals and opens for one purpose.
    #[must_use]
    pub fn sealer(&self, purpose: &str) -> Sealer {
        let key = self.subkey(&format!("seal {purpose}"));
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&self.subkey(&format!("seal id {purpose}"))[..KEY_ID_LEN]);
        Sealer { cipher: Aes256Gcm::new(&(*key).into()), id }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Seals and opens with one subkey. Make it once and keep it.
#[derive(Clone)]
pub struct Sealer {
    cipher: Aes256Gcm,
    id: [u8; KEY_ID_LEN],
}

impl Sealer {
    /// Seals `plain`. The nonce must be fresh and random. `None` only when `plain` is longer than
    /// AES-GCM allows (64 GiB).
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(plain.len() + TAG_LEN);
        body.extend_from_slice(plain);
        self.cipher.encrypt_in_place(&nonce.into(), &self.bound(aad), &mut body).ok()?;
        let mut sealed = Vec::with_capacity(HEAD_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Some(sealed)
    }

    /// Opens what was sealed with the same associated data; `None` for everything else.
    #[must_use]
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (head, body) = sealed.split_at_checked(HEAD_LEN)?;
        let nonce: [u8; NONCE_LEN] = head.get(1 + KEY_ID_LEN..)?.try_into().ok()?;
        if head.first() != Some(&VERSION) || head.get(1..=KEY_ID_LEN) != Some(&self.id[..]) {
            return None;
        }
        let mut plain = body.to_vec();
        self.cipher.decrypt_in_place(&nonce.into(), &self.bound(aad), &mut plain).ok()?;
        Some(plain)
    }

    /// What is authenticated beside the ciphertext.
    fn bound(&self, aad: &[u8]) -> Vec<u8> {
        let mut bound = Vec::with_capacity(1 + KEY_ID_LEN + aad.len());
        bound.push(VERSION);
        bound.extend_from_slice(&self.id);
        bound.extend_from_slice(aad);
        bound
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// A keyed hash (HMAC-SHA256) for one purpose. Make it once and keep it.
#[derive(Clone)]
pub struct Macer(Hmac<Sha256>);

impl Macer {
    /// With this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(keyed(key))
    }

    /// The MAC of these bytes.
    #[must_use]
    pub fn mac(&self, data: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Macer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Macer(…)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // A key of any length is first made one block (RFC 2104 §2), which cannot fail.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() <= 64 {
        block[..key.len()].copy_from_slice(key);
    } else {
        use sha2::Digest as _;
        block[..32].copy_from_slice(&Sha256::digest(key));
    }
    Hmac::new(&(*block).into())
}

fn extract(salt: &[u8], secret: &[u8]) -> [u8; 32] {
    let mut mac = keyed(salt);
    mac.update(secret);
    mac.finalize().into_bytes().into()
}

/// HKDF-Expand (RFC 5869 §2.3); `out` is at most 255 × 32 bytes.
fn expand(root: &[u8; 32], info: &[u8], out: &mut [u8]) {
    let base = keyed(root);
    let mut previous = Zeroizing::new(Vec::new());
    for (piece, counter) in out.chunks_mut(32).zip(1u8..) {
        let mut mac = base.clone();
        mac.update(&previous);
        mac.update(info);
        mac.update(&[counter]);
        let block: [u8; 32] = mac.finalize().into_bytes().into();
        piece.copy_from_slice(&block[..piece.len()]);
        *previous = block.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn hkdf_gives_the_vectors_of_rfc_5869() {
        // A.1
        let root = extract(&hex("000102030405060708090a0b0c"), &[0x0b; 22]);
        assert_eq!(root.to_vec(), hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
        let mut out = [0; 42];
        expand(&root, &hex("f0f1f2f3f4f5f6f7f8f9"), &mut out);
        assert_eq!(
            out.to_vec(),
            hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
        );
        // A.3: no salt, no info
        let root = extract(&[], &[0x0b; 22]);
        expand(&root, &[], &mut out);
        assert_eq!(
            out.to_vec(),
            hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
        );
    }

    #[test]
    fn hkdf_reads_long_salts_as_rfc_5869_a_2() {
        let salt: Vec<u8> = (0x60..=0xaf).collect();
        let secret: Vec<u8> = (0x00..=0x4f).collect();
        let info: Vec<u8> = (0xb0..=0xff).collect();
        let mut out = [0; 82];
        expand(&extract(&salt, &secret), &info, &mut out);
        assert_eq!(
            out.to_vec(),
            hex(
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
                 da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
            )
        );
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let sealer = MasterKey::new([7; 32]).sealer("code");
        let sealed = sealer.seal([1; NONCE_LEN], b"row 1", b"secret").unwrap();
        assert_eq!(sealed.len(), b"secret".len() + OVERHEAD);
        assert_eq!(sealer.open(b"row 1", &sealed).as_deref(), Some(&b"secret"[..]));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(sealer.open(b"row 1", &bent), None, "byte {at}");
            assert_eq!(sealer.open(b"row 1", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn sec_190_a_swapped_ciphertext_or_a_wrong_key_fails_closed() {
        let master = MasterKey::new([7; 32]);
        let sealer = master.sealer("signing keys");
        let one = sealer.seal([1; NONCE_LEN], b"kid-1", b"key one").unwrap();
        assert_eq!(sealer.open(b"kid-2", &one), None);
        assert_eq!(master.sealer("code").open(b"kid-1", &one), None);
        assert_eq!(MasterKey::new([8; 32]).sealer("signing keys").open(b"kid-1", &one), None);
    }

    #[test]
    fn a_master_key_is_read_from_hexadecimal_and_base64() {
        let hexadecimal = "07".repeat(32);
        let base64 = STANDARD.encode([7; 32]);
        let expected = MasterKey::new([7; 32]).subkey("x");
        for text in [hexadecimal.as_str(), &base64, base64.trim_end_matches('='), &format!(" {base64}\n")] {
            assert_eq!(*MasterKey::parse(text).unwrap().subkey("x"), *expected, "{text}");
        }
        for bad in ["", "07", &"0g".repeat(32), &STANDARD.encode([7; 31]), &"é".repeat(32)] {
            assert_eq!(MasterKey::parse(bad).map(|_| ()), Err(NotAMasterKey), "{bad}");
        }
        assert!(!format!("{:?}", MasterKey::new([7; 32])).contains('7'));
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let master = MasterKey::new([7; 32]);
        assert_ne!(*master.subkey("a"), *master.subkey("b"));
        assert_ne!(Macer::new(&[1; 32]).mac(b"x"), Macer::new(&[2; 32]).mac(b"x"));
    }
}
