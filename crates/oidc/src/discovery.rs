//! The provider's metadata (OpenID Connect Discovery §3, RFC 8414, and the members that other specifications
//! registered).
//!
//! Owns: what is said to be supported. Only what is: tests compare it with the checks, with the running server and
//! with the page of specifications. Not here: serving it (`web-oidc`).

use std::collections::BTreeSet;

use domain::{
    Acr, ClaimDefinition, ClientAuthMethod, ContentEncryption, GrantType, KeyEncryptionAlg, ResponseType,
    SigningAlg,
};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, AuthenticationContextClass, IssuerUrl, JsonWebKeySetUrl,
    LanguageTag, ProviderMetadata, RegistrationUrl, ResponseTypes, Scope, TokenUrl, UserInfoUrl,
};
use serde::{Deserialize, Serialize};

use crate::claims::{GROUPS, PROTOCOL_CLAIMS, SCOPES, personal_claims};

/// Values of `prompt` that are obeyed.
pub const PROMPTS: &[&str] = &["none", "login", "consent", "select_account"];

/// Members that the `openidconnect` crate does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newer {
    /// RFC 7636 §6.2.
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 9207 §3.
    pub authorization_response_iss_parameter_supported: bool,
    /// Initiating User Registration via OpenID Connect §4.
    pub prompt_values_supported: Vec<String>,
    /// RFC 9126 §5.
    pub pushed_authorization_request_endpoint: String,
    /// RFC 9126 §5: of all clients; one by one they ask for it themselves.
    pub require_pushed_authorization_requests: bool,
    /// RFC 9101 §10.5: clients ask for it one by one.
    pub require_signed_request_object: bool,
    /// RFC 8414 §2.
    pub introspection_endpoint: String,
    /// RFC 8414 §2.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 8414 §2.
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 9701 §7.
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// RFC 8414 §2.
    pub revocation_endpoint: String,
    /// RFC 8414 §2.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 8414 §2.
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 9449 §5.1.
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// OpenID Connect RP-Initiated Logout §2.1.
    pub end_session_endpoint: String,
    /// OpenID Connect Session Management §3.3.
    pub check_session_iframe: String,
    /// OpenID Connect Front-Channel Logout §3.
    pub frontchannel_logout_supported: bool,
    /// OpenID Connect Front-Channel Logout §3.
    pub frontchannel_logout_session_supported: bool,
    /// OpenID Connect Back-Channel Logout §2.1.
    pub backchannel_logout_supported: bool,
    /// OpenID Connect Back-Channel Logout §2.1.
    pub backchannel_logout_session_supported: bool,
}
impl AdditionalProviderMetadata for Newer {}

/// The provider's metadata as the `openidconnect` crate knows it.
pub type Metadata = ProviderMetadata<
    Newer,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Where the endpoints are.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Issuer, as in every token.
    pub issuer: String,
    /// `authorization_endpoint`.
    pub authorization: String,
    /// `pushed_authorization_request_endpoint`.
    pub par: String,
    /// `token_endpoint`.
    pub token: String,
    /// `userinfo_endpoint`.
    pub userinfo: String,
    /// `introspection_endpoint`.
    pub introspection: String,
    /// `revocation_endpoint`.
    pub revocation: String,
    /// `jwks_uri`.
    pub jwks: String,
    /// `registration_endpoint`, unless clients cannot register themselves.
    pub registration: Option<String>,
    /// `end_session_endpoint`.
    pub end_session: String,
    /// `check_session_iframe`.
    pub check_session: String,
}

