//! The language and the address of what is sent, and what is known about the person.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use app::strength::FRESH;
use domain::Account;
use registry::Registry;
use serde_json::Value;
use signin::SignIn;
use web::{Form, Page, Params, Query, Refused, Visitor, Web};

use crate::details;
use crate::frame::{Asked, Tab, answer, back_to};
use crate::pages::SettingsPage;
use crate::texts::{Settings, Texts};

const TAB: Tab = Tab::Settings;
/// The languages of the built-in texts, by their own names.
const LANGUAGES: &[(&str, &str)] = &[("en", "English"), ("de", "Deutsch")];

/// `GET /account/settings`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let done = |t: &Texts| match query.get("done") {
        Some("saved") => Some(t.settings.saved.clone()),
        Some("sent") => Some(t.settings.email_sent.clone()),
        _ => None,
    };
    show(&asked, &registry, done, None, StatusCode::OK).await
}

async fn show(
    asked: &Asked<'_>,
    registry: &Registry,
    done: impl Fn(&Texts) -> Option<String>,
    alert: Option<fn(&Texts) -> &str>,
    status: StatusCode,
) -> Result<HttpResponse, Refused> {
    render(asked, registry, done, alert, (status, None)).await
}

/// The page; with what was typed where the form of details comes back.
async fn render(
    asked: &Asked<'_>,
    registry: &Registry,
    done: impl Fn(&Texts) -> Option<String>,
    alert: Option<fn(&Texts) -> &str>,
    (status, typed): (StatusCode, Option<&Params>),
) -> Result<HttpResponse, Refused> {
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let account = asked.signin.own_account(asked.visitor).await?;
    let t = frame.t;
    frame.done = done(t);
    frame.alert = alert.map(|sentence| sentence(t).to_owned());
    let words = &t.settings;
    let email = account.claims.get("email").and_then(Value::as_str).unwrap_or_default();
    let about = match (email, app::notices::confirmed_address(&account)) {
        ("", _) => &words.email_none,
        (_, Some(_)) => &words.email_confirmed,
        (_, None) => &words.email_unconfirmed,
    };
    let waiting = registry.waiting_email(&account.id).await?;
    let waiting = waiting.map(|it| page.say(&words.email_waiting, "address", &domain::text::shown(&it, 254)));
    let known = registry.own_claims(&account.id).await?;
    let version = typed.and_then(|typed| typed.text("version").parse().ok()).unwrap_or(known.version);
    let mut told = facts(&account, &page, words);
    for (definition, value) in &known.others {
        let value = domain::text::shown(&details::written(value, words).replace('\n', ", "), 400);
        told.push((definition.label(page.lang).to_owned(), value));
    }
    let view = SettingsPage {
        own: details::lines(&known, typed, &page, words),
        version,
        email: domain::text::shown(email, 254),
        email_about: about.clone(),
        email_waiting: waiting.unwrap_or_default(),
        has_mail: page.has_mail,
        facts: told,
        language: account.language.unwrap_or_default(),
        languages: LANGUAGES.to_vec(),
        page,
        frame,
        t,
    };
    let cookie = view.frame.cookie.clone();
    answer(&view, cookie.as_ref(), status)
}

fn facts(account: &Account, page: &Page, t: &Settings) -> Vec<(String, String)> {
    let mut facts = vec![(t.username.clone(), account.username.as_str().to_owned())];
    let known = &page.t.claims;
    for (claim, name) in [
        ("name", &known.name),
        ("given_name", &known.given_name),
        ("family_name", &known.family_name),
        ("phone_number", &known.phone_number),
    ] {
        if let Some(value) =
            account.claims.get(claim).and_then(Value::as_str).filter(|value| !value.is_empty())
        {
            facts.push((name.clone(), domain::text::shown(value, 200)));
        }
    }
    if !account.groups.is_empty() {
        facts.push((t.groups.clone(), domain::text::shown(&account.groups.join(", "), 400)));
    }
    facts
}

/// `POST /account/settings`
pub async fn post(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let language = match form.get("language").unwrap_or_default() {
        "" => None,
        tag if LANGUAGES.iter().any(|(known, _)| *known == tag) => Some(tag),
        _ => return Err(Refusal::Invalid { field: "language", why: "is none of ours" }.into()),
    };
    let account = match signin.own_account(&visitor).await {
        Ok(account) => account,
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    registry.choose_language(&account.id, language, &visitor).await?;
    Ok(back_to(TAB, "saved"))
}

/// `POST /account/settings/email`: sends a link to another address, or to this one to confirm it. Whoever has the mail of an
/// account can choose its password anew, so that it takes as strong a proof as other ways in.
pub async fn email(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = async {
        let who = signin.freshly_proven(&visitor, FRESH).await?;
        registry.ask_to_confirm(&who.account.id, form.get("email").unwrap_or_default()).await
    };
    let (alert, status): (fn(&Texts) -> &str, _) = match deed.await {
        Ok(()) => return Ok(back_to(TAB, "sent")),
        Err(Refusal::Invalid { field: "email", .. }) => (|t| &t.settings.email_bad, StatusCode::BAD_REQUEST),
        Err(Refusal::Conflict("mail_off")) => (|t| &t.settings.email_off, StatusCode::CONFLICT),
        Err(Refusal::TooMany { .. }) => (|t| &t.security.too_many, StatusCode::TOO_MANY_REQUESTS),
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    show(&asked, &registry, |_| None, Some(alert), status).await
}

/// `POST /account/settings/details`: claims that their owner may set.
pub async fn details(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let version = form.text("version").parse();
    let version = version.map_err(|_| Refusal::Invalid { field: "version", why: "is no number" })?;
    let deed = async {
        let account = signin.own_account(&visitor).await?;
        let known = registry.own_claims(&account.id).await?;
        match details::read(&known, &form) {
            Some(claims) => {
                registry.set_own_claims(&account.id, claims, version, &visitor).await.map(|()| true)
            }
            None => Ok(false),
        }
    };
    let (alert, status, typed): (fn(&Texts) -> &str, _, _) = match deed.await {
        Ok(true) => return Ok(back_to(TAB, "saved")),
        Ok(false) => (|t| &t.settings.own_bad, StatusCode::BAD_REQUEST, Some(&form)),
        Err(Refusal::Invalid { field: "claims", .. }) => {
            (|t| &t.settings.own_too_large, StatusCode::BAD_REQUEST, Some(&form))
        }
        // What others wrote is shown, and not written over.
        Err(Refusal::Outdated { .. }) => (|t| &t.settings.own_changed, StatusCode::CONFLICT, None),
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    render(&asked, &registry, |_| None, Some(alert), (status, typed)).await
}
