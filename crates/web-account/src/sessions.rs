//! Where the person is signed in.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::{BrowserSession, Method};
use registry::Registry;
use signin::SignIn;
use web::{Form, Query, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, answer, back_to, time};
use crate::pages::{Fact, SessionLine, SessionsPage};
use crate::texts::Texts;

const TAB: Tab = Tab::Sessions;

/// `GET /account/sessions`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let own = match signin.own_sessions(&visitor).await {
        Ok(own) => own,
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    let t = frame.t;
    frame.done = match query.get("done") {
        Some("ended") => Some(t.sessions.ended.clone()),
        Some("ended_others") => Some(t.sessions.ended_others.clone()),
        _ => None,
    };
    let phones = registry.devices_of(&frame.username).await?;
    let name_of = |session: &BrowserSession| {
        let phone = phones.iter().find(|owned| Some(owned.device.id) == session.device)?;
        Some(phone.device.name.as_str())
    };
    let line = |session: BrowserSession| SessionLine {
        is_this: session.id == own.this,
        id: session.id.to_string(),
        facts: facts(&session, name_of(&session), t),
        browser: domain::text::shown(&session.browser, 80),
    };
    let mut sessions: Vec<SessionLine> = own.sessions.into_iter().map(line).collect();
    sessions.sort_by_key(|session| !session.is_this);
    let cookie = frame.cookie.clone();
    answer(&SessionsPage { page, frame, t, sessions }, cookie.as_ref(), StatusCode::OK)
}

/// `phone`: what its owner calls the phone that approved.
fn facts(session: &BrowserSession, phone: Option<&str>, t: &Texts) -> Vec<Fact> {
    let mut by: Vec<String> = Vec::new();
    for proof in &session.proofs {
        let words = match proof.method {
            Method::Password => &t.sessions.by_password,
            Method::Passkey => &t.sessions.by_passkey,
            Method::Phone => &t.sessions.by_phone,
            Method::CasPhone => &t.sessions.by_cas,
            Method::Totp | Method::RecoveryCode => &t.sessions.by_code,
            Method::Recovery => &t.sessions.by_recovery,
        };
        let words = match (proof.method, phone) {
            (Method::Phone | Method::CasPhone, Some(name)) => {
                format!("{words} ({})", domain::text::shown(name, 60))
            }
            _ => words.clone(),
        };
        if !by.contains(&words) {
            by.push(words);
        }
    }
    let moment = |name: &str, at| {
        let (iso, shown) = time(at);
        (name.to_owned(), shown, Some(iso))
    };
    vec![
        (t.sessions.by.clone(), by.join(", "), None),
        moment(&t.sessions.since, session.created_at),
        moment(&t.sessions.used, session.last_used_at),
        (t.sessions.from.clone(), domain::text::shown(&session.address, 60), None),
    ]
}

/// `POST /account/sessions/end`
pub async fn end(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    match signin.end_own_session(&visitor, form.get("session").unwrap_or_default()).await {
        // One that is over meanwhile is what was wanted.
        Ok(()) | Err(app::Refusal::NotFound) => Ok(back_to(TAB, "ended")),
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}

/// `POST /account/sessions/end-others`
pub async fn end_others(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    match signin.end_own_other_sessions(&visitor).await {
        Ok(_) => Ok(back_to(TAB, "ended_others")),
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}
