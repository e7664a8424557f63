//! The pages that links in mails lead to, and the one that asks for such a link.
//!
//! Owns: `/account/notice`, `/account/email/verify`, `/login/forgot`, `/login/reset`. Not here: what a link may do
//! (`registry::notices`), mails (`web::mail`).
//!
//! A token stands in the fragment: opening a page does nothing, its script posts the token, the page that comes back
//! says what will happen, and a button does it. So neither logs nor whoever opens links for people use it up. The
//! forms need no token of the browser, whose owner may have none here: the link's is the right to act, and the
//! request has to come from our own page.

pub mod pages;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig, get, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::NoticeAction;
use registry::Registry;
use registry::notices::links::Link;
use secrecy::SecretString;
use web::{Form, Refused, Visitor, Web, origin};

use pages::{Forgot, LinkPage, Words};

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig) {
    cfg.service(resource("/login/forgot").route(get().to(forgot)).route(post().to(ask_to_reset)))
        .service(resource("/login/reset").route(get().to(open_reset)).route(post().to(reset)))
        .service(resource("/account/notice").route(get().to(open_notice)).route(post().to(act)))
        .service(resource("/account/email/verify").route(get().to(open_email)).route(post().to(confirm)));
}

async fn forgot(req: HttpRequest, web: Data<Web>) -> HttpResponse {
    let page = web.page(&req, &[]);
    let stage = if page.has_mail { "ask" } else { "off" };
    Forgot { page, stage: stage.to_owned() }.answer(StatusCode::OK)
}

/// The same answer whether anybody has that name (SEC-165).
async fn ask_to_reset(
    req: HttpRequest,
    web: Data<Web>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::must_be_ours(&req, &web)?;
    let name = form.get("name").unwrap_or_default();
    registry.ask_to_reset(name, visitor.address).await?;
    let page = web.page(&req, &[]);
    let stage = if page.has_mail { "sent" } else { "off" };
    Ok(Forgot { page, stage: stage.to_owned() }.answer(StatusCode::OK))
}

async fn open_reset(req: HttpRequest, web: Data<Web>) -> HttpResponse {
    opening(&req, &web, "/login/reset")
}

async fn open_notice(req: HttpRequest, web: Data<Web>) -> HttpResponse {
    opening(&req, &web, "/account/notice")
}

async fn open_email(req: HttpRequest, web: Data<Web>) -> HttpResponse {
    opening(&req, &web, "/account/email/verify")
}

fn opening(req: &HttpRequest, web: &Web, path: &str) -> HttpResponse {
    let page = web.page(req, &[]);
    let words = Words::new(&page.t.mailed.open_title, &page.t.mailed.open_lead, "");
    LinkPage::new(page, "open", path, words).answer(StatusCode::OK)
}

async fn act(
    req: HttpRequest,
    web: Data<Web>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::must_be_ours(&req, &web)?;
    let token = form.get("token").unwrap_or_default();
    let outcome = match form.get("act") {
        None => registry.link_shown(token, visitor.address).await.map(Outcome::Asks),
        Some(_) => registry.act_on_notice(token, visitor.address).await.map(Outcome::Did),
    };
    shown(&req, &web, "/account/notice", token, outcome)
}

async fn confirm(
    req: HttpRequest,
    web: Data<Web>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::must_be_ours(&req, &web)?;
    let token = form.get("token").unwrap_or_default();
    let outcome = match form.get("act") {
        None => registry.link_shown(token, visitor.address).await.map(Outcome::Asks),
        Some(_) => {
            let confirmed = registry.confirm_email(token, visitor.address).await;
            confirmed.map(|_| Outcome::Did(NoticeAction::ConfirmEmail))
        }
    };
    shown(&req, &web, "/account/email/verify", token, outcome)
}

async fn reset(
    req: HttpRequest,
    web: Data<Web>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(mut form): Form,
) -> Result<HttpResponse, Refused> {
    const PATH: &str = "/login/reset";
    origin::must_be_ours(&req, &web)?;
    let password = form.take("password").map(SecretString::from);
    let token = form.get("token").unwrap_or_default();
    let outcome = match (form.get("act"), password) {
        (Some(_), Some(password)) => match registry.reset_password(token, &password, visitor.address).await {
            Err(Refusal::Invalid { .. }) => {
                let link = registry.link_shown(token, visitor.address).await?;
                let mut again = asking(&req, &web, PATH, token, &link);
                again.alert = Some(again.page.t.mailed.reset_refused.clone());
                return Ok(again.answer(StatusCode::UNPROCESSABLE_ENTITY));
            }
            other => other.map(|()| Outcome::Did(NoticeAction::ResetPassword)),
        },
        _ => registry.link_shown(token, visitor.address).await.map(Outcome::Asks),
    };
    shown(&req, &web, PATH, token, outcome)
}

/// What became of a link.
enum Outcome {
    /// It works, and asks once more.
    Asks(Link),
    /// It did this.
    Did(NoticeAction),
}

/// The page that asks, the one that says it is done, or that the link works no more. A link opened at another path
/// than its own is none.
fn shown(
    req: &HttpRequest,
    web: &Web,
    path: &str,
    token: &str,
    outcome: Result<Outcome, Refusal>,
) -> Result<HttpResponse, Refused> {
    match outcome {
        Ok(Outcome::Asks(link)) if pages::path_of(link.action) == path => {
            Ok(asking(req, web, path, token, &link).answer(StatusCode::OK))
        }
        Ok(Outcome::Did(action)) => {
            let page = web.page(req, &[]);
            let words = Words::done(&page, action);
            Ok(LinkPage::new(page, "done", path, words).answer(StatusCode::OK))
        }
        Ok(Outcome::Asks(_)) | Err(Refusal::Gone) => {
            let page = web.page(req, &[]);
            let words = Words::new(&page.t.mailed.gone_title, &page.t.mailed.gone_lead, "");
            Ok(LinkPage::new(page, "gone", path, words).answer(StatusCode::GONE))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn asking(req: &HttpRequest, web: &Web, path: &str, token: &str, link: &Link) -> LinkPage {
    let page = web.page(req, &[]);
    let words = Words::asking(&page, link);
    let mut asking = LinkPage::new(page, "ask", path, words);
    token.clone_into(&mut asking.token);
    asking.username = domain::text::shown(&link.username, 128);
    asking.is_reset = link.action == NoticeAction::ResetPassword;
    asking
}
