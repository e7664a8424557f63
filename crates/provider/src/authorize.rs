//! An authorization request: answered at once, or begun as a journey.
//!
//! Owns: bringing together request, client, session and consent. Not here: the decision (`oidc::authorize`), what is
//! inside a request (`request_object`, `par`), the answer (`response`), the way through sign-in (`signin`).

use app::journeys::{self, NewJourney, Purpose};
use app::{FormPost, Refusal, Rule, Secret, Visitor, throttle};
use domain::{AccountId, Client};
use journey::{MethodPolicy, Need};
use oidc::authorize::{
    Answer, Asked, Checked, Decision, NOT_PUSHED, Request, SentBack, Shown, Standing, Wanted,
};
use oidc::{ErrorCode, OAuthError, Params};
use serde::{Deserialize, Serialize};
use store::SignedIn;

use crate::Provider;
use crate::par::PushedId;
use crate::request_object::{Found, Unopened};

/// The kind of our journeys.
pub(crate) const KIND: &str = "oidc";

/// A request that takes more bytes is not kept while a person signs in: a `state` of 8 kB is, not one with a
/// `nonce` as long.
pub(crate) const LONGEST_KEPT: usize = 10 * 1024;
/// Most take less.
const USUAL_KEPT: usize = 2 * 1024;
pub(crate) const TOO_LONG: OAuthError = OAuthError::invalid_request("The parameters are too long together");

/// What the browser gets.
#[derive(Debug)]
pub enum Outcome {
    /// To the client, by 303: what it asked for, or an error.
    Redirect(String),
    /// To the client, by a form that the browser posts.
    Form(FormPost),
    /// To our sign-in page, by 303.
    SignIn {
        /// Where it is.
        url: String,
        /// A browser secret for a browser that had none.
        browser: Option<Secret>,
    },
    /// A page that says what is wrong; the client is not told (SEC-102).
    Page(Shown),
}

/// A request as kept while a person signs in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub request: Request,
    pub hint: Option<AccountId>,
    /// What the person agreed to, once asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Vec<String>>,
    /// It was pushed: what is used up when it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<PushedId>,
}

impl Kept {
    pub(crate) fn read(purpose: &Purpose) -> Result<Self, Refusal> {
        serde_json::from_str(&purpose.payload).map_err(|e| Refusal::Corrupt(format!("kept request: {e}")))
    }

    pub(crate) fn purpose(&self) -> Result<Purpose, Refusal> {
        let payload = serde_json::to_string(self).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        Ok(Purpose { kind: KIND.to_owned(), payload })
    }
}

impl Provider {
    /// Takes an authorization request (OpenID Connect Core §3.1.2).
    ///
    /// # Errors
    /// A port failed, or journeys are begun too often from this network.
    pub async fn authorize(&self, params: Params, visitor: &Visitor) -> Result<Outcome, Refusal> {
        // Before the session is looked at: what ends it afterwards is noticed when the code comes back.
        let mark = self.caches().people().mark();
        let asked = Asked::new(params);
        let client = match asked.client_id() {
            Ok(id) => self.app().clients().find(&id).await?,
            Err(shown) => return Ok(Outcome::Page(shown)),
        };
        let Some(client) = client else { return Ok(Outcome::Page(Shown::UnknownClient)) };
        // Before anything is fetched on its behalf (SEC-109, SEC-130).
        if !client.is_enabled {
            return Ok(Outcome::Page(Shown::DisabledClient));
        }
        let Found { asked, pushed } = match self.unpacked(asked, &client, visitor).await? {
            Ok(found) => found,
            Err(Unopened::Page(shown)) => return Ok(Outcome::Page(shown)),
            Err(Unopened::Back(back)) => return self.told(&back, None).await,
        };
        let checked = match asked.for_client(&client) {
            Err(shown) => return Ok(Outcome::Page(shown)),
            Ok(bound) if self.settings().requires_par && pushed.is_none() => {
                Err(SentBack { to: bound.back, error: NOT_PUSHED })
            }
            Ok(bound) => bound.checked(self.app().now()),
        };
        let mut checked = match checked {
            Ok(checked) => checked,
            Err(back) => return self.told(&back, pushed.as_ref()).await,
        };
        let hint = match &checked.id_token_hint {
            None => None,
            Some(hint) => match self.hinted(hint).await? {
                Some(account) => Some(account),
                None => {
                    let error =
                        OAuthError::invalid_request("id_token_hint is not an ID token of this issuer");
                    return self.told(&SentBack { to: checked.back, error }, pushed.as_ref()).await;
                }
            },
        };
        let who = match &visitor.session {
            Some(secret) => self.app().sessions().current(secret).await?,
            None => None,
        };
        let remembered = match &who {
            Some(who) if checked.request.may_remember(&client) && !client.skips_consent => {
                Some(self.remembered(who.account.id, &client).await?)
            }
            _ => None,
        };
        let settled = remembered.as_ref().map(|remembered| remembered.settled(&checked.request, &client));
        let standing = Standing {
            session: who.as_ref().map(|who| &who.session),
            remembered: settled.as_deref(),
            hint,
            demanded: self.demanded(&checked.request, &client),
        };
        match (checked.decide(&client, standing), who) {
            (Decision::Issue, Some(who)) => {
                if let Some(remembered) = &remembered {
                    remembered.cut(&mut checked.request);
                }
                let answer = self.respond(&checked, &client, &who, mark).await?;
                self.answered(answer, pushed.as_ref()).await
            }
            (Decision::SignIn(wanted) | Decision::Consent(wanted), _) => {
                self.begin(checked, &client, Begin { wanted, hint, pushed }, visitor).await
            }
            (Decision::Refuse(error), _) => {
                self.told(&SentBack { to: checked.back, error }, pushed.as_ref()).await
            }
            (Decision::Issue, None) => Err(Refusal::Corrupt("an answer about nobody".to_owned())),
        }
    }

