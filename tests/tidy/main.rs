//! Tidy tests: the shape of the workspace, checked.
//!
//! Owns: the arrows between crates, sizes of files, pairs of migrations, every SQL text, routes, opening
//! comments, languages, the completeness of the store's suite. Each module is a pure check over texts, run
//! on the workspace and on a planted fault: a check that cannot fail checks nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrows;
mod docs;
mod extraction;
mod migrations;
mod routes;
mod sizes;
mod source;
mod statements;
mod suite;
mod texts;
