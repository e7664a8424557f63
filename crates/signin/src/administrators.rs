//! Who gets into the console.
//!
//! Owns: what an administrator still has to do before the console opens (SEC-180, SEC-182), and the journey that
//! asks for a passkey. Not here: what each of them may do there (`domain::role`, the admin API, which asks again at
//! every request).

use std::time::Duration;

use app::{Refusal, Visitor, strength};
use journey::Need;

use crate::{SignIn, Started};

/// How long a passkey's proof opens the administration.
pub const PROOF_LIFE: Duration = Duration::from_secs(12 * 3600);

/// How far a browser is from the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It is in.
    Open,
    /// Nobody is signed in, or not by a passkey.
    Prove,
    /// An administrator without any passkey.
    AddPasskey,
    /// Somebody without a role.
    NotYours,
}

impl SignIn {
    /// Whether this browser gets into the console. Only says where to send it: the API decides for itself.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn entrance(&self, visitor: &Visitor) -> Result<Entrance, Refusal> {
        let Some(who) = self.who(visitor).await? else { return Ok(Entrance::Prove) };
        if who.account.roles.is_empty() {
            return Ok(Entrance::NotYours);
        }
        if strength::has_passkey(&who.session.proofs, PROOF_LIFE, self.app().now()) {
            return Ok(Entrance::Open);
        }
        let have = self.app().store().read().await?.passkeys(&who.account.id).await?;
        Ok(if have.is_empty() { Entrance::AddPasskey } else { Entrance::Prove })
    }

    /// Begins a journey that takes nothing but a passkey and ends at this page of ours (SEC-182).
    ///
    /// # Errors
    /// Too many journeys; the live store is unavailable.
    pub async fn passkey_journey(&self, visitor: &Visitor, path: &'static str) -> Result<Started, Refusal> {
        let fresh_since = Some(self.app().now().before(PROOF_LIFE));
        let need = Need { phishing_resistant: true, fresh_since, ..Need::default() };
        self.local_journey(visitor, need, path).await
    }

    /// Begins a journey on which whoever is signed in shows a passkey anew, for a deed that wants a fresh proof.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; too many journeys; the live store is unavailable.
    pub async fn proving_journey(&self, visitor: &Visitor, path: &'static str) -> Result<Started, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let need = Need {
            phishing_resistant: true,
            fresh_since: Some(self.app().now()),
            account: Some(who.account.id),
            ..Need::default()
        };
        self.local_journey(visitor, need, path).await
    }
}
