//! Passkeys, the password, codes from an app, recovery codes.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::{Refusal, passwords};
use domain::Passkey;
use secrecy::SecretString;
use signin::{PasswordChange, SignIn};
use web::{Form, Page, Query, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, answer, back_to, time};
use crate::pages::{CodesPage, PasskeyLine, SecurityPage, TotpPage};
use crate::texts::{Security, Texts};

const TAB: Tab = Tab::Security;

/// What could not be done.
#[derive(Default)]
struct Tried {
    alert: Option<String>,
    password_open: bool,
}

/// `GET /account/security`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let done = query.get("done").map(str::to_owned);
    show(&asked, done.as_deref(), Tried::default(), StatusCode::OK).await
}

async fn show(
    asked: &Asked<'_>,
    done: Option<&str>,
    tried: Tried,
    status: StatusCode,
) -> Result<HttpResponse, Refused> {
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let factors = match asked.signin.factors(asked.visitor).await {
        Ok(factors) => factors,
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    let t = frame.t;
    frame.done = done.and_then(|word| done_sentence(&t.security, word)).cloned();
    frame.alert = tried.alert;
    let cookie = frame.cookie.clone();
    let (held, words) = (&factors.held, &t.security);
    let day = |at| time(at).1.get(..10).unwrap_or_default().to_owned();
    // As `app::passwords` asks it of owners: longer where nothing else stands behind it (SEC-161).
    let shortest = if held.has_other_factor() { passwords::SHORTEST } else { passwords::SHORTEST_ALONE };
    let view = SecurityPage {
        passkeys: factors.passkeys.iter().map(|passkey| line(passkey, &page, words)).collect(),
        has_password: held.has_password(),
        is_fresh: factors.is_fresh,
        password_about: match held.password_since {
            Some(at) => page.say(&words.password_since, "date", &day(at)),
            None => words.password_none.clone(),
        },
        password_open: tried.password_open,
        rule: page.say(&words.rule, "count", &shortest.to_string()),
        has_totp: held.totp_since.is_some(),
        totp_about: match held.totp_since {
            Some(at) => page.say(&words.totp_on, "date", &day(at)),
            None => words.totp_off.clone(),
        },
        codes_about: match held.recovery_codes {
            0 => words.codes_none.clone(),
            left => page.say(&words.codes_left, "count", &left.to_string()),
        },
        page,
        frame,
        t,
    };
    answer(&view, cookie.as_ref(), status)
}

fn line(passkey: &Passkey, page: &Page, t: &Security) -> PasskeyLine {
    let day = |at| time(at).1.get(..10).unwrap_or_default().to_owned();
    let mut about = vec![page.say(&t.added_on, "date", &day(passkey.created_at))];
    about.extend(passkey.last_used_at.map(|at| page.say(&t.last_used, "date", &day(at))));
    if passkey.device.is_some() {
        about.push(t.of_phone.clone());
    }
    PasskeyLine {
        id: passkey.id.to_string(),
        name: domain::text::shown(&passkey.name, 60),
        about: about.join(", "),
        is_phones: passkey.device.is_some(),
    }
}

fn done_sentence<'t>(t: &'t Security, word: &str) -> Option<&'t String> {
    Some(match word {
        "passkey_renamed" => &t.passkey_renamed,
        "passkey_removed" => &t.passkey_removed,
        "password_saved" => &t.password_saved,
        "totp_added" => &t.totp_added,
        "totp_removed" => &t.totp_removed,
        _ => return None,
    })
}

/// What a refusal says on this page; none: it is no matter of this page.
fn alert_of(refusal: &Refusal, t: &Texts) -> Option<String> {
    let words = &t.security;
    Some(match refusal {
        Refusal::Conflict("last_factor") => words.last_factor.clone(),
        Refusal::Conflict("passkey_of_phone") => words.of_phone.clone(),
        Refusal::Conflict("second_factor_demanded") => words.totp_demanded.clone(),
        Refusal::SignInFailed => words.wrong_password.clone(),
        Refusal::Invalid { field: "name", .. } => t.devices.bad_name.clone(),
        Refusal::Invalid { field: "password", why } if why.contains("short") => words.too_short.clone(),
        Refusal::Invalid { field: "password", why } if why.contains("long") => words.too_long.clone(),
        Refusal::Invalid { field: "password", .. } => words.too_common.clone(),
        Refusal::TooMany { .. } => words.too_many.clone(),
        _ => return None,
    })
}

