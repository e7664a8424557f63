//! The endpoint for pushed authorization requests (RFC 9126).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use provider::{Provider, PushAsked};
use web::{Refused, Web, address};

use crate::{refusal, request};

pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let address = address::of(&req, Web::of(&req)?.trusted_proxies());
    let read = request::form(&req, &body)
        .and_then(|params| Ok((params, request::authorization(&req)?, request::proof(&req)?)));
    let (params, authorization, proof) = match read {
        Ok(read) => read,
        Err(error) => return Ok(refusal::json(StatusCode::BAD_REQUEST, error)),
    };
    let answer = match provider.push(PushAsked { authorization, proof, params: &params, address }).await {
        Ok(pushed) => HttpResponse::Created()
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .json(pushed),
        Err(refused) => refusal::of_token(refused),
    };
    Ok(request::with_nonce(&req, &provider, answer))
}
