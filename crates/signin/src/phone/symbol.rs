//! The picture of a QR code.
//!
//! Owns: an SVG of one path of row runs, dark on white with a quiet zone of four modules, and choosing the
//! mask quickly. Not here: what the code says (`qr::wire`). Nothing in the picture comes from a request
//! (SEC-062).

use std::fmt::Write as _;

use qrcode::bits::encode_auto;
use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::types::{Color, QrResult};
use qrcode::{EcLevel, ec};

const QUIET: usize = 4;
const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// One row or column: the first module is the highest of `width` bits.
type Line = u128;

struct Symbol {
    width: usize,
    rows: Vec<Line>,
}

/// Draws `text` at level M.
pub(super) fn svg(text: &str) -> QrResult<String> {
    let symbol = Symbol::of(text)?;
    let side = symbol.width + 2 * QUIET;
    let mut svg = String::with_capacity(6 * 1024);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><title>QR code</title>\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\""
    );
    for (y, row) in symbol.rows.iter().enumerate() {
        let mut x = 0;
        while x < symbol.width {
            let run = symbol.run(*row, x);
            if symbol.is_dark(*row, x) {
                let _ = write!(svg, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run;
        }
    }
    svg.push_str("\"/></svg>");
    Ok(svg)
}

impl Symbol {
    fn of(text: &str) -> QrResult<Self> {
        let level = EcLevel::M;
        let bits = encode_auto(text.as_bytes(), level)?;
        let version = bits.version();
        let (data, correction) = ec::construct_codewords(&bits.into_bytes(), version, level)?;
        let mut canvas = Canvas::new(version, level);
        canvas.draw_all_functional_patterns();
        canvas.draw_data(&data, &correction);
        let masked = MASKS.map(|mask| {
            let mut canvas = canvas.clone();
            canvas.apply_mask(mask);
            Self::from_colors(&canvas.into_colors())
        });
        // Eight of them, so there is a least one.
        let best = masked.into_iter().min_by_key(Self::penalty);
        best.ok_or(qrcode::types::QrError::DataTooLong)
    }

    fn from_colors(colors: &[Color]) -> Self {
        let width = colors.len().isqrt();
        let line = |row: &[Color]| {
            row.iter().fold(0, |line: Line, module| line << 1 | Line::from(*module == Color::Dark))
        };
        Self { width, rows: colors.chunks_exact(width).map(line).collect() }
    }

    fn is_dark(&self, row: Line, x: usize) -> bool {
        row >> (self.width - 1 - x) & 1 == 1
    }

    /// How many modules from `x` on are alike.
    fn run(&self, row: Line, x: usize) -> usize {
        let rest = row << (128 - self.width + x);
        let alike = if self.is_dark(row, x) { rest.leading_ones() } else { rest.leading_zeros() };
        usize::try_from(alike).unwrap_or(1).clamp(1, self.width - x)
    }

    /// ISO/IEC 18004 §7.8.3: long runs, blocks, patterns that look like a finder, and an uneven share of
    /// dark modules make a symbol harder to read.
    fn penalty(&self) -> u32 {
        let columns: Vec<Line> = (0..self.width)
            .map(|x| self.rows.iter().fold(0, |line, row| line << 1 | Line::from(self.is_dark(*row, x))))
            .collect();
        let lines = self.rows.iter().chain(&columns);
        let along: u32 = lines.map(|line| self.line_penalty(*line)).sum();
        along + self.block_penalty() + self.share_penalty()
    }

    fn line_penalty(&self, line: Line) -> u32 {
        let all = self.all();
        let light = !line & all;
        // A run of n ≥ 5 counts n − 2: 3 for its first five modules, 1 for each more.
        let runs: u32 = [line, light]
            .iter()
            .map(|ones| {
                let fives = ones & ones << 1 & ones << 2 & ones << 3 & ones << 4 & all;
                let begins = fives & !(fives << 1);
                fives.count_ones() + 2 * begins.count_ones()
            })
            .sum();
        // 1:1:3:1:1 with four light modules before or after it.
        let finder = line & light << 1 & line << 2 & line << 3 & line << 4 & light << 5 & line << 6;
        let quiet = |line: Line| line & line << 1 & line << 2 & line << 3;
        let before = finder & (quiet(light) >> 4);
        let after = finder & (quiet(light) << 7);
        runs + 40 * (before.count_ones() + after.count_ones())
    }

    fn block_penalty(&self) -> u32 {
        let all = self.all();
        let pairs = self.rows.iter().zip(self.rows.iter().skip(1));
        let blocks: u32 = pairs
            .map(|(one, other)| {
                let same = !(one ^ other);
                let alike = !(one ^ one << 1);
                (same & same << 1 & alike & all & !1).count_ones()
            })
            .sum();
        3 * blocks
    }

    fn share_penalty(&self) -> u32 {
        let dark: u32 = self.rows.iter().map(|row| row.count_ones()).sum();
        let modules = u32::try_from(self.width * self.width).unwrap_or(u32::MAX);
        let percent = dark * 100 / modules.max(1);
        10 * (percent.abs_diff(50) / 5)
    }

    const fn all(&self) -> Line {
        Line::MAX >> (128 - self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "https://id.example/s#1AAECAwQFBgcICQoLDA0ODw";

    /// Paints the path into a picture and reads it with a decoder we did not write.
    fn read(svg: &str) -> String {
        let side: usize =
            svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let mut dark = vec![false; side * side];
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let length: usize = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            dark[y * side + x..y * side + x + length].fill(true);
        }
        let scale = 4;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * scale, side * scale, |x, y| {
            if dark[y / scale * side + x / scale] { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn what_is_drawn_is_read() {
        for id in 0..40u8 {
            let text = format!("{TEXT}{}", id.wrapping_mul(37));
            assert_eq!(read(&svg(&text).unwrap()), text);
        }
    }

    #[test]
    fn the_picture_is_small_with_a_quiet_zone_and_a_title() {
        let svg = svg(TEXT).unwrap();
        assert!(svg.len() < 8 * 1024, "{}", svg.len());
        assert!(svg.contains("role=\"img\"") && svg.contains("<title>"));
        assert!(svg.contains("shape-rendering=\"crispEdges\""));
        // Version 4 has 33 modules.
        assert!(svg.contains("viewBox=\"0 0 41 41\"") && svg.contains("M4 4h7v1h-7z"));
    }

    /// The same rules, word by word.
    fn slow_penalty(symbol: &Symbol) -> u32 {
        let width = symbol.width;
        let rows: Vec<Vec<bool>> =
            symbol.rows.iter().map(|row| (0..width).map(|x| symbol.is_dark(*row, x)).collect()).collect();
        let columns = (0..width).map(|x| rows.iter().map(|row| row[x]).collect::<Vec<bool>>());
        let finder = [true, false, true, true, true, false, true];
        let mut penalty = 0;
        for line in rows.iter().cloned().chain(columns) {
            for run in line.chunk_by(|a, b| a == b).filter(|run| run.len() >= 5) {
                penalty += u32::try_from(run.len()).unwrap() - 2;
            }
            for (at, _) in line.windows(7).enumerate().filter(|(_, seven)| *seven == finder) {
                let light = |from: Option<usize>| {
                    from.and_then(|from| line.get(from..from + 4)).is_some_and(|four| !four.contains(&true))
                };
                penalty += 40 * (u32::from(light(at.checked_sub(4))) + u32::from(light(Some(at + 7))));
            }
        }
        for y in 1..width {
            for x in 1..width {
                let corner = rows[y][x];
                let others = [rows[y - 1][x], rows[y][x - 1], rows[y - 1][x - 1]];
                penalty += if others.iter().all(|module| *module == corner) { 3 } else { 0 };
            }
        }
        let dark = rows.iter().flatten().filter(|module| **module).count();
        let percent = i32::try_from(dark * 100 / (width * width)).unwrap();
        penalty + 10 * u32::try_from((percent - 50).abs() / 5).unwrap()
    }

    #[test]
    fn the_quick_penalty_is_that_of_the_standard() {
        for id in 0..20u8 {
            let code =
                qrcode::QrCode::with_error_correction_level(format!("{TEXT}{id}"), EcLevel::M).unwrap();
            let symbol = Symbol::from_colors(&code.to_colors());
            assert_eq!(symbol.penalty(), slow_penalty(&symbol));
        }
        let light = Symbol { width: 21, rows: vec![0; 21] };
        assert_eq!(light.penalty(), slow_penalty(&light));
        let dark = Symbol { width: 21, rows: vec![light.all(); 21] };
        assert_eq!(dark.penalty(), slow_penalty(&dark));
    }
}
