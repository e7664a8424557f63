//! From a use case's outcome to an answer: where the browser goes, and its new cookies.

use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use app::Landing;
use domain::JourneyId;
use signin::{NewCookies, Next, Progress};
use web::{Params, Refused, Visitor, Web, cookies, origin};

/// The journey a request names. Anything else is as good as one that is over (SEC-053).
pub fn journey(text: Option<&str>) -> Result<JourneyId, Refused> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| app::Refusal::Gone.into())
}

/// A refusal of a journey's form. What is refused for a moment only goes on at the journey's page.
pub fn refused(refusal: app::Refusal, id: &JourneyId) -> Refused {
    let refused = Refused::from(refusal);
    if refused.code == "temporarily_unavailable" { refused.onward(login_path(id)) } else { refused }
}

/// The page of a journey.
pub fn login_path(id: &JourneyId) -> String {
    format!("/login?journey={id}")
}

/// The checks of a form that a script sends, and the journey it names.
pub fn checked_script(
    req: &HttpRequest,
    web: &Web,
    visitor: &Visitor,
    form: &Params,
) -> Result<JourneyId, Refused> {
    origin::must_be_ours(req, web)?;
    checked(req, web, visitor, form)
}

/// The checks of a plain form, and the journey it names. A page that is out of date is shown the way on.
pub fn checked(req: &HttpRequest, web: &Web, visitor: &Visitor, form: &Params) -> Result<JourneyId, Refused> {
    let id = journey(form.get("journey"));
    match origin::check_form(req, web, visitor.browser.as_ref(), form.get("csrf")) {
        Ok(()) => id,
        Err(refused) if refused.code == "stale_form" => Err(match id {
            Ok(id) => refused.onward(login_path(&id)),
            Err(_) => refused,
        }),
        Err(refused) => Err(refused),
    }
}

/// 303 (RFC 9700 §4.12), or the page whose form goes to the relying party, with the new cookies.
pub fn see_other(
    req: &HttpRequest,
    web: &Web,
    progress: Progress,
    id: &JourneyId,
) -> Result<HttpResponse, Refused> {
    let Progress { next, cookies } = progress;
    let mut answer = match next {
        Next::Land(Landing::SeeOther(url) | Landing::Local(url)) => redirect(&url)?,
        Next::Land(Landing::Form(form)) => web::pages::response(web.page(req, &[]), form),
        Next::Ask => redirect(&login_path(id))?,
    };
    set_cookies(&mut answer, &cookies)?;
    Ok(answer)
}

/// The same for a script: `{"location": …}`, or `{"form": {"action": …, "fields": [[name, value], …]}}`.
pub fn location(progress: Progress, id: &JourneyId) -> Result<HttpResponse, Refused> {
    let Progress { next, cookies } = progress;
    let body = match next {
        Next::Land(Landing::SeeOther(url) | Landing::Local(url)) => serde_json::json!({ "location": url }),
        Next::Land(Landing::Form(form)) => serde_json::json!({ "form": form }),
        Next::Ask => serde_json::json!({ "location": login_path(id) }),
    };
    let mut answer = HttpResponse::Ok().json(body);
    set_cookies(&mut answer, &cookies)?;
    Ok(answer)
}

/// 303 to an address of ours or one that an ending checked.
pub fn redirect(to: &str) -> Result<HttpResponse, Refused> {
    let to = HeaderValue::from_str(to).map_err(|error| app::Refusal::Corrupt(error.to_string()))?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, to)).finish())
}

/// Sets what is new.
pub fn set_cookies(answer: &mut HttpResponse, new: &NewCookies) -> Result<(), Refused> {
    let all = [
        new.session.as_ref().map(cookies::session),
        new.browser.as_ref().map(cookies::browser),
        new.known.as_ref().map(cookies::known),
    ];
    let state = new.state.as_deref().map(cookies::state);
    for cookie in all.into_iter().flatten().chain(state) {
        answer.add_cookie(&cookie).map_err(|error| app::Refusal::Corrupt(error.to_string()))?;
    }
    Ok(())
}
