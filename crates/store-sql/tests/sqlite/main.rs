//! What SQLite promises: the port's suite, and what only an adapter can show.

mod conformance;
mod corrupt;
mod crash;
mod faults;
mod given;
