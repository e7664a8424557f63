//! `[database]`: where what lasts is kept.

use std::path::{Path, PathBuf};

use super::section::section;
use super::source::Fault;

section! {
    /// Where accounts, phones, clients, sessions and keys are kept.
    "database" {
        /// `sqlite:` and the path of the database file; the file and its folder are made at first start.
        url: String = "sqlite:data/latchbolt.db".to_owned();
        /// Connections that read beside the one that writes.
        readers: u16 = 2;
    }
}

/// Where and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file.
    pub file: PathBuf,
    /// Connections that read.
    pub readers: u32,
}

impl Settings {
    /// The file that holds the wrapping key unless one is named: beside the database.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.file.with_extension("key")
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// Another database than SQLite, or an empty path.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let Some(path) = self.url.strip_prefix("sqlite:") else {
            return Err(Fault::new(
                "url",
                "This version keeps its data in SQLite: write \"sqlite:\" and a path.",
            ));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') || path.starts_with(":memory:") {
            return Err(Fault::new("url", "Write \"sqlite:\" and the path of a file, without parameters."));
        }
        if Path::new(path).file_name().is_none() {
            return Err(Fault::new("url", "The path names a folder; name a file in it."));
        }
        if !(1..=64).contains(&self.readers) {
            return Err(Fault::new("readers", "Take a number from 1 to 64."));
        }
        Ok(Settings { file: PathBuf::from(path), readers: u32::from(self.readers) })
    }
}
