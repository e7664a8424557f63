//! The PDF is taken apart again: its rectangles are drawn into a picture, and the symbols in it read.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use image::{GrayImage, Luma};

use super::*;

/// Pixels of a point.
const SCALE: f32 = 3.0;

fn streams(pdf: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = pdf;
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what);
    while let Some(at) = find(rest, b"stream\n") {
        rest = &rest[at + 7..];
        let mut plain = Vec::new();
        if ZlibDecoder::new(rest).read_to_end(&mut plain).is_ok() {
            found.push(String::from_utf8_lossy(&plain).into_owned());
        }
        rest = &rest[find(rest, b"endstream").unwrap() + 9..];
    }
    found
}

/// What the QR symbols on a page say, one looked for in each cell: rqrr takes finder patterns of neighbours for one.
fn symbols(page: &str, columns: u32, rows: u32) -> Vec<String> {
    let mut picture = GrayImage::from_pixel(1786, 2526, Luma([255]));
    let numbers: Vec<&str> = page.split_whitespace().collect();
    for window in numbers.windows(5).filter(|window| window[4] == "re") {
        let rect: Vec<f32> = window[..4].iter().map(|number| number.parse().unwrap()).collect();
        let pixel = |points: f32| (points * SCALE).round() as u32;
        let top = 297.0 * 72.0 / 25.4;
        for x in pixel(rect[0])..pixel(rect[0] + rect[2]) {
            for y in pixel(top - rect[1] - rect[3])..pixel(top - rect[1]) {
                picture.put_pixel(x, y, Luma([0]));
            }
        }
    }
    let (width, height) = (picture.width() / columns, picture.height() / rows);
    let mut found = Vec::new();
    for cell in 0..columns * rows {
        let at = (cell % columns * width, cell / columns * height);
        let cell = image::imageops::crop_imm(&picture, at.0, at.1, width, height).to_image();
        let mut prepared = rqrr::PreparedImage::prepare(cell);
        found.extend(prepared.detect_grids().iter().map(|grid| grid.decode().unwrap().1));
    }
    found
}

fn url(number: usize) -> String {
    format!("https://login.example.org/phone#e1{number:043}")
}

fn letters<'a>(words: &'a Words, names: &[&str]) -> Vec<Letter<'a>> {
    names
        .iter()
        .enumerate()
        .map(|(number, name)| Letter {
            words,
            name: (*name).to_owned(),
            username: format!("user{number}"),
            url: url(number),
            code: "ABCD-EFGH-JKLM".to_owned(),
            until: Day { year: 2026, month: 12, day: 6 },
        })
        .collect()
}

const NAMES: &[&str] = &[
    "Ada Lovelace",
    "Ζωή Παπαδοπούλου",
    "Анна Щербакова",
    "Nguyễn Thị Ánh",
    "山田太郎",
    "עדה",
    "\u{1F600} \u{10FFFD}\u{E000}",
    "",
    "A name that goes on and on and is much longer than anything that a label of seven centimetres can hold",
];

fn text_of(glyph_map: &str) -> String {
    glyph_map
        .split(['<', '>'])
        .filter_map(|word| u16::from_str_radix(word, 16).ok().filter(|_| word.len() == 4))
        .filter_map(|code| char::from_u32(u32::from(code)))
        .collect()
}

#[test]
fn every_letter_has_its_page_and_its_symbol() {
    let english = Words::of(None).unwrap();
    let letters = letters(&english, NAMES);
    let pdf = render(Layout::Letter, "login.example.org", "login.example.org/phone", &letters).unwrap();
    assert!(pdf.starts_with(b"%PDF-1."));
    let pages: Vec<String> = streams(&pdf).into_iter().filter(|text| text.contains(" re\n")).collect();
    assert_eq!(pages.len(), NAMES.len());
    for (number, page) in pages.iter().enumerate() {
        assert_eq!(symbols(page, 1, 1), [url(number)]);
    }
    let map = streams(&pdf).into_iter().find(|text| text.contains("beginbfchar")).unwrap();
    let known = text_of(&map);
    for c in "AdaΖωήЩербаễ".chars() {
        assert!(known.contains(c), "{c} has no glyph");
    }
}

#[test]
fn labels_stand_24_to_a_sheet() {
    let german = Words::of(Some("de")).unwrap();
    let names: Vec<&str> = NAMES.iter().copied().cycle().take(50).collect();
    let pdf = render(Layout::Labels, "login.example.org", "x", &letters(&german, &names)).unwrap();
    let pages: Vec<String> = streams(&pdf).into_iter().filter(|text| text.contains(" re\n")).collect();
    assert_eq!(pages.len(), 3);
    let all: Vec<String> = pages.iter().flat_map(|page| symbols(page, 3, 8)).collect();
    let expected: Vec<String> = (0..50).map(url).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_link_that_is_too_long_is_told() {
    let english = Words::of(None).unwrap();
    let mut one = letters(&english, &["Ada"]);
    one[0].url = "x".repeat(3000);
    assert_eq!(render(Layout::Letter, "s", "a", &one), Err(Unprintable::TooLong));
    assert_eq!(svg(&"x".repeat(3000)), Err(Unprintable::TooLong));
}

#[test]
fn a_symbol_on_a_screen_is_read() {
    let svg = svg(&url(1)).unwrap();
    assert!(!svg.contains("phone"), "nothing of the secret stands in the picture as text");
    assert!(svg.matches("M").count() > 300);
}

#[test]
fn nobody_to_write_to_is_an_empty_book() {
    let pdf = render(Layout::Letter, "s", "a", &[]).unwrap();
    assert!(pdf.ends_with(b"%%EOF"));
}
