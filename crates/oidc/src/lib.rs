//! The rules of OAuth 2 and OpenID Connect as values: stages, checks and wire types.
//!
//! Owns: reading parameters, the authorization request from arrival to decision, the token request and
//! what a code holds, client authentication, bearer tokens, claims, discovery, and client registration JSON.
//! Not here: keeping anything (`store`), signing (`jose`), asking people (`journey`, `signin`), HTTP
//! (`web-oidc`), putting it together (`provider`).
//!
//! Invariants: nothing here reads a clock, a socket, a store or randomness; a browser is sent only to a
//! [`authorize::ReturnAddress`], and that is made only for an address its client registered.

pub mod authorize;
pub mod bearer;
pub mod claims;
pub mod client_auth;
pub mod discovery;
pub mod dpop;
mod errors;
pub mod introspection;
pub mod logout;
mod numeric;
mod params;
pub mod registration;
pub mod token;
pub mod webfinger;

pub use errors::{ErrorCode, OAuthError};
pub use params::{BadParams, MAX_CODE, MAX_VALUE, Params};
