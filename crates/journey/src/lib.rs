//! The login flow: what is needed, what was proven, what comes next.
//!
//! Owns: [`Need`] (what a protocol or a page demands of the person), [`MethodPolicy`] and [`Methods`] (what
//! may be offered), [`Journey`] and its one dispatcher [`Journey::next`].
//! Not here: how a proof is made (`signin`), how the journey is kept (`app::journeys`), what comes after it
//! (`app::Ending`).
//!
//! Invariant: no function of this crate reads a clock, a socket or a store; `now` is handed in.

mod methods;
mod need;
mod proof;
mod way;

pub use methods::{MethodPolicy, Methods};
pub use need::{Need, are_two_factors};
pub use proof::with_proof;
pub use way::{
    ConsentState, Event, HALF_LIFE, Half, JOURNEY_LIFE, Journey, Proven, Refused, SecondFactors, Step,
};
