//! What `latchbolt demo` shows beside the server: a small relying party and a virtual phone.
//!
//! Owns: both, as pages of one site on loopback ([`Demo::configure`]). Not here: starting anything, the demo
//! user (`server`); anything of the provider: the relying party is an ordinary OpenID Connect client on the
//! `openidconnect` crate, the phone an ordinary native app on `phone-client`.
//!
//! Rules: the virtual phone is refused when the issuer is not loopback and says on every page that it is for
//! the demo; the site answers to its own host name only (a page elsewhere cannot reach it by another name)
//! and takes a `POST` from its own pages only.
//!
//! How `server` uses it: make the client and the demo user, `Demo::new(settings)`, serve
//! `App::new().configure(|c| demo.configure(c))` on the relying party's port, and once the issuer answers
//! `demo.enrol_phone().await`. Links to print: [`Demo::relying_party`], [`Demo::virtual_phone`].

mod moments;
mod oidc;
mod pages;
mod relying_party;
mod site;
mod virtual_phone;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use url::Url;

use moments::Moments;
use site::Site;

/// Where codes are sent, below the relying party's address.
const CALLBACK: &str = "/callback";
/// Where the virtual phone is, below the relying party's address.
const PHONE: &str = "/virtual-phone";

/// What the demo needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer, without a slash at its end.
    pub issuer: String,
    /// The address of the relying party without a slash at its end: `http://localhost:8401`.
    pub base: String,
    /// Its `client_id` at the issuer.
    pub client_id: String,
    /// Its secret, when it has one.
    pub client_secret: Option<String>,
    /// The demo user, who owns the virtual phone.
    pub username: String,
    /// An enrolment link of the demo user's for the virtual phone: a password alone lets in the first phone only.
    pub enrolment: String,
    /// Where the virtual phone keeps its key between runs; none: it is a new phone each time.
    pub phone_file: Option<PathBuf>,
    /// Connect here instead of where the issuer's name leads.
    pub connect_to: Option<SocketAddr>,
    /// Certificates to trust besides the public ones: PEM.
    pub extra_ca: Option<Vec<u8>>,
}

/// Why the demo cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An address is none.
    #[error("{0} is not an address the demo can use")]
    BadAddress(String),
    /// The HTTP client cannot be made.
    #[error("the demo's HTTP client cannot be made: {0}")]
    Client(String),
    /// The virtual phone could not be enrolled.
    #[error("the virtual phone could not be enrolled: {0}")]
    Phone(#[from] phone_client::PhoneError),
    /// The virtual phone exists only where the issuer is on this computer.
    #[error("there is no virtual phone: the issuer is not on this computer")]
    NotLoopback,
}

/// The demo: cheap to clone, clones share their state.
#[derive(Debug, Clone)]
pub struct Demo {
    settings: Arc<Settings>,
    site: Site,
    relying_party: relying_party::RelyingParty,
    phone: Option<virtual_phone::VirtualPhone>,
}

impl Demo {
    /// The demo for an issuer that need not run yet.
    ///
    /// # Errors
    /// An address or certificate cannot be used.
    pub fn new(settings: Settings) -> Result<Self, DemoError> {
        let site = Site::new(&settings.base)?;
        let moments = Moments::default();
        let phone = is_loopback(&settings.issuer)?
            .then(|| virtual_phone::VirtualPhone::new(&settings, moments.clone()));
        let has_phone = phone.is_some();
        Ok(Self {
            relying_party: relying_party::RelyingParty::new(&settings, moments, has_phone)?,
            settings: Arc::new(settings),
            site,
            phone,
        })
    }

    /// The redirect URI to register for a relying party at this address.
    #[must_use]
    pub fn redirect_uri(base: &str) -> String {
        format!("{base}{CALLBACK}")
    }

    /// The address of the virtual phone of a relying party at this address. The login page may link to it
    /// with the fragment of a QR code (`#1<channel id>`): the phone then holds that code, as if scanned.
    #[must_use]
    pub fn phone_address(base: &str) -> String {
        format!("{base}{PHONE}")
    }

    /// The relying party's home page.
    #[must_use]
    pub fn relying_party(&self) -> String {
        format!("{}/", self.settings.base)
    }

    /// The virtual phone, when there is one.
    #[must_use]
    pub fn virtual_phone(&self) -> Option<String> {
        self.phone.as_ref().map(|_| Self::phone_address(&self.settings.base))
    }

    /// Enrols the virtual phone as the demo user's, or finds the one of the last run. Call it when the
    /// issuer answers.
    ///
    /// # Errors
    /// The issuer is not on this computer, or refuses the phone.
    pub async fn enrol_phone(&self) -> Result<(), DemoError> {
        match &self.phone {
            Some(phone) => phone.enrol(&self.settings).await,
            None => Err(DemoError::NotLoopback),
        }
    }

    /// Mounts both.
    pub fn configure(&self, cfg: &mut ServiceConfig) {
        cfg.app_data(web::Data::new(self.site.clone()))
            .app_data(web::Data::new(self.relying_party.clone()))
            .configure(pages::mount)
            .configure(relying_party::mount);
        if let Some(phone) = &self.phone {
            cfg.app_data(web::Data::new(phone.clone())).configure(virtual_phone::mount);
        }
        cfg.default_service(web::to(pages::no_such_page));
    }
}

fn is_loopback(issuer: &str) -> Result<bool, DemoError> {
    let url = Url::parse(issuer).map_err(|_| DemoError::BadAddress(issuer.to_owned()))?;
    Ok(match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

#[cfg(test)]
mod tests;
