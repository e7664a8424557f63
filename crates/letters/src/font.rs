//! The one font: which glyphs are used, how wide they are, and the part of it that goes into the PDF.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization as _;

use crate::Unprintable;

const IDENTITY: SystemInfo<'_> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Six letters mark a font that is a part of another (ISO 32000-1 §9.6.4).
const NAME: Name<'_> = Name(b"LBOLTA+DejaVuSans");
/// Stands for what has no glyph.
const MISSING: char = '\u{FFFD}';

/// The objects of a font in a PDF.
pub(crate) struct FontRefs {
    pub(crate) font: Ref,
    pub(crate) cid: Ref,
    pub(crate) descriptor: Ref,
    pub(crate) file: Ref,
    pub(crate) cmap: Ref,
}

/// The font, and what was drawn with it so far.
pub(crate) struct Font {
    data: &'static [u8],
    face: Face<'static>,
    used: GlyphRemapper,
    /// New glyph → the character it stands for, and its width in thousandths.
    glyphs: BTreeMap<u16, (char, f32)>,
}

impl Font {
    pub(crate) fn load() -> Result<Self, Unprintable> {
        let data = dejavu::sans::regular();
        let face = Face::parse(data, 0).map_err(|why| Unprintable::Font(why.to_string()))?;
        Ok(Self { data, face, used: GlyphRemapper::new(), glyphs: BTreeMap::new() })
    }

    fn glyph(&self, c: char) -> Option<ttf_parser::GlyphId> {
        self.face.glyph_index(c).or_else(|| self.face.glyph_index(MISSING))
    }

    fn thousandths(&self, glyph: ttf_parser::GlyphId) -> f32 {
        let width = f32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0));
        width * 1000.0 / f32::from(self.face.units_per_em().max(1))
    }

    /// How wide a text is at this size.
    pub(crate) fn width(&self, text: &str, size: f32) -> f32 {
        let width: f32 = text.nfc().filter_map(|c| self.glyph(c)).map(|glyph| self.thousandths(glyph)).sum();
        width * size / 1000.0
    }

    /// The text as the PDF's glyph numbers.
    pub(crate) fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for c in text.nfc() {
            let Some(glyph) = self.glyph(c) else { continue };
            let width = self.thousandths(glyph);
            let new = self.used.remap(glyph.0);
            self.glyphs.entry(new).or_insert((c, width));
            bytes.extend_from_slice(&new.to_be_bytes());
        }
        bytes
    }

    /// Breaks a text into lines that are no wider than this; a word that is, is cut.
    pub(crate) fn lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last().map_or("", String::as_str);
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            let fits = self.width(&longer, size) <= width;
            match lines.last_mut() {
                Some(line) if fits => *line = longer,
                _ => lines.push(self.cut(word, size, width)),
            }
        }
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// The text, or its beginning with an ellipsis where it is wider than this.
    pub(crate) fn cut(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut cut = String::new();
        for c in text.nfc() {
            let longer = format!("{cut}{c}…");
            if self.width(&longer, size) > width {
                break;
            }
            cut.push(c);
        }
        cut.push('…');
        cut
    }

    /// Writes the part of the font that was used.
    pub(crate) fn write(
        &self,
        pdf: &mut Pdf,
        refs: &FontRefs,
        compress: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Result<(), Unprintable> {
        let part =
            subsetter::subset(self.data, 0, &self.used).map_err(|why| Unprintable::Font(why.to_string()))?;
        let scale = 1000.0 / f32::from(self.face.units_per_em().max(1));
        let units = |units: i16| f32::from(units) * scale;
        pdf.type0_font(refs.font)
            .base_font(NAME)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(refs.cid)
            .to_unicode(refs.cmap);
        let mut cid = pdf.cid_font(refs.cid);
        cid.subtype(CidFontType::Type2)
            .base_font(NAME)
            .system_info(IDENTITY)
            .font_descriptor(refs.descriptor)
            .cid_to_gid_map_predefined(Name(b"Identity"))
            .default_width(600.0);
        let mut widths = cid.widths();
        for (glyph, (_, width)) in &self.glyphs {
            widths.same(*glyph, *glyph, *width);
        }
        widths.finish();
        cid.finish();
        let bounds = self.face.global_bounding_box();
        let bounds =
            Rect::new(units(bounds.x_min), units(bounds.y_min), units(bounds.x_max), units(bounds.y_max));
        pdf.font_descriptor(refs.descriptor)
            .name(NAME)
            .flags(FontFlags::NON_SYMBOLIC)
            .bbox(bounds)
            .italic_angle(0.0)
            .ascent(units(self.face.ascender()))
            .descent(units(self.face.descender()))
            .cap_height(units(self.face.capital_height().unwrap_or(self.face.ascender())))
            .stem_v(80.0)
            .font_file2(refs.file);
        let mut file = compress(&part);
        pdf.stream(refs.file, &file).filter(Filter::FlateDecode);
        let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
        for (glyph, (c, _)) in &self.glyphs {
            map.pair(*glyph, *c);
        }
        file = compress(map.finish().as_slice());
        pdf.stream(refs.cmap, &file).filter(Filter::FlateDecode);
        Ok(())
    }
}
