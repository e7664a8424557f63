//! Access tokens for the admin API.
//!
//! Owns: whether a token opens it: made for that audience, presented as it was bound, and by a person who proved
//! themselves by passkey (SEC-182). Not here: whether a token is good at all (`token::read`), what its scopes open
//! (`web-admin`).

use std::time::Duration;

use app::Refusal;
use domain::{Account, Acr, ClientId, Timestamp};
use oidc::bearer::{self, Presented, Scheme};
use oidc::{ErrorCode, Params};

use crate::Provider;
use crate::dpop::{ProofAsked, ProofRefused};

/// Where the admin API is; with the issuer in front the audience of its tokens.
const PATH: &str = "/api/admin/v1";
/// How long the proof of a person opens the administration, as for sessions.
const PROOF: Duration = Duration::from_secs(12 * 3600);

/// A call with an access token.
#[derive(Debug, Clone, Copy)]
pub struct AdminAsked<'r> {
    /// The `Authorization` header.
    pub authorization: &'r str,
    /// The `DPoP` header.
    pub proof: Option<&'r str>,
    /// The request's method.
    pub method: &'r str,
    /// The request's path.
    pub path: &'r str,
}

/// Whom an access token stands for.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// The person; none for a client that acts for itself.
    pub account: Option<Account>,
    /// The client it was given to.
    pub client: ClientId,
    /// Its scopes.
    pub scope: String,
}

/// Why a token opens nothing.
#[derive(Debug)]
pub enum AdminRefused {
    /// It is not good for this, whatever the reason.
    InvalidToken,
    /// It is good, but the person behind it proved themselves otherwise than by passkey, or too long ago.
    StepUp,
    /// The proof has to hold this nonce (RFC 9449 §9).
    Nonce(String),
    /// It is not the token's fault.
    Later(Refusal),
}

impl From<Refusal> for AdminRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}

impl Provider {
    /// Whom a call to the admin API comes from.
    ///
    /// # Errors
    /// See [`AdminRefused`].
    pub async fn administrator(&self, asked: AdminAsked<'_>) -> Result<AdminToken, AdminRefused> {
        let found = bearer::token(Some(asked.authorization), &Params::default(), None);
        let Ok(Some(Presented { token, scheme })) = found else { return Err(AdminRefused::InvalidToken) };
        let good = self.good_token(token).await?.ok_or(AdminRefused::InvalidToken)?;
        match (&good.claims.cnf, scheme) {
            (None, Scheme::Bearer) => {}
            (Some(_), Scheme::Bearer) | (None, Scheme::Dpop) => return Err(AdminRefused::InvalidToken),
            (Some(bound), Scheme::Dpop) => {
                let proof = ProofAsked { proof: asked.proof, method: asked.method, path: asked.path };
                let jkt = self.proved(proof, Some(token)).await.map_err(|refused| self.of_proof(refused))?;
                if jkt.as_deref() != Some(bound.jkt.as_str()) {
                    return Err(AdminRefused::InvalidToken);
                }
            }
        }
        if !good.claims.aud.has(&self.app().issuer().url(PATH)) {
            return Err(AdminRefused::InvalidToken);
        }
        if good.account.is_some() {
            let since = self.app().wall().before(PROOF);
            let is_strong = good.claims.acr.as_deref() == Some(Acr::Passkey.as_str());
            let is_fresh = good.claims.auth_time.is_some_and(|at| Timestamp::from_seconds(at) > since);
            if !is_strong || !is_fresh {
                return Err(AdminRefused::StepUp);
            }
        }
        Ok(AdminToken {
            account: good.account.clone(),
            client: good.client.id.clone(),
            scope: good.claims.scope.clone(),
        })
    }

    fn of_proof(&self, refused: ProofRefused) -> AdminRefused {
        match refused {
            ProofRefused::Error(error) if error.code == ErrorCode::UseDpopNonce => {
                self.dpop_nonce().map_or(AdminRefused::InvalidToken, AdminRefused::Nonce)
            }
            ProofRefused::Error(_) => AdminRefused::InvalidToken,
            ProofRefused::Later(refusal) => AdminRefused::Later(refusal),
        }
    }
}