/// Builds the metadata. `ui_locales` are the languages there are texts for, as BCP 47 tags; `requires_par`: every
/// client has to push its requests; `custom`: claims that the operator defined.
///
/// # Errors
/// An endpoint is no URL.
pub fn metadata(
    at: Endpoints,
    ui_locales: &[String],
    requires_par: bool,
    custom: &[ClaimDefinition],
) -> Result<Metadata, url::ParseError> {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let signing: Vec<CoreJwsSigningAlgorithm> = SigningAlg::ALL.iter().map(|alg| jws(*alg)).collect();
    let with = |more: CoreJwsSigningAlgorithm| {
        let mut algorithms = signing.clone();
        algorithms.push(more);
        algorithms
    };
    let signing_names: Vec<String> = SigningAlg::ALL.iter().map(|alg| alg.as_str().to_owned()).collect();
    let assertion_names: Vec<String> =
        signing_names.iter().cloned().chain(std::iter::once("HS256".to_owned())).collect();
    let methods: Vec<String> =
        ClientAuthMethod::ALL.iter().map(|method| method.as_str().to_owned()).collect();
    let authenticated: Vec<String> = methods.iter().filter(|method| *method != "none").cloned().collect();
    let key_algs: Vec<CoreJweKeyManagementAlgorithm> =
        KeyEncryptionAlg::ALL.iter().map(|alg| key_alg(*alg)).collect();
    let encs: Vec<CoreJweContentEncryptionAlgorithm> =
        ContentEncryption::ALL.iter().map(|enc| content_enc(*enc)).collect();
    let claims = PROTOCOL_CLAIMS.iter().copied().chain(personal_claims()).chain([GROUPS]);
    let mut scopes = texts(SCOPES);
    if !SCOPES.contains(&"offline_access") {
        scopes.push("offline_access".to_owned());
    }
    scopes.push(GROUPS.to_owned());
    let (own_scopes, own_claims) = own(custom);
    scopes.extend(own_scopes.into_iter().filter(|scope| !SCOPES.contains(&scope.as_str())));
    let newer = Newer {
        code_challenge_methods_supported: texts(&["S256"]),
        authorization_response_iss_parameter_supported: true,
        prompt_values_supported: texts(PROMPTS),
        pushed_authorization_request_endpoint: at.par,
        require_pushed_authorization_requests: requires_par,
        require_signed_request_object: false,
        introspection_endpoint: at.introspection,
        introspection_endpoint_auth_methods_supported: authenticated,
        introspection_endpoint_auth_signing_alg_values_supported: assertion_names.clone(),
        introspection_signing_alg_values_supported: signing_names.clone(),
        revocation_endpoint: at.revocation,
        revocation_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_signing_alg_values_supported: assertion_names,
        dpop_signing_alg_values_supported: signing_names,
        end_session_endpoint: at.end_session,
        check_session_iframe: at.check_session,
        frontchannel_logout_supported: true,
        frontchannel_logout_session_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
    };
    Ok(Metadata::new(
        IssuerUrl::new(at.issuer)?,
        AuthUrl::new(at.authorization)?,
        JsonWebKeySetUrl::new(at.jwks)?,
        ResponseType::ALL.iter().map(|response| response_types(*response)).collect(),
        vec![CoreSubjectIdentifierType::Public, CoreSubjectIdentifierType::Pairwise],
        signing.clone(),
        newer,
    )
    .set_token_endpoint(Some(TokenUrl::new(at.token)?))
    .set_userinfo_endpoint(Some(UserInfoUrl::new(at.userinfo)?))
    .set_registration_endpoint(at.registration.map(RegistrationUrl::new).transpose()?)
    .set_scopes_supported(Some(scopes.into_iter().map(Scope::new).collect()))
    .set_response_modes_supported(Some(vec![
        CoreResponseMode::Query,
        CoreResponseMode::Fragment,
        CoreResponseMode::FormPost,
    ]))
    .set_grant_types_supported(Some(GrantType::ALL.iter().map(|grant| grant_type(*grant)).collect()))
    .set_acr_values_supported(Some(
        Acr::ASKED.iter().map(|acr| AuthenticationContextClass::new(acr.as_str().to_owned())).collect(),
    ))
    .set_id_token_encryption_alg_values_supported(Some(key_algs.clone()))
    .set_id_token_encryption_enc_values_supported(Some(encs.clone()))
    .set_userinfo_signing_alg_values_supported(Some(signing.clone()))
    .set_userinfo_encryption_alg_values_supported(Some(key_algs.clone()))
    .set_userinfo_encryption_enc_values_supported(Some(encs.clone()))
    .set_request_object_signing_alg_values_supported(Some(with(CoreJwsSigningAlgorithm::None)))
    .set_request_object_encryption_alg_values_supported(Some(key_algs))
    .set_request_object_encryption_enc_values_supported(Some(encs))
    .set_token_endpoint_auth_methods_supported(Some(
        ClientAuthMethod::ALL.iter().map(|method| auth_method(*method)).collect(),
    ))
    .set_token_endpoint_auth_signing_alg_values_supported(Some(with(CoreJwsSigningAlgorithm::HmacSha256)))
    .set_display_values_supported(Some(vec![CoreAuthDisplay::Page, CoreAuthDisplay::Popup]))
    .set_claim_types_supported(Some(vec![CoreClaimType::Normal]))
    .set_claims_supported(Some(claims.map(str::to_owned).chain(own_claims).map(CoreClaimName::new).collect()))
    .set_ui_locales_supported(Some(ui_locales.iter().map(|tag| LanguageTag::new(tag.clone())).collect()))
    .set_claims_parameter_supported(Some(true))
    .set_request_parameter_supported(Some(true))
    .set_request_uri_parameter_supported(Some(true))
    .set_require_request_uri_registration(Some(true)))
}

