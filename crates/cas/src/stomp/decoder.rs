//! Frames from a stream of bytes that may break anywhere.
//!
//! Owns: the grammar and its limits. Not here: what a frame means (`session`).

use super::{Frame, MAX_FRAME, Version};

const MAX_HEADERS: usize = 32;
const MAX_HEADER: usize = 1024;

/// The stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// More than [`MAX_FRAME`] bytes.
    #[error("Frame is too large")]
    TooLong,
    /// No command, no colon, no end of headers, or too many or too long headers.
    #[error("Headers are malformed")]
    Header,
    /// An escape that the version does not know.
    #[error("Illegal escape sequence in a header")]
    Escape,
    /// Headers that are not UTF-8.
    #[error("Headers are not UTF-8")]
    Encoding,
    /// `content-length` is no number, or no NUL follows the body.
    #[error("Content length does not fit the body")]
    Length,
}

/// Takes bytes as they come and gives whole frames. Between frames it skips line ends, which are heart-beats.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
    /// Up to where it was looked at in vain.
    tried: usize,
    version: Option<Version>,
}

impl Decoder {
    /// Fixes how headers are escaped from the next frame on. Before that they are not (CONNECT).
    pub const fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.tried = self.tried.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None`: more bytes are needed. After an error nothing sensible follows.
    ///
    /// # Errors
    /// See [`BadFrame`].
    pub fn frame(&mut self) -> Result<Option<Frame>, BadFrame> {
        while self.buffer.get(self.start).is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.start += 1;
        }
        let rest = &self.buffer[self.start..];
        // A frame ends with NUL: without a new one it cannot have become whole.
        let unseen = self.tried.saturating_sub(self.start);
        let read = if rest[unseen.min(rest.len())..].contains(&0) { read(rest, self.version)? } else { None };
        match read {
            Some((_, length)) if length > MAX_FRAME => Err(BadFrame::TooLong),
            Some((frame, length)) => {
                self.start += length;
                self.tried = self.start;
                Ok(Some(frame))
            }
            None if rest.len() >= MAX_FRAME => Err(BadFrame::TooLong),
            None => {
                self.tried = self.buffer.len();
                Ok(None)
            }
        }
    }
}

/// Reads one frame and says how many bytes it had.
fn read(bytes: &[u8], version: Option<Version>) -> Result<Option<(Frame, usize)>, BadFrame> {
    let mut at = 0;
    let Some(command) = line(bytes, &mut at)? else { return Ok(None) };
    let command = std::str::from_utf8(command).map_err(|_| BadFrame::Encoding)?;
    if command.is_empty() || command.len() > MAX_HEADER {
        return Err(BadFrame::Header);
    }
    let escapes = match command {
        "CONNECT" | "STOMP" | "CONNECTED" => None,
        _ => version.filter(|version| *version > Version::V10),
    };
    let mut headers = Vec::new();
    loop {
        let Some(line) = line(bytes, &mut at)? else { return Ok(None) };
        if line.is_empty() {
            break;
        }
        if headers.len() == MAX_HEADERS || line.len() > MAX_HEADER {
            return Err(BadFrame::Header);
        }
        let line = std::str::from_utf8(line).map_err(|_| BadFrame::Encoding)?;
        let (name, value) =
            line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(BadFrame::Header)?;
        headers.push(match escapes {
            None => (name.to_owned(), value.to_owned()),
            Some(_) => (unescaped(name)?, unescaped(value)?),
        });
    }
    let mut frame = Frame { command: command.to_owned(), headers, body: Vec::new() };
    let rest = &bytes[at..];
    let length = match frame.header("content-length") {
        Some(digits) => {
            let length: usize = digits.trim().parse().map_err(|_| BadFrame::Length)?;
            if length > MAX_FRAME {
                return Err(BadFrame::TooLong);
            }
            match rest.get(length) {
                Some(0) => length,
                Some(_) => return Err(BadFrame::Length),
                None => return Ok(None),
            }
        }
        None => match rest.iter().position(|byte| *byte == 0) {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    frame.body = rest[..length].to_vec();
    Ok(Some((frame, at + length + 1)))
}

/// The line at `at`, without its end; `None`: its end has not come.
fn line<'b>(bytes: &'b [u8], at: &mut usize) -> Result<Option<&'b [u8]>, BadFrame> {
    let rest = &bytes[*at..];
    let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | 0)) else { return Ok(None) };
    if rest[end] == 0 {
        return Err(BadFrame::Header);
    }
    *at += end + 1;
    Ok(Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end])))
}

fn unescaped(text: &str) -> Result<String, BadFrame> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('c') => ':',
                Some('\\') => '\\',
                _ => return Err(BadFrame::Escape),
            },
            other => other,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], version: Version) -> Result<Vec<Frame>, BadFrame> {
        let mut decoder = Decoder::default();
        decoder.set_version(version);
        decoder.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_stand_one_after_another_with_heart_beats_between() {
        let bytes = b"\n\r\n\nSEND\ndestination:/qr/accept\na:1\na:2\n\n{}\0\n\n\nDISCONNECT\r\nreceipt:x:y\r\n\r\n\0\n";
        let frames = all(bytes, Version::V12).unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!((frames[0].header("a"), frames[0].body.as_slice()), (Some("1"), b"{}".as_slice()));
        assert_eq!((frames[1].command.as_str(), frames[1].header("receipt")), ("DISCONNECT", Some("x:y")));
    }

    #[test]
    fn a_body_runs_to_its_length_or_to_the_first_nul() {
        let frames = all(b"SEND\ncontent-length:3\n\na\0b\0SEND\n\nab\0", Version::V12).unwrap();
        assert_eq!(
            (frames[0].body.as_slice(), frames[1].body.as_slice()),
            (b"a\0b".as_slice(), b"ab".as_slice())
        );
    }

    #[test]
    fn escapes_are_those_of_the_version() {
        let bytes = b"SEND\nk\\cey:a\\nb\\\\c\\r\n\n\0";
        assert_eq!(
            all(bytes, Version::V12).unwrap()[0].headers,
            [("k:ey".to_owned(), "a\nb\\c\r".to_owned())]
        );
        assert_eq!(
            all(bytes, Version::V10).unwrap()[0].headers,
            [("k\\cey".to_owned(), "a\\nb\\\\c\\r".to_owned())]
        );
        assert_eq!(all(b"CONNECT\na:\\t\n\n\0", Version::V12).unwrap()[0].header("a"), Some("\\t"));
        assert_eq!(all(b"SEND\na:\\t\n\n\0", Version::V11), Err(BadFrame::Escape));
        assert_eq!(all(b"SEND\na:x\\\n\n\0", Version::V11), Err(BadFrame::Escape));
    }

    #[test]
    fn what_is_no_frame_is_refused_by_name() {
        let many = format!("SEND\n{}\n\0", "a:1\n".repeat(33));
        let wide = format!("SEND\na:{}\n\n\0", "x".repeat(MAX_HEADER));
        for (bytes, why) in [
            (b"SEND\nno colon\n\n\0".as_slice(), BadFrame::Header),
            (b"SEND\n:empty\n\n\0", BadFrame::Header),
            (b"SEND\0", BadFrame::Header),
            (b"\0", BadFrame::Header),
            (b"SEND\na:1\0", BadFrame::Header),
            (many.as_bytes(), BadFrame::Header),
            (wide.as_bytes(), BadFrame::Header),
            (b"SEND\na:\xff\n\n\0", BadFrame::Encoding),
            (b"SE\xffND\n\n\0", BadFrame::Encoding),
            (b"SEND\ncontent-length:x\n\n\0", BadFrame::Length),
            (b"SEND\ncontent-length:-1\n\n\0", BadFrame::Length),
            (b"SEND\ncontent-length:1\n\nab\0", BadFrame::Length),
            (b"SEND\ncontent-length:99999\n\n\0", BadFrame::TooLong),
        ] {
            assert_eq!(all(bytes, Version::V12), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn a_frame_over_8_kb_is_refused_whole_or_in_parts() {
        let frame = |body: usize| [b"SEND\n\n".as_slice(), &vec![b'x'; body], b"\0"].concat();
        assert_eq!(all(&frame(MAX_FRAME - 7), Version::V12).unwrap().len(), 1);
        assert_eq!(all(&frame(MAX_FRAME - 6), Version::V12), Err(BadFrame::TooLong));
        let mut decoder = Decoder::default();
        let mut refused = None;
        for at in 0..MAX_FRAME {
            decoder.push(b"x");
            if let Err(error) = decoder.frame() {
                refused = Some((at, error));
            }
        }
        assert_eq!(refused, Some((MAX_FRAME - 1, BadFrame::TooLong)));
    }

    #[test]
    fn heart_beats_take_no_room() {
        let mut decoder = Decoder::default();
        for _ in 0..100_000 {
            decoder.push(b"\n");
            assert_eq!(decoder.frame(), Ok(None));
        }
        assert!(decoder.buffer.len() <= 1);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it_and_breaks_make_no_difference(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "[SEND\n:\\\\\r\u{0}a1nc-]{0,60}".prop_map(String::into_bytes),
            ],
            cut in 0usize..200,
        ) {
            let whole = all(&bytes, Version::V12);
            let mut decoder = Decoder::default();
            decoder.set_version(Version::V12);
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let mut frames = Ok(Vec::new());
            'parts: for part in [first, second] {
                decoder.push(part);
                loop {
                    match (decoder.frame(), &mut frames) {
                        (Ok(Some(frame)), Ok(frames)) => frames.push(frame),
                        (Ok(_), _) => break,
                        (Err(error), frames) => {
                            *frames = Err(error);
                            break 'parts;
                        }
                    }
                }
            }
            prop_assert_eq!(whole, frames);
        }

        #[test]
        fn what_is_encoded_is_decoded(
            name in "[a-z:\\\\]{1,8}", value in "[a-z:\\\\\r\n ü]{0,12}", body in "[^\u{0}]{0,40}", at in 0usize..2,
        ) {
            let version = [Version::V11, Version::V12][at];
            let text = super::super::encode("MESSAGE", &[(name.as_str(), value.as_str())], Some(&body), version);
            let frames = all(text.as_bytes(), version).unwrap();
            prop_assert_eq!(frames.len(), 1);
            prop_assert_eq!(frames[0].header(&name), Some(value.as_str()));
            prop_assert_eq!(&frames[0].body, body.as_bytes());
        }
    }
}
