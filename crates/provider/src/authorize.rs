//! An authorization request: answered at once, or begun as a journey.
//!
//! Owns: bringing together request, client, session and consent, and sealing codes. Not here: the decision
//! (`oidc::authorize`), the way through sign-in (`signin`).

use std::sync::Arc;

use app::cache::Mark;
use app::journeys::{self, NewJourney, Purpose};
use app::{Refusal, Rule, Secret, Visitor, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, Client, Consent, Timestamp};
use journey::{MethodPolicy, Need};
use oidc::authorize::{Asked, Checked, Decision, Request, SentBack, Shown, Standing, Wanted};
use oidc::token::CodeContent;
use oidc::{ErrorCode, OAuthError, Params};
use serde::{Deserialize, Serialize};
use store::SignedIn;

use crate::Provider;

/// The kind of our journeys.
pub(crate) const KIND: &str = "oidc";
/// Binds sealed codes to what they are.
pub(crate) const CODE: &[u8] = b"code";

/// A request that takes more bytes is not kept while a person signs in: a `state` of 8 kB is, not one with a
/// `nonce` as long.
const LONGEST_KEPT: usize = 10 * 1024;
/// Most take less.
const USUAL_KEPT: usize = 2 * 1024;
const TOO_LONG: OAuthError = OAuthError::invalid_request("The parameters are too long together");

/// What the browser gets.
#[derive(Debug)]
pub enum Outcome {
    /// To the client, by 303: a code or an error.
    Redirect(String),
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
}

