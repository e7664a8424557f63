//! The port to what is short-lived: typed slots, counters, topics.
//!
//! Owns: the trait [`Live`], the typed layer over it ([`Slots`]), the in-process adapter, and what the adapters on
//! a server share: [`Topics`] and [`Versions`]. Not here: Redis or PostgreSQL adapters (crates of their own), what
//! the slots mean (use cases).
//!
//! Two rules: **the slot is the truth, the word is a hint** (subscribe first, then read the slot once), and
//! expiry is checked at use against the caller's clock; the time to live given here only cleans up.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
mod faulty;
mod in_process;
mod port;
mod slots;
mod topics;
mod versions;

#[cfg(feature = "conformance")]
pub use faulty::Faulty;
pub use in_process::{Caps, InProcess};
pub use port::{Counted, Key, Live, LiveError, Lost, Result, Topic, Version, Word, Words};
pub use slots::{Slot, Slots};
pub use topics::{Listener, Topics};
pub use versions::Versions;
