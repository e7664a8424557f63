//! The members beyond what every request needs.
//!
//! Owns: reading them into [`ClientMetadata`], and which of them need one another. Not here: grant and response
//! types (`types`), verifying keys beyond their shape (`jose`, called by the use cases).

use domain::{
    AccessTokenFormat, Acr, AssertionAlg, ClientAuthMethod, ClientKeys, ClientMetadata, ContentEncryption,
    Encryption, KeyEncryptionAlg, LogoutUri, RequestObjectAlg, SigningAlg, SubjectType,
};
use serde_json::Value;

use super::members::Members;
use super::types::{Types, names};
use super::{BadRegistration, Caller, addresses, bad, service};

const MAX_CONTACTS: usize = 10;
const MAX_REQUEST_URIS: usize = 20;
const MAX_RESOURCES: usize = 20;
const MAX_ADDRESSES: usize = 50;
/// Of a JWK set.
const MAX_KEYS: usize = 50;
const MAX_KEY_BYTES: usize = 64 * 1024;
/// Members of private and symmetric keys (RFC 7518 §6).
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What is known of the client already.
pub(super) struct Known<'a> {
    pub types: &'a Types,
    pub redirect_uris: &'a [String],
    pub is_native: bool,
    pub auth_method: ClientAuthMethod,
    pub scopes: &'a [String],
    pub caller: Caller<'a>,
}

/// Reads everything but the lists of types.
pub(super) fn read(members: &Members<'_>, known: &Known<'_>) -> Result<ClientMetadata, BadRegistration> {
    let is_operator = !known.caller.is_narrowed();
    let mut metadata = ClientMetadata {
        grant_types: known.types.grants.clone(),
        response_types: known.types.responses.clone(),
        contacts: contacts(members)?,
        keys: keys(members)?,
        assertion_alg: assertion_alg(members, known.auth_method)?,
        id_token_encryption: encryption(
            members,
            "id_token_encrypted_response_alg",
            "id_token_encrypted_response_enc",
        )?,
        userinfo_alg: signing_alg(members, "userinfo_signed_response_alg")?,
        userinfo_encryption: encryption(
            members,
            "userinfo_encrypted_response_alg",
            "userinfo_encrypted_response_enc",
        )?,
        introspection_alg: signing_alg(members, "introspection_signed_response_alg")?,
        request_object_alg: request_object_alg(members)?,
        request_object_encryption: encryption(
            members,
            "request_object_encryption_alg",
            "request_object_encryption_enc",
        )?,
        request_uris: request_uris(members)?,
        requires_signed_request: members.flag("require_signed_request_object", false)?,
        requires_par: members.flag("require_pushed_authorization_requests", false)?,
        requires_dpop: members.flag("dpop_bound_access_tokens", false)?,
        sector_identifier_uri: members.web_address("sector_identifier_uri", false)?,
        default_acr: default_acr(members, known.caller.is_narrowed())?,
        requires_auth_time: members.flag("require_auth_time", false)?,
        initiate_login_uri: members.web_address("initiate_login_uri", false)?,
        post_logout_redirect_uris: post_logout_redirect_uris(members, known)?,
        frontchannel_logout: frontchannel_logout(members, known)?,
        backchannel_logout: backchannel_logout(members)?,
        software_id: members.line("software_id", 255)?,
        software_version: members.line("software_version", 255)?,
        is_dynamic: !is_operator,
        ..ClientMetadata::default()
    };
    metadata.subject = subject(members, &metadata, known.redirect_uris)?;
    if is_operator {
        metadata.access_token_format = match members.text("latchbolt_access_token_format")? {
            None | Some("jwt") => AccessTokenFormat::Jwt,
            Some("opaque") => AccessTokenFormat::Opaque,
            Some(_) => return Err(bad("latchbolt_access_token_format", "must be jwt or opaque")),
        };
        metadata.resources = resources(members, "latchbolt_resources")?;
        metadata.serves = resources(members, "latchbolt_serves")?;
        metadata.optional_scopes = optional_scopes(members, known.scopes)?;
        metadata.cas = service::read(members)?;
        metadata.takes_cas_apps = members.flag(service::APPS, false)?;
    }
    check(&metadata, known.auth_method)?;
    Ok(metadata)
}

