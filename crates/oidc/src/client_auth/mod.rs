//! Client authentication (RFC 6749 §2.3, OpenID Connect Core §9).
//!
//! Owns: what was presented, whether it proves the client by exactly its registered method (SEC-116), and what an
//! assertion must say ([`assertion`]). Not here: finding the client, verifying signatures of assertions, limiting
//! failures (`provider::client_auth`).

pub mod assertion;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::form::decode;
use domain::{Client, ClientAuthMethod, ClientId, SecretHash};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{ErrorCode, OAuthError, Params};

/// `client_assertion_type` (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client showed to prove itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Its name, and a secret or nothing.
    Plain(Presented),
    /// An assertion; its method follows from its algorithm, its name from its claims.
    Assertion {
        /// The JWT as it came.
        token: String,
        /// `client_id`, where it was given too: then it has to be the same.
        client_id: Option<ClientId>,
    },
}

/// Who a client says it is, and how it wants to prove it.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// Who it says it is.
    pub client_id: ClientId,
    /// By which method.
    pub method: ClientAuthMethod,
    /// SHA-256 of the secret; of its raw form too where a client forgot the form encoding of
    /// RFC 6749 §2.3.1.
    secrets: Vec<SecretHash>,
}

impl Presented {
    /// By an assertion, which has to be verified besides.
    #[must_use]
    pub const fn by_assertion(client_id: ClientId, method: ClientAuthMethod) -> Self {
        Self { client_id, method, secrets: Vec::new() }
    }
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({}, {})", self.client_id, self.method.as_str())
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(presented) => presented.fmt(f),
            Self::Assertion { .. } => f.write_str("Assertion(…)"),
        }
    }
}

/// Why a client is not let in. What it is told does not tell an unknown client from a wrong secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What it is told.
    pub error: OAuthError,
    /// HTTP Basic was used: the answer carries `WWW-Authenticate: Basic` (RFC 6749 §5.2).
    pub basic: bool,
}

/// Whatever the reason.
pub const FAILED: OAuthError = OAuthError::new(ErrorCode::InvalidClient, "Client authentication failed");

const TWO_WAYS: OAuthError = OAuthError::invalid_request("Two ways of client authentication at once");

/// Reads what the client presented.
///
/// # Errors
/// `invalid_request` for two methods at once, `invalid_client` for none or one we do not offer.
pub fn presented(authorization: Option<&str>, params: &Params) -> Result<Shown, Refused> {
    let basic = authorization.is_some();
    let refused = |error| Refused { error, basic };
    let single = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
    if single.iter().any(|name| params.is_repeated(name)) {
        return Err(refused(OAuthError::invalid_request("A parameter comes more than once")));
    }
    let assertion = params.get("client_assertion");
    if assertion.is_some() || params.get("client_assertion_type").is_some() {
        if basic || params.get("client_secret").is_some() {
            return Err(refused(TWO_WAYS));
        }
        let token = assertion.filter(|_| params.get("client_assertion_type") == Some(JWT_BEARER));
        let token = token.ok_or_else(|| refused(FAILED))?.to_owned();
        let client_id = match params.get("client_id").map(str::parse) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => return Err(refused(FAILED)),
        };
        return Ok(Shown::Assertion { token, client_id });
    }
    plain(authorization, params).map(Shown::Plain)
}

