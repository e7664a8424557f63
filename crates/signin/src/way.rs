//! A journey as a use case finds it: bound to its browser, with who is signed in, and what comes next.
//!
//! Owns: the check of the browser secret (SEC-010), and going on after something was proven. Not here: the
//! rules (`journey`).

use std::sync::Arc;
use std::time::Duration;

use app::journeys::{JourneySlot, KeptJourney, Purpose};
use app::{ConsentAsked, Ending, Refusal, Visitor};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{JourneyId, Recovery, SecretHash};
use journey::{Event, Journey, MethodPolicy, Methods, Proven, SecondFactors, Step};
use live::{Slot, Version};
use qr::State;
use store::SignedIn;

use crate::{Fence, Next, Offers, SignIn, View};

/// The browser secrets that this one replaced, newest first: a tab that was opened before the sign-in in
/// another tab goes on. Only the new secret is good for them (SEC-013).
struct FormerBrowsers;

impl Slot for FormerBrowsers {
    const KIND: &'static str = "former-browsers";
    const TTL: Duration = Duration::from_secs(30 * 60);
    type Value = Vec<SecretHash>;
}

/// So many replaced secrets are remembered.
const FORMER: usize = 5;

/// A journey that belongs to the browser that asks.
pub(crate) struct Way {
    pub id: JourneyId,
    pub kept: KeptJourney,
    pub version: Version,
}

/// Where a journey stands for the one who is signed in.
pub(crate) struct Stand {
    pub step: Step,
    pub consent: Option<ConsentAsked>,
}

impl SignIn {
    /// What a browser on this journey is to be shown.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when there is no such journey, it is over or another browser's.
    pub async fn journey(&self, id: &JourneyId, visitor: &Visitor) -> Result<View, Refusal> {
        let way = self.way(id, visitor).await?;
        let who = self.who(visitor).await?;
        let Stand { step, consent } = self.stand(&way.kept, who.as_ref()).await?;
        let offers = self.offers(&way.kept.journey);
        let is_stuck = self.is_stuck(&way.kept.journey, &step, who.as_ref()).await?;
        Ok(View { step, shown: way.kept.shown, who, offers, consent, is_stuck })
    }

    /// Whether what is asked for beside the password is more than the account has left: its phones are stopped, and there
    /// is no passkey, app or recovery code. Told to nobody but who proved that password.
    async fn is_stuck(
        &self,
        journey: &Journey,
        step: &Step,
        who: Option<&Arc<SignedIn>>,
    ) -> Result<bool, Refusal> {
        let account = match step {
            Step::StepUp(_) if journey.need.two_factors => who.map(|who| who.account.id),
            Step::SecondFactor(asks) if *asks == SecondFactors::default() => {
                journey.half(self.app().now()).map(|half| half.account)
            }
            _ => None,
        };
        let Some(account) = account else { return Ok(false) };
        let (held, offered) = (self.app().held(&account).await?, self.offered(journey));
        let phone = offered.phone && held.phones > 0;
        let codes = matches!(step, Step::StepUp(_)) && (held.asks_for_code() || held.recovery_codes > 0);
        let beside = held.has_password() && offered.password && (codes || phone);
        let alone = phone && matches!(step, Step::SecondFactor(_));
        Ok(!(offered.passkey && held.passkeys > 0 || beside || alone))
    }

    /// The recovery of whoever is signed in here, where one is not over. None for who is not signed in.
    ///
    /// # Errors
    /// The store.
    pub async fn own_recovery(&self, visitor: &Visitor) -> Result<Option<Recovery>, Refusal> {
        match self.who(visitor).await? {
            Some(who) => self.app().running_recovery(&who.account.id).await,
            None => Ok(None),
        }
    }

