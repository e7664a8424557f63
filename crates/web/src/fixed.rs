//! Answers whose bytes are ready before anybody asks: discovery, JWKS, API descriptions.
//!
//! Owns: entity tags and the answer with them. Not here: making the bytes.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Ready bytes with their headers. Cloning copies no bytes.
#[derive(Debug, Clone)]
pub struct Fixed {
    body: Bytes,
    etag: HeaderValue,
    content_type: HeaderValue,
    cache: HeaderValue,
}

impl Fixed {
    /// `cache` is the `Cache-Control` value.
    #[must_use]
    pub fn new(content_type: &'static str, cache: &'static str, body: Bytes) -> Self {
        let etag =
            HeaderValue::from_str(&etag_of(&body)).unwrap_or_else(|_| HeaderValue::from_static("\"0\""));
        Self {
            body,
            etag,
            content_type: HeaderValue::from_static(content_type),
            cache: HeaderValue::from_static(cache),
        }
    }

    /// The bytes, or 304 when the asker has them.
    #[must_use]
    pub fn answer(&self, req: &HttpRequest) -> HttpResponse {
        let unchanged = self.etag.to_str().is_ok_and(|etag| is_known(req, etag));
        let mut answer =
            HttpResponse::build(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        answer.insert_header((CACHE_CONTROL, self.cache.clone())).insert_header((ETAG, self.etag.clone()));
        if unchanged {
            return answer.finish();
        }
        answer.insert_header((CONTENT_TYPE, self.content_type.clone())).body(self.body.clone())
    }
}

/// A strong entity tag, quoted (RFC 9110 §8.8.3).
#[must_use]
pub fn etag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let mut text = String::with_capacity(34);
    text.push('"');
    for byte in digest.iter().take(16) {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    text.push('"');
    text
}

/// Whether `If-None-Match` names this entity tag (weak comparison, RFC 9110 §13.1.2).
#[must_use]
pub fn is_known(req: &HttpRequest, etag: &str) -> bool {
    req.headers().get_all(IF_NONE_MATCH).filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(
        |known| {
            let known = known.trim();
            known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_known_answer_is_304_and_an_unknown_one_is_whole() {
        let fixed = Fixed::new("application/json", "public, max-age=60", Bytes::from_static(b"{}"));
        let first = fixed.answer(&TestRequest::default().to_http_request());
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers().get(ETAG).unwrap().to_str().unwrap().to_owned();
        for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let req = TestRequest::default().insert_header((IF_NONE_MATCH, known)).to_http_request();
            assert_eq!(fixed.answer(&req).status(), StatusCode::NOT_MODIFIED);
        }
        let req = TestRequest::default().insert_header((IF_NONE_MATCH, "\"other\"")).to_http_request();
        assert_eq!(fixed.answer(&req).status(), StatusCode::OK);
    }
}
