//! What a relying party registered about itself beyond what every request needs (RFC 7591 §2, OpenID Connect
//! Dynamic Client Registration §2).
//!
//! Owns: those values as types, and their defaults, which are the strict ones. Not here: their JSON on the wire
//! (`oidc::registration`), what they lead to (`oidc`, `provider`).

use serde::{Deserialize, Serialize};

use crate::{Acr, CasService, SecretHash, SigningAlg};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$of])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them, in order of preference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The registered word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// What a client may turn into tokens (`grant_types`).
    GrantType {
        /// RFC 6749 §4.1.
        AuthorizationCode "authorization_code",
        /// Tokens straight from the authorization endpoint (OpenID Connect Core §3.2): off unless named.
        Implicit "implicit",
        /// RFC 6749 §6.
        RefreshToken "refresh_token",
        /// RFC 6749 §4.4: the client itself, no person.
        ClientCredentials "client_credentials",
    }
}

words! {
    /// What an authorization response holds (`response_types`; OAuth 2.0 Multiple Response Type Encoding
    /// Practices). `token` alone is never given.
    ResponseType {
        /// The default.
        Code "code",
        /// OpenID Connect Core §3.2.
        IdToken "id_token",
        /// OpenID Connect Core §3.2.
        IdTokenToken "id_token token",
        /// OpenID Connect Core §3.3.
        CodeIdToken "code id_token",
        /// OpenID Connect Core §3.3.
        CodeToken "code token",
        /// OpenID Connect Core §3.3.
        CodeIdTokenToken "code id_token token",
    }
}

impl ResponseType {
    /// Reads the value of a request: the words in any order (RFC 6749 §3.1.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sorted = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        let asked = sorted(text);
        Self::ALL.iter().copied().find(|known| sorted(known.as_str()) == asked)
    }

    /// Whether an authorization code is part of it.
    #[must_use]
    pub const fn has_code(self) -> bool {
        matches!(self, Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Whether an ID token comes from the authorization endpoint.
    #[must_use]
    pub const fn has_id_token(self) -> bool {
        matches!(self, Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    /// Whether an access token comes from the authorization endpoint.
    #[must_use]
    pub const fn has_token(self) -> bool {
        matches!(self, Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken)
    }
}

words! {
    /// Algorithms that wrap or agree on a content key (RFC 7518 §4).
    KeyEncryptionAlg {
        /// RSA with OAEP and SHA-256.
        RsaOaep256 "RSA-OAEP-256",
        /// Direct key agreement on P-256.
        EcdhEs "ECDH-ES",
    }
}

words! {
    /// Algorithms that encrypt content (RFC 7518 §5).
    ContentEncryption {
        /// AES-128 in Galois counter mode.
        A128Gcm "A128GCM",
        /// AES-192 in Galois counter mode.
        A192Gcm "A192GCM",
        /// AES-256 in Galois counter mode.
        A256Gcm "A256GCM",
        /// The default of OpenID Connect registrations that name only `alg`.
        A128CbcHs256 "A128CBC-HS256",
        /// AES-256-CBC with HMAC-SHA512.
        A256CbcHs512 "A256CBC-HS512",
    }
}

/// How something is encrypted for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Encryption {
    /// The `…_encrypted_response_alg`.
    pub alg: KeyEncryptionAlg,
    /// The `…_encrypted_response_enc`.
    pub enc: ContentEncryption,
}

/// What signs a client's assertions (`token_endpoint_auth_signing_alg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssertionAlg {
    /// `client_secret_jwt`.
    HS256,
    /// `private_key_jwt`.
    #[serde(untagged)]
    Asymmetric(SigningAlg),
}

impl AssertionAlg {
    /// The JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::Asymmetric(alg) => alg.as_str(),
        }
    }
}

/// What signs a client's request objects (`request_object_signing_alg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestObjectAlg {
    /// Not signed.
    #[serde(rename = "none")]
    Unsigned,
    /// Signed with a key of the client's.
    #[serde(untagged)]
    Signed(SigningAlg),
}

impl RequestObjectAlg {
    /// The JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "none",
            Self::Signed(alg) => alg.as_str(),
        }
    }
}

