//! `[requests]`: how relying parties may ask.

use super::section::section;

section! {
    /// How relying parties may ask.
    "requests" {
        /// Every relying party must push its requests (RFC 9126) instead of sending them through the browser. Each can
        /// be held to that by itself with `require_pushed_authorization_requests`.
        require_par: bool = false;
    }
}

/// How relying parties may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Only by pushed requests.
    pub require_par: bool,
}

impl Given {
    /// What it means.
    #[must_use]
    pub const fn resolve(&self) -> Settings {
        Settings { require_par: self.require_par }
    }
}
