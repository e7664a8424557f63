use domain::SigningAlg;
use serde_json::json;

use super::*;
use crate::SigningKey;

fn es256() -> SigningKey {
    SigningKey::generate(SigningAlg::ES256).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with any header, signed by `key` over exactly these bytes.
fn forged(key: &SigningKey, header: &str, payload: &str) -> String {
    // `sign` writes its own header, so the signature is taken from the key's own signer by way of a
    // token whose parts are put in place of the usual ones.
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign_bytes(message.as_bytes()).unwrap()))
}

#[test]
fn a_token_is_signed_and_verified_with_every_algorithm() {
    for alg in SigningAlg::ALL {
        let key = SigningKey::generate(*alg).unwrap();
        for typ in ["JWT", "at+jwt", "something+jwt"] {
            let token = key.sign(typ, br#"{"sub":"ada"}"#).unwrap();
            assert_eq!(key.verify(&token, typ).unwrap(), br#"{"sub":"ada"}"#);
            let parsed = Unverified::parse(&token).unwrap();
            assert_eq!(parsed.kid(), Some(key.kid()));
            assert_eq!(parsed.header.len(), 3);
            assert_eq!(parsed.header["alg"], alg.as_str());
            assert_eq!(parsed.header["typ"], typ);
        }
    }
}

#[test]
fn a_key_survives_its_private_jwk_and_shows_only_its_public_part() {
    for alg in SigningAlg::ALL {
        let key = SigningKey::generate(*alg).unwrap();
        let again = SigningKey::from_private_jwk(&key.to_private_jwk()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.alg(), *alg);
        let token = again.sign("JWT", b"{}").unwrap();
        let public = VerifyingKey::from_public_jwk(&key.public_jwk()).unwrap();
        assert!(public.verify(&token, "JWT").is_ok());
        let jwk = key.public_jwk();
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(jwk.get(private).is_none(), "{private}");
        }
        assert_eq!(
            (&jwk["kid"], &jwk["alg"], &jwk["use"]),
            (&json!(key.kid()), &json!(alg.as_str()), &json!("sig"))
        );
        assert!(!format!("{key:?}").contains("\"d\""));
    }
}

#[test]
fn a_private_jwk_with_another_public_part_is_refused() {
    let (one, other) = (es256(), es256());
    let mut jwk: Value = serde_json::from_slice(&one.to_private_jwk()).unwrap();
    jwk["x"] = other.public_jwk()["x"].clone();
    jwk["y"] = other.public_jwk()["y"].clone();
    assert!(SigningKey::from_private_jwk(jwk.to_string().as_bytes()).is_err());
    assert!(SigningKey::from_private_jwk(one.public_jwk().to_string().as_bytes()).is_err());
    assert!(SigningKey::from_private_jwk(b"{}").is_err());
    assert!(SigningKey::from_private_jwk(br#"{"kty":"oct","k":"AA","d":"AA"}"#).is_err());
}

#[test]
fn a_changed_token_is_refused() {
    let key = es256();
    let token = key.sign("JWT", br#"{"sub":"ada"}"#).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let swapped = format!("{}.{}.{}", parts[0], part(&json!({"sub": "eve"})), parts[2]);
    assert_eq!(key.verify(&swapped, "JWT"), Err(JwsError::WrongSignature));
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(key.verify(&unsigned, "JWT"), Err(JwsError::WrongSignature));
    assert_eq!(es256().verify(&token, "JWT"), Err(JwsError::WrongKey));
    for bad in ["", ".", "..", "a.b", "a.b.c.d", &format!("{token}="), &format!("{token}.x"), "é.é.é"] {
        assert!(key.verify(bad, "JWT").is_err(), "{bad}");
    }
    let long = format!("{}.{}.{}", parts[0], "a".repeat(MAX_TOKEN_BYTES), parts[2]);
    assert_eq!(key.verify(&long, "JWT"), Err(JwsError::TooLong));
}

#[test]
fn the_signature_of_another_key_is_refused_also_without_kid() {
    let (key, other) = (es256(), es256());
    let token = forged(&other, r#"{"alg":"ES256","typ":"JWT"}"#, "{}");
    assert!(other.verify(&token, "JWT").is_ok());
    assert_eq!(key.verify(&token, "JWT"), Err(JwsError::WrongSignature));
}

#[test]
fn sec_127_the_algorithm_is_the_keys_and_never_the_tokens() {
    let (ec, rsa) = (es256(), SigningKey::generate(SigningAlg::RS256).unwrap());
    for alg in ["none", "None", "HS256", "RS256", "ES384", "PS256", ""] {
        let token = forged(&ec, &json!({"alg": alg, "typ": "JWT"}).to_string(), "{}");
        assert_eq!(ec.verify(&token, "JWT"), Err(JwsError::WrongAlgorithm), "{alg}");
    }
    let token = forged(&ec, r#"{"typ":"JWT"}"#, "{}");
    assert_eq!(ec.verify(&token, "JWT"), Err(JwsError::WrongAlgorithm));
    // HMAC under the public key's text, the classic confusion: the header cannot ask for it.
    let confused = forged(&ec, r#"{"alg":"HS256","typ":"JWT"}"#, "{}");
    assert_eq!(rsa.verify(&confused, "JWT"), Err(JwsError::WrongAlgorithm));
}

#[test]
fn sec_118_headers_that_bring_their_own_key_or_extensions_are_refused() {
    let key = es256();
    for member in ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "b64"] {
        let header = json!({"alg": "ES256", "typ": "JWT", member: ["x"]}).to_string();
        assert_eq!(key.verify(&forged(&key, &header, "{}"), "JWT"), Err(JwsError::RefusedMember), "{member}");
    }
    let twice = r#"{"alg":"none","alg":"ES256","typ":"JWT"}"#;
    assert_eq!(key.verify(&forged(&key, twice, "{}"), "JWT"), Err(JwsError::Malformed));
}

#[test]
fn sec_119_a_token_of_one_type_is_none_of_another() {
    let key = es256();
    let token = key.sign("at+jwt", b"{}").unwrap();
    assert_eq!(key.verify(&token, "JWT"), Err(JwsError::WrongType));
    let without = forged(&key, r#"{"alg":"ES256"}"#, "{}");
    assert_eq!(key.verify(&without, "JWT"), Err(JwsError::WrongType));
    let written_out = forged(&key, r#"{"alg":"ES256","typ":"application/AT+JWT"}"#, "{}");
    assert!(key.verify(&written_out, "at+jwt").is_ok());
}

#[test]
fn the_es256_example_of_rfc_7515_a_3_verifies() {
    // The example has no `typ`, so its signature is checked below the rules about headers.
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let key = VerifyingKey::from_public_jwk(&jwk).unwrap();
    let parsed = Unverified::parse(token).unwrap();
    assert_eq!(key.check(parsed.message.as_bytes(), &parsed.signature), Ok(()));
    assert_eq!(parsed.verify(&key, "JWT"), Err(JwsError::WrongType));
}

#[test]
fn sec_220_odd_signatures_and_keys_are_refused_without_a_panic() {
    for alg in SigningAlg::ALL {
        let key = SigningKey::generate(*alg).unwrap();
        let token = key.sign("JWT", b"{}").unwrap();
        let message = token.rsplit_once('.').unwrap().0;
        for length in [0, 1, 32, 63, 64, 65, 72, 128, 255, 256, 257, 1000] {
            for filling in [0u8, 1, 0x7f, 0x80, 0xff] {
                let odd = format!("{message}.{}", URL_SAFE_NO_PAD.encode(vec![filling; length]));
                assert_eq!(key.verify(&odd, "JWT"), Err(JwsError::WrongSignature), "{length} × {filling}");
            }
        }
    }
    for odd in [
        json!({}),
        json!([]),
        json!({"kty": 1}),
        json!({"kty": "EC", "crv": "P-256", "x": "", "y": ""}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": 1, "y": null}),
        json!({"kty": "EC", "crv": "P-256", "x": "!", "y": "é"}),
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "", "e": ""}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "RSA", "n": "AQAB"}),
        json!({"kty": "oct", "k": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "alg": "ES384"}),
    ] {
        assert!(VerifyingKey::from_public_jwk(&odd).is_err(), "{odd}");
        assert!(SigningKey::from_private_jwk(odd.to_string().as_bytes()).is_err(), "{odd}");
    }
}

#[test]
fn an_rsa_key_of_less_than_2048_bits_is_refused() {
    let small = json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xc5; 128])});
    assert!(VerifyingKey::from_public_jwk(&small).is_err());
}

/// A token under an HMAC.
fn hs256(header: &str, secret: &[u8], payload: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn with_secret(token: &str, secret: &[u8]) -> Result<Vec<u8>, JwsError> {
    verify_hs256(&Unverified::parse(token)?, secret, Types::CLIENT_ASSERTION)
}

#[test]
fn an_hmac_is_verified_only_with_its_secret() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let token = hs256(r#"{"alg":"HS256"}"#, secret, "{}");
    assert_eq!(with_secret(&token, secret).unwrap(), b"{}");
    assert_eq!(with_secret(&token, b"0123456789abcdef0123456789abcdeX"), Err(JwsError::WrongSignature));
    assert!(with_secret(&token[..token.len() - 4], secret).is_err());
    let (message, _) = token.rsplit_once('.').unwrap();
    assert_eq!(with_secret(&format!("{message}."), secret), Err(JwsError::WrongSignature));
    for alg in ["none", "HS384", "hs256", "ES256"] {
        let token = hs256(&json!({ "alg": alg }).to_string(), secret, "{}");
        assert_eq!(with_secret(&token, secret), Err(JwsError::WrongAlgorithm), "{alg}");
    }
}

#[test]
fn sec_118_nothing_is_accepted_with_an_empty_or_a_short_secret() {
    for secret in [&b""[..], b"0", b"0123456789abcdef0123456789abcde"] {
        let token = hs256(r#"{"alg":"HS256"}"#, secret, "{}");
        assert_eq!(with_secret(&token, secret), Err(JwsError::WrongKey));
    }
}

#[test]
fn sec_118_a_public_key_is_no_hmac_secret() {
    for alg in SigningAlg::ALL {
        let key = SigningKey::generate(*alg).unwrap();
        let jwk = key.public_jwk();
        let set = crate::KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        for secret in [jwk.to_string(), jwk["x"].to_string(), jwk["n"].to_string()] {
            let token =
                hs256(&json!({"alg": "HS256", "kid": key.kid()}).to_string(), secret.as_bytes(), "{}");
            let token = Unverified::parse(&token).unwrap();
            let verdict = set.verify(&token, SigningAlg::ALL, Types::CLIENT_ASSERTION);
            assert_eq!(verdict, Err(JwsError::WrongAlgorithm));
            assert_eq!(token.verify(key.public(), "JWT"), Err(JwsError::WrongAlgorithm));
        }
    }
}

#[test]
fn sec_118_one_rsa_algorithm_is_not_the_other() {
    let key = SigningKey::generate(SigningAlg::RS256).unwrap();
    let pss = VerifyingKey::with_alg(&key.public_jwk(), SigningAlg::PS256).unwrap();
    let token = forged(&key, r#"{"alg":"PS256","typ":"JWT"}"#, "{}");
    assert_eq!(key.verify(&token, "JWT"), Err(JwsError::WrongAlgorithm));
    assert_eq!(pss.verify(&token, "JWT"), Err(JwsError::WrongSignature));
}

#[test]
fn only_a_token_that_says_none_and_has_no_signature_is_unsigned() {
    let unsigned = |header: &str, signature: &str| {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        Unverified::parse(&format!("{message}.{signature}")).unwrap().unsigned()
    };
    assert_eq!(unsigned(r#"{"alg":"none"}"#, "").as_deref(), Some(&b"{}"[..]));
    assert_eq!(unsigned(r#"{"alg":"none"}"#, "AA"), None);
    for other in ["None", "NONE", "ES256", "HS256", ""] {
        assert_eq!(unsigned(&json!({ "alg": other }).to_string(), ""), None, "{other}");
    }
    assert_eq!(unsigned("{}", ""), None);
}

#[test]
fn sec_119_types_are_compared_as_media_types_and_may_be_left_out_only_where_said() {
    let key = es256();
    let taken = |header: Value, types: Types| {
        let token = forged(&key, &header.to_string(), "{}");
        Unverified::parse(&token).unwrap().check_type(types).is_ok()
    };
    assert!(taken(json!({"alg": "ES256"}), Types::CLIENT_ASSERTION));
    assert!(taken(json!({"typ": "jwt"}), Types::CLIENT_ASSERTION));
    assert!(taken(json!({"typ": "application/client-authentication+jwt"}), Types::CLIENT_ASSERTION));
    assert!(taken(json!({"typ": "oauth-authz-req+jwt"}), Types::REQUEST_OBJECT));
    for other in ["at+jwt", "logout+jwt", "dpop+jwt", "", "application/"] {
        assert!(!taken(json!({ "typ": other }), Types::CLIENT_ASSERTION), "{other}");
        assert!(!taken(json!({ "typ": other }), Types::REQUEST_OBJECT), "{other}");
    }
    for other in [json!(null), json!(1), json!(["JWT"])] {
        assert!(!taken(json!({ "typ": other }), Types::REQUEST_OBJECT), "{other}");
    }
    assert!(!taken(json!({}), Types { allowed: &["dpop+jwt"], may_lack: false }));
}

#[test]
fn a_name_of_another_type_or_a_header_too_long_is_refused() {
    let key = es256();
    let odd = forged(&key, r#"{"alg":"ES256","typ":"JWT","kid":1}"#, "{}");
    assert_eq!(key.verify(&odd, "JWT"), Err(JwsError::Malformed));
    let long = json!({"alg": "ES256", "typ": "JWT", "x": "x".repeat(4000)}).to_string();
    assert_eq!(key.verify(&forged(&key, &long, "{}"), "JWT"), Err(JwsError::TooLong));
}