    /// Goes on with a journey of which nothing is left to ask: signed in in another tab, or nothing to agree
    /// to.
    ///
    /// # Errors
    /// [`Refusal::Gone`] as for [`SignIn::journey`].
    pub async fn proceed(&self, id: &JourneyId, visitor: &Visitor) -> Result<crate::Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let next = self.go_on(way, &who).await?;
        Ok(crate::Progress { next, cookies: crate::NewCookies::default() })
    }

    /// The journey, if it is this browser's and not over. All other cases look alike (SEC-053).
    pub(crate) async fn way(&self, id: &JourneyId, visitor: &Visitor) -> Result<Way, Refusal> {
        let slots = self.app().slots::<JourneySlot>();
        let Some((kept, version)) = slots.get(&id.to_string()).await? else { return Err(Refusal::Gone) };
        if kept.journey.expires <= self.app().now() {
            return Err(Refusal::Gone);
        }
        if !visitor.is_browser(&kept.browser) && !self.was_browser(visitor, &kept.browser).await? {
            return Err(Refusal::Gone);
        }
        Ok(Way { id: *id, kept, version })
    }

    /// Who is signed in in this browser.
    pub(crate) async fn who(&self, visitor: &Visitor) -> Result<Option<Arc<SignedIn>>, Refusal> {
        match &visitor.session {
            Some(secret) => self.app().sessions().current(secret).await,
            None => Ok(None),
        }
    }

    /// What comes next, with the ending asked about consent where it is its turn.
    pub(crate) async fn stand(
        &self,
        kept: &KeptJourney,
        who: Option<&Arc<SignedIn>>,
    ) -> Result<Stand, Refusal> {
        let now = self.app().now();
        let event = match who {
            Some(who) => {
                Event::SessionFound(Proven { account: who.account.id, proofs: who.session.proofs.clone() })
            }
            None => Event::SessionGone,
        };
        let journey = kept.journey.clone().record(event, now).map_err(|_| Refusal::Gone)?;
        let (Step::Consent(_), Some(who)) = (journey.next(now), who) else {
            return Ok(Stand { step: self.without_passkeys(journey.next(now)), consent: None });
        };
        let consent = self.ending(&kept.purpose.kind)?.consent(&kept.purpose, who).await?;
        let event = match &consent {
            Some(asked) => Event::ConsentAsked(asked.names()),
            None => Event::ConsentNotNeeded,
        };
        let step = journey.record(event, now).map_err(|_| Refusal::Gone)?.next(now);
        let consent = consent.or_else(|| {
            // `prompt=consent` with nothing new to agree to: the page still asks.
            matches!(step, Step::Consent(_)).then(ConsentAsked::default)
        });
        Ok(Stand { step, consent })
    }

    /// Ends the journey if nothing is left to ask.
    pub(crate) async fn go_on(&self, way: Way, who: &Arc<SignedIn>) -> Result<Next, Refusal> {
        match self.stand(&way.kept, Some(who)).await?.step {
            Step::Done => self.finish(way, who, None).await,
            Step::StartOver => Err(Refusal::Gone),
            Step::ChooseMethod(_) | Step::SecondFactor(_) | Step::StepUp(_) | Step::Consent(_) => {
                Ok(Next::Ask)
            }
        }
    }

    /// The journey's end. Of many callers one takes it (SEC-006).
    /// `agreed` is the purpose after the person agreed to something.
    pub(crate) async fn finish(
        &self,
        way: Way,
        who: &Arc<SignedIn>,
        agreed: Option<Purpose>,
    ) -> Result<Next, Refusal> {
        let slots = self.app().slots::<JourneySlot>();
        let kept = slots.take(&way.id.to_string()).await?.ok_or(Refusal::Gone)?;
        // Streams that still wait find the journey gone, and end.
        self.say(&way.id, State::Expired).await;
        self.drop_cas_channel(&kept).await;
        let purpose = agreed.unwrap_or(kept.purpose);
        let landing = self.ending(&purpose.kind)?.finish(&purpose, who).await?;
        Ok(Next::Land(landing))
    }

    pub(crate) fn ending(&self, kind: &str) -> Result<&Arc<dyn Ending>, Refusal> {
        let found = self.0.endings.iter().find(|ending| ending.kind() == kind);
        found.ok_or_else(|| Refusal::Corrupt(format!("no ending for journeys of kind {kind}")))
    }

    /// What is offered: by the journey's own rules, the operator's, and what this issuer can do.
    pub(crate) fn offered(&self, journey: &Journey) -> Methods {
        self.limited(journey.offered(self.app().now()))
    }

    fn offers(&self, journey: &Journey) -> Offers {
        let offered = self.offered(journey);
        Offers {
            password: offered.password,
            passkey: offered.passkey,
            phone: offered.phone,
            cas_phone: offered.cas_phone,
            cas_name: self.cas_fence() == Fence::Username,
            preferred: journey.need.preferred(&offered),
            needed: journey.need.acr,
        }
    }

    fn limited(&self, offered: Methods) -> Methods {
        let MethodPolicy { password, passkey, phone, cas_phone } = self.settings().methods;
        Methods {
            password: offered.password && password,
            passkey: offered.passkey && passkey && self.has_passkeys(),
            phone: offered.phone && phone,
            cas_phone: offered.cas_phone && cas_phone,
        }
    }

    fn without_passkeys(&self, step: Step) -> Step {
        match step {
            Step::ChooseMethod(methods) => Step::ChooseMethod(self.limited(methods)),
            Step::StepUp(methods) => Step::StepUp(self.limited(methods)),
            other => other,
        }
    }

    async fn was_browser(&self, visitor: &Visitor, expected: &SecretHash) -> Result<bool, Refusal> {
        let Some(now) = visitor.browser_hash() else { return Ok(false) };
        let former = self.app().slots::<FormerBrowsers>().get(&name(&now)).await?;
        Ok(former.is_some_and(|(former, _)| former.contains(expected)))
    }

    /// Remembers that a browser's secret was replaced.
    pub(crate) async fn replaced_browser(
        &self,
        old: Option<SecretHash>,
        new: &SecretHash,
    ) -> Result<(), Refusal> {
        let Some(old) = old else { return Ok(()) };
        let slots = self.app().slots::<FormerBrowsers>();
        let mut former = vec![old];
        if let Some(before) = slots.take(&name(&old)).await? {
            former.extend(before);
        }
        former.truncate(FORMER);
        slots.put(&name(new), &former).await?;
        Ok(())
    }
}

/// A hash as the key of a slot.
pub(crate) fn name(hash: &SecretHash) -> String {
    URL_SAFE_NO_PAD.encode(hash.0)
}
