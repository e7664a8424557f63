//! Revocation: a client gives a token back.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use provider::{Provider, RevocationAsked};
use web::{Refused, Web, address};

use crate::{refusal, request};

pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let address = address::of(&req, Web::of(&req)?.trusted_proxies());
    let read = request::form(&req, &body).and_then(|params| Ok((params, request::authorization(&req)?)));
    let (params, authorization) = match read {
        Ok(read) => read,
        Err(error) => return Ok(refusal::json(StatusCode::BAD_REQUEST, error)),
    };
    match provider.revoke(RevocationAsked { authorization, params: &params, address }).await {
        // Whatever became of it (RFC 7009 §2.2).
        Ok(()) => Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .finish()),
        Err(refused) => Ok(refusal::of_token(refused)),
    }
}