    /// An error for the client.
    async fn told(&self, back: &SentBack, pushed: Option<&PushedId>) -> Result<Outcome, Refusal> {
        self.answered(back.answer(self.app().issuer().as_str()), pushed).await
    }

    /// An answer for the client; a pushed request gets just one (SEC-128).
    async fn answered(&self, answer: Answer, pushed: Option<&PushedId>) -> Result<Outcome, Refusal> {
        if !self.is_first_answer(pushed).await? {
            return Ok(Outcome::Page(Shown::InvalidRequestUri));
        }
        Ok(match answer {
            Answer::SeeOther(location) => Outcome::Redirect(location),
            Answer::Form { action, fields } => Outcome::Form(FormPost { action, fields }),
        })
    }

    /// The account that `claims` demands, told from the client's word for it: `Some(None)` when that is nobody.
    pub(crate) fn demanded(&self, request: &Request, client: &Client) -> Option<Option<AccountId>> {
        request.sub.as_ref().map(|sub| self.account_of(client, sub))
    }

    async fn begin(
        &self,
        checked: Checked,
        client: &Client,
        begin: Begin,
        visitor: &Visitor,
    ) -> Result<Outcome, Refusal> {
        let Begin { wanted, hint, pushed } = begin;
        let kept = Kept { request: checked.request, hint, agreed: None, pushed };
        let payload = serde_json::to_string(&kept).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        if payload.len() > LONGEST_KEPT {
            let back = SentBack { to: checked.back, error: TOO_LONG };
            return self.told(&back, kept.pushed.as_ref()).await;
        }
        // What fills more memory for half an hour counts for more (SEC-221).
        let network = throttle::network(visitor.address);
        self.app().throttle().hit_by(Rule::JourneyAddress, &network, weight(payload.len())).await?;
        if !self.is_kept_on(kept.pushed.as_ref()).await? {
            return Ok(Outcome::Page(Shown::InvalidRequestUri));
        }
        let shown = journeys::Shown {
            client_id: Some(client.id.clone()),
            client_name: client.name.clone(),
            host: checked.back.host(),
            is_verified: client.is_verified,
            logo_uri: client.logo_uri.clone(),
            policy_uri: client.policy_uri.clone(),
            tos_uri: client.tos_uri.clone(),
            client_uri: client.client_uri.clone(),
            scopes: kept.request.scopes_to_agree(),
            login_hint: checked.login_hint,
            ui_locales: checked.ui_locales,
            ..journeys::Shown::default()
        };
        let any = !wanted.phishing_resistant;
        let new = NewJourney {
            need: Need {
                acr: wanted.acr,
                wanted_acr: wanted.wished_acr,
                fresh_since: wanted.fresh_since,
                account: wanted.account,
                consent: kept.request.prompt.consent,
                phishing_resistant: wanted.phishing_resistant,
                two_factors: false,
            },
            purpose: Purpose { kind: KIND.to_owned(), payload },
            shown,
            methods: MethodPolicy {
                password: any,
                passkey: true,
                phone: any,
                cas_phone: any && client.metadata.takes_cas_apps,
            },
        };
        let (hash, browser) = match visitor.browser_hash() {
            Some(hash) => (hash, None),
            None => {
                let secret = self.app().entropy().secret();
                (secret.hash(), Some(secret))
            }
        };
        let id = journeys::start(self.app(), new, &hash).await?;
        Ok(Outcome::SignIn { url: self.app().issuer().url(&format!("/login?journey={id}")), browser })
    }

    /// The account that an `id_token_hint` names. Expired ones and those for other clients are fine: a hint
    /// gives no right (OpenID Connect Core §3.1.2.1). Its subject is read as the client it was made for knows it.
    async fn hinted(&self, hint: &str) -> Result<Option<AccountId>, Refusal> {
        let Some(hint) = self.read_hint(hint) else { return Ok(None) };
        Ok(match self.app().clients().find(&hint.client).await? {
            Some(client) => self.account_of(&client, &hint.subject),
            None => hint.subject.parse().ok(),
        })
    }
}

struct Begin {
    wanted: Wanted,
    hint: Option<AccountId>,
    pushed: Option<PushedId>,
}

/// For how many journeys one counts of which so many bytes are kept.
pub(crate) fn weight(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / USUAL_KEPT).unwrap_or(u32::MAX)
}

/// What a person's being signed in hangs on.
pub(crate) fn subjects(who: &SignedIn) -> Vec<app::Change> {
    vec![app::Change::Session(who.session.id), app::Change::Account(who.account.id)]
}

/// What a client is told when its person declined.
pub(crate) const DECLINED: OAuthError = OAuthError::new(ErrorCode::AccessDenied, "The person declined");
