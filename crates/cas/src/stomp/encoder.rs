//! Frames to text.
//!
//! Owns: escaping. Not here: which frames are sent (`session`).

use std::fmt::Write as _;

use super::Version;

/// A frame with its NUL. Headers of all frames but CONNECTED are escaped as the version wants; 1.0 knows no escapes,
/// so line ends become blanks there. `content-length` is added where there is a body.
#[must_use]
pub fn encode(command: &str, headers: &[(&str, &str)], body: Option<&str>, version: Version) -> String {
    let mut out = String::with_capacity(128 + body.map_or(0, str::len));
    out.push_str(command);
    out.push('\n');
    let escapes = version > Version::V10 && command != "CONNECTED";
    for (name, value) in headers {
        push(name, escapes, &mut out);
        out.push(':');
        push(value, escapes, &mut out);
        out.push('\n');
    }
    if let Some(body) = body {
        let _ = writeln!(out, "content-length:{}", body.len());
    }
    out.push('\n');
    out.push_str(body.unwrap_or_default());
    out.push('\0');
    out
}

fn push(text: &str, escapes: bool, out: &mut String) {
    for c in text.chars() {
        match (c, escapes) {
            ('\0', _) => {}
            ('\r', true) => out.push_str("\\r"),
            ('\n', true) => out.push_str("\\n"),
            (':', true) => out.push_str("\\c"),
            ('\\', true) => out.push_str("\\\\"),
            ('\r' | '\n', false) => out.push(' '),
            (other, _) => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_reference() {
        let connected = encode("CONNECTED", &[("version", "1.2"), ("heart-beat", "0,0")], None, Version::V12);
        assert_eq!(connected, "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0");
        let message = encode("MESSAGE", &[("a", "x:y\n\u{0}")], Some("ü"), Version::V11);
        assert_eq!(message, "MESSAGE\na:x\\cy\\n\ncontent-length:2\n\nü\0");
        assert_eq!(encode("ERROR", &[("a", "x:y\n\\")], None, Version::V10), "ERROR\na:x:y \\\n\n\0");
    }
}
