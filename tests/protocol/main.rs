//! The protocol, endpoint by endpoint, seen from outside: the real program and plain HTTP.
//!
//! One module for each endpoint or surface; rows of the security requirements are functions `sec_NNN_…`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod authorize;
mod commands;
mod coverage;
mod discovery;
mod given;
mod headers;
mod sizes;
mod token;
mod userinfo;
