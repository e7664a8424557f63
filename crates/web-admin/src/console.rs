//! The console at `/admin`: one shell page a section, filled by our own scripts over the admin API.
//!
//! Owns: who is let in and where everybody else is sent, the shell, the sentences that the scripts say. Not here:
//! the scripts (`themes/default/assets/console`), what is shown and done (the admin API, which asks for rights itself).
//! The shell holds nothing of anybody's: the same bytes for everyone but language and nonce.

mod texts;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, ServiceConfig, get, head, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use signin::{Entrance, SignIn, Started};
use web::{Page, Refused, Visitor, Web, cookies, origin};

use crate::Admin;
use texts::Texts;

/// Where an administrator adds a passkey.
const ADD_PASSKEY: &str = "/login/passkey/new";

/// The sections with their addresses; each also answers for the things in it (`/admin/users/usr_…`).
const SECTIONS: &[(&str, &str)] = &[
    ("api-keys", "/admin/api-keys"),
    ("approvals", "/admin/approvals"),
    ("audit", "/admin/audit"),
    ("claims", "/admin/claims"),
    ("clients", "/admin/clients"),
    ("consents", "/admin/consents"),
    ("devices", "/admin/devices"),
    ("enrolments", "/admin/enrolments"),
    ("groups", "/admin/groups"),
    ("imports", "/admin/imports"),
    ("jobs", "/admin/jobs"),
    ("keys", "/admin/keys"),
    ("notices", "/admin/notices"),
    ("policies", "/admin/policies"),
    ("recoveries", "/admin/recoveries"),
    ("sessions", "/admin/sessions"),
    ("users", "/admin/users"),
];

web::pages! {
    /// The shell that the scripts fill.
    ConsolePage {
        /// Its own sentences.
        t: &'static Texts,
    } "pages/console.html" samples::console;
    /// For somebody without a role.
    ConsoleNotYoursPage {
        /// Its own sentences.
        t: &'static Texts,
    } "pages/console-not-yours.html" samples::not_yours;
}

/// Adds the pages.
pub(crate) fn mount(cfg: &mut ServiceConfig, admin: &Admin) {
    cfg.app_data(Data::new(admin.signin().clone()))
        .service(resource("/admin").route(get().to(overview)).route(head().to(overview)))
        .service(resource("/admin/proof").route(post().to(prove)))
        .service(resource("/admin/texts/{language}.json").route(get().to(sentences)));
    for (_, path) in SECTIONS {
        cfg.service(resource([(*path).to_owned(), format!("{path}/{{id}}")]).route(get().to(section)));
    }
}

/// `GET /admin`
async fn overview(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    enter(&req, &web, &signin, &visitor, "/admin").await
}

/// `GET /admin/{section}` and below. Whoever has to prove themselves first comes back to the section.
async fn section(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let name = req.path().split('/').nth(2).unwrap_or_default();
    let (_, path) = SECTIONS.iter().find(|(other, _)| *other == name).ok_or_else(Refused::no_such_page)?;
    enter(&req, &web, &signin, &visitor, path).await
}

async fn enter(
    req: &HttpRequest,
    web: &Web,
    signin: &SignIn,
    visitor: &Visitor,
    path: &'static str,
) -> Result<HttpResponse, Refused> {
    match signin.entrance(visitor).await? {
        Entrance::Open => {
            let page = web.page(req, &[]);
            Ok(ConsolePage { t: texts_of(&page)?, page }.answer(StatusCode::OK))
        }
        Entrance::NotYours => {
            let page = web.page(req, &[]);
            Ok(ConsoleNotYoursPage { t: texts_of(&page)?, page }.answer(StatusCode::FORBIDDEN))
        }
        Entrance::AddPasskey => Ok(HttpResponse::SeeOther().insert_header((LOCATION, ADD_PASSKEY)).finish()),
        Entrance::Prove => {
            let Started { journey, cookies: new } = signin.passkey_journey(visitor, path).await?;
            let mut answer = HttpResponse::SeeOther();
            answer.insert_header((LOCATION, format!("/login?journey={journey}")));
            if let Some(secret) = &new.browser {
                answer.cookie(cookies::browser(secret));
            }
            Ok(answer.finish())
        }
    }
}

/// `POST /admin/proof`: a journey on which the person who is signed in shows a passkey anew. The script goes it without
/// leaving the page, so that nothing typed is lost; answers `{"journey": …}`.
async fn prove(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    origin::check_script(&req, &web, visitor.browser.as_ref(), None)?;
    let Started { journey, .. } = signin.proving_journey(&visitor, "/admin").await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "journey": journey })))
}

fn texts_of(page: &Page) -> Result<&'static Texts, Refused> {
    texts::of(page.lang).map_err(|bad| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(bad))
}

/// `GET /admin/texts/{language}.json`: what the scripts say; the same for everybody.
async fn sentences(req: HttpRequest, language: Path<String>) -> Result<HttpResponse, Refused> {
    let fixed = texts::json(&language)
        .map_err(|bad| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(bad))?
        .ok_or_else(Refused::no_such_page)?;
    Ok(fixed.answer(&req))
}

mod samples {
    use web::Page;

    use super::{ConsoleNotYoursPage, ConsolePage, texts};

    pub fn console(page: &dyn Fn() -> Page) -> Vec<(&'static str, ConsolePage)> {
        let page = page();
        texts::of(page.lang).map(|t| vec![("shell", ConsolePage { page, t })]).unwrap_or_default()
    }

    pub fn not_yours(page: &dyn Fn() -> Page) -> Vec<(&'static str, ConsoleNotYoursPage)> {
        let page = page();
        texts::of(page.lang).map(|t| vec![("page", ConsoleNotYoursPage { page, t })]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use web::{Web, markup};

    #[test]
    fn every_page_renders_in_every_language() {
        for language in ["en", "de"] {
            let pages = super::samples(&|| Web::sample_page(language).unwrap()).unwrap();
            assert_eq!(pages.len(), 2);
            for (name, html) in pages {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} {language}");
            }
        }
    }

    #[test]
    fn sections_are_sorted_and_name_their_address() {
        assert!(super::SECTIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (name, path) in super::SECTIONS {
            assert_eq!(*path, format!("/admin/{name}"));
        }
    }
}
