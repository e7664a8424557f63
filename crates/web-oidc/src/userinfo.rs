//! Userinfo: who holds an access token learns the claims it stands for.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use oidc::bearer::Scheme;
use oidc::{OAuthError, Params, bearer};
use provider::{Provider, UserinfoAnswer, UserinfoAsked};

use crate::{refusal, request};

pub(crate) async fn get(req: HttpRequest, provider: Data<Provider>) -> HttpResponse {
    answer(&req, &provider, None).await
}

/// The token may be in a form (RFC 6750 §2.2); a body that is none does not matter, it may be empty.
pub(crate) async fn post(req: HttpRequest, provider: Data<Provider>, body: Bytes) -> HttpResponse {
    if body.is_empty() {
        return answer(&req, &provider, None).await;
    }
    if !request::is_form(&req) {
        let why = "The body must be application/x-www-form-urlencoded";
        return refusal::of_bearer(OAuthError::invalid_request(why));
    }
    match request::params(&body) {
        Ok(form) => answer(&req, &provider, Some(&form)).await,
        Err(error) => refusal::of_bearer(error),
    }
}

async fn answer(req: &HttpRequest, provider: &Provider, form: Option<&Params>) -> HttpResponse {
    let found = request::query(req).and_then(|query| {
        let authorization = request::authorization(req)?;
        bearer::token(authorization, &query, form)
    });
    let presented = match found {
        Err(error) => return refusal::of_bearer(error),
        Ok(None) => return refusal::no_token(),
        Ok(Some(presented)) => presented,
    };
    let proof = match request::proof(req) {
        Ok(proof) => proof,
        Err(error) => return refusal::of_proof(error),
    };
    let asked = UserinfoAsked { presented, proof, method: req.method().as_str() };
    let (body, content_type) = match provider.userinfo(asked).await {
        Ok(UserinfoAnswer::Json(body)) => (body, "application/json"),
        Ok(UserinfoAnswer::Jwt(body)) => (body, "application/jwt"),
        Err(refused) => {
            let answer = refusal::of_userinfo(refused, presented.scheme);
            return if presented.scheme == Scheme::Dpop {
                request::put_nonce(provider, answer)
            } else {
                answer
            };
        }
    };
    let answer = HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .body(body);
    request::with_nonce(req, provider, answer)
}
