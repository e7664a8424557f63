//! Use cases of the OpenID provider: an authorization request becomes a code, a code becomes tokens, a token
//! becomes claims; and the keys that sign.
//!
//! Owns: [`Provider`] and its caches, what a journey of kind `oidc` ends in, remembered consent, and the life of
//! signing keys ([`keys`]).
//! Not here: protocol rules (`oidc`), signing in (`signin`), HTTP (`web-oidc`).
//!
//! Invariants: nothing is written when a code is issued, the code is the sealed grant; a code becomes tokens in
//! one unit with its audit entry; nothing is signed while a unit is open.

mod authorize;
mod caches;
mod ending;
pub mod keys;
mod token;
mod userinfo;

use std::sync::Arc;
use std::time::Duration;

use app::{App, Published, Refusal, Sealer};
use oidc::discovery::{Endpoints, metadata};

pub use authorize::Outcome;
pub use token::{TokenAsked, TokenRefused};
pub use userinfo::UserinfoRefused;

use caches::Caches;

/// How the provider is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Life of access tokens.
    pub access_token_life: Duration,
    /// Life of ID tokens.
    pub id_token_life: Duration,
    /// Life of authorization codes; at most 60 seconds count (SEC-112).
    pub code_life: Duration,
    /// Languages there are texts for (`ui_locales_supported`).
    pub ui_locales: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_life: Duration::from_secs(600),
            id_token_life: Duration::from_secs(600),
            code_life: oidc::token::CODE_LIFE,
            ui_locales: vec!["en".to_owned()],
        }
    }
}

/// The use cases. Cloning copies a pointer.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    app: App,
    settings: Settings,
    codes: Sealer,
    caches: Caches,
    discovery: Published,
}

impl Provider {
    /// Puts it together. [`keys::ensure`] has to have run before anything can be signed.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] when no address can be made from the issuer.
    pub fn new(app: &App, settings: Settings) -> Result<Self, Refusal> {
        let code_life = settings.code_life.min(oidc::token::CODE_LIFE);
        let settings = Settings { code_life, ..settings };
        Ok(Self(Arc::new(Inner {
            discovery: discovery(app, &settings)?,
            codes: app.sealer("authorization code"),
            caches: Caches::new(app, settings.access_token_life),
            settings,
            app: app.clone(),
        })))
    }

    /// The metadata document (OpenID Connect Discovery §4.2), ready to be sent.
    #[must_use]
    pub fn discovery(&self) -> &Published {
        &self.0.discovery
    }

    /// Where authorization requests go.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        self.app().issuer().url("/authorize")
    }

    /// The public keys, ready to be sent.
    #[must_use]
    pub fn jwks(&self) -> Arc<Published> {
        self.app().keys().jwks()
    }

    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn codes(&self) -> &Sealer {
        &self.0.codes
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.0.caches
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({:?})", self.0.app)
    }
}

fn discovery(app: &App, settings: &Settings) -> Result<Published, Refusal> {
    let issuer = app.issuer();
    let endpoints = Endpoints {
        issuer: issuer.as_str().to_owned(),
        authorization: issuer.url("/authorize"),
        token: issuer.url("/token"),
        userinfo: issuer.url("/userinfo"),
        jwks: issuer.url("/jwks"),
    };
    let document = metadata(endpoints, &settings.ui_locales).map_err(|e| Refusal::Corrupt(e.to_string()))?;
    Ok(Published::new(serde_json::to_vec(&document).map_err(|e| Refusal::Corrupt(e.to_string()))?))
}

#[cfg(test)]
mod tests;