/// Where a client's public keys are (RFC 7591 §2: `jwks` or `jwks_uri`, never both).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// A JWK set (RFC 7517 §5) as JSON text, public keys only.
    Jwks(String),
    /// An https address they are fetched from.
    JwksUri(String),
}

/// What a client knows a person as (`subject_type`, OpenID Connect Core §8).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The account's id, the same for every client.
    #[default]
    Public,
    /// Another subject for each sector.
    Pairwise {
        /// The host of `sector_identifier_uri`, else the one host of all redirect URIs, in lower case.
        sector: String,
    },
}

/// The form of a client's access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A signed JWT (RFC 9068) that resource servers can read.
    #[default]
    Jwt,
    /// Text that only we can open; others introspect it (RFC 7662).
    Opaque,
}

/// Where a client is told that a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutUri {
    /// `frontchannel_logout_uri` or `backchannel_logout_uri`.
    pub uri: String,
    /// `…_logout_session_required`: `sid` (and `iss`) must be told.
    pub session_required: bool,
}

/// What a client registered. Kept as one JSON text; members that are absent have the default, so that rows of
/// older versions are read by newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// `grant_types`.
    pub grant_types: Vec<GrantType>,
    /// `response_types`.
    pub response_types: Vec<ResponseType>,
    /// `contacts`: as given, at most 10.
    pub contacts: Vec<String>,
    /// `jwks` or `jwks_uri`.
    pub keys: Option<ClientKeys>,
    /// `token_endpoint_auth_signing_alg`; none: any that goes with the method.
    pub assertion_alg: Option<AssertionAlg>,
    /// `id_token_encrypted_response_alg` and `…_enc`.
    pub id_token_encryption: Option<Encryption>,
    /// `userinfo_signed_response_alg`; none: plain JSON.
    pub userinfo_alg: Option<SigningAlg>,
    /// `userinfo_encrypted_response_alg` and `…_enc`.
    pub userinfo_encryption: Option<Encryption>,
    /// `introspection_signed_response_alg` (RFC 9701 §6).
    pub introspection_alg: Option<SigningAlg>,
    /// `request_object_signing_alg`; none: any, unsigned ones too unless `requires_signed_request`.
    pub request_object_alg: Option<RequestObjectAlg>,
    /// `request_object_encryption_alg` and `…_enc`.
    pub request_object_encryption: Option<Encryption>,
    /// `request_uris`, as registered (also with a fragment).
    pub request_uris: Vec<String>,
    /// `require_signed_request_object` (RFC 9101 §10.5).
    pub requires_signed_request: bool,
    /// `require_pushed_authorization_requests` (RFC 9126 §6).
    pub requires_par: bool,
    /// `dpop_bound_access_tokens` (RFC 9449 §5.2).
    pub requires_dpop: bool,
    /// `subject_type`, and the sector it leads to.
    pub subject: SubjectType,
    /// `sector_identifier_uri`.
    pub sector_identifier_uri: Option<String>,
    /// `default_acr_values`.
    pub default_acr: Vec<Acr>,
    /// `require_auth_time`. The claim is always there; kept to be echoed.
    pub requires_auth_time: bool,
    /// `initiate_login_uri`: https.
    pub initiate_login_uri: Option<String>,
    /// `post_logout_redirect_uris`, compared exactly.
    pub post_logout_redirect_uris: Vec<String>,
    /// `frontchannel_logout_uri`.
    pub frontchannel_logout: Option<LogoutUri>,
    /// `backchannel_logout_uri`.
    pub backchannel_logout: Option<LogoutUri>,
    /// `latchbolt_access_token_format`.
    pub access_token_format: AccessTokenFormat,
    /// `latchbolt_resources`: resource indicators (RFC 8707) it may ask tokens for.
    pub resources: Vec<String>,
    /// `latchbolt_serves`: resource indicators whose tokens it may introspect, because it is that resource server.
    pub serves: Vec<String>,
    /// `latchbolt_optional_scopes`: a person may leave these out and agree to the rest.
    pub optional_scopes: Vec<String>,
    /// The secret itself, sealed: only for `client_secret_jwt`, which cannot be checked with a hash.
    pub sealed_secret: Option<Vec<u8>>,
    /// SHA-256 of the registration access token (RFC 7592 §3); only of clients that registered themselves.
    pub registration_token: Option<SecretHash>,
    /// It registered itself (RFC 7591) and was not made by an operator.
    pub is_dynamic: bool,
    /// `software_id`.
    pub software_id: Option<String>,
    /// `software_version`.
    pub software_version: Option<String>,
    /// People may sign in for it with apps made for the QR module of CAS (SEC-065).
    pub takes_cas_apps: bool,
    /// It speaks CAS: what it is as a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cas: Option<CasService>,
}

