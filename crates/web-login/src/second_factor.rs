//! The page after a right password, and the one of a recovery's link. Both work by plain forms; the second takes its token
//! from the address by a script, so that no server or log sees it there.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::{JourneyId, Recovery, RecoveryState};
use journey::{SecondFactors, Step};
use secrecy::SecretString;
use signin::{SignIn, TotpSetup, View};
use web::{Form, Refused, Visitor, Web, origin};

use crate::answer;
use crate::login::Alert;
use crate::pages::Asker;

web::pages! {
    /// A code after the password: `code`, `recovery`, `setup`, or `unmet`; `stuck` where nothing that is left on the account
    /// could meet what is asked for.
    SecondFactor {
        /// Which of them.
        stage: &'static str,
        /// Who asks.
        asker: Asker,
        /// The sentence under the heading: before, the name, after.
        lead: (String, String, String),
        /// What it says.
        words: Words,
        /// The journey's id.
        journey: String,
        /// The app to be set up.
        setup: Option<Setup>,
        /// What went wrong.
        alert: Option<String>,
    } "pages/second-factor.html" samples_of::second_factor;
    /// The link of a recovery.
    Recover {
        /// The link's secret, where the form comes back.
        token: String,
        /// The link is over.
        is_over: bool,
        /// What went wrong.
        alert: Option<String>,
        /// The recovery of whoever is signed in, in a sentence.
        running: Option<String>,
    } "pages/recover.html" samples_of::recover;
}

/// What the page says.
#[derive(Debug, Clone)]
pub struct Words {
    /// The heading.
    pub title: String,
    /// What to do.
    pub lead: String,
    /// On the button.
    pub button: String,
}

/// An app to be set up, as the page shows it.
pub struct Setup {
    /// The key in groups.
    pub secret: String,
    /// The QR code: drawn by us.
    pub svg: String,
}

impl From<TotpSetup> for Setup {
    fn from(setup: TotpSetup) -> Self {
        Self { secret: setup.secret, svg: setup.svg }
    }
}

const fn stage_of(asks: SecondFactors) -> &'static str {
    match asks {
        SecondFactors { totp: true, .. } => "code",
        SecondFactors { recovery_code: true, .. } => "recovery",
        SecondFactors { setup: true, .. } => "setup",
        SecondFactors { .. } => "unmet",
    }
}

fn words_of(stage: &str, page: &web::Page) -> Words {
    let t = &page.t.second_factor;
    let (title, lead, button) = match stage {
        "code" => (&t.title, &t.lead, &t.submit),
        "recovery" => (&t.title, &t.lead_recovery, &t.submit),
        "setup" => (&t.setup_title, &t.setup_lead, &t.setup_submit),
        "stuck" => (&t.stuck_title, &t.stuck, &t.submit),
        _ => (&t.unmet_title, &t.unmet, &t.submit),
    };
    Words { title: title.clone(), lead: lead.clone(), button: button.clone() }
}

/// The page of a journey that asks for more than is left on the account of whoever is signed in.
pub async fn stuck(
    req: &HttpRequest,
    web: &Web,
    signin: &SignIn,
    visitor: &Visitor,
    (id, view): (&JourneyId, View),
) -> Result<HttpResponse, Refused> {
    page(req, web, signin, visitor, (id, view, SecondFactors::default()), None).await
}

/// The page of a journey whose password was right.
pub async fn page(
    req: &HttpRequest,
    web: &Web,
    signin: &SignIn,
    visitor: &Visitor,
    (id, view, asks): (&JourneyId, View, SecondFactors),
    alert: Option<Alert>,
) -> Result<HttpResponse, Refused> {
    let setup = match asks.setup {
        true => Some(signin.second_factor_setup(id, visitor).await?.into()),
        false => None,
    };
    let mut page = web.page(req, &view.shown.ui_locales);
    page.policy.allow_form_to_host(&view.shown.host, page.is_https);
    let stage = if view.is_stuck { "stuck" } else { stage_of(asks) };
    let words = words_of(stage, &page);
    let asker = Asker::of(&view.shown, &page);
    let lead = asker.lead(&page, false);
    let (status, sentence, after) = said(alert, &page);
    let journey = id.to_string();
    let mut answer =
        SecondFactor { page, stage, asker, lead, words, journey, setup, alert: sentence }.answer(status);
    if let Some(after) = after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    Ok(answer)
}

fn said(alert: Option<Alert>, page: &web::Page) -> (StatusCode, Option<String>, Option<std::time::Duration>) {
    let (login, t) = (&page.t.login, &page.t.second_factor);
    match alert {
        None => (StatusCode::OK, None, None),
        Some(Alert::Failed | Alert::PhoneFailed | Alert::AppFailed) => {
            (StatusCode::UNAUTHORIZED, Some(t.failed.clone()), None)
        }
        Some(Alert::TooMany(after)) => {
            (StatusCode::TOO_MANY_REQUESTS, Some(login.too_many.clone()), Some(after))
        }
        Some(Alert::Busy(after)) => (StatusCode::SERVICE_UNAVAILABLE, Some(login.busy.clone()), Some(after)),
    }
}

