//! `GET /logo/{client_id}`: a relying party's logo, by us.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Bytes, Data, Path};
use app::Refusal;
use provider::Provider;
use web::Refused;

/// A picture that was opened by itself may do nothing at all.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// One pixel that is not seen: browsers show it in place of a torn picture, whatever the status.
const NOTHING: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

pub async fn get(provider: Data<Provider>, id: Path<String>) -> Result<HttpResponse, Refused> {
    let logo = match id.parse() {
        Ok(id) => provider.logo(&id).await,
        Err(_) => Err(Refusal::NotFound),
    };
    match logo {
        Ok(logo) => Ok(picture(StatusCode::OK, logo.content_type, logo.bytes.clone(), "max-age=3600")),
        Err(Refusal::NotFound) => {
            Ok(picture(StatusCode::NOT_FOUND, "image/gif", Bytes::from_static(NOTHING), "max-age=60"))
        }
        Err(other) => Err(other.into()),
    }
}

fn picture(status: StatusCode, kind: &'static str, bytes: Bytes, life: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(kind)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static(life)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
        .body(bytes)
}
