//! What the account pages have in common: who is signed in, the tabs, what was just done.
//!
//! Owns: the frame and the ways to and from a page (sign-in, step-up, redirects). Not here: any page.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use registry::Registry;
use signin::{SignIn, Started};
use web::page::Listed;
use web::{Page, Params, Refused, Visitor, Web, cookies, origin};

use crate::recovery;
use crate::texts::{self, Texts};

/// The pages of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// The first page.
    Overview,
    /// Phones.
    Devices,
    /// Passkeys, password, second factors.
    Security,
    /// Sessions.
    Sessions,
    /// Apps with access.
    Apps,
    /// What happened.
    Activity,
    /// Language, and what is known.
    Settings,
    /// A lost phone; reached by the button, not by a tab.
    Lost,
}

impl Tab {
    const SHOWN: [Self; 7] = [
        Self::Overview,
        Self::Devices,
        Self::Security,
        Self::Sessions,
        Self::Apps,
        Self::Activity,
        Self::Settings,
    ];

    /// In `data-tab`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Devices => "devices",
            Self::Security => "security",
            Self::Sessions => "sessions",
            Self::Apps => "apps",
            Self::Activity => "activity",
            Self::Settings => "settings",
            Self::Lost => "lost",
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Devices => "/account/devices",
            Self::Security => "/account/security",
            Self::Sessions => "/account/sessions",
            Self::Apps => "/account/apps",
            Self::Activity => "/account/activity",
            Self::Settings => "/account/settings",
            Self::Lost => "/account/lost",
        }
    }

    fn title(self, t: &Texts) -> &str {
        match self {
            Self::Overview => &t.nav.overview,
            Self::Devices => &t.nav.devices,
            Self::Security => &t.nav.security,
            Self::Sessions => &t.nav.sessions,
            Self::Apps => &t.nav.apps,
            Self::Activity => &t.nav.activity,
            Self::Settings => &t.nav.settings,
            Self::Lost => &t.lost.title,
        }
    }
}

/// A tab as the frame shows it.
#[derive(Debug)]
pub struct TabLine<'t> {
    /// Where it is.
    pub address: &'static str,
    /// What it is called.
    pub title: &'t str,
    /// The page is this one.
    pub is_here: bool,
    /// Unseen things on it.
    pub count: u64,
}

/// The frame of an account page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its sentences.
    pub t: &'static Texts,
    /// Which page.
    pub here: Tab,
    /// The page's heading.
    pub heading: String,
    /// What to call the person.
    pub name: String,
    /// Their user name.
    pub username: String,
    /// Notices that they have not seen.
    pub unseen: u64,
    /// What was just done, in a sentence.
    pub done: Option<String>,
    /// What could not be done, in a sentence.
    pub alert: Option<String>,
    /// A recovery by the helpdesk that is not over, in a sentence.
    pub recovery: Option<String>,
    /// The browser secret of a browser that had none.
    pub cookie: Option<Cookie<'static>>,
}

impl Frame {
    /// The tabs.
    #[must_use]
    pub fn tabs(&self) -> Vec<TabLine<'static>> {
        let line = |tab: Tab| TabLine {
            address: tab.address(),
            title: tab.title(self.t),
            is_here: tab == self.here,
            count: if tab == Tab::Activity { self.unseen } else { 0 },
        };
        Tab::SHOWN.into_iter().map(line).collect()
    }
}

/// A request for an account page, with who asks.
pub struct Asked<'r> {
    /// The request.
    pub req: &'r HttpRequest,
    /// What doors share.
    pub web: &'r Web,
    /// The use cases of signing in.
    pub signin: &'r SignIn,
    /// The browser.
    pub visitor: &'r Visitor,
}

