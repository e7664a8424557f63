//! Letters that let a phone in, on paper.
//!
//! Owns: the PDF (letters, label sheets), its words, and QR symbols at quality Q as paths and as SVG.
//! Not here: what a letter says about whom and its secrets (`registry::letters`).
//!
//! What has no glyph in the font (DejaVu Sans: Latin, Greek, Cyrillic and more) is drawn as a mark; nothing that
//! stands in a name can make a PDF fail.

mod font;
mod pdf;
mod symbol;
mod words;

#[cfg(test)]
mod tests;

pub use pdf::{Layout, Letter, render};
pub use symbol::svg;
pub use words::{Day, Words};

/// Why there is no PDF or symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unprintable {
    /// A link is too long for a symbol.
    #[error("a link is too long for a QR symbol")]
    TooLong,
    /// The font that is built in cannot be used; a fault of the program.
    #[error("the built-in font cannot be used: {0}")]
    Font(String),
}
