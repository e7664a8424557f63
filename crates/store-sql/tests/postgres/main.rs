//! What PostgreSQL promises: the port's suite, and what only an adapter can show.
//!
//! The suite's databases sort as Germans do: what must not depend on the locale shows itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod audit;
mod conformance;
mod contention;
mod crash;
mod expanded;
#[path = "../../../../tests/tidy/extraction.rs"]
mod extraction;
mod faults;
mod given;
mod refusals;
mod runtimes;
mod schema;
#[path = "../../../../tests/tidy/source.rs"]
#[expect(dead_code, reason = "the tidy tests use more of it")]
mod source;
mod statements;
mod tls;
