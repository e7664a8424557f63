//! Style sheets, scripts and pictures, compiled in.
//!
//! Owns: the table made by `build.rs` from `themes/default/assets` (hashed names, gzip and brotli made once),
//! and answering with it. To add an asset, put a file there: `page.asset("dir/name.js")` gives its address;
//! scripts import one another by relative path (`import … from "./name.js"`).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::fixed;
use crate::refused::Refused;

/// One file of the theme.
#[derive(Debug)]
pub struct Asset {
    /// Its path below `assets`.
    pub name: &'static str,
    /// Its name below `/assets/`, with its hash.
    pub file: &'static str,
    etag: &'static str,
    content_type: &'static str,
    /// Its bytes.
    pub plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// All of them, sorted by name.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The asset with this path below `themes/default/assets`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.name.cmp(name)).ok().map(|at| &ASSETS[at])
}

/// All of them.
#[must_use]
pub fn all() -> &'static [Asset] {
    ASSETS
}

impl Asset {
    /// Its address on this server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("/assets/{}", self.file)
    }

    /// The answer under an address of its own that may change its content: asked again each time (`no-cache`,
    /// with an entity tag). For what cannot have a hash in its name, such as a service worker.
    #[must_use]
    pub fn revalidated(&self, req: &HttpRequest) -> HttpResponse {
        self.answer(req, "no-cache")
    }

    fn answer(&self, req: &HttpRequest, cache: &'static str) -> HttpResponse {
        let accepted = req.headers().get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (body, encoding) = match (self.brotli, self.gzip) {
            (Some(brotli), _) if accepts(accepted, "br") => (brotli, Some("br")),
            (_, Some(gzip)) if accepts(accepted, "gzip") => (gzip, Some("gzip")),
            _ => (self.plain, None),
        };
        let unchanged = fixed::is_known(req, self.etag);
        let mut answer =
            HttpResponse::build(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        answer
            .insert_header((CACHE_CONTROL, HeaderValue::from_static(cache)))
            .insert_header((ETAG, HeaderValue::from_static(self.etag)))
            .insert_header((VARY, HeaderValue::from_static("accept-encoding")));
        if unchanged {
            return answer.finish();
        }
        answer.insert_header((CONTENT_TYPE, HeaderValue::from_static(self.content_type)));
        if let Some(encoding) = encoding {
            answer.insert_header((CONTENT_ENCODING, HeaderValue::from_static(encoding)));
        }
        answer.body(body)
    }
}

/// Whether an `Accept-Encoding` names this coding without forbidding it (RFC 9110 §12.5.3).
#[must_use]
pub fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';');
        let is_it = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case(coding));
        is_it && !parts.any(|p| matches!(p.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// `GET /assets/{file}`.
pub async fn get(req: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Refused> {
    let asset = ASSETS.iter().find(|asset| asset.file == file.as_str()).ok_or_else(Refused::no_such_page)?;
    Ok(asset.answer(&req, FOR_EVER))
}

/// `GET /favicon.ico`, which some browsers ask for unbidden.
pub async fn favicon(req: HttpRequest) -> Result<HttpResponse, Refused> {
    let asset = find("icon.svg").ok_or_else(Refused::no_such_page)?;
    Ok(asset.answer(&req, "public, max-age=86400"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;
    use actix_web::test::TestRequest;

    #[test]
    fn names_are_sorted_and_hold_their_hash() {
        assert!(ASSETS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for asset in ASSETS {
            assert!(asset.file.starts_with(asset.etag.trim_matches('"')), "{}", asset.name);
            assert!(std::ptr::eq(find(asset.name).unwrap(), asset));
        }
    }

    #[test]
    fn the_smallest_accepted_form_is_sent() {
        let css = find("style.css").unwrap();
        for (accepted, expected) in
            [("gzip, br", Some("br")), ("gzip", Some("gzip")), ("br;q=0", None), ("", None)]
        {
            let req = TestRequest::default().insert_header((ACCEPT_ENCODING, accepted)).to_http_request();
            let answer = css.answer(&req, FOR_EVER);
            let encoding = answer.headers().get(CONTENT_ENCODING).map(|v| v.to_str().unwrap());
            assert_eq!(encoding, expected, "{accepted}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let css = find("style.css").unwrap();
        let req = TestRequest::default().insert_header(("if-none-match", css.etag)).to_http_request();
        let answer = css.answer(&req, FOR_EVER);
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.into_body().try_into_bytes().unwrap().len(), 0);
    }

    #[test]
    fn sec_150_assets_name_no_other_server() {
        for asset in ASSETS.iter().filter(|a| a.content_type.starts_with("text/")) {
            let text = std::str::from_utf8(asset.plain).unwrap();
            for (at, _) in text.match_indices("https://").chain(text.match_indices("http://")) {
                let rest = &text[at..];
                let is_name_space = rest.starts_with("http://www.w3.org/");
                let line = rest.lines().next().unwrap_or_default();
                assert!(is_name_space, "{} names {line}", asset.name);
            }
        }
    }
}
