//! The checks of an authorization request, in protocol order, and the request they let through.
//!
//! Owns: what is refused to the client. Not here: whether the person is signed in (`decision`).

use std::time::Duration;

use domain::{AccountId, Acr, Client, ClientId, Timestamp};
use serde::{Deserialize, Serialize};

use super::asked::Shown;
use super::bound::{Bound, ReturnAddress};
use super::requested_claims::RequestedClaims;
use super::response::SentBack;
use crate::claims::{SCOPES, scope_of};
use crate::token::is_challenge;
use crate::{ErrorCode, OAuthError};

type Check = fn(&Bound<'_>) -> Result<(), OAuthError>;

/// In protocol order; the first refusal wins.
pub(super) const CHECKS: &[Check] = &[
    nothing_comes_twice,
    no_request_object,
    no_registration,
    response_type_is_code,
    response_mode_is_query,
    scope_has_openid,
    pkce_is_s256,
    pkce_where_required,
    prompt_is_known_and_none_alone,
    max_age_is_a_number,
    claims_can_be_read,
    essential_acr_is_one_of_ours,
];

/// RFC 6749 §3.1: parameters must not be included more than once (SEC-107).
fn nothing_comes_twice(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.params().has_repeated() {
        return Err(OAuthError::invalid_request("A parameter comes more than once"));
    }
    Ok(())
}

/// OpenID Connect Core §6: what we would ignore may hold the real state and nonce.
fn no_request_object(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.get("request").is_some() {
        return Err(OAuthError::new(ErrorCode::RequestNotSupported, "Request objects are not supported"));
    }
    if request.get("request_uri").is_some() {
        return Err(OAuthError::new(ErrorCode::RequestUriNotSupported, "request_uri is not supported"));
    }
    Ok(())
}

/// OpenID Connect Core §7.2.1.
fn no_registration(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.get("registration").is_some() {
        return Err(OAuthError::new(ErrorCode::RegistrationNotSupported, "registration is not supported"));
    }
    Ok(())
}

/// RFC 6749 §3.1.1, SEC-106.
fn response_type_is_code(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("response_type") {
        Some("code") => Ok(()),
        None => Err(OAuthError::invalid_request("response_type is missing")),
        Some(_) => {
            Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "Only response_type=code is supported"))
        }
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
fn response_mode_is_query(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("Only response_mode=query is supported")),
    }
}

/// OpenID Connect Core §3.1.2.1; scope values are case-sensitive.
fn scope_has_openid(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("scope") {
        Some(scope) if scope.split(' ').any(|word| word == "openid") => Ok(()),
        Some(_) => Err(OAuthError::new(ErrorCode::InvalidScope, "scope does not hold openid")),
        None => Err(OAuthError::new(ErrorCode::InvalidScope, "scope is missing")),
    }
}

/// RFC 7636 §4.3, RFC 9700 §2.1.1: `plain`, also by silence, is no protection (SEC-104).
fn pkce_is_s256(request: &Bound<'_>) -> Result<(), OAuthError> {
    match (request.get("code_challenge"), request.get("code_challenge_method")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(OAuthError::invalid_request("code_challenge is missing")),
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Ok(()),
        (Some(_), Some("S256")) => {
            Err(OAuthError::invalid_request("code_challenge is not 43 characters of base64url"))
        }
        (Some(_), _) => Err(OAuthError::invalid_request("code_challenge_method must be S256")),
    }
}

/// RFC 7636 §4.4.1: a client that must use PKCE and did not is refused (SEC-104).
fn pkce_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    let is_required = request.client.requires_pkce || request.client.is_public();
    if is_required && request.get("code_challenge").is_none() {
        return Err(OAuthError::invalid_request("code_challenge is missing: this client must use PKCE"));
    }
    Ok(())
}

/// OpenID Connect Core §3.1.2.1: `none` with any other value is an error.
fn prompt_is_known_and_none_alone(request: &Bound<'_>) -> Result<(), OAuthError> {
    Prompt::read(request.get("prompt")).map(|_| ())
}

