//! What scripts of other sites may do here (Fetch §3.3): call endpoints that need no cookie.
//!
//! Owns: the headers and the answer to preflights. Every site is let in and none ever with credentials: what these
//! endpoints give hangs on a code, a secret or a token that the script itself must have (SEC-135).

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    HeaderValue, ORIGIN,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

/// A script may read the answer although it comes from another site.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const ALLOWED: HeaderValue = HeaderValue::from_static("authorization, content-type, dpop");
const EXPOSED: HeaderValue = HeaderValue::from_static("dpop-nonce, www-authenticate, retry-after");
/// An hour: it never changes while the program runs.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// Opens a resource with these methods to scripts of any site.
pub(crate) async fn open(
    methods: &'static str,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let headers = request.headers();
    let is_foreign = headers.contains_key(ORIGIN);
    let is_preflight = request.method() == Method::OPTIONS
        && is_foreign
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        let answer = HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods)))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED))
            .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE))
            .finish();
        request.into_response(answer)
    } else {
        next.call(request).await?
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    if is_foreign {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    Ok(response)
}
