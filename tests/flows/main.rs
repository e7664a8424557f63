//! Whole sign-ins, seen from outside: the real program, browsers and phones that speak HTTP.
//!
//! One module for each part of section 1 of the security requirements, named after what it shows; rows are
//! functions `sec_0NN_…`. Rows about time run the same wiring in this process with a clock that is moved (`clock`).
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod approval;
mod binding;
mod channel;
mod claim;
mod clock;
mod consent;
mod demo;
mod given;
mod limits;
mod one_node;
mod passkey;
mod password;
mod phone;
mod privacy;
mod registry;
mod restart;
mod session;
mod trail;
