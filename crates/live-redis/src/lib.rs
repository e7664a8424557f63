//! What is short-lived, in Redis or Valkey: a single server, Sentinel, or Cluster.
//!
//! Owns: the layout of keys and values, the two scripts, finding the master, following a cluster's slots, the one
//! subscription of a node, and what is asked of a server before it is used. Not here: what the slots mean, the
//! configuration file (its settings `live.*` are named in sentences only).
//!
//! - One key a slot and one a counter: `<prefix>{<kind>:<id>}` and `<prefix>n{<kind>:<id>}`. One key a command, so
//!   a cluster needs nothing else. A slot's value is its version, eight bytes, and what was put.
//! - Every one-time thing is one command or one script: `GETDEL`, a compared swap, a count.
//! - **Nothing is sent twice** that may have been carried out: a broken connection is an error for those who
//!   waited on it. Only answers that say "not done" (a moved slot, an unknown script) are followed.
//! - One connection a server for commands, shared by all; one more for words.
//! - **Words** of all topics share one channel, `<prefix>words`: the topic, a line break, the word (decision 010).

mod access;
mod check;
mod cluster;
mod error;
mod hash_slot;
mod link;
mod scripts;
mod sentinel;
mod settings;
mod store;
mod target;

pub use error::StartError;
pub use settings::{Address, Password, Settings, Tls, Topology};
pub use store::RedisLive;