/// OpenID Connect Core §3.1.2.1.
fn max_age_is_a_number(request: &Bound<'_>) -> Result<(), OAuthError> {
    read_max_age(request).map(|_| ())
}

/// OpenID Connect Core §5.5.
fn claims_can_be_read(request: &Bound<'_>) -> Result<(), OAuthError> {
    RequestedClaims::read(request.params()).map(|_| ())
}

/// OpenID Connect Core §5.5.1.1: an essential class that nobody can reach fails at once (SEC-039).
fn essential_acr_is_one_of_ours(request: &Bound<'_>) -> Result<(), OAuthError> {
    if RequestedClaims::read(request.params())?.demands_the_impossible() {
        return Err(UNMET);
    }
    Ok(())
}

pub(super) const UNMET: OAuthError = OAuthError::new(
    ErrorCode::UnmetAuthenticationRequirements,
    "The requested authentication context class was not reached",
);

fn read_max_age(request: &Bound<'_>) -> Result<Option<u32>, OAuthError> {
    match request.get("max_age") {
        None => Ok(request.client.default_max_age),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(text.parse().unwrap_or(u32::MAX))),
        Some(_) => Err(OAuthError::invalid_request("max_age is not a whole number of seconds")),
    }
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// `none`: no page may be shown.
    pub none: bool,
    /// `login`, or `select_account`, which our sign-in page answers as well.
    pub login: bool,
    /// `consent`.
    pub consent: bool,
}

impl Prompt {
    fn read(text: Option<&str>) -> Result<Self, OAuthError> {
        let mut prompt = Self::default();
        for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(OAuthError::invalid_request("prompt has an unknown value")),
            }
        }
        if prompt.none && (prompt.login || prompt.consent) {
            return Err(OAuthError::invalid_request("prompt=none does not go with other values"));
        }
        Ok(prompt)
    }
}

/// A checked request in the form in which it is kept while a person signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub client: ClientId,
    /// `redirect_uri` as asked for; bound to the code.
    pub redirect_uri: String,
    /// Returned byte for byte (SEC-137).
    pub state: Option<String>,
    /// Embedded byte for byte (SEC-137).
    pub nonce: Option<String>,
    /// Scopes that are known, registered for the client and asked for; `openid` first.
    pub scopes: Vec<String>,
    /// PKCE challenge, always S256.
    pub challenge: Option<String>,
    /// `prompt`.
    pub prompt: Prompt,
    /// The time that a sign-in must not be older than (`max_age`, `prompt=login`), fixed when the request
    /// came: so one sign-in after it is enough and there is no loop.
    pub fresh_since: Option<Timestamp>,
    /// Classes of which one is demanded; empty = none.
    pub essential_acr: Vec<Acr>,
    /// Classes wished for, in order.
    pub wished_acr: Vec<Acr>,
    /// Claims asked for in the ID token.
    pub id_token_claims: Vec<String>,
    /// Claims asked for from userinfo beyond the scopes.
    pub userinfo_claims: Vec<String>,
    /// `claims` demands this subject.
    pub sub: Option<String>,
}

/// A request that passed all checks, and where its answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Where answers go.
    pub back: ReturnAddress,
    /// What was asked.
    pub request: Request,
    /// `id_token_hint`, not yet verified.
    pub id_token_hint: Option<String>,
    /// `login_hint`, as plain text of at most 200 characters.
    pub login_hint: Option<String>,
    /// `ui_locales`, at most ten.
    pub ui_locales: Vec<String>,
}

impl Checked {
    pub(super) fn read(bound: Bound<'_>, now: Timestamp) -> Result<Self, SentBack> {
        match Self::try_read(&bound, now) {
            Ok((request, id_token_hint, login_hint, ui_locales)) => {
                Ok(Self { back: bound.back, request, id_token_hint, login_hint, ui_locales })
            }
            Err(error) => Err(SentBack { to: bound.back, error }),
        }
    }

