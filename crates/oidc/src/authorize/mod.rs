//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2).
//!
//! ```text
//! Asked ──for_client──▶ Bound ──checked──▶ Checked ──decide──▶ Decision
//!   │                     │                                      │
//!   ╰▶ Shown (a page)     ╰▶ SentBack (to the client) ◀──────────╯
//! ```
//! Owns: these stages. Not here: keeping a request while a person signs in (`provider`).

mod asked;
mod bound;
mod checks;
mod decision;
mod requested_claims;
mod response;

pub use asked::{Asked, Shown};
pub use bound::{Bound, ReturnAddress};
pub use checks::{Checked, Prompt, Request};
pub use decision::{Decision, Standing, Stated, Wanted};
pub use requested_claims::RequestedClaims;
pub use response::SentBack;

#[cfg(test)]
pub(crate) mod tests;
