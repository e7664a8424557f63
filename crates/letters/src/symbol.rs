//! QR symbols at quality Q: a quarter of the modules may be lost to folds and stains.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use crate::Unprintable;

/// Light modules around a symbol (ISO/IEC 18004 §9.1).
pub(crate) const QUIET: usize = 4;

/// A symbol as rows of dark runs.
pub(crate) struct Symbol {
    /// Modules of a side, without the quiet zone.
    pub(crate) width: usize,
    /// Column, row and length of each dark run.
    pub(crate) runs: Vec<(usize, usize, usize)>,
}

impl Symbol {
    pub(crate) fn of(text: &str) -> Result<Self, Unprintable> {
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::Q)
            .map_err(|_| Unprintable::TooLong)?;
        let width = code.width();
        let colors = code.into_colors();
        let mut runs = Vec::new();
        for (y, row) in colors.chunks_exact(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, other| one == other) {
                if run.first() == Some(&Color::Dark) {
                    runs.push((x, y, run.len()));
                }
                x += run.len();
            }
        }
        Ok(Self { width, runs })
    }
}

/// The symbol of a text as SVG: one path, dark on white, with its quiet zone. Nothing of the text stands in it.
///
/// # Errors
/// [`Unprintable::TooLong`].
pub fn svg(text: &str) -> Result<String, Unprintable> {
    let symbol = Symbol::of(text)?;
    let side = symbol.width + 2 * QUIET;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><title>QR code</title>\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\""
    );
    for (x, y, run) in symbol.runs {
        let _ = write!(svg, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
    }
    svg.push_str("\"/></svg>");
    Ok(svg)
}
