//! `[live]`: where short-lived state is kept.

use super::section::section;
use super::source::Fault;

section! {
    /// Where short-lived state is kept: sign-ins on their way, QR channels, counters.
    "live" {
        /// `in-process`: in the memory of this one program.
        kind: String = "in-process".to_owned();
    }
}

/// Which live store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// In this process.
    InProcess,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A kind that this version does not know.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        match self.kind.as_str() {
            "in-process" => Ok(Settings::InProcess),
            _ => Err(Fault::new("kind", "This version knows \"in-process\" only.")),
        }
    }
}
