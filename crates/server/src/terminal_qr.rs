//! A QR symbol drawn with characters, for terminals.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the symbol (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// The symbol in half blocks, dark on light whatever the terminal's colours are; none when the text does
/// not fit into a symbol.
#[must_use]
pub fn draw(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let colors = code.to_colors();
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => colors.get(y * width + x) == Some(&Color::Dark),
            _ => false,
        }
    };
    let side = width + 2 * QUIET;
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        // Black on white, both said outright.
        drawn.push_str("\u{1b}[30;47m");
        for x in 0..side {
            drawn.push(match (is_dark(x, y), is_dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push_str("\u{1b}[0m\n");
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_its_quiet_zone() {
        let drawn = draw("https://login.example.org/phone#e1AAAA").unwrap();
        let first = drawn.lines().next().unwrap();
        assert!(!first.contains(['█', '▀', '▄']), "{first}");
        assert!(draw(&"x".repeat(5000)).is_none());
    }
}
