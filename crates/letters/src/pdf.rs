//! The PDF: one letter a page, or 24 labels a page.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::Unprintable;
use crate::font::{Font, FontRefs};
use crate::symbol::{QUIET, Symbol};
use crate::words::{Day, Words};

/// Points in a millimetre.
const MM: f32 = 72.0 / 25.4;
/// A4, ISO 216.
const PAGE: (f32, f32) = (210.0 * MM, 297.0 * MM);
const FONT: Name<'_> = Name(b"F");

/// How letters are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A page of A4 for each person.
    Letter,
    /// A4 sheets of 3 by 8 labels of 70 by 37 mm.
    Labels,
}

impl Layout {
    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "letter" => Some(Self::Letter),
            "labels" => Some(Self::Labels),
            _ => None,
        }
    }

    const fn on_a_page(self) -> usize {
        match self {
            Self::Letter => 1,
            Self::Labels => 24,
        }
    }
}

/// What stands on one letter.
#[derive(Clone)]
pub struct Letter<'a> {
    /// In the language of its reader.
    pub words: &'a Words,
    /// What to call the reader.
    pub name: String,
    /// Their user name.
    pub username: String,
    /// What the QR says: a secret.
    pub url: String,
    /// What may be typed in its place: a secret.
    pub code: String,
    /// The last day.
    pub until: Day,
}

/// Makes the PDF. `service` is what the installation is called, `address` where the code is typed.
///
/// # Errors
/// A link is too long for a symbol, or the font is broken.
pub fn render(
    layout: Layout,
    service: &str,
    address: &str,
    letters: &[Letter<'_>],
) -> Result<Vec<u8>, Unprintable> {
    let mut font = Font::load()?;
    let mut pdf = Pdf::new();
    let mut last = 0;
    let mut next = || {
        last += 1;
        Ref::new(last)
    };
    let (catalog, tree, info) = (next(), next(), next());
    let refs = FontRefs { font: next(), cid: next(), descriptor: next(), file: next(), cmap: next() };
    let mut pages = Vec::new();
    for sheet in letters.chunks(layout.on_a_page()) {
        let mut content = Content::new();
        let mut pen = Pen { content: &mut content, font: &mut font };
        for (at, letter) in sheet.iter().enumerate() {
            match layout {
                Layout::Letter => pen.letter(letter, service, address)?,
                Layout::Labels => pen.label(letter, at)?,
            }
        }
        let (page, stream) = (next(), next());
        let mut written = pdf.page(page);
        written.parent(tree).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(stream);
        written.resources().fonts().pair(FONT, refs.font);
        written.finish();
        pdf.stream(stream, &compressed(content.finish().as_slice())).filter(Filter::FlateDecode);
        pages.push(page);
    }
    font.write(&mut pdf, &refs, compressed)?;
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).count(i32::try_from(pages.len()).unwrap_or(i32::MAX)).kids(pages);
    pdf.document_info(info).title(TextStr(service)).producer(TextStr("Latchbolt"));
    Ok(pdf.finish())
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

struct Pen<'a> {
    content: &'a mut Content,
    font: &'a mut Font,
}

impl Pen<'_> {
    /// A line of text; `y` from the top of the page.
    fn text(&mut self, text: &str, size: f32, x: f32, y: f32) {
        let glyphs = self.font.encode(text);
        self.content.begin_text().set_font(FONT, size).next_line(x, PAGE.1 - y).show(Str(&glyphs)).end_text();
    }

    /// A paragraph; answers where the next one begins.
    fn paragraph(&mut self, text: &str, size: f32, (x, y): (f32, f32), width: f32) -> f32 {
        let mut y = y;
        for line in self.font.lines(text, size, width) {
            self.text(&line, size, x, y);
            y += size * 1.45;
        }
        y + size * 0.55
    }

    /// A symbol with its quiet zone, as one path; `y` from the top of the page.
    fn symbol(&mut self, text: &str, x: f32, y: f32, side: f32) -> Result<(), Unprintable> {
        let symbol = Symbol::of(text)?;
        let modules = u16::try_from(symbol.width + 2 * QUIET).map_err(|_| Unprintable::TooLong)?;
        let module = side / f32::from(modules);
        let at = |modules: usize| f32::from(u16::try_from(modules).unwrap_or(u16::MAX)) * module;
        for (column, row, run) in symbol.runs {
            self.content.rect(x + at(column + QUIET), PAGE.1 - y - at(row + QUIET + 1), at(run), module);
        }
        self.content.fill_nonzero();
        Ok(())
    }

    fn letter(&mut self, letter: &Letter<'_>, service: &str, address: &str) -> Result<(), Unprintable> {
        const LEFT: f32 = 25.0 * MM;
        const WIDTH: f32 = 160.0 * MM;
        let words = letter.words;
        let fill = |text: &str| {
            text.replace("{service}", service).replace("{address}", address).replace("{name}", &letter.name)
        };
        let mut y = self.paragraph(&letter.name, 11.0, (LEFT, 50.0 * MM), WIDTH);
        y = self.paragraph(&fill(&words.title), 16.0, (LEFT, y + 15.0 * MM), WIDTH) + 3.0 * MM;
        y = self.paragraph(&fill(&words.greeting), 11.0, (LEFT, y), WIDTH);
        y = self.paragraph(&fill(&words.intro), 11.0, (LEFT, y), WIDTH);
        for (step, number) in words.steps.iter().zip(1..) {
            self.text(&format!("{number}."), 11.0, LEFT, y);
            y = self.paragraph(&fill(step), 11.0, (LEFT + 7.0 * MM, y), WIDTH - 7.0 * MM);
        }
        let side = 62.0 * MM;
        self.symbol(&letter.url, LEFT - 4.0 * MM, y, side)?;
        let right = (LEFT + side + 2.0 * MM, WIDTH - side - 2.0 * MM);
        let mut line = y + 14.0 * MM;
        for (label, value, size) in
            [(&words.username, &letter.username, 13.0), (&words.code, &letter.code, 17.0)]
        {
            self.text(label, 9.0, right.0, line);
            let value = self.font.cut(value, size, right.1);
            self.text(&value, size, right.0, line + 7.0 * MM);
            line += 17.0 * MM;
        }
        let until = words.until.replace("{date}", &words.day(letter.until));
        self.text(&until, 11.0, right.0, line);
        self.paragraph(&fill(&words.warning), 9.0, (LEFT, y + side + 8.0 * MM), WIDTH);
        Ok(())
    }

    fn label(&mut self, letter: &Letter<'_>, at: usize) -> Result<(), Unprintable> {
        const SIZE: (f32, f32) = (70.0 * MM, 37.0 * MM);
        let place = |number: usize| f32::from(u8::try_from(number).unwrap_or(u8::MAX));
        // Eight rows of 37 mm leave one millimetre of the page.
        let (x, y) = (place(at % 3) * SIZE.0, 0.5 * MM + place(at / 3) * SIZE.1);
        let words = letter.words;
        self.symbol(&letter.url, x + 2.0 * MM, y + 2.5 * MM, 32.0 * MM)?;
        let (left, width) = (x + 34.5 * MM, 33.0 * MM);
        let until = words.until.replace("{date}", &words.day(letter.until));
        for (text, size, down) in [
            (&letter.name, 8.5, 7.0),
            (&letter.username, 7.5, 12.5),
            (&words.code, 6.0, 19.0),
            (&letter.code, 10.0, 23.5),
            (&until, 6.0, 31.0),
        ] {
            let text = self.font.cut(text, size, width);
            self.text(&text, size, left, y + down * MM);
        }
        Ok(())
    }
}
