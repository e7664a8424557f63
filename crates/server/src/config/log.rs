//! `[log]`: what is written about the program's work.

use super::section::section;
use super::source::Fault;

section! {
    /// What is written about the program's work, to standard error. Never passwords, codes, tokens,
    /// cookies or QR contents, at any level.
    "log" {
        /// `json` (one object a line) or `text` (for people).
        format: String = "text".to_owned();
        /// `error`, `warn`, `info`, `debug` or `trace`; single parts as in `info,provider=debug`.
        level: String = "info".to_owned();
    }
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What to write, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How.
    pub format: Format,
    /// What: a filter of `tracing`.
    pub filter: String,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// Another format or level.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let format = match self.format.as_str() {
            "json" => Format::Json,
            "text" => Format::Text,
            _ => return Err(Fault::new("format", "Write \"json\" or \"text\".")),
        };
        let is_level =
            |word: &str| matches!(word.trim(), "off" | "error" | "warn" | "info" | "debug" | "trace");
        let is_good = !self.level.is_empty()
            && self.level.split(',').all(|part| match part.split_once('=') {
                Some((name, level)) => !name.trim().is_empty() && is_level(level),
                None => is_level(part),
            });
        if !is_good {
            return Err(Fault::new(
                "level",
                "Write error, warn, info, debug or trace; parts as in \"info,provider=debug\".",
            ));
        }
        Ok(Settings { format, filter: self.level.clone() })
    }
}