/// What needs something else.
fn check(metadata: &ClientMetadata, method: ClientAuthMethod) -> Result<(), BadRegistration> {
    let needs_keys = [
        ("token_endpoint_auth_method", method == ClientAuthMethod::PrivateKeyJwt),
        ("id_token_encrypted_response_alg", metadata.id_token_encryption.is_some()),
        ("userinfo_encrypted_response_alg", metadata.userinfo_encryption.is_some()),
        (
            "request_object_signing_alg",
            matches!(metadata.request_object_alg, Some(RequestObjectAlg::Signed(_))),
        ),
        ("require_signed_request_object", metadata.requires_signed_request),
    ];
    if metadata.keys.is_none()
        && let Some((member, _)) = needs_keys.iter().find(|(_, is_needed)| *is_needed)
    {
        return Err(bad(member, "needs jwks or jwks_uri"));
    }
    if metadata.requires_signed_request && metadata.request_object_alg == Some(RequestObjectAlg::Unsigned) {
        return Err(bad("require_signed_request_object", "contradicts request_object_signing_alg none"));
    }
    Ok(())
}

fn contacts(members: &Members<'_>) -> Result<Vec<String>, BadRegistration> {
    let contacts = members.texts("contacts", MAX_CONTACTS)?.unwrap_or_default();
    let line = |text: &&str| {
        domain::text::plain_line(text, 254).map_err(|why| bad("contacts", format!("one of them {why}")))
    };
    contacts.iter().map(line).collect()
}

fn keys(members: &Members<'_>) -> Result<Option<ClientKeys>, BadRegistration> {
    match (members.present("jwks"), members.web_address("jwks_uri", false)?) {
        (Some(_), Some(_)) => Err(bad("jwks_uri", "and jwks exclude one another")),
        (Some(set), None) => Ok(Some(ClientKeys::Jwks(key_set(set)?))),
        (None, Some(uri)) => Ok(Some(ClientKeys::JwksUri(uri))),
        (None, None) => Ok(None),
    }
}

/// The shape of a JWK set (RFC 7517 §5). Whether its keys are sound is for `jose` to say.
fn key_set(set: &Value) -> Result<String, BadRegistration> {
    let wrong = |why: &str| bad("jwks", why);
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| wrong("must be an object with a list named keys"))?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(bad("jwks", format!("must hold 1 to {MAX_KEYS} keys")));
    }
    for key in keys {
        let members = key.as_object().ok_or_else(|| wrong("holds what is no key"))?;
        if !members.get("kty").is_some_and(Value::is_string) {
            return Err(wrong("holds a key without kty"));
        }
        if members.keys().any(|name| PRIVATE.contains(&name.as_str())) {
            return Err(wrong("holds a private or symmetric key: send public ones only, and make new ones"));
        }
    }
    let text = set.to_string();
    if text.len() > MAX_KEY_BYTES { Err(wrong("is too long")) } else { Ok(text) }
}

fn assertion_alg(
    members: &Members<'_>,
    method: ClientAuthMethod,
) -> Result<Option<AssertionAlg>, BadRegistration> {
    const MEMBER: &str = "token_endpoint_auth_signing_alg";
    match method {
        ClientAuthMethod::PrivateKeyJwt => Ok(signing_alg(members, MEMBER)?.map(AssertionAlg::Asymmetric)),
        ClientAuthMethod::ClientSecretJwt => match members.text(MEMBER)? {
            None => Ok(None),
            Some("HS256") => Ok(Some(AssertionAlg::HS256)),
            Some(_) => Err(bad(MEMBER, "must be HS256 for client_secret_jwt")),
        },
        // It says nothing about the other methods.
        _ => Ok(None),
    }
}

pub(super) fn signing_alg(
    members: &Members<'_>,
    member: &'static str,
) -> Result<Option<SigningAlg>, BadRegistration> {
    members.word(member, SigningAlg::from_word, &names(SigningAlg::ALL, SigningAlg::as_str))
}

fn request_object_alg(members: &Members<'_>) -> Result<Option<RequestObjectAlg>, BadRegistration> {
    if members.text("request_object_signing_alg")? == Some("none") {
        return Ok(Some(RequestObjectAlg::Unsigned));
    }
    Ok(signing_alg(members, "request_object_signing_alg")?.map(RequestObjectAlg::Signed))
}

