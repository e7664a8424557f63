//! SockJS frames and the clients' payloads.

use std::fmt::Write as _;

/// A frame to the client (§6.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// `o`
    Open,
    /// `h`
    HeartBeat,
    /// `a[…]`; the texts are not printed anywhere else.
    Messages(Vec<String>),
    /// `c[code,"reason"]`
    Close(u16, &'static str),
}

impl Frame {
    /// The regular end.
    pub const GO_AWAY: Self = Self::Close(3000, "Go away!");
    /// A second receiver while one is there.
    pub const STILL_OPEN: Self = Self::Close(2010, "Another connection still open");
    /// The network cut the receiver.
    pub const INTERRUPTED: Self = Self::Close(1002, "Connection interrupted");

    /// Messages in one frame.
    #[must_use]
    pub fn messages(texts: &[&str]) -> Self {
        Self::Messages(texts.iter().map(|&text| text.to_owned()).collect())
    }

    /// The frame's text: ASCII.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Open => "o".into(),
            Self::HeartBeat => "h".into(),
            Self::Messages(texts) => {
                let mut out = String::from("a[");
                for (at, text) in texts.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    push_json(text, &mut out);
                }
                out.push(']');
                out
            }
            Self::Close(code, reason) => {
                let mut out = format!("c[{code},");
                push_json(reason, &mut out);
                out.push(']');
                out
            }
        }
    }
}

/// Appends a JSON string in which all that is not plain ASCII is `\uXXXX`: more than SockJS demands, and never less.
fn push_json(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// A frame's text as a JavaScript string that may stand in a page.
pub(super) fn script_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 16);
    push_json(text, &mut quoted);
    quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A client's payload cannot be taken (§6.5). Over HTTP both are answered 500 with these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    /// Nothing there.
    #[error("Payload expected.")]
    Missing,
    /// No JSON array of strings, or more than 100 of them.
    #[error("Broken JSON encoding.")]
    Broken,
}

/// Reads the body of `xhr_send`: a JSON array of strings.
///
/// # Errors
/// See [`BadPayload`].
pub fn payload(body: &[u8]) -> Result<Vec<String>, BadPayload> {
    if body.is_empty() {
        return Err(BadPayload::Missing);
    }
    let texts: Vec<String> = serde_json::from_slice(body).map_err(|_| BadPayload::Broken)?;
    if texts.len() > super::MAX_PENDING { Err(BadPayload::Broken) } else { Ok(texts) }
}

/// Reads a message of the WebSocket transport: an array of strings or one string; nothing and `[]` mean nothing.
///
/// # Errors
/// [`BadPayload::Broken`]: the connection closes.
pub fn websocket_payload(text: &str) -> Result<Vec<String>, BadPayload> {
    match text.trim_start().as_bytes().first() {
        None => Ok(Vec::new()),
        Some(b'"') => Ok(vec![serde_json::from_str(text).map_err(|_| BadPayload::Broken)?]),
        Some(_) => payload(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_those_of_the_reference() {
        assert_eq!(
            Frame::messages(&["CONNECTED\n\n\0", "x\"\\"]).text(),
            "a[\"CONNECTED\\n\\n\\u0000\",\"x\\\"\\\\\"]"
        );
        assert_eq!(
            Frame::messages(&["ü\u{200c}\u{1F511}\u{7f}"]).text(),
            "a[\"\\u00fc\\u200c\\ud83d\\udd11\\u007f\"]"
        );
        assert_eq!(Frame::GO_AWAY.text(), "c[3000,\"Go away!\"]");
        assert_eq!(Frame::STILL_OPEN.text(), "c[2010,\"Another connection still open\"]");
        assert_eq!(Frame::Messages(Vec::new()).text(), "a[]");
    }

    #[test]
    fn payloads_are_read_or_refused_by_name() {
        assert_eq!(payload(br#"["a","b\u0000"]"#), Ok(vec!["a".into(), "b\0".into()]));
        assert_eq!(payload(b"[]"), Ok(Vec::new()));
        assert_eq!(payload(b""), Err(BadPayload::Missing));
        for bad in ["x", "\"a\"", "[1]", "[\"a\"", "{\"a\":\"b\"}", "null", "[[\"a\"]]", "[\"\\ud800\"]"] {
            assert_eq!(payload(bad.as_bytes()), Err(BadPayload::Broken), "{bad}");
        }
        assert_eq!(payload(&[0xff]), Err(BadPayload::Broken));
        let many = format!("[{}\"\"]", "\"\",".repeat(100));
        assert_eq!(payload(many.as_bytes()), Err(BadPayload::Broken));
        assert_eq!(websocket_payload(""), Ok(Vec::new()));
        assert_eq!(websocket_payload("[]"), Ok(Vec::new()));
        assert_eq!(websocket_payload(r#""a""#), Ok(vec!["a".into()]));
        assert_eq!(websocket_payload(r#"["a","b"]"#).map(|all| all.len()), Ok(2));
        for bad in ["x", "\"a", "1", "[1]"] {
            assert_eq!(websocket_payload(bad), Err(BadPayload::Broken), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn messages_survive_as_plain_ascii(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let text = Frame::Messages(texts.clone()).text();
            prop_assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert_eq!(payload(&text.as_bytes()[1..]), Ok(texts));
            let script = script_text(&text);
            prop_assert!(!script.contains(['<', '>', '&']));
            prop_assert_eq!(serde_json::from_str::<String>(&script).unwrap(), text);
        }
    }
}