/// `POST /login/second-factor`.
pub async fn post(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(mut form): Form,
) -> Result<HttpResponse, Refused> {
    let id = answer::checked(&req, &web, &visitor, &form)?;
    let code = form.take("code").unwrap_or_default();
    let alert = match signin.second_factor(&id, &visitor, &code).await {
        Ok(progress) => return answer::see_other(&req, &web, progress, &id),
        Err(Refusal::SignInFailed | Refusal::Invalid { .. }) => Alert::Failed,
        Err(Refusal::TooMany { retry_after }) => Alert::TooMany(retry_after),
        Err(Refusal::Busy { retry_after }) => Alert::Busy(retry_after),
        // It waited too long, or another tab went on.
        Err(Refusal::StepUpNeeded) => return answer::redirect(&answer::login_path(&id)),
        Err(other) => return Err(answer::refused(other, &id)),
    };
    let view = signin.journey(&id, &visitor).await?;
    match view.step {
        Step::SecondFactor(asks) => page(&req, &web, &signin, &visitor, (&id, view, asks), Some(alert)).await,
        _ => answer::redirect(&answer::login_path(&id)),
    }
}

/// `GET /recover`: the token stands in the fragment.
pub async fn recover_page(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let mut page = web.page(&req, &[]);
    let cookie = web.ensure_browser(&visitor, &mut page);
    let running = signin.own_recovery(&visitor).await?.map(|recovery| running(&page, &recovery));
    let mut answer =
        Recover { page, token: String::new(), is_over: false, alert: None, running }.answer(StatusCode::OK);
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

/// What its owner is told of a recovery that is not over.
fn running(page: &web::Page, recovery: &Recovery) -> String {
    let t = &page.t.recover;
    let (sentence, at) = match recovery.state {
        RecoveryState::Completed => (&t.running_link, recovery.expires_at),
        _ => (&t.running, recovery.ready_at),
    };
    let at = at.rfc3339();
    let shown = format!("{} {} UTC", at.get(..10).unwrap_or_default(), at.get(11..16).unwrap_or_default());
    page.say(sentence, "time", &shown)
}

/// `POST /recover`: goes on where a passkey is added.
pub async fn recover(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(mut form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf"))?;
    let token = form.take("token").unwrap_or_default();
    let password = form.take("password").filter(|text| !text.is_empty()).map(SecretString::from);
    let code = form.take("code");
    let taken = signin.redeem_recovery(&visitor, &token, password.as_ref(), code.as_deref()).await;
    let page = || web.page(&req, &[]);
    let again = |status, sentence: String, after: Option<std::time::Duration>| {
        let is_plain =
            token.len() <= 64 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let token = if is_plain { token.clone() } else { String::new() };
        let mut page = page();
        page.csrf = visitor.browser.as_ref().map(origin::csrf_token).unwrap_or_default();
        let mut answer =
            Recover { page, token, is_over: false, alert: Some(sentence), running: None }.answer(status);
        if let Some(after) = after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        answer
    };
    match taken {
        Ok(cookies) => {
            let mut answer = answer::redirect("/login/passkey/new")?;
            answer::set_cookies(&mut answer, &cookies)?;
            Ok(answer)
        }
        Err(Refusal::SignInFailed | Refusal::Invalid { .. }) => {
            Ok(again(StatusCode::UNAUTHORIZED, page().t.recover.failed.clone(), None))
        }
        Err(Refusal::TooMany { retry_after }) => {
            let sentence = page().t.login.too_many.clone();
            Ok(again(StatusCode::TOO_MANY_REQUESTS, sentence, Some(retry_after)))
        }
        Err(Refusal::Gone) => {
            let page = page();
            let alert = Some(page.t.recover.over.clone());
            Ok(Recover { page, token: String::new(), is_over: true, alert, running: None }
                .answer(StatusCode::GONE))
        }
        Err(other) => Err(other.into()),
    }
}

mod samples_of {
    //! Pages as people may meet them.

    use app::journeys::Shown;
    use web::Page;

    use super::*;

    pub fn second_factor(page: &dyn Fn() -> Page) -> Vec<(&'static str, SecondFactor)> {
        let of = |stage, setup, alert: Option<String>| {
            let page = page();
            let shown = Shown {
                client_id: "shop".parse().ok(),
                client_name: "Corner Shop".to_owned(),
                host: "shop.example".to_owned(),
                ..Shown::default()
            };
            let asker = Asker::of(&shown, &page);
            let lead = asker.lead(&page, false);
            let words = words_of(stage, &page);
            let journey = "jrn_aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned();
            SecondFactor { page, stage, asker, lead, words, journey, setup, alert }
        };
        let svg = signin::phone::drawn("otpauth://totp/Latchbolt:ada?secret=ABCD").unwrap_or_default();
        let setup = Setup { secret: "ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567".to_owned(), svg };
        vec![
            ("code", of("code", None, None)),
            ("failed", of("code", None, Some(page().t.second_factor.failed.clone()))),
            ("recovery", of("recovery", None, None)),
            ("setup", of("setup", Some(setup), None)),
            ("unmet", of("unmet", None, None)),
            ("stuck", of("stuck", None, None)),
        ]
    }

    pub fn recover(page: &dyn Fn() -> Page) -> Vec<(&'static str, Recover)> {
        let of =
            |is_over, alert| Recover { page: page(), token: String::new(), is_over, alert, running: None };
        let running = page().say(&page().t.recover.running, "time", "2026-11-22 09:14 UTC");
        vec![
            ("open", of(false, None)),
            ("running", Recover { running: Some(running), ..of(false, None) }),
            ("failed", of(false, Some(page().t.recover.failed.clone()))),
            ("over", of(true, Some(page().t.recover.over.clone()))),
        ]
    }
}