fn encryption(
    members: &Members<'_>,
    alg_member: &'static str,
    enc_member: &'static str,
) -> Result<Option<Encryption>, BadRegistration> {
    let algs = names(KeyEncryptionAlg::ALL, KeyEncryptionAlg::as_str);
    let encs = names(ContentEncryption::ALL, ContentEncryption::as_str);
    let alg = members.word(alg_member, KeyEncryptionAlg::from_word, &algs)?;
    let enc = members.word(enc_member, ContentEncryption::from_word, &encs)?;
    match (alg, enc) {
        // The default of OpenID Connect Dynamic Client Registration §2.
        (Some(alg), enc) => Ok(Some(Encryption { alg, enc: enc.unwrap_or(ContentEncryption::A128CbcHs256) })),
        (None, Some(_)) => Err(bad(enc_member, format!("needs {alg_member}"))),
        (None, None) => Ok(None),
    }
}

fn request_uris(members: &Members<'_>) -> Result<Vec<String>, BadRegistration> {
    let uris = members.texts("request_uris", MAX_REQUEST_URIS)?.unwrap_or_default();
    for uri in &uris {
        addresses::check_https(uri, true).map_err(|why| bad("request_uris", format!("one of them {why}")))?;
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn default_acr(members: &Members<'_>, narrows: bool) -> Result<Vec<Acr>, BadRegistration> {
    let all = names(Acr::ASKED, Acr::as_str);
    Ok(members.words("default_acr_values", Acr::from_value, &all, narrows)?.unwrap_or_default())
}

fn post_logout_redirect_uris(
    members: &Members<'_>,
    known: &Known<'_>,
) -> Result<Vec<String>, BadRegistration> {
    const MEMBER: &str = "post_logout_redirect_uris";
    let uris = members.texts(MEMBER, MAX_ADDRESSES)?.unwrap_or_default();
    for uri in &uris {
        addresses::check_redirect(uri, known.is_native)
            .map_err(|why| bad(MEMBER, format!("one of them {why}")))?;
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

/// OpenID Connect Front-Channel Logout §2: of the origin of a redirect URI, so that nobody is made to call another
/// site's browsers.
fn frontchannel_logout(
    members: &Members<'_>,
    known: &Known<'_>,
) -> Result<Option<LogoutUri>, BadRegistration> {
    const MEMBER: &str = "frontchannel_logout_uri";
    let session_required = members.flag("frontchannel_logout_session_required", false)?;
    let Some(uri) = members.text(MEMBER)? else { return Ok(None) };
    let url = addresses::check_redirect(uri, false).map_err(|why| bad(MEMBER, why))?;
    if !addresses::shares_origin(&url, known.redirect_uris) {
        return Err(bad(MEMBER, "must have scheme, host and port of a redirect URI"));
    }
    Ok(Some(LogoutUri { uri: uri.to_owned(), session_required }))
}

/// OpenID Connect Back-Channel Logout §2.2.
fn backchannel_logout(members: &Members<'_>) -> Result<Option<LogoutUri>, BadRegistration> {
    let session_required = members.flag("backchannel_logout_session_required", false)?;
    let uri = members.web_address("backchannel_logout_uri", false)?;
    Ok(uri.map(|uri| LogoutUri { uri, session_required }))
}

/// OpenID Connect Core §8.1.
fn subject(
    members: &Members<'_>,
    metadata: &ClientMetadata,
    redirect_uris: &[String],
) -> Result<SubjectType, BadRegistration> {
    match members.text("subject_type")? {
        None | Some("public") => Ok(SubjectType::Public),
        Some("pairwise") => {
            let sector = match &metadata.sector_identifier_uri {
                Some(uri) => addresses::host(uri),
                None => addresses::one_host(redirect_uris),
            };
            let sector = sector.ok_or_else(|| {
                bad("sector_identifier_uri", "is needed: the redirect URIs have not one host in common")
            })?;
            Ok(SubjectType::Pairwise { sector })
        }
        Some(_) => Err(bad("subject_type", "must be public or pairwise")),
    }
}

fn resources(members: &Members<'_>, member: &'static str) -> Result<Vec<String>, BadRegistration> {
    let uris = members.texts(member, MAX_RESOURCES)?.unwrap_or_default();
    for uri in &uris {
        addresses::check_resource(uri).map_err(|why| bad(member, format!("one of them {why}")))?;
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn optional_scopes(members: &Members<'_>, scopes: &[String]) -> Result<Vec<String>, BadRegistration> {
    const MEMBER: &str = "latchbolt_optional_scopes";
    let optional = members.texts(MEMBER, scopes.len().max(1))?.unwrap_or_default();
    for scope in &optional {
        if *scope == "openid" || !scopes.iter().any(|registered| registered == scope) {
            return Err(bad(MEMBER, "must hold scopes of the client, and not openid"));
        }
    }
    Ok(optional.into_iter().map(str::to_owned).collect())
}
