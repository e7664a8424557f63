//! Keys, signatures and sealing.
//!
//! Owns: signing keys and their JWK forms, compact JWS (RFC 7515) made and verified, thumbprints (RFC 7638),
//! strict JSON objects, and sealing with subkeys of the master key (AES-256-GCM, HKDF-SHA256).
//! Not here: keeping keys and rotating them (`provider::keys`), what the claims mean (`oidc`), I/O.
//!
//! Invariant: josekit is named in this crate alone. Nothing here reads a clock; the only randomness is
//! OpenSSL's and ring's own while a key is generated or an ECDSA signature is made.

pub mod claims;
mod es256;
mod jws;
mod key;
pub mod seal;
pub mod strict;
mod thumbprint;

pub use jws::{JwsError, MAX_TOKEN_BYTES, Unverified};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use thumbprint::thumbprint;
