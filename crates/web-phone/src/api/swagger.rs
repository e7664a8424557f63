//! Swagger UI, from the program alone.
//!
//! Owns: its few files (`build.rs` takes them out of the vendored archive, compressed) and answering with
//! them. Not here: the document they show (`docs`).

use std::io::Read as _;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    VARY,
};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use web::{Refused, assets};

/// Swagger UI needs its own scripts and styles, pictures as data, and the document.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    object-src 'none'";

enum Bytes {
    Plain(&'static str),
    Gzip(&'static [u8]),
}

fn find(file: &str) -> Option<(&'static str, Bytes)> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Some(match file {
        "" | "index.html" => ("text/html; charset=utf-8", Bytes::Plain(include_str!("swagger.html"))),
        "swagger-initializer.js" => (SCRIPT, Bytes::Plain(include_str!("swagger.js"))),
        "swagger-ui-bundle.js" => {
            (SCRIPT, Bytes::Gzip(include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"))))
        }
        "swagger-ui.css" => (
            "text/css; charset=utf-8",
            Bytes::Gzip(include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"))),
        ),
        "favicon-32x32.png" => {
            ("image/png", Bytes::Gzip(include_bytes!(concat!(env!("OUT_DIR"), "/favicon-32x32.png.gz"))))
        }
        _ => return None,
    })
}

/// `GET /api/docs/{file}`.
pub(super) async fn page(req: HttpRequest, file: Path<String>) -> Result<HttpResponse, Refused> {
    let (content_type, bytes) = find(&file).ok_or_else(Refused::no_such_page)?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")))
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)));
    Ok(match bytes {
        Bytes::Plain(text) => answer.body(text),
        Bytes::Gzip(packed) => {
            answer.insert_header((VARY, HeaderValue::from_static("accept-encoding")));
            let accepted = req.headers().get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok());
            if accepted.is_some_and(|header| assets::accepts(header, "gzip")) {
                answer.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip"))).body(packed)
            } else {
                answer.body(unpacked(packed))
            }
        }
    })
}

/// For those who do not take gzip: hardly anybody.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    // What was packed at build time is whole; an empty answer would show otherwise.
    let _read = GzDecoder::new(packed).read_to_end(&mut plain);
    plain
}
