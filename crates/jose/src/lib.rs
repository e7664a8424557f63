//! Keys, signatures and sealing.
//!
//! Owns: signing and decryption keys and their JWK forms, others' key sets, compact JWS (RFC 7515) and JWE
//! (RFC 7516) made and read, DPoP proofs, thumbprints (RFC 7638), strict JSON objects, and sealing with subkeys of the master key (AES-256-GCM, HKDF-SHA256).
//! Not here: keeping keys and rotating them (`provider::keys`), what the claims mean (`oidc`), I/O.
//!
//! Invariant: josekit is named in this crate alone. Nothing here reads a clock; the only randomness is
//! OpenSSL's and ring's own while a key is generated or an ECDSA signature is made.

pub mod claims;
pub mod dpop;
mod ed25519;
pub mod encryption;
mod es256;
mod jws;
mod key;
mod key_set;
pub mod seal;
pub mod strict;
mod thumbprint;

pub use encryption::{DecryptionKey, EncryptionKey, JweError, encrypt, is_encrypted};
pub use jws::{JwsError, MAX_TOKEN_BYTES, Types, Unverified, verify_hs256};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use key_set::{KeySet, MAX_KEYS, MAX_SET_BYTES};
pub use thumbprint::thumbprint;
