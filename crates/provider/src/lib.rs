//! Use cases of the OpenID provider: an authorization request becomes a code, a code becomes tokens, a token
//! becomes claims; and the keys that sign.
//!
//! Owns: [`Provider`] and its caches, what a journey of kind `oidc` ends in, remembered consent, and the life of
//! signing keys ([`keys`]).
//! Not here: protocol rules (`oidc`), signing in (`signin`), HTTP (`web-oidc`).
//!
//! Invariants: nothing is written when a code is issued, the code is the sealed grant; a code becomes tokens in
//! one unit with its audit entry; nothing is signed while a unit is open.

mod admin;
mod authorize;
mod caches;
mod client_auth;
mod client_keys;
mod consent;
mod documents;
mod dpop;
mod ending;
mod introspection;
pub mod keys;
mod logo;
mod logout;
mod mint;
mod notices;
mod par;
pub mod registration;
mod request_object;
mod response;
mod revocation;
mod session_state;
mod subject;
mod token;
mod userinfo;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::{App, Decisions, Published, Refusal, Sealer};
use domain::ClaimDefinition;
use oidc::discovery::{Endpoints, metadata};

pub use admin::{AdminAsked, AdminRefused, AdminToken};
pub use authorize::Outcome;
pub use client_auth::ClientAsked;
pub use client_keys::ClientKeysError;
pub use documents::DocumentError;
pub use dpop::{ProofAsked, ProofRefused};
pub use introspection::{IntrospectionAnswer, IntrospectionAsked};
pub use logo::Logo;
pub use logout::{LogoutOutcome, SignedOut};
pub use par::{PushAsked, Pushed};
pub use revocation::RevocationAsked;
pub use token::{TokenAsked, TokenRefused};
pub use userinfo::{UserinfoAnswer, UserinfoAsked, UserinfoRefused};

use caches::Caches;
use client_keys::ClientKeyCache;
use logo::LogoCache;

/// How the provider is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Life of access tokens.
    pub access_token_life: Duration,
    /// Life of ID tokens.
    pub id_token_life: Duration,
    /// Life of authorization codes; at most 60 seconds count (SEC-112).
    pub code_life: Duration,
    /// A refresh token that is not used for so long ends.
    pub refresh_idle: Duration,
    /// A family of refresh tokens ends then, whatever happens (SEC-122).
    pub refresh_life: Duration,
    /// So long after a rotation the token before is answered with the same successor, if that was not used yet.
    pub refresh_grace: Duration,
    /// DPoP proofs have to hold a nonce of ours (RFC 9449 §8, §9).
    pub dpop_nonce: bool,
    /// Authorization requests have to be pushed, those of every client (RFC 9126 §5).
    pub requires_par: bool,
    /// Languages there are texts for (`ui_locales_supported`).
    pub ui_locales: Vec<String>,
    /// Whether and how clients register themselves.
    pub registration: registration::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_life: Duration::from_secs(600),
            id_token_life: Duration::from_secs(600),
            code_life: oidc::token::CODE_LIFE,
            refresh_idle: Duration::from_secs(30 * 24 * 3600),
            refresh_life: Duration::from_secs(180 * 24 * 3600),
            refresh_grace: Duration::from_secs(60),
            dpop_nonce: true,
            requires_par: false,
            ui_locales: vec!["en".to_owned()],
            registration: registration::Settings::default(),
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
    access_tokens: Sealer,
    caches: Caches,
    client_keys: ClientKeyCache,
    logos: LogoCache,
    /// And which claims it names.
    discovery: Mutex<(Arc<Published>, Arc<Decisions>)>,
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
            discovery: Mutex::new((Arc::new(discovery(app, &settings, &[])?), Arc::default())),
            codes: app.sealer("authorization code"),
            access_tokens: app.sealer("access token"),
            caches: Caches::new(app, settings.access_token_life),
            client_keys: ClientKeyCache::new(),
            logos: LogoCache::new(),
            settings,
            app: app.clone(),
        })))
    }

    /// The metadata document (OpenID Connect Discovery §4.2), ready to be sent, with the scopes and claims that the
    /// operator defined. Where these cannot be read it names those it named last.
    pub async fn discovery(&self) -> Arc<Published> {
        let known = || self.0.discovery.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (last, of) = known();
        let Ok(decisions) = self.app().policies().now().await else { return last };
        if of.claims == decisions.claims {
            return last;
        }
        match discovery(self.app(), &self.0.settings, &decisions.claims) {
            Ok(document) => {
                let document = Arc::new(document);
                let mut kept = self.0.discovery.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = (Arc::clone(&document), decisions);
                document
            }
            Err(refusal) => {
                tracing::error!(%refusal, "The metadata document cannot be made");
                last
            }
        }
    }

    /// Says whose provider this is (RFC 7033).
    ///
    /// # Errors
    /// It is asked about another host.
    pub fn webfinger(
        &self,
        asked: &oidc::webfinger::Asked,
    ) -> Result<serde_json::Value, oidc::webfinger::BadResource> {
        asked.answer(self.app().issuer().as_str())
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

    pub(crate) fn access_tokens(&self) -> &Sealer {
        &self.0.access_tokens
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.0.caches
    }

    pub(crate) fn logos(&self) -> &LogoCache {
        &self.0.logos
    }

    pub(crate) fn client_key_cache(&self) -> &ClientKeyCache {
        &self.0.client_keys
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({:?})", self.0.app)
    }
}

fn discovery(app: &App, settings: &Settings, custom: &[ClaimDefinition]) -> Result<Published, Refusal> {
    let issuer = app.issuer();
    let takes_registrations = settings.registration.mode != registration::Mode::Off;
    let endpoints = Endpoints {
        issuer: issuer.as_str().to_owned(),
        authorization: issuer.url("/authorize"),
        par: issuer.url("/par"),
        token: issuer.url("/token"),
        userinfo: issuer.url("/userinfo"),
        introspection: issuer.url("/introspect"),
        revocation: issuer.url("/revoke"),
        jwks: issuer.url("/jwks"),
        registration: takes_registrations.then(|| issuer.url("/register")),
        end_session: issuer.url("/logout"),
        check_session: issuer.url("/session/check"),
    };
    let document = metadata(endpoints, &settings.ui_locales, settings.requires_par, custom)
        .map_err(|e| Refusal::Corrupt(e.to_string()))?;
    Ok(Published::new(serde_json::to_vec(&document).map_err(|e| Refusal::Corrupt(e.to_string()))?))
}

#[cfg(test)]
mod tests;
