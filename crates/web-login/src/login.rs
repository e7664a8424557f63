//! The sign-in page and its password form.

use std::collections::BTreeMap;
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
    /// An app made for CAS approved, and it was too late or did not fit.
    AppFailed,
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
            let other = query.get("other").is_some();
            let is_declined = query.get("app") == Some("declined");
            Ok(page(&req, &web, &id, view, Asked { other, is_declined, ..Asked::default() }))
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
    answered(&req, &visitor, &id, Some(username), done).await
}

/// What a browser gets after a step that a form of another door asked for (`/cas/login`). `username`: what was typed;
/// none: an app approved.
pub fn after(
    req: HttpRequest,
    id: JourneyId,
    username: Option<String>,
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
    username: Option<String>,
    done: Result<Progress, Refusal>,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(req)?;
    let alert = match done {
        Ok(progress) => return answer::see_other(req, web, progress, id),
        Err(Refusal::SignInFailed | Refusal::Invalid { .. }) if username.is_none() => Alert::AppFailed,
        Err(Refusal::SignInFailed | Refusal::Invalid { .. }) => Alert::Failed,
        Err(Refusal::TooMany { retry_after }) => Alert::TooMany(retry_after),
        Err(Refusal::Busy { retry_after }) => Alert::Busy(retry_after),
        Err(other) => return Err(answer::refused(other, id)),
    };
    let signin = req.app_data::<Data<SignIn>>().ok_or_else(Refused::no_such_page)?;
    let asked = Asked { username: username.unwrap_or_default(), alert: Some(alert), ..Asked::default() };
    again(req, web, signin, visitor, id, asked).await
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
    /// In this browser it was said that what an app made for CAS approved is somebody else's.
    pub is_declined: bool,
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
        Some(Alert::PhoneFailed | Alert::AppFailed) => {
            (StatusCode::UNAUTHORIZED, Some(t.phone_failed.clone()))
        }
        Some(Alert::TooMany(_)) => (StatusCode::TOO_MANY_REQUESTS, Some(t.too_many.clone())),
        Some(Alert::Busy(_)) => (StatusCode::SERVICE_UNAVAILABLE, Some(t.busy.clone())),
    };
    let username = match (asked.username, shown.login_hint) {
        (typed, Some(hint)) if typed.is_empty() && !asked.other => domain::text::shown(&hint, 128),
        (typed, _) => typed,
    };
    let lead = asker.lead(&page, confirm.is_some());
    let mut login =
        Login::new(page, asker, lead, id.to_string(), offers.into()).with(confirm, username, alert);
    login.line = line(&shown.texts, login.page.lang);
    login.is_cas = shown.is_cas;
    login.is_app_next = matches!(asked.alert, Some(Alert::AppFailed));
    login.is_declined = asked.is_declined;
    let mut answer = login.answer(status);
    if let Some(Alert::TooMany(after) | Alert::Busy(after)) = asked.alert {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    answer
}

/// What the relying party says for itself, in the page's language or in English.
fn line(texts: &BTreeMap<String, String>, lang: &str) -> Option<String> {
    let of = |lang: &str| {
        texts
            .iter()
            .find(|(tag, _)| tag.split('-').next().is_some_and(|first| first.eq_ignore_ascii_case(lang)))
    };
    let (_, text) = texts.get_key_value(lang).or_else(|| of(lang)).or_else(|| of("en"))?;
    Some(domain::text::shown(text, 200)).filter(|line| !line.is_empty())
}
