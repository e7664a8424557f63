//! Servers that tests and benchmarks need, from the packages of the system.
//!
//! Owns: finding, starting, killing, pausing and cutting off PostgreSQL, Redis (single, Sentinel, Cluster) and
//! nginx, each on loopback, on a free port, in a folder of its own. A guardian process takes them away when the
//! test process ends, however it ends. Not here: what is kept in them, our own program.
//!
//! Everything panics with a sentence: a test that needs a server and cannot have it has failed.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot have its server has failed")]

mod house;
mod nginx;
mod postgres;
mod program;
mod redis;
mod wire;

pub use house::{free_port, wait_until};
pub use nginx::Nginx;
pub use postgres::{Database, PgOptions, Postgres};
pub use program::Program;
pub use redis::{Redis, RedisCluster, RedisOptions, Sentinel};
pub use wire::Wire;
