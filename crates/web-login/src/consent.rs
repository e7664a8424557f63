//! The consent page, and taking consent back.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use journey::Step;
use signin::{Answer, SignIn};
use web::{Form, ManyForm, Query, Refused, Visitor, Web, origin};

use crate::answer;
use crate::pages::{Asker, Consent, ItemLine};

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
    let asked = view.consent.unwrap_or_default();
    let items = asked.items.iter().map(|item| ItemLine::of(item, &page)).collect();
    let name = domain::text::shown(who.account.display_name(), 80);
    Ok(Consent::new(page, asker, id.to_string(), name, items).answer(StatusCode::OK))
}

/// `POST /consent`.
pub async fn post(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    form: ManyForm,
) -> Result<HttpResponse, Refused> {
    let ManyForm { params: form, many: chosen } = form;
    let id = answer::checked(&req, &web, &visitor, &form)?;
    let answer = match form.get("decision") {
        Some("allow") => Answer::Allow(chosen),
        Some("deny") => Answer::Deny,
        _ => return Err(Refusal::Invalid { field: "decision", why: "must be allow or deny" }.into()),
    };
    match signin.consent(&id, &visitor, answer).await {
        Ok(progress) => answer::see_other(&req, &web, progress, &id),
        // Signed out or asked for more meanwhile: the journey's page says what is next.
        Err(Refusal::NotSignedIn | Refusal::StepUpNeeded) => answer::redirect(&answer::login_path(&id)),
        Err(other) => Err(answer::refused(other, &id)),
    }
}

/// `POST /consent/withdraw`: an app loses its access.
pub async fn withdraw(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf")).map_err(|refused| {
        if refused.code == "stale_form" { refused.onward("/".to_owned()) } else { refused }
    })?;
    let client = form.get("client").and_then(|id| id.parse().ok());
    let client = client.ok_or(Refusal::Invalid { field: "client", why: "is no client's id" })?;
    match signin.take_back(&visitor, &client).await {
        // The start page says what is next: signing in, or that the app is gone from the list.
        Ok(()) | Err(Refusal::NotSignedIn) => answer::redirect("/"),
        Err(other) => Err(other.into()),
    }
}