/// Back to the page with what was done, or with what could not be.
async fn ended(
    asked: &Asked<'_>,
    deed: Result<(), Refusal>,
    done: &str,
    is_password: bool,
) -> Result<HttpResponse, Refused> {
    let refusal = match deed {
        Ok(()) => return Ok(back_to(TAB, done)),
        Err(refusal) => refusal,
    };
    let page = asked.web.page(asked.req, &[]);
    let t = crate::texts::of(page.lang)
        .map_err(|bad| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(bad))?;
    match alert_of(&refusal, t) {
        Some(alert) => {
            let tried = Tried { alert: Some(alert), password_open: is_password };
            show(asked, None, tried, StatusCode::BAD_REQUEST).await
        }
        None => asked.refused(refusal, TAB).await,
    }
}

/// `POST /account/security/passkeys/rename`
pub async fn rename_passkey(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let (id, name) = (form.get("passkey").unwrap_or_default(), form.get("name").unwrap_or_default());
    let deed = signin.rename_passkey(&visitor, id, name).await;
    ended(&asked, deed, "passkey_renamed", false).await
}

/// `POST /account/security/passkeys/remove`
pub async fn remove_passkey(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = signin.remove_passkey(&visitor, form.get("passkey").unwrap_or_default()).await;
    ended(&asked, deed, "passkey_removed", false).await
}

/// `POST /account/security/password`
pub async fn password(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let secret =
        |name| form.get(name).filter(|text| !text.is_empty()).map(|text| SecretString::from(text.to_owned()));
    let change = PasswordChange {
        current: secret("current"),
        new: secret("new").unwrap_or_default(),
        end_others: form.get("end_others") == Some("yes"),
    };
    let deed = signin.change_password(&visitor, change).await.map(|_| ());
    ended(&asked, deed, "password_saved", true).await
}

/// `POST /account/security/totp`: shows the secret of an app, once.
pub async fn begin_totp(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    setup(&asked, None, StatusCode::OK).await
}

async fn setup(
    asked: &Asked<'_>,
    alert: Option<fn(&Texts) -> &str>,
    status: StatusCode,
) -> Result<HttpResponse, Refused> {
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let setup = match asked.signin.begin_totp(asked.visitor).await {
        Ok(setup) => setup,
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    let t = frame.t;
    frame.heading.clone_from(&t.totp.title);
    frame.alert = alert.map(|sentence| sentence(t).to_owned());
    let cookie = frame.cookie.clone();
    answer(&TotpPage { page, frame, t, svg: setup.svg, secret: setup.secret }, cookie.as_ref(), status)
}

/// `POST /account/security/totp/confirm`
pub async fn confirm_totp(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    match signin.confirm_totp(&visitor, form.get("code").unwrap_or_default()).await {
        Ok(()) => Ok(back_to(TAB, "totp_added")),
        Err(Refusal::Invalid { .. }) => setup(&asked, Some(|t| &t.totp.wrong), StatusCode::BAD_REQUEST).await,
        Err(Refusal::Gone) => setup(&asked, Some(|t| &t.totp.over), StatusCode::GONE).await,
        Err(refusal) => ended(&asked, Err(refusal), "", false).await,
    }
}

/// `POST /account/security/totp/remove`
pub async fn remove_totp(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = signin.remove_totp(&visitor).await;
    ended(&asked, deed, "totp_removed", false).await
}

/// `POST /account/security/codes`: new recovery codes, shown this once.
pub async fn make_codes(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let codes = match signin.make_recovery_codes(&visitor).await {
        Ok(codes) => codes,
        Err(refusal) => return ended(&asked, Err(refusal), "", false).await,
    };
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let t = frame.t;
    frame.heading.clone_from(&t.codes.title);
    let cookie = frame.cookie.clone();
    answer(&CodesPage { page, frame, t, codes }, cookie.as_ref(), StatusCode::OK)
}