/// The scopes and the claims of these definitions; a claim that no scope tells is nobody's business.
fn own(custom: &[ClaimDefinition]) -> (BTreeSet<String>, BTreeSet<String>) {
    let told =
        custom.iter().filter_map(|definition| Some((definition.scope.clone()?, definition.name.clone())));
    told.unzip()
}

const fn jws(alg: SigningAlg) -> CoreJwsSigningAlgorithm {
    match alg {
        SigningAlg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        SigningAlg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        SigningAlg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        SigningAlg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
    }
}

const fn key_alg(alg: KeyEncryptionAlg) -> CoreJweKeyManagementAlgorithm {
    match alg {
        KeyEncryptionAlg::RsaOaep256 => CoreJweKeyManagementAlgorithm::RsaOaepSha256,
        KeyEncryptionAlg::EcdhEs => CoreJweKeyManagementAlgorithm::EcdhEs,
    }
}

const fn content_enc(enc: ContentEncryption) -> CoreJweContentEncryptionAlgorithm {
    match enc {
        ContentEncryption::A128Gcm => CoreJweContentEncryptionAlgorithm::Aes128Gcm,
        ContentEncryption::A192Gcm => CoreJweContentEncryptionAlgorithm::Aes192Gcm,
        ContentEncryption::A256Gcm => CoreJweContentEncryptionAlgorithm::Aes256Gcm,
        ContentEncryption::A128CbcHs256 => CoreJweContentEncryptionAlgorithm::Aes128CbcHmacSha256,
        ContentEncryption::A256CbcHs512 => CoreJweContentEncryptionAlgorithm::Aes256CbcHmacSha512,
    }
}

const fn grant_type(grant: GrantType) -> CoreGrantType {
    match grant {
        GrantType::AuthorizationCode => CoreGrantType::AuthorizationCode,
        GrantType::Implicit => CoreGrantType::Implicit,
        GrantType::RefreshToken => CoreGrantType::RefreshToken,
        GrantType::ClientCredentials => CoreGrantType::ClientCredentials,
    }
}

const fn auth_method(method: ClientAuthMethod) -> CoreClientAuthMethod {
    match method {
        ClientAuthMethod::None => CoreClientAuthMethod::None,
        ClientAuthMethod::ClientSecretBasic => CoreClientAuthMethod::ClientSecretBasic,
        ClientAuthMethod::ClientSecretPost => CoreClientAuthMethod::ClientSecretPost,
        ClientAuthMethod::ClientSecretJwt => CoreClientAuthMethod::ClientSecretJwt,
        ClientAuthMethod::PrivateKeyJwt => CoreClientAuthMethod::PrivateKeyJwt,
    }
}

