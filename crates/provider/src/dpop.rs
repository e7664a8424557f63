//! Proofs of possession (RFC 9449) and the nonces they hold.
//!
//! Owns: verifying the proof of a request, remembering that it was used, and nonces, which are a time window and a
//! MAC over it, so that every node knows every nonce and none is kept. Not here: what a proof must say
//! (`oidc::dpop`), its signature (`jose::dpop`).

use std::time::Duration;

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use live::Key;
use oidc::dpop::{self, SKEW_SECONDS, Wanted};
use oidc::{ErrorCode, OAuthError};
use sha2::{Digest as _, Sha256};

use crate::Provider;

/// A nonce is made anew every so many seconds, …
const WINDOW: i64 = 60;
/// … is good in its own window and so many later ones, …
const LATER: i64 = 4;
/// … and in one earlier, as the node that made it may be ahead.
const EARLIER: i64 = 1;
const NONCE: &str = "dpop nonce";
const USED: &str = "dpop.proof";
const MAC_BYTES: usize = 16;

const NEW_NONCE: OAuthError =
    OAuthError::new(ErrorCode::UseDpopNonce, "The proof needs the nonce of this answer");

/// The proof that came with a request, and what it has to be for.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProofAsked<'r> {
    /// The `DPoP` header.
    pub proof: Option<&'r str>,
    /// The request's method.
    pub method: &'r str,
    /// The endpoint's path: `/token`.
    pub path: &'r str,
}

/// Why a proof proves nothing.
#[derive(Debug)]
pub enum ProofRefused {
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    Error(OAuthError),
    /// It is not the client's fault.
    Later(Refusal),
}

impl From<OAuthError> for ProofRefused {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}
impl From<Refusal> for ProofRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}

impl Provider {
    /// The nonce of now, to be sent as `DPoP-Nonce` with every answer to a request that came with a proof; none
    /// where nonces are not demanded.
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<String> {
        self.settings().dpop_nonce.then(|| self.nonce_of(self.app().wall().seconds().div_euclid(WINDOW)))
    }

    /// Verifies the proof of a request, if it came with one, and answers the thumbprint of its key (SEC-126). At a
    /// protected resource it must be for the access token too.
    ///
    /// # Errors
    /// See [`ProofRefused`].
    pub(crate) async fn proved(
        &self,
        asked: ProofAsked<'_>,
        access_token: Option<&str>,
    ) -> Result<Option<String>, ProofRefused> {
        let Some(proof) = asked.proof else { return Ok(None) };
        let proof = jose::dpop::Proof::parse(proof).map_err(|_| dpop::invalid("The proof is not good"))?;
        let url = self.app().issuer().url(asked.path);
        let wanted = Wanted { method: asked.method, url: &url, access_token, now: self.app().wall() };
        let said = dpop::check(&proof.claims, &wanted)?;
        match said.nonce.as_deref() {
            Some(nonce) if self.is_nonce(nonce) => {}
            None if !self.settings().dpop_nonce => {}
            _ => return Err(NEW_NONCE.into()),
        }
        let mut used = Sha256::new();
        used.update(proof.jkt.as_bytes());
        used.update([0]);
        used.update(said.jti.as_bytes());
        let used = Key { kind: USED, id: URL_SAFE_NO_PAD.encode(used.finalize()) };
        // As long as its `iat` can be taken, on either side.
        let window = Duration::from_secs(SKEW_SECONDS.unsigned_abs() * 2 + 10);
        let counted = self.app().live().count(&used, 1, window).await.map_err(Refusal::from)?;
        if counted.sum > 1 {
            return Err(dpop::invalid("The proof was used before").into());
        }
        Ok(Some(proof.jkt))
    }

    fn nonce_of(&self, window: i64) -> String {
        let window = window.to_be_bytes();
        let mac = self.app().mac(NONCE, &window);
        URL_SAFE_NO_PAD.encode([&window[..], &mac.0[..MAC_BYTES]].concat())
    }

    fn is_nonce(&self, nonce: &str) -> bool {
        let now = self.app().wall().seconds().div_euclid(WINDOW);
        // It gives no right: comparing it may take what time it takes.
        let said = URL_SAFE_NO_PAD.decode(nonce).ok();
        let window = said.as_deref().and_then(|said| said.first_chunk::<8>()).map(|w| i64::from_be_bytes(*w));
        window.is_some_and(|window| {
            (now - LATER..=now + EARLIER).contains(&window) && nonce == self.nonce_of(window)
        })
    }
}
