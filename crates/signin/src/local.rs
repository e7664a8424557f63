//! Journeys that end on a page of ours.
//!
//! Owns: their ending. The path is chosen by our own doors, never taken from a request (SEC-146).

use std::time::Duration;

use app::journeys::{NewJourney, Purpose, Shown};
use app::{ConsentAsked, Ending, Landing, Refusal, Visitor, journeys};
use async_trait::async_trait;
use domain::ClientAddress;
use journey::{MethodPolicy, Need};
use store::SignedIn;

use crate::{NewCookies, SignIn, Started};

const KIND: &str = "local";
/// Where a sign-in without a relying party ends.
const DONE: &str = "/login/done";
/// What was proven within this time is not asked for again, and is still fresh enough when the rest was proven.
const STILL_FRESH: Duration = Duration::from_secs(2 * 60);

pub(crate) struct LocalPages;

#[async_trait]
impl Ending for LocalPages {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn consent(&self, _: &Purpose, _: &SignedIn) -> Result<Option<ConsentAsked>, Refusal> {
        Ok(None)
    }

    async fn consent_given(
        &self,
        purpose: &Purpose,
        _: &SignedIn,
        _: &[String],
        _: ClientAddress,
    ) -> Result<Purpose, Refusal> {
        Ok(purpose.clone())
    }

    async fn finish(&self, purpose: &Purpose, _: &SignedIn) -> Result<Landing, Refusal> {
        Ok(Landing::Local(purpose.payload.clone()))
    }

    async fn declined(&self, _: &Purpose) -> Result<Landing, Refusal> {
        Ok(Landing::Local("/login".to_owned()))
    }
}

impl SignIn {
    /// Begins a journey without a relying party: it ends at `/login/done`.
    ///
    /// # Errors
    /// Too many journeys; the live store is unavailable.
    pub async fn default_journey(&self, visitor: &Visitor) -> Result<Started, Refusal> {
        self.local_journey(visitor, Need::default(), DONE).await
    }

    /// Begins a journey on which somebody proves anew who they are, by whatever they sign in with, and that comes back
    /// to a page of ours.
    ///
    /// # Errors
    /// Too many journeys; the live store is unavailable.
    pub async fn renewing_journey(&self, visitor: &Visitor, path: &'static str) -> Result<Started, Refusal> {
        let need = Need { fresh_since: Some(self.app().now()), ..Need::default() };
        self.local_journey(visitor, need, path).await
    }

    /// The same by something else than a phone (SEC-042), for whom the password is all there is.
    async fn confirming_journey(&self, visitor: &Visitor, path: &'static str) -> Result<Started, Refusal> {
        let need = Need { fresh_since: Some(self.app().now()), ..Need::default() };
        let methods = MethodPolicy { phone: false, ..self.settings().methods };
        self.begin_local(visitor, need, methods, path).await
    }

    /// Begins a journey on which somebody proves strongly enough to add a phone (SEC-070), or to change what protects the
    /// account (SEC-174): by a passkey, or by a password and a code or a phone; where there is nothing but a password, by that. What was proven a moment ago still counts.
    ///
    /// # Errors
    /// Too many journeys; a port failed.
    pub async fn strong_journey(&self, visitor: &Visitor, path: &'static str) -> Result<Started, Refusal> {
        let has_other = match self.who(visitor).await? {
            Some(who) => self.app().held(&who.account.id).await?.other_since.is_some(),
            None => false,
        };
        if !has_other {
            return self.confirming_journey(visitor, path).await;
        }
        let since = self.app().now().before(STILL_FRESH);
        let need = Need { fresh_since: Some(since), two_factors: true, ..Need::default() };
        self.begin_local(visitor, need, self.settings().methods, path).await
    }

    /// Begins a journey that ends at a page of ours, with what that page needs (a fresh proof, a certain
    /// class).
    ///
    /// # Errors
    /// Too many journeys; the live store is unavailable.
    pub async fn local_journey(
        &self,
        visitor: &Visitor,
        need: Need,
        path: &'static str,
    ) -> Result<Started, Refusal> {
        self.begin_local(visitor, need, self.settings().methods, path).await
    }

    async fn begin_local(
        &self,
        visitor: &Visitor,
        need: Need,
        methods: MethodPolicy,
        path: &'static str,
    ) -> Result<Started, Refusal> {
        let app = self.app();
        let network = app::throttle::network(visitor.address);
        app.throttle().hit(app::Rule::JourneyAddress, &network).await?;
        let mut cookies = NewCookies::default();
        let browser = visitor.browser_hash().unwrap_or_else(|| {
            let secret = app.entropy().secret();
            let hash = secret.hash();
            cookies.browser = Some(secret);
            hash
        });
        // Pages of ours ask for more than a token (SEC-065, SEC-068).
        let methods = MethodPolicy { cas_phone: false, ..methods };
        let new = NewJourney {
            need,
            purpose: Purpose { kind: KIND.to_owned(), payload: path.to_owned() },
            shown: Shown {
                client_name: self.settings().name.clone(),
                host: app.issuer().host().to_owned(),
                is_verified: true,
                ..Shown::default()
            },
            methods,
        };
        Ok(Started { journey: journeys::start(app, new, &browser).await?, cookies })
    }
}
