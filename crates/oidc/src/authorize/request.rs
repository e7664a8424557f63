//! The request that passed all checks.
//!
//! Owns: its parts as values, and the form in which it is kept while a person signs in. Not here: the checks
//! (`checks`), the decision (`decision`).

use std::time::Duration;

use domain::{Acr, Client, ClientId, GrantType, ResponseType, Timestamp};
use serde::{Deserialize, Serialize};

use super::asked::Shown;
use super::bound::{Bound, ReturnAddress};
use super::checks::{may_have_answer, may_have_tokens_for, read_max_age, read_response_type};
use super::mode::ResponseMode;
use super::requested_claims::RequestedClaims;
use super::response::SentBack;
use crate::OAuthError;
use crate::claims::{OFFLINE_ACCESS, SCOPES, scope_of};

/// Values of `prompt` (`prompt_values_supported`).
pub const PROMPTS: &[&str] = &["none", "login", "consent", "select_account"];

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
    pub(super) fn read(text: Option<&str>) -> Result<Self, OAuthError> {
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
    /// What the answer holds.
    #[serde(default = "code", skip_serializing_if = "is_code")]
    pub response: ResponseType,
    /// Where the answer holds it.
    #[serde(default, skip_serializing_if = "is_query")]
    pub mode: ResponseMode,
    /// Returned byte for byte (SEC-137).
    pub state: Option<String>,
    /// Embedded byte for byte (SEC-137).
    pub nonce: Option<String>,
    /// Scopes that are registered for the client and asked for; `openid` first.
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
    /// Of all those the essential ones (§5.5.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub essential_claims: Vec<String>,
    /// `claims` demands this subject, which is the client's word for a person.
    pub sub: Option<String>,
    /// Resource indicators (RFC 8707), each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The key that tokens are to be bound to (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
}

const fn code() -> ResponseType {
    ResponseType::Code
}

fn is_code(response: &ResponseType) -> bool {
    *response == ResponseType::Code
}

fn is_query(mode: &ResponseMode) -> bool {
    *mode == ResponseMode::Query
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
        let request = match Request::read(&bound, now) {
            Ok(request) => request,
            Err(error) => return Err(SentBack { to: bound.back, error }),
        };
        let login_hint = bound.get("login_hint").map(|hint| domain::text::shown(hint, 200));
        let ui_locales =
            bound.get("ui_locales").unwrap_or_default().split(' ').filter(|tag| is_language_tag(tag));
        let ui_locales = ui_locales.take(10).map(str::to_owned).collect();
        let id_token_hint = bound.get("id_token_hint").map(str::to_owned);
        Ok(Self { back: bound.back, request, id_token_hint, login_hint, ui_locales })
    }
}

impl Request {
    fn read(bound: &Bound<'_>, now: Timestamp) -> Result<Self, OAuthError> {
        let client = bound.client;
        let response = read_response_type(bound)?;
        let prompt = Prompt::read(bound.get("prompt"))?;
        let max_age = read_max_age(bound)?;
        let claims = RequestedClaims::read(bound.params())?;
        let fresh_since = if prompt.login {
            Some(now)
        } else {
            max_age.map(|seconds| now.before(Duration::from_secs(u64::from(seconds))))
        };
        let text = |name: &str| bound.get(name).map(str::to_owned);
        let mut resources: Vec<String> = Vec::new();
        for resource in bound.params().all("resource") {
            if !resources.iter().any(|known| known == resource) {
                resources.push(resource.to_owned());
            }
        }
        Ok(Self {
            client: client.id.clone(),
            redirect_uri: bound.back.uri().to_owned(),
            response,
            mode: bound.back.mode(),
            state: bound.back.state().map(str::to_owned),
            nonce: text("nonce"),
            scopes: granted_scopes(client, bound.get("scope").unwrap_or_default(), response),
            challenge: text("code_challenge").filter(|_| response.has_code()),
            prompt,
            fresh_since,
            wished_acr: wished_acr(bound, &claims),
            essential_acr: ours(claims.essential_acr.as_deref().unwrap_or_default()),
            id_token_claims: allowed(client, claims.id_token),
            userinfo_claims: allowed(client, claims.userinfo),
            essential_claims: allowed(client, claims.essential),
            sub: claims.sub,
            resources,
            jkt: text("dpop_jkt"),
        })
    }

