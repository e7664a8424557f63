//! What SQLite promises: the port's suite, and what only an adapter can show.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod conformance;
mod corrupt;
mod crash;
mod faults;
mod given;
mod names;
