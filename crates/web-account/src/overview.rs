//! The first page: how the account stands, what is worth doing, what happened lately.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use registry::Registry;
use signin::{Factors, SignIn};
use web::{Page, Query, Refused, Visitor, Web};

use crate::activity;
use crate::frame::{Asked, Tab, answer};
use crate::pages::OverviewPage;
use crate::texts::Texts;

const TAB: Tab = Tab::Overview;
/// Notices on the first page.
const NEWS: u32 = 5;
/// Fewer recovery codes than this are worth a word.
const FEW_CODES: u32 = 3;

/// `GET /account`
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
    let factors = match signin.factors(&visitor).await {
        Ok(factors) => factors,
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    let account = signin.own_account(&visitor).await?;
    let news = registry.notices(&account.id, None, NEWS).await?;
    let news = news.items.iter().map(|notice| activity::line(notice, &page)).collect();
    let t = frame.t;
    frame.done = match query.get("done") {
        Some("called-off") => Some(t.recovery.called_off.clone()),
        Some("was-over") => Some(t.recovery.was_over.clone()),
        _ => None,
    };
    let advice = advice(&factors, &page, t, signin.has_passkeys());
    let facts = facts(&factors, t);
    let cookie = frame.cookie.clone();
    answer(&OverviewPage { page, frame, t, advice, facts, news }, cookie.as_ref(), StatusCode::OK)
}

fn advice(
    factors: &Factors,
    page: &Page,
    t: &Texts,
    has_passkeys: bool,
) -> Vec<(String, &'static str, String)> {
    let (held, t) = (&factors.held, &t.overview);
    let mut advice = Vec::new();
    let has_second = held.totp_since.is_some() || held.recovery_codes > 0;
    if factors.is_second_factor_demanded && !has_second {
        advice.push((t.factor_demanded.clone(), "/account/security", t.factor_demanded_do.clone()));
    }
    if held.phones == 0 {
        advice.push((t.no_phone.clone(), "/phone/add", t.no_phone_do.clone()));
    }
    if held.passkeys == 0 && has_passkeys {
        advice.push((t.no_passkey.clone(), "/login/passkey/new", t.no_passkey_do.clone()));
    }
    match held.recovery_codes {
        0 => advice.push((t.no_codes.clone(), "/account/security", t.no_codes_do.clone())),
        left if left < FEW_CODES => {
            let sentence = page.say(&t.few_codes, "count", &left.to_string());
            advice.push((sentence, "/account/security", t.few_codes_do.clone()));
        }
        _ => {}
    }
    advice
}

fn facts(factors: &Factors, t: &Texts) -> Vec<(String, String)> {
    let (held, t) = (&factors.held, &t.overview);
    let either = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
    vec![
        (t.phones.clone(), held.phones.to_string()),
        (t.passkeys.clone(), held.passkeys.to_string()),
        (t.password.clone(), either(held.has_password(), &t.password_set, &t.password_none)),
        (t.totp.clone(), either(held.totp_since.is_some(), &t.on, &t.off)),
        (t.codes.clone(), held.recovery_codes.to_string()),
    ]
}
