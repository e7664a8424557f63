//! What every door shares.
//!
//! Owns: reading requests (visitor, address, strict parameters), cookies, origin and form checks, security
//! headers, refusals as pages and problem+json, themes, texts, assets, the frame of pages, the request log, and
//! the word that the server is closing.
//! Not here: routes of the product (the doors), rules (use cases), addresses and certificates (`server`).
//!
//! A door uses it so: `App::new().wrap(from_fn(web::shell::shell)).configure(|c| web::mount(c, &web))`; handlers
//! take `Data<Web>`, [`Visitor`], [`Query`] or [`Form`] and return `Result<HttpResponse, Refused>`.

use std::sync::Arc;

use actix_web::cookie::Cookie;
use actix_web::web::{Data, JsonConfig, PathConfig, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use app::{App, Entropy};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::Network;
use tokio::sync::watch;

pub mod address;
pub mod agent;
pub mod assets;
pub mod body;
pub mod cookies;
pub mod fixed;
pub mod mail;
pub mod markup;
pub mod origin;
pub mod page;
pub mod pages;
pub mod params;
pub mod policy;
pub mod refused;
pub mod shell;
pub mod texts;
pub mod theme;
pub mod visitor;

pub use fixed::Fixed;
pub use page::Page;
pub use params::{Form, ManyForm, Params, Query};
pub use policy::Policy;
pub use refused::Refused;
pub use theme::Theme;
pub use visitor::Visitor;

use texts::{Catalogue, Texts};

/// How the doors are set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Proxies whose `X-Forwarded-For` counts (SEC-028). Empty: none.
    pub trusted_proxies: Vec<Network>,
    /// The look; `Theme::built_in()` when none is configured.
    pub theme: Theme,
    /// The address of the demo's virtual phone, linked under the QR code. Heeded only where the issuer is on
    /// this machine.
    pub virtual_phone: Option<String>,
}

/// What the doors share at run time. Cloning is cheap.
#[derive(Clone)]
pub struct Web(Arc<Inner>);

struct Inner {
    origin: String,
    host: Arc<str>,
    is_https: bool,
    // None in this crate's own tests.
    app: Option<App>,
    entropy: Entropy,
    trusted_proxies: Vec<Network>,
    theme: Arc<Theme>,
    texts: Catalogue<Arc<Texts>>,
    virtual_phone: Option<Arc<str>>,
    phase: watch::Sender<Phase>,
}

impl Web {
    /// Reads the texts and keeps what requests need. Fails only if a file of texts is wrong.
    pub fn new(app: &App, settings: Settings) -> Result<Self, texts::BadTexts> {
        let issuer = app.issuer();
        Ok(Self(Arc::new(Inner {
            origin: issuer.origin().to_string(),
            host: issuer.host().to_string().into(),
            is_https: issuer.is_https(),
            app: Some(app.clone()),
            entropy: app.entropy().clone(),
            trusted_proxies: settings.trusted_proxies,
            theme: Arc::new(settings.theme),
            virtual_phone: settings.virtual_phone.filter(|_| issuer.is_loopback()).map(Into::into),
            texts: Catalogue::parse(texts::BUILT_IN)?,
            phase: watch::Sender::new(Phase::Open),
        })))
    }

    /// The one that this server was given.
    pub fn of(req: &HttpRequest) -> Result<&Self, Refused> {
        req.app_data::<Data<Self>>().map(|data| &***data).ok_or_else(|| {
            Refused::of_status(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR)
                .because("web is not mounted")
        })
    }

    /// Who is signed in in this browser, as pages show it. Reads a cache; counts as a use of the session.
    pub async fn person(&self, visitor: &Visitor) -> Result<Option<Person>, Refused> {
        let (Some(app), Some(secret)) = (&self.0.app, &visitor.session) else { return Ok(None) };
        let who = app.sessions().current(secret).await?;
        Ok(who.map(|who| Person {
            name: domain::text::shown(who.account.display_name(), 80),
            username: who.account.username.as_str().to_owned(),
            method: who.session.proofs.last().map(|proof| proof.method),
        }))
    }