    #[expect(clippy::type_complexity, reason = "one caller, right above")]
    fn try_read(
        bound: &Bound<'_>,
        now: Timestamp,
    ) -> Result<(Request, Option<String>, Option<String>, Vec<String>), OAuthError> {
        let client = bound.client;
        let prompt = Prompt::read(bound.get("prompt"))?;
        let max_age = read_max_age(bound)?;
        let claims = RequestedClaims::read(bound.params())?;
        let fresh_since = if prompt.login {
            Some(now)
        } else {
            max_age.map(|seconds| now.before(Duration::from_secs(u64::from(seconds))))
        };
        let ours = |values: &[String]| values.iter().filter_map(|v| Acr::from_value(v)).collect::<Vec<_>>();
        let mut wished_acr: Vec<Acr> =
            bound.get("acr_values").unwrap_or_default().split(' ').filter_map(Acr::from_value).collect();
        wished_acr.extend(ours(&claims.wished_acr));
        let allowed = |names: Vec<String>| {
            names
                .into_iter()
                .filter(|name| scope_of(name).is_some_and(|scope| is_registered(client, scope)))
                .collect()
        };
        let request = Request {
            client: client.id.clone(),
            redirect_uri: bound.back.uri().to_owned(),
            state: bound.back.state().map(str::to_owned),
            nonce: bound.get("nonce").map(str::to_owned),
            scopes: granted_scopes(client, bound.get("scope").unwrap_or_default()),
            challenge: bound.get("code_challenge").map(str::to_owned),
            prompt,
            fresh_since,
            essential_acr: ours(&claims.essential_acr.unwrap_or_default()),
            wished_acr,
            id_token_claims: allowed(claims.id_token),
            userinfo_claims: allowed(claims.userinfo),
            sub: claims.sub,
        };
        let text = |name: &str| bound.get(name).map(str::to_owned);
        let login_hint = bound.get("login_hint").map(|hint| domain::text::shown(hint, 200));
        let ui_locales =
            bound.get("ui_locales").unwrap_or_default().split(' ').filter(|tag| is_language_tag(tag));
        let ui_locales = ui_locales.take(10).map(str::to_owned).collect();
        Ok((request, text("id_token_hint"), login_hint, ui_locales))
    }
}

impl Request {
    /// Takes up a kept request again: the client may have changed meanwhile (SEC-109).
    ///
    /// # Errors
    /// The client is another, disabled, or gave up the address.
    pub fn for_client(self, client: &Client) -> Result<Checked, Shown> {
        if client.id != self.client {
            return Err(Shown::UnknownClient);
        }
        let back = ReturnAddress::for_client(client, &self.redirect_uri, self.state.clone())?;
        Ok(Checked { back, request: self, id_token_hint: None, login_hint: None, ui_locales: Vec::new() })
    }

    /// What a person is asked to agree to: the scopes, and those that hold the claims asked for singly.
    #[must_use]
    pub fn scopes_to_agree(&self) -> Vec<String> {
        let mut all = self.scopes.clone();
        for claim in self.id_token_claims.iter().chain(&self.userinfo_claims) {
            if let Some(scope) = scope_of(claim)
                && !all.iter().any(|known| known == scope)
            {
                all.push(scope.to_owned());
            }
        }
        all
    }

    /// The account that `claims` demands: `Some(None)` when it can be nobody's.
    #[must_use]
    pub fn demanded_account(&self) -> Option<Option<AccountId>> {
        self.sub.as_ref().map(|sub| sub.parse().ok())
    }
}

fn is_registered(client: &Client, scope: &str) -> bool {
    scope == "openid" || client.scopes.iter().any(|known| known == scope)
}

/// Known scopes that the client asked for and registered, in our order, each once.
fn granted_scopes(client: &Client, asked: &str) -> Vec<String> {
    SCOPES
        .iter()
        .filter(|scope| asked.split(' ').any(|word| word == **scope) && is_registered(client, scope))
        .map(|scope| (*scope).to_owned())
        .collect()
}

/// Looks like a language tag of RFC 5646; what does not is left out, never an error.
fn is_language_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= 35
        && tag
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}
