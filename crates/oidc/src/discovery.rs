//! The provider's metadata (OpenID Connect Discovery §3, RFC 8414).
//!
//! Owns: what is said to be supported. Only what is: a test compares it with the checks. Not here: serving
//! it (`web-oidc`).

use domain::{Acr, SigningAlg};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, AuthenticationContextClass, IssuerUrl, JsonWebKeySetUrl,
    LanguageTag, ProviderMetadata, ResponseTypes, Scope, TokenUrl, UserInfoUrl,
};
use serde::{Deserialize, Serialize};

use crate::claims::{PROTOCOL_CLAIMS, SCOPES, personal_claims};

/// Members of newer standards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newer {
    /// RFC 7636.
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 9207.
    pub authorization_response_iss_parameter_supported: bool,
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
    /// `token_endpoint`.
    pub token: String,
    /// `userinfo_endpoint`.
    pub userinfo: String,
    /// `jwks_uri`.
    pub jwks: String,
}

/// Builds the metadata. `ui_locales` are the languages there are texts for.
///
/// # Errors
/// An endpoint is no URL.
pub fn metadata(at: Endpoints, ui_locales: &[String]) -> Result<Metadata, url::ParseError> {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let algorithms = SigningAlg::ALL
        .iter()
        .map(|alg| match alg {
            SigningAlg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            SigningAlg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            SigningAlg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            SigningAlg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        })
        .collect();
    let claims = PROTOCOL_CLAIMS.iter().copied().chain(personal_claims());
    Ok(Metadata::new(
        IssuerUrl::new(at.issuer)?,
        AuthUrl::new(at.authorization)?,
        JsonWebKeySetUrl::new(at.jwks)?,
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Public],
        algorithms,
        Newer {
            code_challenge_methods_supported: texts(&["S256"]),
            authorization_response_iss_parameter_supported: true,
        },
    )
    .set_token_endpoint(Some(TokenUrl::new(at.token)?))
    .set_userinfo_endpoint(Some(UserInfoUrl::new(at.userinfo)?))
    .set_scopes_supported(Some(SCOPES.iter().map(|s| Scope::new((*s).to_owned())).collect()))
    .set_response_modes_supported(Some(vec![CoreResponseMode::Query]))
    .set_grant_types_supported(Some(vec![CoreGrantType::AuthorizationCode]))
    .set_acr_values_supported(Some(
        Acr::ALL.iter().map(|acr| AuthenticationContextClass::new(acr.as_str().to_owned())).collect(),
    ))
    .set_token_endpoint_auth_methods_supported(Some(vec![
        CoreClientAuthMethod::ClientSecretBasic,
        CoreClientAuthMethod::ClientSecretPost,
        CoreClientAuthMethod::None,
    ]))
    .set_display_values_supported(Some(vec![CoreAuthDisplay::Page, CoreAuthDisplay::Popup]))
    .set_claim_types_supported(Some(vec![CoreClaimType::Normal]))
    .set_claims_supported(Some(claims.map(|c| CoreClaimName::new(c.to_owned())).collect()))
    .set_ui_locales_supported(Some(ui_locales.iter().map(|tag| LanguageTag::new(tag.clone())).collect()))
    .set_claims_parameter_supported(Some(true))
    .set_request_parameter_supported(Some(false))
    .set_request_uri_parameter_supported(Some(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_136_the_metadata_says_what_is_so() {
        let at = Endpoints {
            issuer: "https://id.example".to_owned(),
            authorization: "https://id.example/authorize".to_owned(),
            token: "https://id.example/token".to_owned(),
            userinfo: "https://id.example/userinfo".to_owned(),
            jwks: "https://id.example/jwks".to_owned(),
        };
        let json = serde_json::to_value(metadata(at, &["en".to_owned(), "de".to_owned()]).unwrap()).unwrap();
        for (name, expected) in [
            ("issuer", serde_json::json!("https://id.example")),
            ("authorization_endpoint", serde_json::json!("https://id.example/authorize")),
            ("response_types_supported", serde_json::json!(["code"])),
            ("response_modes_supported", serde_json::json!(["query"])),
            ("grant_types_supported", serde_json::json!(["authorization_code"])),
            ("subject_types_supported", serde_json::json!(["public"])),
            ("id_token_signing_alg_values_supported", serde_json::json!(["ES256", "RS256"])),
            ("scopes_supported", serde_json::json!(["openid", "profile", "email", "address", "phone"])),
            (
                "token_endpoint_auth_methods_supported",
                serde_json::json!(["client_secret_basic", "client_secret_post", "none"]),
            ),
            ("code_challenge_methods_supported", serde_json::json!(["S256"])),
            ("authorization_response_iss_parameter_supported", serde_json::json!(true)),
            ("request_parameter_supported", serde_json::json!(false)),
            // Its default is true, so silence would be a lie.
            ("request_uri_parameter_supported", serde_json::json!(false)),
            ("claims_parameter_supported", serde_json::json!(true)),
            ("ui_locales_supported", serde_json::json!(["en", "de"])),
        ] {
            assert_eq!(json[name], expected, "{name}");
        }
        let known = json["claims_supported"].as_array().unwrap();
        assert!(known.contains(&"email_verified".into()) && known.contains(&"sid".into()));
        assert!(json.as_object().unwrap().values().all(|value| !value.is_null()));
        assert!(json.get("jwks").is_none() && json.get("registration_endpoint").is_none());
    }
}
