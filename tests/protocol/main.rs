//! The protocol, endpoint by endpoint, seen from outside: the real program and plain HTTP.
//!
//! One module for each endpoint or surface; rows of the security requirements are functions `sec_NNN_…`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod admin_api;
mod admin_commands;
mod admin_tokens;
mod alike;
mod audit;
mod authorize;
mod backchannel;
mod cas;
mod cas_import;
mod client_assertions;
mod client_credentials;
mod commands;
mod conformance;
mod coverage;
mod device_api;
mod discovery;
mod dpop;
mod far_commands;
mod foreign;
mod fresh_proof;
mod frontchannel;
mod given;
mod headers;
mod hosts;
mod keys;
mod logout;
mod lookups;
mod mail;
mod outbound;
mod own_account;
mod par;
mod people;
mod reach;
mod refresh;
mod registration;
mod request_objects;
mod response_modes;
mod response_types;
mod returning;
mod second_factor;
mod session_management;
mod shipped;
mod sizes;
mod specifications;
mod token;
mod userinfo;
mod vouched;
mod ways_in;
mod webfinger;
