//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2).
//!
//! ```text
//! Asked ──for_client──▶ Bound ──checked──▶ Checked ──decide──▶ Decision
//!   │                     │                                      │
//!   ╰▶ Shown (a page)     ╰▶ SentBack (to the client) ◀──────────╯
//! ```
//! A request that comes inside another (`carrier`) begins anew as `Asked` with what was found inside.
//!
//! Owns: these stages. Not here: keeping a request while a person signs in (`provider`).

mod asked;
mod bound;
mod checks;
mod consent;
mod decision;
mod mode;
mod pushed;
mod request;
pub mod request_object;
mod requested_claims;
mod response;

use crate::OAuthError;

pub use asked::{Asked, Came, Carrier, Shown};
pub use bound::{Bound, ReturnAddress};
pub use consent::{claim_of, covers};
pub use decision::{Decision, Standing, Stated, Wanted};
pub use mode::ResponseMode;
pub use pushed::{PUSHED_LIFE, request_uri};
pub use request::{Checked, PROMPTS, Prompt, Request};
pub use requested_claims::RequestedClaims;
pub use response::{Answer, FrontToken, Given, SentBack};

/// What is told to a client whose requests have to be pushed (RFC 9126 §5).
pub const NOT_PUSHED: OAuthError = OAuthError::invalid_request("Requests of this client must be pushed");

/// Parameters that mean something here. All others are ignored (RFC 6749 §3.1).
pub const KNOWN: &[&str] = &[
    "acr_values",
    "claims",
    "claims_locales",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

/// Values of `display` (`display_values_supported`). Each gets the same pages, which fit any window.
pub const DISPLAYS: &[&str] = &["page", "popup", "touch", "wap"];

/// Values of `code_challenge_method`.
pub const CHALLENGE_METHODS: &[&str] = &["S256"];

/// Whether `claims`, `request`, `request_uri` and `iss` in the answer are supported, and `request_uris` must be
/// registered: in this order the flags of OpenID Connect Discovery §3 and RFC 9207 §3.
pub const FLAGS: &[(&str, bool)] = &[
    ("claims_parameter_supported", true),
    ("request_parameter_supported", true),
    ("request_uri_parameter_supported", true),
    ("require_request_uri_registration", true),
    ("authorization_response_iss_parameter_supported", true),
];

/// A request may name this many `resource`s at most.
pub(crate) const MOST_RESOURCES: usize = 10;

#[cfg(test)]
pub(crate) mod tests;
