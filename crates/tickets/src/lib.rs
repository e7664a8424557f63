//! Use cases of CAS: a browser that is signed in becomes a ticket, a ticket becomes a person, a session's end is told.
//!
//! Owns: [`Tickets`]: which registered service an address is, what a journey of kind `cas` ends in, validation,
//! proxying, and telling services that a session ended.
//! Not here: what is on the wire (`cas`), signing in (`signin`), paths (`web-cas`).
//!
//! Invariants: a ticket is taken by one atomic statement and dies with its first use, whatever comes of it (SEC-006 in
//! spirit; cas-wire §15.1); nothing but its hash is kept until a service has validated it; nobody is sent to an address
//! that is not registered.

mod ending;
mod granting;
mod login;
mod logout;
mod notices;
mod proxy;
mod services;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use app::App;

pub use granting::TicketStatus;
pub use login::{Answer, LoginOutcome};
pub use logout::{LogoutOutcome, Source};
pub use services::Service;
pub use validate::Told;

use services::Directory;

/// How it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A service ticket that is not validated ends: 10 to 60 seconds (cas-wire §18.1).
    pub ticket_life: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ticket_life: Duration::from_secs(30) }
    }
}

/// The use cases. Cloning copies a pointer.
#[derive(Clone)]
pub struct Tickets(Arc<Inner>);

struct Inner {
    app: App,
    settings: Settings,
    services: Directory,
}

impl Tickets {
    /// Puts it together. Starts no task; [`Tickets::tell_services`] has to be run by the server.
    #[must_use]
    pub fn new(app: &App, settings: Settings) -> Self {
        let services = Directory::new(app);
        Self(Arc::new(Inner { app: app.clone(), settings, services }))
    }

    /// Where browsers that want a ticket go: the prefix that CAS clients are configured with, and `/login`.
    #[must_use]
    pub fn login_url(&self) -> String {
        self.app().issuer().url("/cas/login")
    }

    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.services
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tickets({:?})", self.0.app)
    }
}

#[cfg(test)]
mod tests;
