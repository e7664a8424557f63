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

/// The question once more, when the page is loaded again.
pub(crate) async fn get(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let id: JourneyId = query.get("journey").and_then(|text| text.parse().ok()).ok_or(Refusal::Gone)?;
    match cas.signin.cas_confirmation(&id, &visitor).await {
        Ok(asked) => Ok(answer::kept_by_nobody(Confirm::of(&req, Web::of(&req)?, &visitor, &id, asked))),
        // Nothing waits: the journey's page knows how to go on.
        Err(Refusal::NotFound) => answer::see_other(&format!("/login?journey={id}")),
        Err(refusal) => Err(refusal.into()),
    }
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
        let done = cas.signin.cas_confirm(&id, &visitor).await;
        (cas.page)(req, id, String::new(), done).await?
    } else {
        cas.signin.cas_decline(&id, &visitor).await?;
        answer::see_other(&format!("/login?journey={id}"))?
    };
    Ok(answer::kept_by_nobody(answered))
}
