//! The protocol, endpoint by endpoint, seen from outside: the real program and plain HTTP.
//!
//! One module for each endpoint or surface; rows of the security requirements are functions `sec_NNN_…`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod admin_api;
mod admin_commands;
mod audit;
mod authorize;
mod backchannel;
mod client_assertions;
mod client_credentials;
mod commands;
mod conformance;
mod coverage;
mod discovery;
mod dpop;
mod foreign;
mod frontchannel;
mod given;
mod headers;
mod hosts;
mod keys;
mod logout;
mod lookups;
mod mail;
mod outbound;
mod par;
mod people;
mod refresh;
mod registration;
mod request_objects;
mod response_modes;
mod response_types;
mod second_factor;
mod session_management;
mod sizes;
mod specifications;
mod token;
mod userinfo;
mod ways_in;
mod webfinger;