impl Default for ClientMetadata {
    fn default() -> Self {
        Self {
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec![ResponseType::Code],
            contacts: Vec::new(),
            keys: None,
            assertion_alg: None,
            id_token_encryption: None,
            userinfo_alg: None,
            userinfo_encryption: None,
            introspection_alg: None,
            request_object_alg: None,
            request_object_encryption: None,
            request_uris: Vec::new(),
            requires_signed_request: false,
            requires_par: false,
            requires_dpop: false,
            subject: SubjectType::Public,
            sector_identifier_uri: None,
            default_acr: Vec::new(),
            requires_auth_time: false,
            initiate_login_uri: None,
            post_logout_redirect_uris: Vec::new(),
            frontchannel_logout: None,
            backchannel_logout: None,
            access_token_format: AccessTokenFormat::Jwt,
            resources: Vec::new(),
            serves: Vec::new(),
            optional_scopes: Vec::new(),
            sealed_secret: None,
            registration_token: None,
            is_dynamic: false,
            software_id: None,
            software_version: None,
            takes_cas_apps: false,
            cas: None,
        }
    }
}

impl ClientMetadata {
    /// Whether it registered this grant type.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether it registered this response type.
    #[must_use]
    pub fn may_ask_for(&self, response: ResponseType) -> bool {
        self.response_types.contains(&response)
    }

    /// Whether it wants to be told when a session ends.
    #[must_use]
    pub const fn wants_logouts(&self) -> bool {
        self.frontchannel_logout.is_some() || self.backchannel_logout.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_older_versions_have_the_strict_defaults() {
        let read: ClientMetadata = serde_json::from_str("{}").unwrap();
        assert_eq!(read, ClientMetadata::default());
        assert_eq!(read.response_types, [ResponseType::Code]);
        assert!(!read.may_use(GrantType::Implicit) && !read.may_use(GrantType::RefreshToken));
    }

    #[test]
    fn metadata_survives_being_kept() {
        let full = ClientMetadata {
            grant_types: GrantType::ALL.to_vec(),
            response_types: ResponseType::ALL.to_vec(),
            keys: Some(ClientKeys::JwksUri("https://rp.example/jwks".into())),
            assertion_alg: Some(AssertionAlg::Asymmetric(SigningAlg::PS256)),
            id_token_encryption: Some(Encryption {
                alg: KeyEncryptionAlg::EcdhEs,
                enc: ContentEncryption::A256Gcm,
            }),
            request_object_alg: Some(RequestObjectAlg::Unsigned),
            subject: SubjectType::Pairwise { sector: "rp.example".into() },
            frontchannel_logout: Some(LogoutUri {
                uri: "https://rp.example/f".into(),
                session_required: true,
            }),
            sealed_secret: Some(vec![1, 2]),
            registration_token: Some(SecretHash([3; 32])),
            ..ClientMetadata::default()
        };
        for metadata in [
            full.clone(),
            ClientMetadata { assertion_alg: Some(AssertionAlg::HS256), ..full.clone() },
            ClientMetadata { request_object_alg: Some(RequestObjectAlg::Signed(SigningAlg::ES256)), ..full },
        ] {
            let text = serde_json::to_string(&metadata).unwrap();
            assert_eq!(serde_json::from_str::<ClientMetadata>(&text).unwrap(), metadata, "{text}");
        }
    }

    #[test]
    fn the_words_of_a_response_type_come_in_any_order() {
        assert_eq!(ResponseType::parse("token id_token code"), Some(ResponseType::CodeIdTokenToken));
        assert_eq!(ResponseType::parse("id_token code"), Some(ResponseType::CodeIdToken));
        for bad in ["token", "", "code code", "code  id_token", "none", "Code"] {
            assert_eq!(ResponseType::parse(bad), None, "{bad}");
        }
    }
}
