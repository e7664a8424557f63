//! Grant types and response types, which go together (RFC 7591 §2.1).
//!
//! Owns: what one list says about the other when only one is given, and what contradicts.

use domain::{GrantType, ResponseType};

use super::members::Members;
use super::{BadRegistration, Caller, bad, service};

/// What a client may ask for.
pub(super) struct Types {
    pub grants: Vec<GrantType>,
    pub responses: Vec<ResponseType>,
}

impl Types {
    /// Reads both lists. An operator is told what is wrong with them; of a stranger's lists stays what is known,
    /// allowed and goes together, and the answer tells (RFC 7591 §3.2.1).
    pub(super) fn read(members: &Members<'_>, caller: Caller<'_>) -> Result<Self, BadRegistration> {
        let (all_grants, all_responses) = (names(GrantType::ALL, GrantType::as_str), response_names());
        let narrows = caller.is_narrowed();
        let grants = members.words("grant_types", GrantType::from_word, &all_grants, narrows)?;
        let responses = members.words("response_types", ResponseType::parse, &all_responses, narrows)?;
        if service::is_there(members, caller)
            && let Some(types) = Self::of_service_alone(members, grants.as_deref(), responses.as_deref())?
        {
            return Ok(types);
        }
        let (grants, responses) = match (grants, responses) {
            (None, None) => (vec![GrantType::AuthorizationCode], vec![ResponseType::Code]),
            (None, Some(responses)) => (grants_for(&responses), responses),
            (Some(grants), None) => (grants.clone(), responses_for(&grants)),
            (Some(grants), Some(responses)) => (grants, responses),
        };
        let mut types = Self { grants, responses };
        if let Caller::Itself(policy) = caller {
            types.grants.retain(|grant| policy.grant_types.contains(grant));
            types.responses.retain(|response| policy.response_types.contains(response));
            types.narrow();
        }
        types.check()?;
        Ok(types)
    }

    /// A service of CAS that is nothing else: it names no grant types and has no ways back.
    fn of_service_alone(
        members: &Members<'_>,
        grants: Option<&[GrantType]>,
        responses: Option<&[ResponseType]>,
    ) -> Result<Option<Self>, BadRegistration> {
        let has_uris = members
            .present("redirect_uris")
            .and_then(|uris| uris.as_array())
            .is_some_and(|all| !all.is_empty());
        let names_none = grants.is_some_and(<[_]>::is_empty);
        if grants.is_some_and(|all| !all.is_empty()) || responses.is_some_and(|all| !all.is_empty()) {
            return Ok(None);
        }
        match (has_uris, names_none) {
            (true, true) => {
                Err(bad("redirect_uris", "are of no use without grant_types: leave them out, or name some"))
            }
            (true, false) => Ok(None),
            (false, _) => Ok(Some(Self { grants: Vec::new(), responses: Vec::new() })),
        }
    }

    /// Takes away what has not what it needs.
    fn narrow(&mut self) {
        let Self { grants, responses } = self;
        responses.retain(|response| needs(*response).iter().all(|need| grants.contains(need)));
        grants.retain(|grant| is_used(*grant, responses));
        let has_code = grants.contains(&GrantType::AuthorizationCode);
        grants.retain(|grant| *grant != GrantType::RefreshToken || has_code);
    }

    fn check(&self) -> Result<(), BadRegistration> {
        let Self { grants, responses } = self;
        if grants.is_empty() {
            return Err(bad("grant_types", "leaves none that is allowed here and goes with response_types"));
        }
        for response in responses {
            if let Some(missing) = needs(*response).iter().find(|need| !grants.contains(need)) {
                let (response, missing) = (response.as_str(), missing.as_str());
                return Err(bad("response_types", format!("{response} needs the grant type {missing}")));
            }
        }
        if let Some(unused) = grants.iter().find(|grant| !is_used(**grant, responses)) {
            let unused = unused.as_str();
            return Err(bad("grant_types", format!("{unused} needs a response type that leads to it")));
        }
        let refreshes = grants.contains(&GrantType::RefreshToken);
        if refreshes && !grants.contains(&GrantType::AuthorizationCode) {
            return Err(bad("grant_types", "refresh_token needs authorization_code"));
        }
        Ok(())
    }

    /// It speaks CAS and nothing else.
    pub(super) fn is_service_alone(&self) -> bool {
        self.grants.is_empty()
    }

    /// No person takes part: the client asks for itself alone.
    pub(super) fn is_machine(&self) -> bool {
        self.responses.is_empty()
    }

    pub(super) fn has_front_channel_tokens(&self) -> bool {
        self.responses.iter().any(|response| response.has_id_token() || response.has_token())
    }
}

/// The grant types a response type stands on (OpenID Connect Dynamic Client Registration §2).
fn needs(response: ResponseType) -> &'static [GrantType] {
    match (response.has_code(), response.has_id_token() || response.has_token()) {
        (true, true) => &[GrantType::AuthorizationCode, GrantType::Implicit],
        (true, false) => &[GrantType::AuthorizationCode],
        (false, _) => &[GrantType::Implicit],
    }
}

fn is_used(grant: GrantType, by: &[ResponseType]) -> bool {
    match grant {
        GrantType::AuthorizationCode | GrantType::Implicit => {
            by.iter().any(|response| needs(*response).contains(&grant))
        }
        GrantType::RefreshToken | GrantType::ClientCredentials => true,
    }
}

fn grants_for(responses: &[ResponseType]) -> Vec<GrantType> {
    let is_needed = |grant: &GrantType| responses.iter().any(|response| needs(*response).contains(grant));
    GrantType::ALL.iter().copied().filter(is_needed).collect()
}

/// The least that uses each of them.
fn responses_for(grants: &[GrantType]) -> Vec<ResponseType> {
    let mut responses = Vec::new();
    if grants.contains(&GrantType::AuthorizationCode) {
        responses.push(ResponseType::Code);
    }
    if grants.contains(&GrantType::Implicit) {
        responses.push(ResponseType::IdToken);
    }
    responses
}

pub(super) fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

fn response_names() -> Vec<&'static str> {
    names(ResponseType::ALL, ResponseType::as_str)
}