impl Asked<'_> {
    /// A form of ours: its token is this browser's.
    ///
    /// # Errors
    /// It comes from elsewhere or is out of date.
    pub fn check(&self, form: &Params, tab: Tab) -> Result<(), Refused> {
        let token = form.get("csrf");
        origin::check_form(self.req, self.web, self.visitor.browser.as_ref(), token).map_err(|refused| {
            if refused.code == "stale_form" { refused.onward(tab.address().to_owned()) } else { refused }
        })
    }

    /// The page and its frame; none when nobody is signed in.
    ///
    /// # Errors
    /// The store is unavailable; the texts are wrong.
    pub async fn frame(&self, here: Tab) -> Result<Option<(Page, Frame)>, Refused> {
        let Some(person) = self.web.person(self.visitor).await? else { return Ok(None) };
        let mut page = self.web.page(self.req, &[]);
        let cookie = self.web.ensure_browser(self.visitor, &mut page);
        let t = texts::of(page.lang)
            .map_err(|bad| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(bad))?;
        let (unseen, running) = match self.req.app_data::<Data<Registry>>() {
            Some(registry) => {
                let account = self.signin.own_account(self.visitor).await?;
                let running = registry.running_recovery(&account.id).await?;
                (registry.unseen_notices(&account.id).await?, running)
            }
            None => (0, None),
        };
        let recovery = running.map(|recovery| recovery::told(&recovery, &page, t));
        let frame = Frame {
            t,
            here,
            heading: heading(here, t).to_owned(),
            name: person.name,
            username: person.username,
            unseen,
            done: None,
            alert: None,
            recovery,
            cookie,
        };
        Ok(Some((page, frame)))
    }

    /// The way to sign in, and back to this page.
    ///
    /// # Errors
    /// Too many ways begun; the live store is unavailable.
    pub async fn sign_in(&self, tab: Tab) -> Result<HttpResponse, Refused> {
        let need = Default::default();
        begin(self.signin.local_journey(self.visitor, need, tab.address()).await?)
    }

    /// The way to prove strongly who one is, and back to this page.
    ///
    /// # Errors
    /// As [`Asked::sign_in`].
    pub async fn step_up(&self, tab: Tab) -> Result<HttpResponse, Refused> {
        self.step_up_to(tab.address()).await
    }

    /// The same, and back to an address of ours.
    ///
    /// # Errors
    /// As [`Asked::sign_in`].
    pub async fn step_up_to(&self, address: &'static str) -> Result<HttpResponse, Refused> {
        begin(self.signin.strong_journey(self.visitor, address).await?)
    }

    /// The way to prove anew who one is by whatever one signs in with, and back to this page.
    ///
    /// # Errors
    /// As [`Asked::sign_in`].
    pub async fn renew(&self, tab: Tab) -> Result<HttpResponse, Refused> {
        begin(self.signin.renewing_journey(self.visitor, tab.address()).await?)
    }

    /// What a refusal leads to: signing in, proving anew, or being told.
    ///
    /// # Errors
    /// The refusal itself where neither helps.
    pub async fn refused(&self, refusal: Refusal, tab: Tab) -> Result<HttpResponse, Refused> {
        match refusal {
            Refusal::NotSignedIn => self.sign_in(tab).await,
            Refusal::StepUpNeeded => self.step_up(tab).await,
            other => Err(other.into()),
        }
    }
}

/// Renders a page, and gives a browser without a secret one.
///
/// # Errors
/// The cookie cannot be written.
pub fn answer<P: Listed>(
    template: &P,
    cookie: Option<&Cookie<'static>>,
    status: StatusCode,
) -> Result<HttpResponse, Refused> {
    let mut answer = web::page::answer(status, template);
    if let Some(cookie) = cookie {
        answer.add_cookie(cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

fn heading(tab: Tab, t: &Texts) -> &str {
    match tab {
        Tab::Overview => &t.overview.title,
        Tab::Devices => &t.devices.title,
        Tab::Security => &t.security.title,
        Tab::Sessions => &t.sessions.title,
        Tab::Apps => &t.apps.title,
        Tab::Activity => &t.activity.title,
        Tab::Settings => &t.settings.title,
        Tab::Lost => &t.lost.title,
    }
}

fn begin(Started { journey, cookies: new }: Started) -> Result<HttpResponse, Refused> {
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, format!("/login?journey={journey}")));
    if let Some(secret) = &new.browser {
        answer.cookie(cookies::browser(secret));
    }
    Ok(answer.finish())
}

/// 303 to a tab, which says what was done: `done` is a word of ours.
#[must_use]
pub fn back_to(tab: Tab, done: &str) -> HttpResponse {
    let to = format!("{}?done={done}", tab.address());
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}

/// A time for `datetime`, and in words; a small script puts it into the reader's zone.
#[must_use]
pub fn time(at: domain::Timestamp) -> (String, String) {
    let iso = at.rfc3339();
    let shown = format!("{} {} UTC", iso.get(..10).unwrap_or_default(), iso.get(11..16).unwrap_or_default());
    (iso, shown)
}
