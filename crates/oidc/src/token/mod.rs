//! The token request (RFC 6749 §4.1.3) and what an authorization code holds.
//!
//! Owns: reading the request, and all that a code is bound to. Not here: sealing codes, spending them,
//! signing tokens (`provider`).

mod code;
mod request;

pub use code::{CODE_LIFE, CodeContent, is_challenge};
pub use request::{CodeExchange, Exchange};
