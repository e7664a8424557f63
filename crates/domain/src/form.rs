//! Names and values as forms and queries have them: `application/x-www-form-urlencoded`.
//!
//! Owns: decoding and encoding one of them. Not here: lists of parameters and what a repeated one means, which each
//! protocol rules for itself.

/// The text is no name or value of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// A broken percent sequence, bytes that are not UTF-8, or NUL.
    #[error("not correctly encoded")]
    Encoding,
    /// More bytes than allowed.
    #[error("too long")]
    TooLong,
}

/// Appends `text`, all but unreserved characters (RFC 3986 §2.3) percent-encoded. Both readers of queries
/// and readers of forms decode it to the same bytes, as neither `+` nor a blank stands in it.
pub fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            percent(byte, out);
        }
    }
}

/// Appends one byte as `%XX`.
pub fn percent(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Decodes one name or value of a form, of at most `max` bytes.
///
/// # Errors
/// See [`BadForm`].
pub fn decode(raw: &[u8], max: usize) -> Result<String, BadForm> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(|b| hex(*b)).ok_or(BadForm::Encoding)?;
                let low = rest.next().and_then(|b| hex(*b)).ok_or(BadForm::Encoding)?;
                high << 4 | low
            }
            plain => *plain,
        });
    }
    if bytes.len() > max {
        return Err(BadForm::TooLong);
    }
    if bytes.contains(&0) {
        return Err(BadForm::Encoding);
    }
    String::from_utf8(bytes).map_err(|_| BadForm::Encoding)
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let text = "a b+c/ü&=%\n\u{1f511}~";
        let mut out = String::new();
        percent_encode(text, &mut out);
        assert_eq!(out, "a%20b%2Bc%2F%C3%BC%26%3D%25%0A%F0%9F%94%91~");
        assert_eq!(decode(out.as_bytes(), 100), Ok(text.to_owned()));
        assert_eq!(decode(b"a+b", 100), Ok("a b".to_owned()));
    }

    #[test]
    fn what_is_ill_encoded_or_too_long_is_refused() {
        for bad in ["%", "%4", "%zz", "%ff", "%00", "%C3", "%C3%28"] {
            assert_eq!(decode(bad.as_bytes(), 100), Err(BadForm::Encoding), "{bad}");
        }
        assert_eq!(decode(b"%61bc", 3), Ok("abc".to_owned()));
        assert_eq!(decode(b"abcd", 3), Err(BadForm::TooLong));
    }
}