    /// The issuer's origin: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The issuer's host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Whether people reach us over https (and so whether HSTS is sent).
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// Proxies whose word about addresses counts.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[Network] {
        &self.0.trusted_proxies
    }

    /// The context of a page for this request: language (`ui_locales` first), a fresh nonce, the form token of
    /// this browser.
    #[must_use]
    pub fn page(&self, req: &HttpRequest, ui_locales: &[String]) -> Page {
        let accepted = req.headers().get("accept-language").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let lang = self.0.texts.choose(ui_locales, accepted);
        let mut policy = Policy::default();
        if let Some(logo) = &self.0.theme.logo {
            policy.allow_image_from(logo);
        }
        Page {
            lang,
            t: self.0.texts.of(lang).clone(),
            theme: self.0.theme.clone(),
            host: self.0.host.clone(),
            nonce: BASE64_STANDARD.encode(self.0.entropy.bytes::<16>()),
            csrf: cookies::read(req, cookies::BROWSER).map(|s| origin::csrf_token(&s)).unwrap_or_default(),
            reference: shell::reference_of(req),
            policy,
            virtual_phone: self.0.virtual_phone.clone(),
            is_https: self.0.is_https,
            has_mail: self.0.app.as_ref().is_some_and(|app| app.mailer().is_some()),
        }
    }

    /// What writes mails with this name and looks.
    pub fn mail_room(&self) -> Result<mail::MailRoom, texts::BadTexts> {
        mail::MailRoom::of(self.page_name().to_owned(), self.0.host.to_string(), &self.0.theme)
    }

    fn page_name(&self) -> &str {
        if self.0.theme.name.is_empty() { &self.0.host } else { &self.0.theme.name }
    }

    /// Gives a browser without a secret one, so that the page's forms work: puts the token into the page and
    /// answers the cookie to set.
    #[must_use]
    pub fn ensure_browser(&self, visitor: &Visitor, page: &mut Page) -> Option<Cookie<'static>> {
        if visitor.browser.is_some() {
            return None;
        }
        let secret = self.0.entropy.secret();
        page.csrf = origin::csrf_token(&secret);
        Some(cookies::browser(&secret))
    }

    /// A new correlation id.
    fn reference(&self) -> String {
        use std::fmt::Write as _;
        self.0.entropy.bytes::<8>().iter().fold(String::with_capacity(16), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Says that this node will close soon: it is not ready any more, goes on answering, and asks for each next
    /// request to come over a new connection, which a balancer makes to another node (SEC-215).
    pub fn drain(&self) {
        self.0.phase.send_replace(Phase::Draining);
    }

    /// Whether this node will close soon.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.phase.borrow() != Phase::Open
    }

    /// Tells every waiting stream that the server is closing. They end with a hint to come back.
    pub fn close(&self) {
        self.0.phase.send_replace(Phase::Closing);
    }

    /// Becomes ready when the server begins to close.
    #[must_use]
    pub fn closing(&self) -> Closing {
        Closing(self.0.phase.subscribe())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Closing,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What to call them.
    pub name: String,
    /// Their user name.
    pub username: String,
    /// How they proved who they are, last.
    pub method: Option<domain::Method>,
}

/// The word that the server is closing.
#[derive(Clone)]
pub struct Closing(watch::Receiver<Phase>);

impl Closing {
    /// Waits for it.
    pub async fn begun(&mut self) {
        // The sender lives as long as the server; its end is the server's end too.
        let _ = self.0.wait_for(|phase| *phase == Phase::Closing).await;
    }

    /// Whether it was said.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() == Phase::Closing
    }
}

/// Limits, assets and the answers to what nobody serves.
pub fn mount(cfg: &mut ServiceConfig, web: &Web) {
    cfg.app_data(Data::new(web.clone()))
        .app_data(PayloadConfig::new(params::LARGEST_BODY))
        .app_data(JsonConfig::default().limit(params::LARGEST_BODY).error_handler(|error, _| {
            let status = actix_web::ResponseError::status_code(&error);
            Refused::of_status(status).because(error).into()
        }))
        .app_data(PathConfig::default().error_handler(|_, _| Refused::no_such_page().into()))
        .route("/assets/{file}", actix_web::web::get().to(assets::get))
        .route("/favicon.ico", actix_web::web::get().to(assets::favicon))
        .route("/theme.css", actix_web::web::get().to(theme_sheet))
        .default_service(actix_web::web::to(|| async { Err::<HttpResponse, _>(Refused::no_such_page()) }));
}

async fn theme_sheet(req: HttpRequest) -> Result<HttpResponse, Refused> {
    match &Web::of(&req)?.0.theme.sheet {
        Some((sheet, _)) => Ok(sheet.answer(&req)),
        None => Err(Refused::no_such_page()),
    }
}

#[cfg(test)]
mod tests;
