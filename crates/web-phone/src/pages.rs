//! Pages for phones and about phones.
//!
//! Owns: the web app at `/phone` with its manifest and service worker, `/s`, and `/phone/add`. Nothing of
//! anybody's is in the app's page: the same bytes for everyone but language and nonce.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION};
use actix_web::web::{Data, ServiceConfig, get, head, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use registry::Registry;
use serde_json::json;
use signin::{SignIn, Started};
use web::{Form, Page, Refused, Visitor, Web, assets, cookies, fixed, origin};

use crate::texts::{self, Texts};

/// What the app needs to start: kept by its service worker under these names. Scripts first.
const START_UP: &[&str] = &[
    "phone/app.js",
    "phone/api.js",
    "phone/claim.js",
    "phone/enrol.js",
    "phone/home.js",
    "phone/keys.js",
    "phone/links.js",
    "phone/messages.js",
    "phone/move.js",
    "phone/offer.js",
    "phone/passkey.js",
    "phone/renew.js",
    "phone/scanner.js",
    "phone/screens.js",
    "phone/upkeep.js",
    "phone/words.js",
    "phone/phone.css",
    "style.css",
    "icon.svg",
];

/// The service worker may fetch from here and do nothing else.
const WORKER_POLICY: &str = "default-src 'none'; connect-src 'self'";
const WORKER_SCOPE: HeaderName = HeaderName::from_static("service-worker-allowed");

web::pages! {
    /// The web app: all of its screens.
    AppPage {
        /// Its sentences.
        t: &'static Texts,
        /// What its scripts say.
        words: Vec<(&'static str, &'static str)>,
        /// What it enrols at.
        issuer: String,
    } "phone/app.html" samples::app;
    /// What a plain camera app opens.
    HandoverPage {
        /// Its sentences.
        t: &'static Texts,
        /// Where the app is.
        address: String,
    } "phone/handover.html" samples::handover;
    /// A signed-in browser lets a phone in.
    AddPage {
        /// Its sentences.
        t: &'static Texts,
        /// How far it is.
        view: AddView,
    } "phone/add.html" samples::add;
}

/// How far adding a phone is.
#[derive(Debug)]
pub enum AddView {
    /// A link can be made.
    Offer,
    /// The owner has to prove themselves first.
    Confirm,
    /// Here it is.
    Made {
        /// The link.
        url: String,
        /// The link as a QR code. Made by us from the link alone.
        svg: String,
        /// Minutes that it is good.
        minutes: String,
    },
}

impl AddView {
    /// The word in `data-state`.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Confirm => "confirm",
            Self::Made { .. } => "made",
        }
    }
}

pub(crate) fn mount(cfg: &mut ServiceConfig) {
    cfg.service(resource("/phone").route(get().to(app)).route(head().to(app)))
        .service(resource("/phone/manifest.webmanifest").route(get().to(manifest)))
        .service(resource("/phone/sw.js").route(get().to(worker)))
        // Opened by camera apps, previews and link scanners: reads nothing and changes nothing (SEC-060).
        .service(resource("/s").route(get().to(handover)).route(head().to(handover)))
        .service(resource("/phone/add").route(get().to(add_page)).route(post().to(add)))
        .service(resource("/phone/add/confirm").route(post().to(confirm)));
}

fn sentences(page: &Page) -> Result<&'static Texts, Refused> {
    texts::of(page.lang).map_err(|bad| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(bad))
}

/// `GET /phone`
async fn app(req: HttpRequest, web: Data<Web>, registry: Data<Registry>) -> Result<HttpResponse, Refused> {
    let page = web.page(&req, &[]);
    let t = sentences(&page)?;
    Ok(app_page(page, t, registry.issuer().as_str()).answer(StatusCode::OK))
}

fn app_page(mut page: Page, t: &'static Texts, issuer: &str) -> AppPage {
    page.policy.camera = true;
    // Registering a service worker is the one thing of the app that trusted types guard.
    page.policy.trusted_types = Some("phone");
    AppPage { page, words: t.words(), t, issuer: issuer.to_owned() }
}

/// `GET /phone/manifest.webmanifest`
async fn manifest(req: HttpRequest, web: Data<Web>) -> Result<HttpResponse, Refused> {
    let page = web.page(&req, &[]);
    let t = sentences(&page)?;
    let icon = |name: &str, size: u32, purpose: &str| {
        let found = assets::find(name).map(assets::Asset::url);
        json!({ "src": found, "sizes": format!("{size}x{size}"), "type": "image/png", "purpose": purpose })
    };
    let manifest = json!({
        "id": "/phone",
        "name": page.say(&t.app.home_screen, "provider", page.provider()),
        "short_name": page.provider(),
        "lang": page.lang,
        "start_url": "/phone",
        "scope": "/phone",
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#f3f4f9",
        "theme_color": "#f3f4f9",
        "icons": [
            icon("phone/icon-192.png", 192, "any"),
            icon("phone/icon-512.png", 512, "any"),
            icon("phone/icon-mask-512.png", 512, "maskable"),
        ],
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/manifest+json"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(manifest.to_string()))
}

/// `GET /phone/sw.js`: the script with the names of what it keeps. Another file means another version.
async fn worker() -> Result<HttpResponse, Refused> {
    let missing = |name: &str| {
        Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(format!("no asset {name}"))
    };
    let script = assets::find("phone/sw.js").ok_or_else(|| missing("phone/sw.js"))?;
    let mut files = Vec::with_capacity(START_UP.len());
    for name in START_UP {
        files.push(assets::find(name).ok_or_else(|| missing(name))?.url());
    }
    let files = json!(files).to_string();
    let version = fixed::etag_of(&[script.plain, files.as_bytes()].concat());
    let mut text = format!("const FILES = {files};\nconst VERSION = {version};\n").into_bytes();
    text.extend_from_slice(script.plain);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, WORKER_POLICY))
        .insert_header((WORKER_SCOPE, "/phone"))
        .body(text))
}

