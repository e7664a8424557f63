//! The end session endpoint, which is our own sign-out page too: browsers come here.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use app::{FrontChannels, Refusal};
use oidc::Params;
use oidc::logout::Asked;
use provider::{LogoutOutcome, Provider, SignedOut};
use web::{Refused, Visitor, Web, cookies, origin};

use crate::pages::{LoggedOut, Logout, SigningOut};
use crate::{refusal, request};

/// The longest query that a form is turned into: what browsers and proxies still carry.
const LONGEST_QUERY: usize = 32 * 1024;
/// Our own page, where a browser goes that has nowhere else to go.
const HERE: &str = "/logout";

/// Signs out at once where the request says whose session and where to; asks the person otherwise.
pub(crate) async fn get(
    req: HttpRequest,
    provider: Data<Provider>,
    told: Data<FrontChannels>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let asked = read(&Params::parse(req.query_string().as_bytes()))?;
    let outcome = provider.end_session(&asked, &visitor, false).await?;
    answer(&req, &visitor, &told, (&asked, outcome), Method::Get).await
}

/// A yes in our form. What another site sends comes without our cookies (SameSite=Lax) and without our token: the
/// same as a GET has them, and signs nobody out without a question or a hint.
pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    told: Data<FrontChannels>,
    visitor: Visitor,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(&req)?;
    if !request::is_form(&req) {
        let why = "The body must be application/x-www-form-urlencoded.";
        return Ok(refusal::bad_form(&req, web, StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let params = Params::parse(&body);
    let asked = read(&params)?;
    let params = params.unwrap_or_default();
    let Some(token) = params.get("csrf") else {
        let query = params.to_query();
        if query.len() > LONGEST_QUERY || !req.query_string().is_empty() {
            return Err(unreadable());
        }
        return see_other(&format!("{}?{query}", provider.end_session_endpoint()));
    };
    origin::check_form(&req, web, visitor.browser.as_ref(), Some(token)).map_err(|refused| {
        if refused.code == "stale_form" { refused.onward(HERE.to_owned()) } else { refused }
    })?;
    let outcome = provider.end_session(&asked, &visitor, true).await?;
    answer(&req, &visitor, &told, (&asked, outcome), Method::Post).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

async fn answer(
    req: &HttpRequest,
    visitor: &Visitor,
    told: &FrontChannels,
    (asked, outcome): (&Asked, LogoutOutcome),
    method: Method,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(req)?;
    let mut page = web.page(req, &asked.ui_locales);
    match outcome {
        LogoutOutcome::Ask { name, onward } => {
            let cookie = web.ensure_browser(visitor, &mut page);
            // The answer to the form may be a redirect to there.
            if let Some(onward) = &onward {
                page.policy.allow_form_to(onward);
                page.is_https &= !onward.starts_with("http:");
            }
            let mut answer = Logout { page, name, fields: asked.fields() }.answer(StatusCode::OK);
            if let Some(cookie) = cookie {
                answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
            }
            Ok(answer)
        }
        LogoutOutcome::Out(SignedOut { left, onward }) => {
            let frames = match &left {
                Some(left) => told.frames(left).await?,
                None => Vec::new(),
            };
            let mut answer = match (frames.is_empty(), onward) {
                (true, Some(onward)) => see_other(&onward)?,
                // By GET, so that reloading asks for nothing again.
                (true, None) if method == Method::Post => see_other(HERE)?,
                (true, None) => LoggedOut { page }.answer(StatusCode::OK),
                (false, onward) => {
                    for frame in &frames {
                        page.policy.allow_frame_of(frame.as_str());
                        page.is_https &= frame.scheme() == "https";
                    }
                    let frames = frames.into_iter().map(String::from).collect();
                    let onward = onward.unwrap_or_else(|| HERE.to_owned());
                    SigningOut { page, frames, onward }.answer(StatusCode::OK)
                }
            };
            if visitor.session.is_some() {
                for cookie in [cookies::forget(cookies::SESSION), cookies::forget_state()] {
                    answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
                }
            }
            Ok(answer)
        }
    }
}

fn read(params: &Result<Params, oidc::BadParams>) -> Result<Asked, Refused> {
    params.as_ref().ok().and_then(|params| Asked::read(params).ok()).ok_or_else(unreadable)
}

fn unreadable() -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "invalid_request", "The request to sign out cannot be read.")
}

/// 303: whatever the method was, the browser comes with GET and sends nothing onward (SEC-110).
fn see_other(location: &str) -> Result<HttpResponse, Refused> {
    let location = HeaderValue::from_str(location).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
}
