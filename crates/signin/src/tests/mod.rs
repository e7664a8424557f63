//! The use cases on a real store, live state in the process, and a clock that is moved.

mod actors;
mod approvals;
mod authenticator;
mod cas_apps;
mod cas_fences;
mod cas_tokens;
mod cas_world;
mod factors;
mod methods;
mod outage;
mod phones;
mod races;
mod sessions;
mod stolen;
mod upkeep;
mod world;