/// `GET /s`
async fn handover(
    req: HttpRequest,
    web: Data<Web>,
    registry: Data<Registry>,
) -> Result<HttpResponse, Refused> {
    let page = web.page(&req, &[]);
    let t = sentences(&page)?;
    Ok(HandoverPage { page, t, address: registry.issuer().url("/phone") }.answer(StatusCode::OK))
}

/// `GET /phone/add`
async fn add_page(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let view = match registry.may_link(&visitor).await {
        Ok(()) => AddView::Offer,
        Err(Refusal::StepUpNeeded) => AddView::Confirm,
        Err(Refusal::NotSignedIn) => return prove(&signin, &visitor).await,
        Err(other) => return Err(other.into()),
    };
    show(&req, &web, &visitor, view)
}

/// `POST /phone/add`
async fn add(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf"))?;
    let view = match registry.enrolment_link(&visitor).await {
        Ok(link) => AddView::Made {
            svg: signin::phone::drawn(&link.url)?,
            url: link.url,
            minutes: (link.life.as_secs() / 60).to_string(),
        },
        Err(Refusal::StepUpNeeded) => AddView::Confirm,
        Err(Refusal::NotSignedIn) => return prove(&signin, &visitor).await,
        Err(other) => return Err(other.into()),
    };
    show(&req, &web, &visitor, view)
}

/// `POST /phone/add/confirm`: a way that asks for a new proof, not by phone, and comes back.
async fn confirm(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf"))?;
    prove(&signin, &visitor).await
}

fn show(req: &HttpRequest, web: &Web, visitor: &Visitor, view: AddView) -> Result<HttpResponse, Refused> {
    let mut page = web.page(req, &[]);
    let cookie = web.ensure_browser(visitor, &mut page);
    let t = sentences(&page)?;
    let mut answer = AddPage { page, t, view }.answer(StatusCode::OK);
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

async fn prove(signin: &SignIn, visitor: &Visitor) -> Result<HttpResponse, Refused> {
    let Started { journey, cookies: new } = signin.strong_journey(visitor, "/phone/add").await?;
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, format!("/login?journey={journey}")));
    if let Some(secret) = &new.browser {
        answer.cookie(cookies::browser(secret));
    }
    Ok(answer.finish())
}

mod samples {
    use super::{AddPage, AddView, AppPage, HandoverPage, Page, app_page, texts};

    pub(super) fn app(page: &dyn Fn() -> Page) -> Vec<(&'static str, AppPage)> {
        let sample = |page: Page| {
            let t = texts::of(page.lang).ok()?;
            Some(("start", app_page(page, t, "https://id.example")))
        };
        sample(page()).into_iter().collect()
    }

    pub(super) fn handover(page: &dyn Fn() -> Page) -> Vec<(&'static str, HandoverPage)> {
        let sample = |page: Page| {
            let t = texts::of(page.lang).ok()?;
            Some(("start", HandoverPage { page, t, address: "https://id.example/phone".to_owned() }))
        };
        sample(page()).into_iter().collect()
    }

    pub(super) fn add(page: &dyn Fn() -> Page) -> Vec<(&'static str, AddPage)> {
        let views = [
            ("offer", AddView::Offer),
            ("confirm", AddView::Confirm),
            (
                "made",
                AddView::Made {
                    url: "https://id.example/phone#e1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
                    svg: signin::phone::drawn("https://id.example/phone#e1").unwrap_or_default(),
                    minutes: "10".to_owned(),
                },
            ),
        ];
        let sample = |(name, view)| {
            let page = page();
            let t = texts::of(page.lang).ok()?;
            Some((name, AddPage { page, t, view }))
        };
        views.into_iter().filter_map(sample).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use web::markup;

    #[test]
    fn every_page_renders_in_every_language() {
        for lang in ["en", "de"] {
            let pages = super::samples(&|| Web::sample_page(lang).unwrap()).unwrap();
            assert_eq!(pages.len(), 5);
            for (name, html) in pages {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} ({lang})");
            }
        }
    }

    #[test]
    fn the_start_up_files_are_all_scripts_that_the_app_imports() {
        let mut needed = vec!["phone/app.js".to_owned()];
        let mut at = 0;
        while let Some(name) = needed.get(at).cloned() {
            let path = format!("{}/../../themes/default/assets/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            for import in text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next()) {
                let import = format!("phone/{import}");
                if !needed.contains(&import) {
                    needed.push(import);
                }
            }
            at += 1;
        }
        for name in needed {
            assert!(START_UP.contains(&name.as_str()), "{name} is not among the start-up files");
        }
    }

    #[test]
    fn sec_026_no_script_makes_markup_of_text() {
        let folder = format!("{}/../../themes/default/assets/phone", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "js") {
                let text = std::fs::read_to_string(&path).unwrap();
                for sink in
                    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
                {
                    assert!(!text.contains(sink), "{}: {sink}", path.display());
                }
            }
        }
    }
}