    /// Takes up a kept request again: the client may have changed meanwhile (SEC-109).
    ///
    /// # Errors
    /// The client is another, disabled, or gave up the address.
    pub fn for_client(self, client: &Client) -> Result<Checked, Shown> {
        if client.id != self.client {
            return Err(Shown::UnknownClient);
        }
        let back = ReturnAddress::for_client(client, &self.redirect_uri, self.state.clone(), self.mode)?;
        Ok(Checked { back, request: self, id_token_hint: None, login_hint: None, ui_locales: Vec::new() })
    }

    /// Holds a kept request against what its client may ask for now (SEC-108, SEC-109): scopes and claims that it
    /// lost meanwhile fall away.
    ///
    /// # Errors
    /// It may no longer have this kind of answer, or tokens for these resources.
    pub fn narrow(&mut self, client: &Client) -> Result<(), OAuthError> {
        may_have_answer(client, self.response)?;
        may_have_tokens_for(client, self.resources.iter().map(String::as_str))?;
        self.scopes = granted_scopes(client, &self.scopes.join(" "), self.response);
        for claims in [&mut self.id_token_claims, &mut self.userinfo_claims, &mut self.essential_claims] {
            *claims = allowed(client, std::mem::take(claims));
        }
        Ok(())
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
}

/// `acr_values`, else what the claim `acr` wishes for, else the client's default (OpenID Connect Core §5.5.1.1,
/// OpenID Connect Dynamic Client Registration §2).
fn wished_acr(bound: &Bound<'_>, claims: &RequestedClaims) -> Vec<Acr> {
    let asked = bound.get("acr_values");
    let mut wished: Vec<Acr> = asked.unwrap_or_default().split(' ').filter_map(Acr::from_value).collect();
    wished.extend(ours(&claims.wished_acr));
    let is_silent = asked.is_none() && claims.wished_acr.is_empty() && claims.essential_acr.is_none();
    if is_silent {
        wished.clone_from(&bound.client.metadata.default_acr);
    }
    wished
}

fn ours(values: &[String]) -> Vec<Acr> {
    values.iter().filter_map(|value| Acr::from_value(value)).collect()
}

/// Claims whose scope the client registered.
fn allowed(client: &Client, names: Vec<String>) -> Vec<String> {
    let may = |name: &String| scope_of(name).is_some_and(|scope| is_registered(client, scope));
    names.into_iter().filter(may).collect()
}

fn is_registered(client: &Client, scope: &str) -> bool {
    scope == "openid" || client.scopes.iter().any(|known| known == scope)
}

/// Scopes that the client asked for and registered, each once: those we know in our order, then its own.
/// `offline_access` is ignored where it could lead to nothing (OpenID Connect Core §11).
fn granted_scopes(client: &Client, asked: &str, response: ResponseType) -> Vec<String> {
    let may_refresh = response.has_code() && client.metadata.may_use(GrantType::RefreshToken);
    let own = client.scopes.iter().map(String::as_str).filter(|scope| !SCOPES.contains(scope));
    let mut granted: Vec<String> = Vec::new();
    for scope in SCOPES.iter().copied().chain(own) {
        let may = is_registered(client, scope) && (scope != OFFLINE_ACCESS || may_refresh);
        if may && asked.split(' ').any(|word| word == scope) && !granted.iter().any(|known| known == scope) {
            granted.push(scope.to_owned());
        }
    }
    granted
}

/// Looks like a language tag of RFC 5646; what does not is left out, never an error.
fn is_language_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= 35
        && tag
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}
