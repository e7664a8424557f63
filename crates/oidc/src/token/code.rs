//! What an authorization code holds, and whether a request may redeem it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientId, GrantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Authorization, CodeExchange};
use crate::OAuthError;

/// How long a code may be redeemed (SEC-112).
pub const CODE_LIFE: Duration = Duration::from_secs(60);

/// What a code stands for. The code is this, sealed: nothing is written when it is issued. Short names,
/// because it travels in an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeContent {
    /// What the person authorized; its grant's id is the code's own.
    #[serde(flatten)]
    pub who: Authorization,
    /// The redirect URI it was sent to.
    #[serde(rename = "r")]
    pub redirect_uri: String,
    /// PKCE challenge.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// For the ID token.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The key that must prove the redemption (RFC 9449 §10, `dpop_jkt`).
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The grant of the access token that was given beside the code (hybrid responses): a replay of the code
    /// revokes it too.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub front: Option<GrantId>,
    /// Good until.
    #[serde(rename = "e")]
    pub expires_at: Timestamp,
}

impl CodeContent {
    /// Whether this client may redeem the code with this request, now, with a proof by the key `jkt` if there was
    /// one (SEC-112, SEC-105, SEC-126).
    ///
    /// # Errors
    /// `invalid_grant`.
    pub fn check(
        &self,
        client: &ClientId,
        exchange: &CodeExchange,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        if self.who.client != *client {
            return Err(OAuthError::invalid_grant("The code belongs to another client"));
        }
        if now >= self.expires_at {
            return Err(OAuthError::invalid_grant("The code has expired"));
        }
        if self.redirect_uri != exchange.redirect_uri {
            return Err(OAuthError::invalid_grant(
                "redirect_uri is not the one of the authorization request",
            ));
        }
        if self.jkt.is_some() && self.jkt.as_deref() != jkt {
            return Err(OAuthError::invalid_grant("The code is bound to another DPoP key"));
        }
        match (&self.challenge, &exchange.verifier) {
            (None, None) => Ok(()),
            (Some(challenge), Some(verifier)) if fits(verifier, challenge) => Ok(()),
            (Some(_), Some(_)) => Err(OAuthError::invalid_grant("code_verifier does not fit code_challenge")),
            (Some(_), None) => Err(OAuthError::invalid_grant("code_verifier is missing")),
            // RFC 9700 §4.8.2: else somebody strips the challenge from the request of a victim.
            (None, Some(_)) => Err(OAuthError::invalid_grant("The code was issued without code_challenge")),
        }
    }
}

/// Whether this is the base64url of a SHA-256 hash (RFC 7636 §4.2).
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// RFC 7636 §4.1 and §4.6.
fn fits(verifier: &str, challenge: &str) -> bool {
    let well_formed = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
    let made = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    well_formed && bool::from(made.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::authorization::tests::authorization;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn content() -> CodeContent {
        CodeContent {
            who: authorization(),
            redirect_uri: "https://shop.example/cb".to_owned(),
            challenge: Some(CHALLENGE.to_owned()),
            nonce: Some("n".repeat(600)),
            jkt: None,
            front: None,
            expires_at: Timestamp::from_seconds(1060),
        }
    }

    fn exchange() -> CodeExchange {
        CodeExchange {
            code: String::new(),
            redirect_uri: "https://shop.example/cb".to_owned(),
            verifier: Some(VERIFIER.to_owned()),
            resources: Vec::new(),
        }
    }

    fn check(content: &CodeContent, client: &str, exchange: &CodeExchange, at: i64) -> bool {
        content.check(&client.parse().unwrap(), exchange, None, Timestamp::from_seconds(at)).is_ok()
    }

    #[test]
    fn sec_112_a_code_is_bound_to_client_address_verifier_and_time() {
        let (code, right) = (content(), exchange());
        assert!(check(&code, "shop", &right, 1059));
        assert!(!check(&code, "shop", &right, 1060));
        assert!(!check(&code, "Shop", &right, 1000));
        for uri in ["https://shop.example/cb/", "https://shop.example/CB", "https://shop.example/cb?", ""] {
            assert!(!check(
                &code,
                "shop",
                &CodeExchange { redirect_uri: uri.to_owned(), ..exchange() },
                1000
            ));
        }
        for wrong in [
            None,
            Some(CHALLENGE.to_owned()),
            Some(VERIFIER[..42].to_owned()),
            Some(VERIFIER.replace('d', "e")),
            Some("x".repeat(129)),
        ] {
            assert!(!check(&code, "shop", &CodeExchange { verifier: wrong, ..exchange() }, 1000));
        }
    }

    #[test]
    fn sec_105_neither_downgrade_of_pkce_works() {
        let without = CodeContent { challenge: None, ..content() };
        assert!(!check(&without, "shop", &exchange(), 1000));
        assert!(check(&without, "shop", &CodeExchange { verifier: None, ..exchange() }, 1000));
        assert!(!check(&content(), "shop", &CodeExchange { verifier: None, ..exchange() }, 1000));
    }

    #[test]
    fn sec_104_a_challenge_is_43_characters_of_base64url() {
        assert!(is_challenge(CHALLENGE));
        for bad in
            [&CHALLENGE[..42], &format!("{CHALLENGE}M"), &CHALLENGE.replace('-', "+"), &"=".repeat(43), ""]
        {
            assert!(!is_challenge(bad), "{bad}");
        }
    }

    #[test]
    fn sec_126_a_bound_code_needs_a_proof_by_its_key() {
        let bound = CodeContent { jkt: Some("key".to_owned()), ..content() };
        let check = |code: &CodeContent, jkt| {
            code.check(&"shop".parse().unwrap(), &exchange(), jkt, Timestamp::from_seconds(1000)).is_ok()
        };
        assert!(check(&bound, Some("key")));
        assert!(!check(&bound, Some("other")) && !check(&bound, None));
        assert!(check(&content(), Some("key")), "a code of no key may be redeemed with one");
    }

    #[test]
    fn content_survives_being_kept() {
        let full = CodeContent {
            jkt: Some("key".to_owned()),
            front: Some(GrantId::from_random([9; 16])),
            ..content()
        };
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<CodeContent>(&text).unwrap(), full);
        let text = serde_json::to_string(&content()).unwrap();
        assert_eq!(serde_json::from_str::<CodeContent>(&text).unwrap(), content());
    }
}
