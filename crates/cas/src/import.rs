//! What a CAS server was configured with, read from its files.
//!
//! Owns: service definitions (JSON with Java marks) and the map of QR devices as plans ([`services`], [`devices`]),
//! each with all that has no equivalent here, by field. Not here: files and folders, carrying a plan out
//! (`tickets::import`).
//!
//! Nothing is lost silently: a member of a definition is either planned, says nothing (null, empty), or is
//! reported. If what is lost kept somebody out, the service is planned as disabled.

mod devices;
mod hjson;
mod pattern;
mod planned;
mod service;

pub use devices::{Devices, RefusedDevice, devices};
pub use pattern::{Translated, translate};
pub use planned::{
    Links, Lost, Planned, PlannedCas, PlannedKind, PlannedLogout, PlannedOpenId, Release, Released,
};
pub use service::services;

/// Longest file in bytes.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// A file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct NotRead {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: &'static str,
}