fn response_types(response: ResponseType) -> ResponseTypes<CoreResponseType> {
    let words = [
        (response.has_code(), CoreResponseType::Code),
        (response.has_id_token(), CoreResponseType::IdToken),
        (response.has_token(), CoreResponseType::Token),
    ];
    ResponseTypes::new(words.into_iter().filter(|(is_in, _)| *is_in).map(|(_, word)| word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(registration: Option<&str>) -> serde_json::Value {
        let under = |path: &str| format!("https://id.example{path}");
        let at = Endpoints {
            issuer: under(""),
            authorization: under("/authorize"),
            par: under("/par"),
            token: under("/token"),
            userinfo: under("/userinfo"),
            introspection: under("/introspect"),
            revocation: under("/revoke"),
            jwks: under("/jwks"),
            registration: registration.map(under),
            end_session: under("/logout"),
            check_session: under("/session/check"),
        };
        serde_json::to_value(metadata(at, &["en".to_owned(), "de".to_owned()], false, &[]).unwrap()).unwrap()
    }

    #[test]
    fn sec_136_the_metadata_says_what_is_so() {
        let found = document(None);
        let signing = json!(["ES256", "RS256", "PS256", "EdDSA"]);
        let encs = json!(["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"]);
        let key_algs = json!(["RSA-OAEP-256", "ECDH-ES"]);
        for (name, expected) in [
            ("issuer", json!("https://id.example")),
            ("authorization_endpoint", json!("https://id.example/authorize")),
            (
                "response_types_supported",
                json!([
                    "code",
                    "id_token",
                    "id_token token",
                    "code id_token",
                    "code token",
                    "code id_token token"
                ]),
            ),
            ("response_modes_supported", json!(["query", "fragment", "form_post"])),
            (
                "grant_types_supported",
                json!(["authorization_code", "implicit", "refresh_token", "client_credentials"]),
            ),
            ("subject_types_supported", json!(["public", "pairwise"])),
            ("id_token_signing_alg_values_supported", signing.clone()),
            ("userinfo_signing_alg_values_supported", signing.clone()),
            ("introspection_signing_alg_values_supported", signing.clone()),
            ("dpop_signing_alg_values_supported", signing),
            (
                "request_object_signing_alg_values_supported",
                json!(["ES256", "RS256", "PS256", "EdDSA", "none"]),
            ),
            (
                "token_endpoint_auth_signing_alg_values_supported",
                json!(["ES256", "RS256", "PS256", "EdDSA", "HS256"]),
            ),
            ("id_token_encryption_alg_values_supported", key_algs.clone()),
            ("request_object_encryption_alg_values_supported", key_algs),
            ("id_token_encryption_enc_values_supported", encs.clone()),
            ("userinfo_encryption_enc_values_supported", encs),
            (
                "scopes_supported",
                json!(["openid", "profile", "email", "address", "phone", "offline_access", "groups"]),
            ),
            (
                "token_endpoint_auth_methods_supported",
                json!([
                    "client_secret_basic",
                    "client_secret_post",
                    "client_secret_jwt",
                    "private_key_jwt",
                    "none"
                ]),
            ),
            ("code_challenge_methods_supported", json!(["S256"])),
            ("authorization_response_iss_parameter_supported", json!(true)),
            ("request_parameter_supported", json!(true)),
            ("request_uri_parameter_supported", json!(true)),
            ("require_request_uri_registration", json!(true)),
            ("claims_parameter_supported", json!(true)),
            ("ui_locales_supported", json!(["en", "de"])),
            ("prompt_values_supported", json!(["none", "login", "consent", "select_account"])),
            ("end_session_endpoint", json!("https://id.example/logout")),
        ] {
            assert_eq!(found[name], expected, "{name}");
        }
        let known = found["claims_supported"].as_array().unwrap();
        assert!(known.contains(&"email_verified".into()) && known.contains(&"sid".into()));
        let introspection = &found["introspection_endpoint_auth_methods_supported"];
        assert!(!introspection.as_array().unwrap().contains(&"none".into()), "SEC-121");
        assert!(found.as_object().unwrap().values().all(|value| !value.is_null()));
        assert!(found.get("jwks").is_none() && found.get("registration_endpoint").is_none());
        assert!(found.as_object().unwrap().keys().all(|name| !name.starts_with("tls")));
        assert_eq!(document(Some("/register"))["registration_endpoint"], "https://id.example/register");
    }
}
