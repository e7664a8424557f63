//! The language of what is sent, and what is known about the person.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::Account;
use registry::Registry;
use serde_json::Value;
use signin::SignIn;
use web::{Form, Page, Query, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, answer, back_to};
use crate::pages::SettingsPage;
use crate::texts::Settings;

const TAB: Tab = Tab::Settings;
/// The languages of the built-in texts, by their own names.
const LANGUAGES: &[(&str, &str)] = &[("en", "English"), ("de", "Deutsch")];

/// `GET /account/settings`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let account = signin.own_account(&visitor).await?;
    let t = frame.t;
    frame.done = (query.get("done") == Some("saved")).then(|| t.settings.saved.clone());
    let facts = facts(&account, &page, &t.settings);
    let language = account.language.unwrap_or_default();
    let languages = LANGUAGES.to_vec();
    let cookie = frame.cookie.clone();
    answer(&SettingsPage { page, frame, t, language, languages, facts }, cookie.as_ref(), StatusCode::OK)
}

fn facts(account: &Account, page: &Page, t: &Settings) -> Vec<(String, String)> {
    let mut facts = vec![(t.username.clone(), account.username.as_str().to_owned())];
    let known = &page.t.claims;
    for (claim, name) in [
        ("name", &known.name),
        ("given_name", &known.given_name),
        ("family_name", &known.family_name),
        ("email", &known.email),
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
