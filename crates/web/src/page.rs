//! Pages.
//!
//! Owns: what every template is given (`Page`), the list of pages (`pages!`), rendering with the headers of
//! SEC-140 and SEC-148, and a small check of markup for tests. Not here: the pages themselves (each door).

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
};

use crate::policy::Policy;
use crate::refused::Refused;
use crate::texts::{self, Texts};
use crate::theme::Theme;
use crate::{Web, assets};

/// `Permissions-Policy`, which the http crate does not name.
pub(crate) const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What every template is given as `page`.
#[derive(Debug, Clone)]
pub struct Page {
    /// Language of the page: `en`, `de`.
    pub lang: &'static str,
    /// Its sentences.
    pub t: Arc<Texts>,
    /// Name and looks.
    pub theme: Arc<Theme>,
    /// The provider's host.
    pub host: Arc<str>,
    /// For `nonce` attributes of scripts and style sheets.
    pub nonce: String,
    /// The hidden field `csrf` of forms; empty when the browser has no secret yet.
    pub csrf: String,
    /// The number under which the log knows this request.
    pub reference: String,
    /// What the page may do.
    pub policy: Policy,
    /// Served over https.
    pub is_https: bool,
    /// Mail is sent: what needs one is offered.
    pub has_mail: bool,
    /// The demo's virtual phone, where there is one.
    pub virtual_phone: Option<Arc<str>>,
}

impl Page {
    /// The address of an asset. A wrong name fails the rendering, and with it the test of the page.
    pub fn asset(&self, name: &str) -> Result<String, askama::Error> {
        assets::find(name)
            .map(assets::Asset::url)
            .ok_or_else(|| askama::Error::Custom(format!("no asset {name:?}").into()))
    }

    /// The provider's name as people know it.
    #[must_use]
    pub fn provider(&self) -> &str {
        if self.theme.name.is_empty() { &self.host } else { &self.theme.name }
    }

    /// A sentence with the provider's name in its place `{provider}`.
    #[must_use]
    pub fn with_provider(&self, sentence: &str) -> String {
        texts::fill(sentence, &[("provider", self.provider())])
    }

    /// A sentence with a value in its place.
    #[must_use]
    pub fn say(&self, sentence: &str, place: &str, value: &str) -> String {
        texts::fill(sentence, &[(place, value), ("provider", self.provider())])
    }
}

/// A page of the list.
pub trait Listed: askama::Template {
    /// What it was given.
    fn page(&self) -> &Page;
}

/// Renders a page with its headers.
#[must_use]
pub fn answer<P: Listed>(status: StatusCode, template: &P) -> HttpResponse {
    let mut html = String::with_capacity(P::SIZE_HINT + 2048);
    if let Err(error) = template.render_into(&mut html) {
        let refused = Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(error);
        return actix_web::Error::from(refused).into();
    }
    let page = template.page();
    let csp = page.policy.content(&page.nonce, page.is_https);
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        // With `no-referrer` browsers send `Origin: null` along with a page's own forms. Other origins get no
        // referrer either way.
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("same-origin")))
        .insert_header((PERMISSIONS_POLICY, HeaderValue::from_static(page.policy.permissions())));
    if let Ok(csp) = HeaderValue::from_str(&csp) {
        answer.insert_header((CONTENT_SECURITY_POLICY, csp));
    }
    answer.body(html)
}

/// Lists pages: each with its data, its template and the function that makes samples of it.
///
/// ```text
/// web::pages! {
///     /// Sign-in.
///     Login { view: LoginView } "pages/login.html" samples::login;
/// }
/// ```
/// makes `struct Login { pub page: Page, pub view: LoginView }` with `answer(status)`, and one function
/// `samples(&dyn Fn() -> Page) -> Vec<(String, String)>` that renders every sample of every page (a name, the
/// HTML). A sample function is `fn(&dyn Fn() -> Page) -> Vec<(&'static str, Login)>`.
#[macro_export]
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? } $path:tt $samples:path;)+) => {
        $(
            $(#[$doc])*
            #[derive(askama::Template)]
            #[template(path = $path)]
            pub struct $name {
                /// What every page is given.
                pub page: $crate::page::Page,
                $($(#[$field_doc])* pub $field: $type,)*
            }
            impl $crate::page::Listed for $name {
                fn page(&self) -> &$crate::page::Page {
                    &self.page
                }
            }
            impl $name {
                /// Renders it with its headers.
                #[must_use]
                pub fn answer(&self, status: actix_web::http::StatusCode) -> actix_web::HttpResponse {
                    $crate::page::answer(status, self)
                }
            }
        )+
        /// Every sample of every page of this list, rendered: its name and the HTML.
        pub fn samples(page: &dyn Fn() -> $crate::page::Page) -> Result<Vec<(String, String)>, askama::Error> {
            let mut all = Vec::new();
            $(
                for (name, sample) in $samples(page) {
                    let html = askama::Template::render(&sample)?;
                    all.push((format!("{}-{name}", stringify!($name).to_lowercase()), html));
                }
            )+
            Ok(all)
        }
    };
}

impl Web {
    /// A page's context without a request, for samples: language, and a fixed nonce.
    pub fn sample_page(lang: &'static str) -> Result<Page, Box<dyn std::error::Error>> {
        let texts = texts::Catalogue::<Arc<Texts>>::parse(texts::BUILT_IN)?;
        Ok(Page {
            lang,
            t: texts.of(lang).clone(),
            theme: Arc::new(Theme::built_in()?),
            host: "id.example".into(),
            nonce: "c2FtcGxl".to_owned(),
            csrf: "sample".to_owned(),
            reference: "0123456789abcdef".to_owned(),
            policy: Policy::default(),
            is_https: true,
            has_mail: true,
            virtual_phone: None,
        })
    }
}
