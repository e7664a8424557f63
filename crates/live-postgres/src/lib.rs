//! What is short-lived, in PostgreSQL: for installations without Redis.
//!
//! Owns: two unlogged tables (`migrations/live`), made here when they are missing; the statements; its own few
//! connections; the one listener of a node; sweeping. Not here: what lasts (`store-sql`), what the slots mean.
//!
//! - Every operation is one statement, and every race is decided by it.
//! - The server's clock says what has ended. Ended rows are treated as absent, and swept every half minute.
//! - Words of all topics travel as `NOTIFY latchbolt_words`: the topic, a line break, the word (decision 010).
//! - A write whose answer was lost is not sent again; a read is.

mod listener;
mod pool;
mod start;
mod store;

pub use settings::Settings;
pub use start::{StartError, is_migrated, migrate};
pub use store::PostgresLive;

mod settings;
