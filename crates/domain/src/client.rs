//! Relying parties.
//!
//! Owns: a client's registration as the server uses it. Not here: RFC 7591 JSON (`oidc::registration`),
//! redirect URI matching (`oidc::authorize`).

use serde::{Deserialize, Serialize};

use crate::{Acr, ClientId, ClientMetadata, SecretHash, Timestamp};

/// How a client proves itself at the token endpoint (`token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client.
    None,
    /// HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// Form body.
    ClientSecretPost,
    /// An assertion with an HMAC under the secret (OpenID Connect Core §9).
    ClientSecretJwt,
    /// An assertion signed with a key of the client's (OpenID Connect Core §9, RFC 7523).
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// The registered word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// Whether the client has a secret of ours.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

/// Algorithms that sign our tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigningAlg {
    /// ECDSA on P-256 with SHA-256: the default.
    ES256,
    /// RSA PKCS#1 v1.5 with SHA-256, for those that need it.
    RS256,
    /// RSA PSS with SHA-256.
    PS256,
    /// Ed25519 (RFC 8037).
    EdDSA,
}

impl SigningAlg {
    /// The JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// All of them, in order of preference.
    pub const ALL: &'static [Self] = &[Self::ES256, Self::RS256, Self::PS256, Self::EdDSA];

    /// The algorithm with this JOSE name. `Ed25519` is the name that RFC 9864 §2.2 gives to the only kind of `EdDSA`
    /// there is here: newer clients write it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = if word == "Ed25519" { Self::EdDSA.as_str() } else { word };
        Self::ALL.iter().copied().find(|alg| alg.as_str() == word)
    }
}

/// A registered relying party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// `client_name`: one plain line, at most 80 characters (SEC-026).
    pub name: String,
    /// An administrator vouches for its name and logo; others are marked as unverified (SEC-026).
    pub is_verified: bool,
    /// Disabled clients are refused everywhere (SEC-109).
    pub is_enabled: bool,
    /// Exact redirect URIs (SEC-100).
    pub redirect_uris: Vec<String>,
    /// `web` or `native` (loopback ports of native clients are free, RFC 8252 §7.3).
    pub is_native: bool,
    /// How it authenticates.
    pub auth_method: ClientAuthMethod,
    /// SHA-256 of its secret; secrets are ours, 256 random bits, or at least 32 characters when given.
    pub secret_hash: Option<SecretHash>,
    /// Scopes it may ask for.
    pub scopes: Vec<String>,
    /// Signature algorithm of its ID tokens.
    pub id_token_alg: SigningAlg,
    /// PKCE is demanded (always so for public clients).
    pub requires_pkce: bool,
    /// Consent is not asked of people (clients of the operator's own; never public ones).
    pub skips_consent: bool,
    /// Only phishing-resistant methods: QR is not offered and refused (SEC-040).
    pub requires_phishing_resistant: bool,
    /// QR approvals for it need no check code (SEC-023: an administrator's switch, off by default).
    pub skips_check_code: bool,
    /// QR approvals are refused unless phone and browser are in the same country (SEC-027).
    pub requires_same_country: bool,
    /// `default_max_age` in seconds.
    pub default_max_age: Option<u32>,
    /// `logo_uri`, `client_uri`, `policy_uri`, `tos_uri`: https only.
    pub logo_uri: Option<String>,
    /// Home page.
    pub client_uri: Option<String>,
    /// Privacy policy.
    pub policy_uri: Option<String>,
    /// Terms of service.
    pub tos_uri: Option<String>,
    /// Registered.
    pub created_at: Timestamp,
    /// What else it registered.
    pub metadata: ClientMetadata,
}

impl Client {
    /// A client that cannot keep a secret (RFC 6749 §2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth_method == ClientAuthMethod::None
    }

    /// The class that whoever signs in for it must reach, whatever it asks for: an approval by an app made for CAS
    /// counts only where such apps are taken, also when another relying party took it (SEC-065, SEC-068).
    #[must_use]
    pub fn least_acr(&self) -> Option<Acr> {
        (!self.metadata.takes_cas_apps).then_some(Acr::Password)
    }
}
