//! Several nodes behind nginx, with PostgreSQL and Redis, while parts of them go away.
//!
//! The flows run on such a cluster, too (`LATCHBOLT_TEST_ON=cluster`); here is what only several nodes can show:
//! steps addressed node by node, changes seen everywhere in time, restarts, losses, refusals to start. Everything
//! that waits says how long in its message and is printed (`--nocapture` shows it).
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod any_node;
mod clocks;
mod disk;
mod given;
mod killed;
mod kinds;
mod outage;
mod proxy;
mod refusals;
mod registry;
mod rolling;
mod spread;
mod stream;
