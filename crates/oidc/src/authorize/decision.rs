//! What a checked request amounts to, given who is signed in.
//!
//! Owns: `prompt`, `max_age`, `acr`, hints and consent as one decision. Not here: asking the person
//! (`journey`).

use domain::{AccountId, Acr, BrowserSession, Client, Method, Proof, Timestamp};

use super::checks::UNMET;
use super::request::{Checked, Request};
use crate::{ErrorCode, OAuthError};

/// Who is there, as far as is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing<'a> {
    /// The browser's living session of an active account.
    pub session: Option<&'a BrowserSession>,
    /// What this person settled with this client before ([`Request::items`]): agreed to, or left out for good.
    pub remembered: Option<&'a [String]>,
    /// The account that a verified `id_token_hint` names.
    pub hint: Option<AccountId>,
    /// The account that [`Request::sub`] demands; `Some(None)` when it is nobody's.
    pub demanded: Option<Option<AccountId>>,
}

/// What a sign-in has to amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The weakest class that is enough.
    pub acr: Option<Acr>,
    /// Classes wished for, in order.
    pub wished_acr: Vec<Acr>,
    /// A proof must not be older.
    pub fresh_since: Option<Timestamp>,
    /// It must be this person.
    pub account: Option<AccountId>,
    /// Consent has to be looked at.
    pub consent: bool,
    /// Only phishing-resistant methods (SEC-040).
    pub phishing_resistant: bool,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The person signs in, again or stronger.
    SignIn(Wanted),
    /// The person is asked for consent.
    Consent(Wanted),
    /// A code is issued.
    Issue,
    /// The client is told.
    Refuse(OAuthError),
}

const LOGIN: OAuthError = OAuthError::new(ErrorCode::LoginRequired, "The person has to sign in");
const OTHER_PERSON: OAuthError =
    OAuthError::new(ErrorCode::LoginRequired, "Another person is signed in than the one asked for");
const CONSENT: OAuthError = OAuthError::new(ErrorCode::ConsentRequired, "The person has to give consent");

impl Checked {
    /// Decides. `standing.remembered` is looked at only when [`Request::may_remember`] says so.
    #[must_use]
    pub fn decide(&self, client: &Client, standing: Standing<'_>) -> Decision {
        let request = &self.request;
        let account = match (standing.hint, standing.demanded) {
            (Some(hint), Some(demanded)) if demanded != Some(hint) => return Decision::Refuse(OTHER_PERSON),
            (None, Some(None)) => return Decision::Refuse(OTHER_PERSON),
            (hint, demanded) => hint.or(demanded.flatten()),
        };
        let consent = request.consent_is_due(client, standing.remembered);
        let wanted = request.wanted(client, account, consent);
        let ask = |error, wanted| if request.prompt.none { Decision::Refuse(error) } else { wanted };
        if let Err(error) = wanted.met_by(standing.session) {
            return ask(error, Decision::SignIn(wanted));
        }
        if consent {
            return ask(CONSENT, Decision::Consent(wanted));
        }
        Decision::Issue
    }
}

impl Request {
    /// What a sign-in has to amount to for this request.
    #[must_use]
    pub fn wanted(&self, client: &Client, account: Option<AccountId>, consent: bool) -> Wanted {
        let demanded = self.essential_acr.iter().min().copied();
        Wanted {
            acr: if client.requires_phishing_resistant {
                Some(Acr::Passkey)
            } else {
                demanded.max(client.least_acr())
            },
            wished_acr: self.wished_acr.clone(),
            fresh_since: self.fresh_since,
            account,
            consent,
            phishing_resistant: client.requires_phishing_resistant,
        }
    }

    /// Whether an earlier consent may stand for a new one. Never for public clients: anybody can pretend
    /// to be one (RFC 8252 §8.6, SEC-108).
    #[must_use]
    pub fn may_remember(&self, client: &Client) -> bool {
        !self.prompt.consent && !client.is_public()
    }

    /// What an ID token may truly say about a session for this request: of demanded or wished classes the
    /// strongest that is reached, else the class itself. A class is reached by everything stronger. Where
    /// freshness was asked for, older proofs lend nothing to newer ones.
    #[must_use]
    pub fn stated(&self, session: &BrowserSession) -> Option<Stated> {
        let counted = || session.proofs.iter().filter(|proof| is_fresh(proof, self.fresh_since));
        // A code says nothing without the password before it, and a recovery's link nothing at all (SEC-156).
        let standing = || counted().filter(|proof| proof.method.stands_alone());
        let reached = standing().map(Proof::acr).max()?;
        let of = |asked: &[Acr]| asked.iter().copied().filter(|acr| *acr <= reached).max();
        let acr = of(&self.essential_acr).or_else(|| of(&self.wished_acr)).unwrap_or(reached);
        let mut amr: Vec<&'static str> = Vec::new();
        for value in counted().flat_map(Proof::amr) {
            if !amr.contains(value) {
                amr.push(value);
            }
        }
        Some(Stated { acr, amr, auth_time: standing().map(|proof| proof.at).max()? })
    }
}

/// The truth about an authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// `acr`.
    pub acr: Acr,
    /// `amr`.
    pub amr: Vec<&'static str>,
    /// `auth_time`.
    pub auth_time: Timestamp,
}

impl Wanted {
    /// Whether this session is enough.
    ///
    /// # Errors
    /// What a client is told that allowed no page.
    pub fn met_by(&self, session: Option<&BrowserSession>) -> Result<(), OAuthError> {
        let session = session.ok_or(LOGIN)?;
        if self.account.is_some_and(|account| account != session.account) {
            return Err(OTHER_PERSON);
        }
        let mut fresh = session
            .proofs
            .iter()
            .filter(|proof| proof.method.stands_alone() && is_fresh(proof, self.fresh_since))
            .peekable();
        if fresh.peek().is_none() {
            return Err(LOGIN);
        }
        if fresh.any(|proof| self.acr.is_none_or(|least| proof.acr() >= least)) {
            return Ok(());
        }
        // What only an app made for CAS did is no sign-in where such apps are not taken; the client asked for no class.
        Err(if self.acr > Some(Acr::Password) { UNMET } else { LOGIN })
    }
}

/// Whether a proof counts where freshness was asked for. An app made for CAS shows a token that may be hours old:
/// nobody was asked anew (SEC-068, as in `journey::Need`).
fn is_fresh(proof: &Proof, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| proof.at >= since && proof.method != Method::CasPhone)
}
