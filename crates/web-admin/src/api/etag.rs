//! Versions in headers (RFC 9110 §8.8.3, §13.1.1).
//!
//! Owns: `ETag: "7"` and `If-Match`. Not here: comparing them, which the statement that changes does.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;

use super::problem::Failed;

/// A version as `ETag` has it.
pub(crate) fn text(version: i64) -> String {
    format!("\"{version}\"")
}

/// The version that `If-Match` names. None without the header, and for `*`.
pub(crate) fn if_match(req: &HttpRequest) -> Result<Option<i64>, Failed> {
    let mut all = req.headers().get_all(IF_MATCH);
    let Some(value) = all.next() else { return Ok(None) };
    let wrong = || Failed::invalid("If-Match", "must be one version in quotes, as ETag gave it");
    if all.next().is_some() {
        return Err(wrong());
    }
    let text = value.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(wrong)?;
    let is_number = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        // A tag that we never gave matches nothing.
        return Ok(Some(-1));
    }
    Ok(digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_version_survives_its_header() {
        let read = |value: &str| {
            if_match(&TestRequest::default().insert_header((IF_MATCH, value)).to_http_request())
        };
        assert_eq!(read(&text(7)).unwrap(), Some(7));
        assert_eq!(read("*").unwrap(), None);
        assert_eq!(read("\"abc\"").unwrap(), Some(-1));
        for bad in ["7", "W/\"7\"", "\"7", "\"1\", \"2\"x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(if_match(&TestRequest::default().to_http_request()).unwrap(), None);
        let twice =
            TestRequest::default().append_header((IF_MATCH, "\"1\"")).append_header((IF_MATCH, "\"1\""));
        assert!(if_match(&twice.to_http_request()).is_err());
    }
}
