//! The consent page.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use journey::Step;
use signin::SignIn;
use web::{Form, Query, Refused, Visitor, Web};

use crate::answer;
use crate::pages::{Asker, Consent, ScopeLine};

/// `GET /consent?journey=`.
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let id = answer::journey(query.get("journey"))?;
    let view = signin.journey(&id, &visitor).await?;
    let (Step::Consent(_), Some(who)) = (&view.step, &view.who) else {
        return answer::redirect(&answer::login_path(&id));
    };
    let shown = &view.shown;
    let mut page = web.page(&req, &shown.ui_locales);
    page.policy.allow_form_to_host(&shown.host, page.is_https);
    let asker = Asker::of(shown, &page);
    if let Some(logo) = &asker.logo {
        page.policy.allow_image_from(logo);
    }
    let (asked, already) = match &view.consent {
        // Nothing new to agree to, and the page asks all the same: all that the client gets is shown.
        Some(asked) if asked.scopes.is_empty() => (&shown.scopes, &asked.already),
        Some(asked) => (&asked.scopes, &asked.already),
        None => (&shown.scopes, &shown.scopes),
    };
    let scopes = asked.iter().map(|scope| ScopeLine::of(scope, already.contains(scope), &page)).collect();
    let name = domain::text::shown(who.account.display_name(), 80);
    let lead = asker.consent_lead(&page);
    Ok(Consent { page, asker, lead, journey: id.to_string(), name, scopes }.answer(StatusCode::OK))
}

/// `POST /consent`.
pub async fn post(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let id = answer::checked(&req, &web, &visitor, &form)?;
    let allow = match form.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(Refusal::Invalid { field: "decision", why: "must be allow or deny" }.into()),
    };
    match signin.consent(&id, &visitor, allow).await {
        Ok(progress) => answer::see_other(&req, &web, progress, &id),
        // Signed out or asked for more meanwhile: the journey's page says what is next.
        Err(Refusal::NotSignedIn | Refusal::StepUpNeeded) => answer::redirect(&answer::login_path(&id)),
        Err(other) => Err(answer::refused(other, &id)),
    }
}
