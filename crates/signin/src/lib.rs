//! Use cases of signing in: password, passkey, phone, apps made for CAS, browser sessions, consent.
//!
//! Owns: who is let in, by what proof, for which journey, and the session that comes of it. Every use case
//! opens at most one unit of work, audits in it, and tells the caches after the commit.
//! Not here: what comes after sign-in ([`app::Ending`]), who may enrol a phone (`registry`), pages and
//! cookies (`web-login`, `web-phone`).
//!
//! A person's way: a door asks [`SignIn::journey`] what to show; each proof ends in [`Progress`], which says
//! where the browser goes and which cookies it gets. Steps never know one another: `journey` decides.

mod administrators;
pub mod cas_phone;
mod consent;
mod factors;
mod local;
mod own;
mod passkey;
mod password;
mod password_change;
pub mod phone;
pub mod place;
mod recovery;
mod recovery_code;
mod rest;
mod second_factor;
mod sessions;
mod totp;
mod tries;
mod way;
mod webauthn;

use std::sync::Arc;
use std::time::Duration;

use app::{App, ConsentAsked, Ending, Landing, Secret};
use domain::{Acr, JourneyId, Method};
use journey::{MethodPolicy, Step};
use store::SignedIn;

pub use administrators::{Entrance, PROOF_LIFE};
pub use cas_phone::{CasConfirmation, CasOpened, CasPhoneSettings, CasRedeemed, CasWatch, Fence};
pub use consent::{Answer, Given};
pub use factors::Factors;
pub use own::OwnSessions;
pub use password_change::PasswordChange;
pub use phone::{
    Challenge, CheckCode, ClaimAsked, Claimed, Counts, Decided, Decision, DeviceAsked, NewKey, Opened,
    StateWord, UserProof, VerificationAsked, Watch,
};
pub use place::{Cidr, Network, Places};
pub use sessions::SessionLimits;
pub use totp::TotpSetup;

use phone::Phones;
use webauthn::Passkeys;

/// What the operator decides about signing in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the provider calls itself: the asker of its own pages, and the name in passkey dialogs.
    pub name: String,
    /// What is offered at all.
    pub methods: MethodPolicy,
    /// Limits of usual sessions.
    pub session: SessionLimits,
    /// Limits of sessions that a phone approved in a browser its account had not used before (SEC-152).
    pub unknown_browser_session: SessionLimits,
    /// Names of networks.
    pub places: Places,
    /// What is added to the approvals of apps made for CAS, where `methods` takes them.
    pub cas_phone: CasPhoneSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "Latchbolt".to_owned(),
            methods: MethodPolicy { cas_phone: false, ..MethodPolicy::ALL },
            session: SessionLimits {
                idle: Duration::from_secs(3600),
                absolute: Duration::from_secs(24 * 3600),
            },
            unknown_browser_session: SessionLimits {
                idle: Duration::from_secs(30 * 60),
                absolute: Duration::from_secs(8 * 3600),
            },
            places: Places::default(),
            cas_phone: CasPhoneSettings::default(),
        }
    }
}

/// The use cases. Cloning copies a pointer.
#[derive(Clone)]
pub struct SignIn(Arc<Inner>);

struct Inner {
    app: App,
    settings: Settings,
    endings: Vec<Arc<dyn Ending>>,
    passkeys: Option<Passkeys>,
    phones: Phones,
    cas_listeners: cas_phone::Listeners,
}

/// What a browser on a journey is to be shown.
#[derive(Debug, Clone)]
pub struct View {
    /// What it has to do next.
    pub step: Step,
    /// Who asks.
    pub shown: app::journeys::Shown,
    /// Who is signed in in this browser.
    pub who: Option<Arc<SignedIn>>,
    /// What is offered.
    pub offers: Offers,
    /// What has to be agreed to, if that is next.
    pub consent: Option<ConsentAsked>,
    /// What is next cannot be done with anything that is left on the account: only a recovery leads on.
    pub is_stuck: bool,
}

/// Methods that are offered on a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// User name and password.
    pub password: bool,
    /// A passkey.
    pub passkey: bool,
    /// A phone.
    pub phone: bool,
    /// An app made for CAS.
    pub cas_phone: bool,
    /// Whoever uses such an app enters their name first ([`Fence::Username`]).
    pub cas_name: bool,
    /// What the relying party would like best, if it said so and it is offered.
    pub preferred: Option<Method>,
    /// The class that is essential to the relying party, if any.
    pub needed: Option<Acr>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where the browser goes.
    pub next: Next,
    /// Which cookies it gets.
    pub cookies: NewCookies,
}

/// Where the browser goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To the end of the journey.
    Land(Landing),
    /// To the journey's page again: something is left to ask.
    Ask,
}

/// Cookies to set; what is none stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewCookies {
    /// The session secret.
    pub session: Option<Secret>,
    /// The browser secret: a new one after each sign-in (SEC-013).
    pub browser: Option<Secret>,
    /// The browser mark, to be kept for long.
    pub known: Option<Secret>,
    /// The browser's state: no secret (`App::browser_state`).
    pub state: Option<String>,
}

/// A journey that was begun by ourselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Which.
    pub journey: JourneyId,
    /// The browser secret it is bound to, where the browser had none.
    pub cookies: NewCookies,
}

impl SignIn {
    /// Puts the use cases together. `endings` are asked how a journey ends; local pages have their own.
    #[must_use]
    pub fn new(app: &App, settings: Settings, endings: Vec<Arc<dyn Ending>>) -> Self {
        let mut endings = endings;
        endings.push(Arc::new(local::LocalPages));
        let passkeys = Passkeys::new(app.issuer(), &settings.name);
        let phones = Phones::new(app);
        let cas_listeners = cas_phone::Listeners::default();
        Self(Arc::new(Inner { app: app.clone(), settings, endings, passkeys, phones, cas_listeners }))
    }

    /// Whether passkeys can be used at this issuer: its host is a name and no IP address (WebAuthn §4).
    #[must_use]
    pub fn has_passkeys(&self) -> bool {
        self.0.passkeys.is_some()
    }

    fn app(&self) -> &App {
        &self.0.app
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignIn({})", self.app().issuer().as_str())
    }
}

#[cfg(test)]
mod tests;