fn plain(authorization: Option<&str>, params: &Params) -> Result<Presented, Refused> {
    let basic = authorization.is_some();
    let refused = |error| Refused { error, basic };
    let body_id = params.get("client_id");
    let body_secret = params.get("client_secret");
    let Some(header) = authorization else {
        let client_id = body_id.and_then(|id| id.parse().ok()).ok_or_else(|| refused(FAILED))?;
        return Ok(match body_secret {
            Some(secret) => Presented {
                client_id,
                method: ClientAuthMethod::ClientSecretPost,
                secrets: vec![secret_hash(secret.as_bytes())],
            },
            None => Presented { client_id, method: ClientAuthMethod::None, secrets: Vec::new() },
        });
    };
    if body_secret.is_some() {
        return Err(refused(TWO_WAYS));
    }
    let (raw_id, raw_secret) = basic_pair(header).ok_or_else(|| refused(FAILED))?;
    let id = decode(raw_id.as_bytes(), 200).map_err(|_| refused(FAILED))?;
    if body_id.is_some_and(|body_id| body_id != id) {
        return Err(refused(FAILED));
    }
    let client_id = id.parse().map_err(|_| refused(FAILED))?;
    let mut secrets = vec![secret_hash(raw_secret.as_bytes())];
    if let Ok(secret) = decode(raw_secret.as_bytes(), crate::MAX_VALUE)
        && secret != raw_secret
    {
        secrets.push(secret_hash(secret.as_bytes()));
    }
    Ok(Presented { client_id, method: ClientAuthMethod::ClientSecretBasic, secrets })
}

/// Checks what was presented: for an assertion only that the client may come with one. Takes the same time whether
/// there is such a client or not.
///
/// # Errors
/// `invalid_client`, always the same.
pub fn authenticate(client: Option<&Client>, presented: &Presented) -> Result<(), Refused> {
    let kept = client.and_then(|c| c.secret_hash).unwrap_or(SecretHash([0; 32]));
    let matches =
        presented.secrets.iter().fold(0u8, |found, hash| found | hash.0.ct_eq(&kept.0).unwrap_u8()) == 1;
    let right = client.is_some_and(|client| {
        client.is_enabled
            && client.auth_method == presented.method
            && match client.auth_method {
                ClientAuthMethod::None => true,
                ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost => {
                    client.secret_hash.is_some() && matches
                }
                // The caller verifies the assertion.
                ClientAuthMethod::ClientSecretJwt | ClientAuthMethod::PrivateKeyJwt => true,
            }
    });
    if right {
        Ok(())
    } else {
        Err(Refused { error: FAILED, basic: presented.method == ClientAuthMethod::ClientSecretBasic })
    }
}

/// What is kept of a client secret.
#[must_use]
pub fn secret_hash(secret: &[u8]) -> SecretHash {
    SecretHash(Sha256::digest(secret).into())
}

fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::client;

    fn basic(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    fn plainly(authorization: Option<&str>, params: &Params) -> Result<Presented, Refused> {
        match presented(authorization, params)? {
            Shown::Plain(presented) => Ok(presented),
            Shown::Assertion { .. } => panic!("an assertion"),
        }
    }

    fn try_it(client: &Client, authorization: Option<&str>, params: &[(&str, &str)]) -> Result<(), Refused> {
        let params: Params = params.iter().copied().collect();
        authenticate(Some(client), &plainly(authorization, &params)?)
    }

    fn confidential(method: ClientAuthMethod) -> Client {
        Client { auth_method: method, secret_hash: Some(secret_hash(b"s3cret+/%")), ..client() }
    }

    #[test]
    fn sec_116_exactly_the_registered_method() {
        use ClientAuthMethod::{ClientSecretBasic, ClientSecretPost, None as Public};
        let header = basic("shop", "s3cret+/%");
        let post: &[(&str, &str)] = &[("client_id", "shop"), ("client_secret", "s3cret+/%")];
        let only_id: &[(&str, &str)] = &[("client_id", "shop")];
        for (method, with_basic, with_post, with_id) in [
            (ClientSecretBasic, true, false, false),
            (ClientSecretPost, false, true, false),
            (Public, false, false, true),
        ] {
            let client = confidential(method);
            assert_eq!(try_it(&client, Some(&header), &[]).is_ok(), with_basic, "{method:?} basic");
            assert_eq!(try_it(&client, None, post).is_ok(), with_post, "{method:?} post");
            assert_eq!(try_it(&client, None, only_id).is_ok(), with_id, "{method:?} none");
            assert!(try_it(&client, Some(&header), post).is_err(), "{method:?} both");
        }
    }

    #[test]
    fn sec_115_unknown_client_and_wrong_secret_look_alike() {
        let known = confidential(ClientAuthMethod::ClientSecretBasic);
        let shown = plainly(Some(&basic("shop", "wrong")), &Params::default()).unwrap();
        assert_eq!(authenticate(Some(&known), &shown), authenticate(None, &shown));
        let disabled = Client { is_enabled: false, ..known };
        let right = plainly(Some(&basic("shop", "s3cret+/%")), &Params::default()).unwrap();
        assert_eq!(authenticate(Some(&disabled), &right), authenticate(None, &shown));
        assert!(authenticate(None, &shown).unwrap_err().basic);
    }

    #[test]
    fn sec_116_an_assertion_stands_alone() {
        let assertion = [("client_assertion", "a.b.c"), ("client_assertion_type", JWT_BEARER)];
        let read = |authorization: Option<&str>, more: &[(&str, &str)]| {
            let params: Params = assertion.iter().chain(more).copied().collect();
            presented(authorization, &params).map_err(|refused| refused.error.code)
        };
        let shown = |client_id| Ok(Shown::Assertion { token: "a.b.c".to_owned(), client_id });
        assert_eq!(read(None, &[]), shown(None));
        assert_eq!(read(None, &[("client_id", "shop")]), shown(Some("shop".parse().unwrap())));
        assert_eq!(read(None, &[("client_secret", "x")]), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(Some(&basic("shop", "x")), &[]), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(None, &[("client_assertion", "d")]), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(None, &[("client_id", "no id")]), Err(ErrorCode::InvalidClient));
        // An assertion proves only a client that registered one.
        for (method, may) in [
            (ClientAuthMethod::PrivateKeyJwt, true),
            (ClientAuthMethod::ClientSecretJwt, false),
            (ClientAuthMethod::ClientSecretBasic, false),
            (ClientAuthMethod::None, false),
        ] {
            let by = Presented::by_assertion("shop".parse().unwrap(), ClientAuthMethod::PrivateKeyJwt);
            assert_eq!(authenticate(Some(&confidential(method)), &by).is_ok(), may, "{method:?}");
            assert!(authenticate(None, &by).is_err());
        }
    }

    #[test]
    fn a_secret_is_form_encoded_in_the_header_or_plain() {
        let client = confidential(ClientAuthMethod::ClientSecretBasic);
        assert!(try_it(&client, Some(&basic("shop", "s3cret%2B%2F%25")), &[]).is_ok());
        assert!(try_it(&client, Some(&basic("shop", "s3cret+/%")), &[]).is_ok());
        assert!(try_it(&client, Some(&basic("shop", "s3cret /%")), &[]).is_err());
    }

    #[test]
    fn a_client_without_a_kept_secret_is_not_proved_by_any() {
        let client = Client { secret_hash: None, ..confidential(ClientAuthMethod::ClientSecretPost) };
        assert!(try_it(&client, None, &[("client_id", "shop"), ("client_secret", "x")]).is_err());
    }

    #[test]
    fn other_ways_are_refused() {
        let client = confidential(ClientAuthMethod::ClientSecretBasic);
        for (header, params) in [
            (Some("Bearer abc"), &[][..]),
            (Some("Basic !!"), &[][..]),
            (Some("Basic c2hvcA=="), &[][..]),
            (None, &[][..]),
            (None, &[("client_assertion", "x"), ("client_id", "shop")][..]),
            (None, &[("client_assertion_type", JWT_BEARER), ("client_id", "shop")][..]),
            (None, &[("client_assertion", "x"), ("client_assertion_type", "saml")][..]),
            (Some(basic("shop", "s3cret+/%").as_str()), &[("client_id", "other")][..]),
        ] {
            assert_eq!(
                try_it(&client, header, params).unwrap_err().error.code,
                ErrorCode::InvalidClient,
                "{header:?} {params:?}"
            );
        }
    }
}
