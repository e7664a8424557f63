//! The QR drawing as a camera would see it.
//!
//! Owns: painting the paths of our own SVG (moves and straight lines, all on whole modules) into a PNG.

use image::{GrayImage, ImageFormat, Luma};

/// Pixels of one module.
const SCALE: i64 = 6;

/// Paints an SVG made of one `viewBox` and paths of axis-parallel lines, dark on white, as PNG.
///
/// # Panics
/// When it is drawn in another way.
#[must_use]
pub fn picture_of_svg(svg: &str) -> Vec<u8> {
    let attribute = |text: &str, name: &str| {
        let start = text.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3)?;
        text[start..].find('"').map(|end| text[start..start + end].to_owned())
    };
    let view = attribute(svg, "viewBox").expect("a viewBox");
    let size: i64 = view.split_whitespace().nth(2).and_then(|n| n.parse().ok()).expect("a width");
    let side = u32::try_from(size * SCALE).expect("a size");
    let mut picture = GrayImage::from_pixel(side, side, Luma([255]));
    for path in svg.split("<path").skip(1) {
        let Some(d) = attribute(path, "d") else { continue };
        for (x0, y0, x1, y1) in boxes(&d) {
            // A path around everything is the white ground.
            if x1 - x0 >= size && y1 - y0 >= size {
                continue;
            }
            for y in y0 * SCALE..y1 * SCALE {
                for x in x0 * SCALE..x1 * SCALE {
                    picture.put_pixel(u32::try_from(x).expect("x"), u32::try_from(y).expect("y"), Luma([0]));
                }
            }
        }
    }
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, ImageFormat::Png).expect("PNG");
    out.into_inner()
}

/// The boxes that the closed figures of a path span.
fn boxes(d: &str) -> Vec<(i64, i64, i64, i64)> {
    let mut found = Vec::new();
    let (mut x, mut y) = (0, 0);
    let mut span: Option<(i64, i64, i64, i64)> = None;
    let mut rest = d.trim_start();
    while let Some(command) = rest.chars().next() {
        rest = &rest[command.len_utf8()..];
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let spaced = rest[..end].replace(',', " ").replace('-', " -");
        let numbers: Vec<i64> =
            spaced.split_whitespace().map(|n| n.parse().expect("whole modules")).collect();
        rest = &rest[end..];
        let pair = |at: usize| (numbers[at], numbers[at + 1]);
        match command {
            'M' | 'm' => {
                found.extend(span.take());
                let (a, b) = pair(0);
                (x, y) = if command == 'M' { (a, b) } else { (x + a, y + b) };
            }
            'h' => x += numbers[0],
            'H' => x = numbers[0],
            'v' => y += numbers[0],
            'V' => y = numbers[0],
            'l' => (x, y) = (x + pair(0).0, y + pair(0).1),
            'L' => (x, y) = pair(0),
            'z' | 'Z' => {
                if let Some(done) = span.take() {
                    (x, y) = (done.0, done.1);
                    found.push(done);
                }
                continue;
            }
            other => panic!("a path with {other}"),
        }
        let (x0, y0, x1, y1) = span.unwrap_or((x, y, x, y));
        span = Some((x0.min(x), y0.min(y), x1.max(x), y1.max(y)));
    }
    found.extend(span);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_path_are_painted() {
        let svg = r##"<svg viewBox="0 0 9 9"><path d="M0 0h9v9h-9z" fill="#fff"/><path d="M4 4h2v1h-2zM1,1h1v1h-1z"/></svg>"##;
        let picture = image::load_from_memory(&picture_of_svg(svg)).unwrap().to_luma8();
        let dark = |x: u32, y: u32| picture.get_pixel(x * 6 + 3, y * 6 + 3)[0] == 0;
        assert!(dark(4, 4) && dark(5, 4) && dark(1, 1));
        assert!(!dark(6, 4) && !dark(4, 5) && !dark(0, 0));
    }
}
