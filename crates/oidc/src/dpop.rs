//! Demonstrating proof of possession (RFC 9449): what a proof must say.
//!
//! Owns: the claims of a proof, checked against one request. Not here: its signature and the key in its header
//! (`jose::dpop`), remembering `jti`, making and knowing nonces (`provider::dpop`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::numeric::date;
use crate::{ErrorCode, OAuthError};

/// A proof may be so many seconds old, or from the future: clocks differ (SEC-126).
pub const SKEW_SECONDS: i64 = 60;
/// Longest `jti` in bytes.
const MAX_JTI: usize = 512;

/// What a proof has to be for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'r> {
    /// Method of the request.
    pub method: &'r str,
    /// Address of the endpoint, without query.
    pub url: &'r str,
    /// The access token beside it, at a protected resource.
    pub access_token: Option<&'r str>,
    /// Now, by the clock that others read.
    pub now: Timestamp,
}

/// What is left to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Used once.
    pub jti: String,
    /// The server's nonce.
    pub nonce: Option<String>,
}

/// An `invalid_dpop_proof` with its sentence.
#[must_use]
pub const fn invalid(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, description)
}

/// Checks the claims of a proof (RFC 9449 §4.3).
///
/// # Errors
/// `invalid_dpop_proof`.
pub fn check(claims: &Map<String, Value>, wanted: &Wanted<'_>) -> Result<Said, OAuthError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI);
    let jti = jti.ok_or(invalid("The proof has no jti"))?;
    if text("htm") != Some(wanted.method) {
        return Err(invalid("htm is not the method of this request"));
    }
    if !text("htu").is_some_and(|htu| is_same_place(htu, wanted.url)) {
        return Err(invalid("htu is not the address of this request"));
    }
    let made = date(claims, "iat").ok().flatten().ok_or(invalid("iat is missing or no date"))?;
    let now = wanted.now.seconds();
    if (now - made).abs() > SKEW_SECONDS {
        return Err(invalid("iat is not now"));
    }
    // Neither has to be there; what is there is believed.
    match (date(claims, "exp"), date(claims, "nbf")) {
        (Ok(exp), Ok(nbf))
            if exp.is_none_or(|exp| now < exp + SKEW_SECONDS)
                && nbf.is_none_or(|nbf| nbf <= now + SKEW_SECONDS) => {}
        _ => return Err(invalid("The proof is not valid now")),
    }
    if let Some(token) = wanted.access_token
        && text("ath") != Some(token_hash(token).as_str())
    {
        return Err(invalid("ath is not the hash of the access token"));
    }
    let nonce = match claims.get("nonce") {
        None => None,
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(_) => return Err(invalid("nonce is no text")),
    };
    Ok(Said { jti: jti.to_owned(), nonce })
}

/// `ath`.
#[must_use]
pub fn token_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(access_token.as_bytes()))
}

/// Whether this is a JWK thumbprint with SHA-256 (`dpop_jkt`, RFC 9449 §10).
#[must_use]
pub fn is_thumbprint(text: &str) -> bool {
    crate::token::is_challenge(text)
}

/// Compares after normalisation (RFC 3986 §6.2.2, §6.2.3), without query and fragment (RFC 9449 §4.3 no. 9).
fn is_same_place(said: &str, wanted: &str) -> bool {
    let bare = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    bare(said).is_some_and(|said| Some(said) == bare(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;
    const URL: &str = "https://id.example/token";

    fn proof(change: &[(&str, Value)]) -> Map<String, Value> {
        let mut claims =
            json!({"jti": "one", "htm": "POST", "htu": URL, "iat": NOW}).as_object().unwrap().clone();
        for (name, value) in change {
            if value.is_null() {
                claims.remove(*name);
            } else {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
        claims
    }

    fn is_good(claims: &Map<String, Value>, access_token: Option<&str>) -> bool {
        let wanted = Wanted { method: "POST", url: URL, access_token, now: Timestamp::from_seconds(NOW) };
        match check(claims, &wanted) {
            Ok(said) => !said.jti.is_empty(),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::InvalidDpopProof);
                assert!(error.is_well_formed());
                false
            }
        }
    }

    #[test]
    fn sec_126_a_proof_is_for_one_request() {
        assert!(is_good(&proof(&[]), None));
        for (name, value) in [
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!(7)),
            ("jti", json!("x".repeat(513))),
            ("htm", Value::Null),
            ("htm", json!("GET")),
            ("htm", json!("post")),
            ("htu", Value::Null),
            ("htu", json!("https://id.example/userinfo")),
            ("htu", json!("https://id.example/token/")),
            ("htu", json!("https://id.example/Token")),
            ("htu", json!("http://id.example/token")),
            ("htu", json!("https://id.example.evil.example/token")),
            ("htu", json!("/token")),
            ("iat", Value::Null),
            ("iat", json!(NOW.to_string())),
            ("iat", json!(NOW - 61)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 3_600)),
            ("iat", json!(-1)),
            ("exp", json!(NOW - 60)),
            ("exp", json!("tomorrow")),
            ("nbf", json!(NOW + 61)),
            ("nonce", json!(1)),
        ] {
            assert!(!is_good(&proof(&[(name, value.clone())]), None), "{name} {value}");
        }
    }

    #[test]
    fn sec_126_what_means_the_same_is_taken() {
        for (name, value) in [
            ("htu", json!("https://ID.Example/token")),
            ("htu", json!("https://id.example:443/token")),
            ("htu", json!("HTTPS://id.example/token?x=1#y")),
            ("iat", json!(NOW - 10)),
            ("iat", json!(NOW + 10)),
            ("exp", json!(NOW + 100)),
            ("nbf", json!(NOW)),
            ("more", json!({"a": 1})),
        ] {
            assert!(is_good(&proof(&[(name, value.clone())]), None), "{name} {value}");
        }
    }

    #[test]
    fn sec_126_a_proof_is_for_one_access_token() {
        // RFC 9449 §7.1.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(token_hash(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert!(is_good(&proof(&[("ath", json!(token_hash(token)))]), Some(token)));
        assert!(!is_good(&proof(&[]), Some(token)));
        assert!(!is_good(&proof(&[("ath", json!(token_hash("other")))]), Some(token)));
        assert!(
            is_good(&proof(&[("ath", json!("anything"))]), None),
            "not looked at where there is no token"
        );
    }

    proptest! {
        #[test]
        fn a_proof_for_another_place_or_method_is_none(
            htu in "https://[a-z]{1,8}\\.example/[a-z]{0,8}", htm in "[A-Z]{1,6}"
        ) {
            let right = htu == URL && htm == "POST";
            prop_assert_eq!(is_good(&proof(&[("htu", json!(htu)), ("htm", json!(htm))]), None), right);
        }

        #[test]
        fn the_window_has_two_sides(off in -200i64..200) {
            prop_assert_eq!(is_good(&proof(&[("iat", json!(NOW + off))]), None), off.abs() <= SKEW_SECONDS);
        }
    }
}
