//! The sign-in page and its password form.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::JourneyId;
use futures_util::future::LocalBoxFuture;
use journey::Step;
use secrecy::SecretString;
use signin::{Progress, SignIn, View};
use web::{Form, Query, Refused, Visitor, Web};

use crate::pages::{Asker, Login};
use crate::{answer, second_factor};

/// What went wrong with a try, in the page's words.
#[derive(Clone, Copy)]
pub enum Alert {
    Failed,
    TooMany(Duration),
    Busy(Duration),
    PhoneFailed,
}

/// `GET /login?journey=`; without a journey one of our own begins.
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    if query.get("journey").is_none() {
        let started = signin.default_journey(&visitor).await?;
        let mut answer = answer::redirect(&answer::login_path(&started.journey))?;
        answer::set_cookies(&mut answer, &started.cookies)?;
        return Ok(answer);
    }
    let id = answer::journey(query.get("journey"))?;
    let view = signin.journey(&id, &visitor).await?;
    match &view.step {
        Step::StartOver => Err(Refusal::Gone.into()),
        Step::Done => answer::see_other(&req, &web, signin.proceed(&id, &visitor).await?, &id),
        Step::Consent(_) => answer::redirect(&format!("/consent?journey={id}")),
        // Somebody who would rather use a passkey or a phone, or is somebody else.
        Step::SecondFactor(_) if query.get("other").is_some() => {
            let asked = Asked { other: true, ..Asked::default() };
            Ok(page(&req, &web, &id, view, asked))
        }
        Step::SecondFactor(asks) => {
            let asks = *asks;
            second_factor::page(&req, &web, &signin, &visitor, (&id, view, asks), None).await
        }
        Step::StepUp(_) if view.is_stuck && query.get("other").is_none() => {
            second_factor::stuck(&req, &web, &signin, &visitor, (&id, view)).await
        }
        Step::ChooseMethod(_) | Step::StepUp(_) => {
            let asked = Asked { other: query.get("other").is_some(), ..Asked::default() };
            Ok(page(&req, &web, &id, view, asked))
        }
    }
}

/// `POST /login/password`.
pub async fn password(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(mut form): Form,
) -> Result<HttpResponse, Refused> {
    let id = answer::checked(&req, &web, &visitor, &form)?;
    let username = form.take("username").unwrap_or_default();
    let password = SecretString::from(form.take("password").unwrap_or_default());
    let done = signin.password(&id, &visitor, &username, &password).await;
    answered(&req, &visitor, &id, username, done).await
}

/// What a browser gets after a step that a form of another door asked for (`/cas/login`).
pub fn after(
    req: HttpRequest,
    id: JourneyId,
    username: String,
    done: Result<Progress, Refusal>,
) -> LocalBoxFuture<'static, Result<HttpResponse, Refused>> {
    Box::pin(async move {
        let visitor = Visitor::of(&req, Web::of(&req)?);
        answered(&req, &visitor, &id, username, done).await
    })
}

/// On with the journey, or the page once more.
async fn answered(
    req: &HttpRequest,
    visitor: &Visitor,
    id: &JourneyId,
    username: String,
    done: Result<Progress, Refusal>,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(req)?;
    let alert = match done {
        Ok(progress) => return answer::see_other(req, web, progress, id),
        Err(Refusal::SignInFailed | Refusal::Invalid { .. }) => Alert::Failed,
        Err(Refusal::TooMany { retry_after }) => Alert::TooMany(retry_after),
        Err(Refusal::Busy { retry_after }) => Alert::Busy(retry_after),
        Err(other) => return Err(answer::refused(other, id)),
    };
    let signin = req.app_data::<Data<SignIn>>().ok_or_else(Refused::no_such_page)?;
    again(req, web, signin, visitor, id, Asked { username, alert: Some(alert), other: false }).await
}

/// What the page keeps from the try before.
#[derive(Default)]
pub struct Asked {
    /// The name that was typed.
    pub username: String,
    /// What went wrong.
    pub alert: Option<Alert>,
    /// The person wants to sign in as somebody else.
    pub other: bool,
}

/// The page once more, after a try that failed.
pub async fn again(
    req: &HttpRequest,
    web: &Web,
    signin: &SignIn,
    visitor: &Visitor,
    id: &JourneyId,
    asked: Asked,
) -> Result<HttpResponse, Refused> {
    let view = signin.journey(id, visitor).await?;
    match view.step {
        Step::ChooseMethod(_) | Step::StepUp(_) | Step::SecondFactor(_) => {
            Ok(page(req, web, id, view, asked))
        }
        // Meanwhile another tab went on.
        _ => answer::redirect(&answer::login_path(id)),
    }
}

fn page(req: &HttpRequest, web: &Web, id: &JourneyId, view: View, asked: Asked) -> HttpResponse {
    let View { step, shown, who, offers, .. } = view;
    let mut page = web.page(req, &shown.ui_locales);
    // A sign-in ends with a redirect to the one who asks, and browsers hold form-action against that too.
    page.policy.allow_form_to_host(&shown.host, page.is_https);
    let asker = Asker::of(&shown, &page);
    let confirm = match (&step, &who) {
        (Step::StepUp(_), Some(who)) if !asked.other && offers.password => {
            Some(who.account.username.as_str().to_owned())
        }
        _ => None,
    };
    let t = &page.t.login;
    let (status, alert) = match asked.alert {
        None => (StatusCode::OK, None),
        Some(Alert::Failed) => (StatusCode::UNAUTHORIZED, Some(t.failed.clone())),
        Some(Alert::PhoneFailed) => (StatusCode::UNAUTHORIZED, Some(t.phone_failed.clone())),
        Some(Alert::TooMany(_)) => (StatusCode::TOO_MANY_REQUESTS, Some(t.too_many.clone())),
        Some(Alert::Busy(_)) => (StatusCode::SERVICE_UNAVAILABLE, Some(t.busy.clone())),
    };
    let username = match (asked.username, shown.login_hint) {
        (typed, Some(hint)) if typed.is_empty() && !asked.other => domain::text::shown(&hint, 128),
        (typed, _) => typed,
    };
    let lead = asker.lead(&page, confirm.is_some());
    let journey = id.to_string();
    let mut answer =
        Login::new(page, asker, lead, journey, offers.into()).with(confirm, username, alert).answer(status);
    if let Some(Alert::TooMany(after) | Alert::Busy(after)) = asked.alert {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    answer
}
