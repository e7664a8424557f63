//! The authorization endpoint: browsers come here.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use oidc::Params;
use oidc::authorize::Shown;
use provider::{Outcome, Provider};
use web::{Refused, Visitor, Web, cookies};

use crate::{refusal, request};

/// The longest query that a form is turned into: what browsers and proxies still carry.
const LONGEST_QUERY: usize = 32 * 1024;

pub(crate) async fn get(
    req: HttpRequest,
    provider: Data<Provider>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(&req)?;
    let params = match Params::parse(req.query_string().as_bytes()) {
        Ok(params) => params,
        Err(bad) => return Ok(refusal::page(&req, web, Shown::Unreadable(bad))),
    };
    match provider.authorize(params, &visitor).await? {
        Outcome::Redirect(location) => Ok(see_other(&location)),
        Outcome::Form(form) => Ok(web::pages::response(web.page(&req, &[]), form)),
        Outcome::SignIn { url, browser } => {
            let mut answer = see_other(&url);
            if let Some(secret) = browser {
                let cookie = cookies::browser(&secret);
                answer.add_cookie(&cookie).map_err(|e| server_error().because(e))?;
            }
            Ok(answer)
        }
        Outcome::Page(shown) => Ok(refusal::page(&req, web, shown)),
    }
}

/// A form sent by another site comes without our cookies (SameSite=Lax). The same as a GET has them.
pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(&req)?;
    if !request::is_form(&req) {
        let why = "The body must be application/x-www-form-urlencoded.";
        return Ok(refusal::bad_form(&req, web, StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    if !req.query_string().is_empty() {
        let why = "Parameters come in the query and in the body.";
        return Ok(refusal::bad_form(&req, web, StatusCode::BAD_REQUEST, why));
    }
    let query = match Params::parse(&body) {
        Ok(params) => params.to_query(),
        Err(bad) => return Ok(refusal::page(&req, web, Shown::Unreadable(bad))),
    };
    if query.len() > LONGEST_QUERY {
        return Ok(refusal::page(&req, web, Shown::Unreadable(oidc::BadParams::TooLong)));
    }
    Ok(see_other(&format!("{}?{query}", provider.authorization_endpoint())))
}

/// 303: whatever the method was, the browser comes with GET and sends nothing onward (SEC-110).
fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

fn server_error() -> Refused {
    Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}
