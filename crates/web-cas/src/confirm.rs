//! `/cas/login/confirm`: the person says that the account which an app approved is theirs (cas-wire C-11).

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use cas::Params;
use domain::JourneyId;
use web::{Query, Refused, Visitor, Web};

use crate::login::{content_type, journey, unreadable};
use crate::pages::Confirm;
use crate::{Cas, answer};

/// Where the question of a journey is.
pub(crate) fn path(id: &JourneyId) -> String {
    format!("/cas/login/confirm?journey={id}")
}

/// The question.
pub(crate) async fn get(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let id: JourneyId = query.get("journey").and_then(|text| text.parse().ok()).ok_or(Refusal::Gone)?;
    let asked = match cas.signin.cas_confirmation(&id, &visitor).await {
        Ok(asked) => asked,
        // Nothing waits: the journey's page knows how to go on.
        Err(Refusal::NotFound) => return answer::see_other(&format!("/login?journey={id}")),
        Err(refusal) => return Err(refusal.into()),
    };
    let shown = cas.signin.journey(&id, &visitor).await?.shown;
    let mut page = Web::of(&req)?.page(&req, &shown.ui_locales);
    // The form's answer is a redirect to the relying party, and browsers hold form-action against that too.
    page.policy.allow_form_to_host(&shown.host, page.is_https);
    let page = Confirm::new(page, &shown, &id, asked);
    Ok(answer::kept_by_nobody(page.answer(StatusCode::OK)))
}

/// The answer.
pub(crate) async fn post(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    if !cas::rest::is_form(content_type(&req)) {
        return Err(Refused::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let form = Params::parse(&body).map_err(|_| unreadable())?;
    let id =
        journey(&req, Web::of(&req)?, &visitor, form.get("execution"))?.ok_or_else(Refused::stale_form)?;
    let answered = if form.get("answer") == Some("yes") {
        // Too late for this approval is not too late for the journey: its page shows another code.
        let done = match cas.signin.cas_confirm(&id, &visitor).await {
            Err(Refusal::Gone) => Err(Refusal::SignInFailed),
            done => done,
        };
        (cas.page)(req, id, None, done).await?
    } else {
        match cas.signin.cas_decline(&id, &visitor).await {
            Ok(()) | Err(Refusal::Gone) => answer::see_other(&format!("/login?journey={id}&app=declined"))?,
            Err(refusal) => return Err(refusal.into()),
        }
    };
    Ok(answer::kept_by_nobody(answered))
}
