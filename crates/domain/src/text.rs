//! Texts that come from outside and are shown to people (SEC-026, SEC-145).
//!
//! Owns: the rule for what such a text may hold. Not here: escaping for HTML (templates do that).

use unicode_normalization::UnicodeNormalization;

/// A text from outside is not fit to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// More than the allowed number of characters.
    #[error("is too long (at most {0} characters)")]
    TooLong(usize),
    /// A control character, a line break or a character that changes the direction of text.
    #[error("holds a control or direction-changing character")]
    Control,
}

/// Whether this character may stand in a plain line of text: no controls, no separators of lines, no
/// bidirectional overrides or isolates, no invisible format characters.
#[must_use]
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Takes one line of plain text of at most `max` characters, trimmed and in NFC.
///
/// # Errors
/// Says what is wrong with it.
pub fn plain_line(text: &str, max: usize) -> Result<String, BadText> {
    let line: String = text.trim().nfc().collect();
    if line.is_empty() {
        return Err(BadText::Empty);
    }
    if line.chars().count() > max {
        return Err(BadText::TooLong(max));
    }
    if !line.chars().all(is_plain) {
        return Err(BadText::Control);
    }
    Ok(line)
}

/// Makes any text showable: what is not plain is dropped, the rest cut to `max` characters with an
/// ellipsis. For values that must not be refused, such as a browser's own description.
#[must_use]
pub fn shown(text: &str, max: usize) -> String {
    let plain: String = text.chars().filter(|c| is_plain(*c)).collect();
    let plain = plain.trim();
    if plain.chars().count() <= max {
        return plain.to_owned();
    }
    let mut cut: String = plain.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_026_control_and_direction_characters_are_refused() {
        assert_eq!(plain_line("Shop\u{202E}gnp", 80), Err(BadText::Control));
        assert_eq!(plain_line("a\nb", 80), Err(BadText::Control));
        assert_eq!(plain_line("  ", 80), Err(BadText::Empty));
        assert_eq!(plain_line(&"x".repeat(81), 80), Err(BadText::TooLong(80)));
        assert_eq!(plain_line(" The Shop ", 80).as_deref(), Ok("The Shop"));
    }

    #[test]
    fn shown_never_refuses_but_drops_and_cuts() {
        assert_eq!(shown("a\u{202E}b\u{0}c", 10), "abc");
        assert_eq!(shown("abcdef", 4), "abc…");
    }
}