impl Kept {
    pub(crate) fn read(purpose: &Purpose) -> Result<Self, Refusal> {
        serde_json::from_str(&purpose.payload).map_err(|e| Refusal::Corrupt(format!("kept request: {e}")))
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
        let checked = match asked.for_client(&client).map(|bound| bound.checked(self.app().now())) {
            Ok(Ok(checked)) => checked,
            Ok(Err(back)) => return Ok(self.sent_back(&back)),
            Err(shown) => return Ok(Outcome::Page(shown)),
        };
        let hint = match checked.id_token_hint.as_deref().map(|hint| self.subject_of(hint)) {
            None => None,
            Some(Some(account)) => Some(account),
            Some(None) => {
                let error = OAuthError::invalid_request("id_token_hint is not an ID token of this issuer");
                return Ok(self.sent_back(&SentBack { to: checked.back, error }));
            }
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
        let standing = Standing {
            session: who.as_ref().map(|who| &who.session),
            remembered: remembered.as_ref().map(|scopes| scopes.as_slice()),
            hint,
        };
        match (checked.decide(&client, standing), who) {
            (Decision::Issue, Some(who)) => Ok(Outcome::Redirect(self.issue(&checked, &who, mark)?)),
            (Decision::SignIn(wanted) | Decision::Consent(wanted), _) => {
                self.begin(checked, &client, Begin { wanted, hint }, visitor).await
            }
            (Decision::Refuse(error), _) => Ok(self.sent_back(&SentBack { to: checked.back, error })),
            (Decision::Issue, None) => Err(Refusal::Corrupt("a code for nobody".to_owned())),
        }
    }

    fn sent_back(&self, back: &SentBack) -> Outcome {
        Outcome::Redirect(back.location(self.app().issuer().as_str()))
    }

    async fn begin(
        &self,
        checked: Checked,
        client: &Client,
        begin: Begin,
        visitor: &Visitor,
    ) -> Result<Outcome, Refusal> {
        let Begin { wanted, hint } = begin;
        let kept = Kept { request: checked.request, hint };
        let payload = serde_json::to_string(&kept).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        if payload.len() > LONGEST_KEPT {
            return Ok(self.sent_back(&SentBack { to: checked.back, error: TOO_LONG }));
        }
        // What fills more memory for half an hour counts for more (SEC-221).
        let network = throttle::network(visitor.address);
        let weight = u32::try_from(1 + payload.len() / USUAL_KEPT).unwrap_or(u32::MAX);
        self.app().throttle().hit_by(Rule::JourneyAddress, &network, weight).await?;
        let shown = journeys::Shown {
            client_id: Some(client.id.clone()),
            client_name: client.name.clone(),
            host: checked.back.host(),
            is_verified: client.is_verified,
            // An unverified client could borrow somebody's logo (SEC-026).
            logo_uri: client.logo_uri.clone().filter(|_| client.is_verified),
            policy_uri: client.policy_uri.clone(),
            tos_uri: client.tos_uri.clone(),
            client_uri: client.client_uri.clone(),
            scopes: kept.request.scopes_to_agree(),
            login_hint: checked.login_hint,
            ui_locales: checked.ui_locales,
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
            },
            purpose: Purpose { kind: KIND.to_owned(), payload },
            shown,
            methods: MethodPolicy { password: any, passkey: true, phone: any },
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

    /// Seals a code for this person and answers where it goes. Nothing is written.
    pub(crate) fn issue(
        &self,
        checked: &Checked,
        who: &Arc<SignedIn>,
        mark: Mark,
    ) -> Result<String, Refusal> {
        let request = &checked.request;
        let stated = request
            .stated(&who.session)
            .ok_or_else(|| Refusal::Corrupt("a session without proof".to_owned()))?;
        let now = self.app().now();
        let content = CodeContent {
            grant: self.app().entropy().id(),
            client: request.client.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            account: who.account.id,
            session: who.session.id,
            auth_time: stated.auth_time,
            acr: stated.acr,
            amr: stated.amr.into_iter().map(str::to_owned).collect(),
            scope: request.scopes.join(" "),
            id_token_claims: request.id_token_claims.clone(),
            userinfo_claims: request.userinfo_claims.clone(),
            expires_at: now.after(self.settings().code_life),
        };
        let plain = serde_json::to_vec(&content).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        let code = URL_SAFE_NO_PAD.encode(self.codes().try_seal(CODE, &plain)?);
        self.caches().people().keep(who.session.id, Arc::clone(who), subjects(who), mark);
        Ok(checked.back.with_code(&code, self.app().issuer().as_str()))
    }

    /// The scopes this person agreed to give this client; empty when there is no consent.
    pub(crate) async fn remembered(
        &self,
        account: AccountId,
        client: &Client,
    ) -> Result<Arc<Vec<String>>, Refusal> {
        let key = (account, client.id.clone());
        let consents = self.caches().consents();
        if let Some(scopes) = consents.find(&key) {
            return Ok(scopes);
        }
        let mark = consents.mark();
        let consent = self.app().store().read().await?.consent(&account, &client.id).await?;
        // That there is none is not remembered: it is given next, maybe on another node.
        let Some(consent) = consent else { return Ok(Arc::default()) };
        let scopes = Arc::new(consent.scopes);
        let subjects = vec![app::Change::Account(account), app::Change::Client(client.id.clone())];
        consents.keep(key, Arc::clone(&scopes), subjects, mark);
        Ok(scopes)
    }

    /// The account that an `id_token_hint` names. Expired ones and those for other clients are fine: a hint
    /// gives no right (OpenID Connect Core §3.1.2.1).
    fn subject_of(&self, hint: &str) -> Option<AccountId> {
        let token = jose::Unverified::parse(hint).ok()?;
        let key = self.app().keys().by_kid(token.kid()?)?;
        let claims = jose::strict::object(&token.verify(key.public(), "JWT").ok()?)?;
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
        if text("iss") != Some(self.app().issuer().as_str()) {
            return None;
        }
        text("sub")?.parse().ok()
    }
}

struct Begin {
    wanted: Wanted,
    hint: Option<AccountId>,
}

/// What a person's being signed in hangs on.
pub(crate) fn subjects(who: &SignedIn) -> Vec<app::Change> {
    vec![app::Change::Session(who.session.id), app::Change::Account(who.account.id)]
}

/// The consent that is kept after this person agreed to these scopes.
pub(crate) fn grown(before: Option<Consent>, who: &SignedIn, request: &Request, now: Timestamp) -> Consent {
    let mut scopes = before.map(|c| c.scopes).unwrap_or_default();
    scopes.extend(request.scopes_to_agree());
    scopes.sort_unstable();
    scopes.dedup();
    Consent { account: who.account.id, client: request.client.clone(), scopes, given_at: now }
}

/// What a client is told when its person declined.
pub(crate) const DECLINED: OAuthError = OAuthError::new(ErrorCode::AccessDenied, "The person declined");
