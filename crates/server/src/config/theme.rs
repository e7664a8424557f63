//! `[theme]`: the looks of the pages.

use super::section::section;
use super::source::Fault;

section! {
    /// The looks of the pages. A theme changes name, logo and colours, never markup or rules.
    "theme" {
        /// A `theme.toml` with the name, the logo and the colours; see themes/default/theme.toml. Without it
        /// the built-in looks.
        file: Option<String> = None, example "/etc/latchbolt/theme.toml";
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A file that cannot be read, or is no theme.
    pub fn resolve(&self) -> Result<web::Theme, Fault> {
        let theme = match &self.file {
            None => web::Theme::built_in(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Fault::new("file", format!("{path} cannot be read: {error}. Name a readable file."))
                })?;
                web::Theme::parse(&text)
            }
        };
        theme.map_err(|bad| Fault::new("file", format!("{bad}. Correct it.")))
    }
}
