//! The checks of an authorization request, in protocol order.
//!
//! Owns: what is refused to the client. Not here: the request they let through (`request`), whether the person is
//! signed in (`decision`).

use domain::{Client, GrantType, ResponseType};

use super::MOST_RESOURCES;
use super::bound::Bound;
use super::mode::ResponseMode;
use super::request::Prompt;
use super::requested_claims::RequestedClaims;
use crate::token::is_challenge;
use crate::{ErrorCode, OAuthError};

type Check = fn(&Bound<'_>) -> Result<(), OAuthError>;

/// In protocol order; the first refusal wins.
pub(super) const CHECKS: &[Check] = &[
    nothing_comes_twice,
    no_registration,
    pushed_where_required,
    signed_where_required,
    response_type_is_known,
    response_type_is_registered,
    response_mode_is_known,
    response_mode_hides_tokens,
    scope_has_openid,
    nonce_where_required,
    pkce_is_s256,
    pkce_where_required,
    prompt_is_known_and_none_alone,
    max_age_is_a_number,
    claims_can_be_read,
    essential_acr_is_one_of_ours,
    resources_are_registered,
    dpop_key_is_a_thumbprint,
    front_token_is_bound_where_required,
];

pub(super) const TWICE: OAuthError = OAuthError::invalid_request("A parameter comes more than once");

/// RFC 6749 §3.1: parameters must not be included more than once (SEC-107); `resource` may (RFC 8707 §2).
fn nothing_comes_twice(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.params().has_repeated_but("resource") { Err(TWICE) } else { Ok(()) }
}

/// OpenID Connect Core §7.2.1.
fn no_registration(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.get("registration").is_some() {
        return Err(OAuthError::new(ErrorCode::RegistrationNotSupported, "registration is not supported"));
    }
    Ok(())
}

/// RFC 9126 §6 (SEC-128).
fn pushed_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.client.metadata.requires_par && !request.came().pushed {
        return Err(super::NOT_PUSHED);
    }
    Ok(())
}

/// RFC 9101 §10.5 (SEC-129).
fn signed_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    if request.client.metadata.requires_signed_request && !request.came().signed {
        return Err(OAuthError::invalid_request("This client must sign its requests"));
    }
    Ok(())
}

pub(super) fn read_response_type(request: &Bound<'_>) -> Result<ResponseType, OAuthError> {
    match request.get("response_type") {
        None => Err(OAuthError::invalid_request("response_type is missing")),
        Some(text) => ResponseType::parse(text).ok_or(OAuthError::new(
            ErrorCode::UnsupportedResponseType,
            "This response_type is not supported",
        )),
    }
}

/// RFC 6749 §3.1.1, SEC-106.
fn response_type_is_known(request: &Bound<'_>) -> Result<(), OAuthError> {
    read_response_type(request).map(|_| ())
}

/// RFC 6749 §4.1.2.1, SEC-106: what gives tokens through the browser is off until it is registered by name.
fn response_type_is_registered(request: &Bound<'_>) -> Result<(), OAuthError> {
    may_have_answer(request.client, read_response_type(request)?)
}

pub(super) fn may_have_answer(client: &Client, response: ResponseType) -> Result<(), OAuthError> {
    let metadata = &client.metadata;
    let may = metadata.may_ask_for(response)
        && (!response.has_code() || metadata.may_use(GrantType::AuthorizationCode))
        && (!(response.has_id_token() || response.has_token()) || metadata.may_use(GrantType::Implicit));
    if !may {
        return Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "The client did not register this response_type",
        ));
    }
    Ok(())
}

/// OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
fn response_mode_is_known(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("response_mode").map(ResponseMode::from_word) {
        Some(None) => Err(OAuthError::invalid_request("response_mode must be query, fragment or form_post")),
        Some(Some(mode)) if !mode.fits(request.back.uri()) => {
            Err(OAuthError::invalid_request("response_mode=form_post needs a web address as redirect_uri"))
        }
        _ => Ok(()),
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices §5.
fn response_mode_hides_tokens(request: &Bound<'_>) -> Result<(), OAuthError> {
    let response = read_response_type(request)?;
    let is_query = request.get("response_mode") == Some(ResponseMode::Query.as_str());
    if is_query && ResponseMode::default_of(response).hides_tokens() {
        return Err(OAuthError::invalid_request("response_mode=query does not go with tokens"));
    }
    Ok(())
}

/// OpenID Connect Core §3.1.2.1; scope values are case-sensitive.
fn scope_has_openid(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("scope") {
        Some(scope) if scope.split(' ').any(|word| word == "openid") => Ok(()),
        Some(_) => Err(OAuthError::new(ErrorCode::InvalidScope, "scope does not hold openid")),
        None => Err(OAuthError::new(ErrorCode::InvalidScope, "scope is missing")),
    }
}

/// OpenID Connect Core §3.2.2.1 and §3.3.2.11: without it an ID token from the browser could be another's.
fn nonce_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    if read_response_type(request)?.has_id_token() && request.get("nonce").is_none() {
        return Err(OAuthError::invalid_request("nonce is missing: this response_type needs it"));
    }
    Ok(())
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

/// RFC 7636 §4.4.1: a client that must use PKCE and did not is refused (SEC-104). Where no code is given there is
/// nothing to protect.
fn pkce_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    let is_required = request.client.requires_pkce || request.client.is_public();
    if is_required && read_response_type(request)?.has_code() && request.get("code_challenge").is_none() {
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

pub(super) fn read_max_age(request: &Bound<'_>) -> Result<Option<u32>, OAuthError> {
    match request.get("max_age") {
        None => Ok(request.client.default_max_age),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(text.parse().unwrap_or(u32::MAX))),
        Some(_) => Err(OAuthError::invalid_request("max_age is not a whole number of seconds")),
    }
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

/// RFC 8707 §2: absolute, without fragment, and the client's to ask for, which what is registered is.
fn resources_are_registered(request: &Bound<'_>) -> Result<(), OAuthError> {
    may_have_tokens_for(request.client, request.params().all("resource"))
}

pub(super) fn may_have_tokens_for<'r>(
    client: &Client,
    resources: impl Iterator<Item = &'r str>,
) -> Result<(), OAuthError> {
    let registered = &client.metadata.resources;
    for (at, resource) in resources.enumerate() {
        if at == MOST_RESOURCES || !registered.iter().any(|known| known == resource) {
            return Err(OAuthError::new(
                ErrorCode::InvalidTarget,
                "The client may not ask for tokens for this resource",
            ));
        }
    }
    Ok(())
}

/// RFC 9449 §10: a SHA-256 thumbprint, which has the form of a PKCE challenge.
fn dpop_key_is_a_thumbprint(request: &Bound<'_>) -> Result<(), OAuthError> {
    match request.get("dpop_jkt") {
        Some(jkt) if !is_challenge(jkt) => {
            Err(OAuthError::invalid_request("dpop_jkt is not 43 characters of base64url"))
        }
        _ => Ok(()),
    }
}

/// RFC 9449 §5.2: a client that has its access tokens bound gets no other, from here neither.
fn front_token_is_bound_where_required(request: &Bound<'_>) -> Result<(), OAuthError> {
    let metadata = &request.client.metadata;
    if metadata.requires_dpop && read_response_type(request)?.has_token() && request.get("dpop_jkt").is_none()
    {
        return Err(OAuthError::invalid_request("dpop_jkt is missing: this client has its tokens bound"));
    }
    Ok(())
}
