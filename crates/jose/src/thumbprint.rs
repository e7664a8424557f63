//! JWK thumbprints (RFC 7638): the name of a key that anybody can compute from its public part.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::KeyError;

/// The SHA-256 thumbprint of a public (or private) JWK in base64url (RFC 7638 §3).
///
/// # Errors
/// The key type is none of EC, RSA, OKP, or a required member is missing.
pub fn thumbprint(jwk: &Value) -> Result<String, KeyError> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(KeyError::Malformed);
    // The required members only, in lexical order, without white space (RFC 7638 §3.2 and §3.3).
    let names: &[&str] = match member("kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return Err(KeyError::Unsupported),
    };
    let mut text = String::from("{");
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let value = Value::String(member(name)?.to_owned());
        text.push_str(&format!("\"{name}\":{value}"));
    }
    text.push('}');
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_rfc_7638() {
        let jwk = serde_json::json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
        });
        assert_eq!(thumbprint(&jwk).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn members_beside_the_key_itself_do_not_change_it() {
        let bare = serde_json::json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"});
        let dressed =
            serde_json::json!({"y": "b", "x": "a", "use": "sig", "kty": "EC", "crv": "P-256", "d": "c"});
        assert_eq!(thumbprint(&bare).unwrap(), thumbprint(&dressed).unwrap());
        assert!(thumbprint(&serde_json::json!({"kty": "EC", "crv": "P-256", "x": "a"})).is_err());
        assert!(thumbprint(&serde_json::json!({"kty": "oct", "k": "a"})).is_err());
    }
}
