//! The channel between a waiting browser and the phone that vouches for it.
//!
//! Owns: the states of one channel and the moves between them ([`channel`]; [`cas_channel`] for apps made for CAS), the canonical messages that
//! phones sign and the one way to verify them ([`approval`]), the device key as JWK ([`key`]), the check
//! code ([`code`]), what the phone shows ([`facts`]), and the texts and JSON that server and phone exchange
//! ([`wire`]).
//! Not here: how the states are kept (`live`), who may open one (`signin::phone`), what is drawn
//! (`web-login`), how a phone is enrolled (`registry::enrolment`).
//!
//! Invariant: no function of this crate reads a clock, a socket or a store, or makes anything random.

pub mod approval;
pub mod cas_channel;
pub mod channel;
pub mod code;
mod curve;
pub mod facts;
pub mod key;
pub mod wire;

pub use approval::{Bound, Decision, Malformed, Said, SignedApproval};
pub use cas_channel::{CasChannel, CasState};
pub use channel::{
    Approved, Channel, Claim, Claimant, Claimed, Common, Created, Decided, Denied, Opening, Refused, Seen,
    Standing, State, UserVerification, Vouched, WhyDenied,
};
pub use code::CheckCode;
pub use facts::Facts;
pub use key::{BadKey, Jwk};
