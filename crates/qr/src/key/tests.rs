use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn p256_pair() -> (EcdsaKeyPair, Value) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])});
    (pair, jwk)
}

fn ed25519_pair() -> (Ed25519KeyPair, Value) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())});
    (pair, jwk)
}

fn with(jwk: &Value, name: &str, value: Value) -> String {
    let mut jwk = jwk.clone();
    jwk[name] = value;
    jwk.to_string()
}

#[test]
fn both_kinds_of_keys_are_read_and_written_and_verify() {
    let (pair, jwk) = p256_pair();
    let key = Jwk::parse(&jwk.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&key).unwrap(), jwk);
    let signature = encode(pair.sign(&SystemRandom::new(), b"message").unwrap().as_ref());
    assert!(is_signed(key.key(), "message", &signature));
    assert!(!is_signed(key.key(), "massage", &signature));
    assert!(!is_signed(key.key(), "message", ""));
    assert!(!is_signed(key.key(), "message", &format!("{signature}AA")));

    let (pair, jwk) = ed25519_pair();
    let key = Jwk::parse(&jwk.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&key).unwrap(), jwk);
    let signature = encode(pair.sign(b"message").as_ref());
    assert!(is_signed(key.key(), "message", &signature));
    assert!(!is_signed(key.key(), "massage", &signature));
}

#[test]
fn a_hundred_fresh_keys_are_all_taken() {
    for _ in 0..50 {
        assert!(Jwk::parse(&p256_pair().1.to_string()).is_ok());
    }
    for _ in 0..5 {
        assert!(Jwk::parse(&ed25519_pair().1.to_string()).is_ok());
    }
}

#[test]
fn the_thumbprint_is_that_of_the_specification() {
    // RFC 8037 Appendix A.3.
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(Jwk::parse(jwk).unwrap().key().thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn what_web_crypto_exports_is_taken() {
    let (_, jwk) = p256_pair();
    let mut exported = jwk.clone();
    exported["ext"] = json!(true);
    exported["key_ops"] = json!(["verify"]);
    let plain = Jwk::parse(&jwk.to_string()).unwrap();
    assert_eq!(Jwk::parse(&exported.to_string()).unwrap(), plain);
}

#[test]
fn sec_073_only_listed_kinds_of_keys_enter() {
    let (_, jwk) = p256_pair();
    for (name, value, why) in [
        ("kty", json!("RSA"), BadKey::Unsupported),
        ("kty", json!("oct"), BadKey::Unsupported),
        ("kty", json!("OKP"), BadKey::Unsupported),
        ("crv", json!("P-192"), BadKey::Unsupported),
        ("crv", json!("P-384"), BadKey::Unsupported),
        ("crv", json!("secp256k1"), BadKey::Unsupported),
        ("alg", json!("none"), BadKey::Unsupported),
        ("alg", json!("HS256"), BadKey::Unsupported),
        ("alg", json!("ES384"), BadKey::Unsupported),
        ("use", json!("enc"), BadKey::Unsupported),
        ("key_ops", json!(["deriveKey"]), BadKey::Unsupported),
        ("d", json!("AAAA"), BadKey::Private),
        ("k", json!("AAAA"), BadKey::Private),
        ("p", json!("AAAA"), BadKey::Private),
        ("oth", json!([{}]), BadKey::Private),
        ("x5u", json!("https://evil.example"), BadKey::Malformed),
        ("jku", json!("https://evil.example"), BadKey::Malformed),
        ("x", json!(7), BadKey::Malformed),
        ("x", json!(""), BadKey::Malformed),
        ("x", json!("AAAA"), BadKey::Malformed),
        ("x", json!("A".repeat(44)), BadKey::Malformed),
        ("x", json!(format!("{}=", "A".repeat(42))), BadKey::Malformed),
        ("y", json!("A".repeat(43)), BadKey::BadPoint),
        ("x", json!("_".repeat(42) + "8"), BadKey::BadPoint),
    ] {
        assert_eq!(Jwk::parse(&with(&jwk, name, value.clone())), Err(why), "{name}: {value}");
    }
    let zero = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
    assert_eq!(Jwk::parse(&zero.to_string()), Err(BadKey::BadPoint));
    let (_, okp) = ed25519_pair();
    assert_eq!(Jwk::parse(&with(&okp, "y", json!("A".repeat(43)))), Err(BadKey::Malformed));
    assert_eq!(Jwk::parse(&with(&okp, "crv", json!("X25519"))), Err(BadKey::Unsupported));
    assert_eq!(Jwk::parse(&with(&okp, "crv", json!("Ed448"))), Err(BadKey::Unsupported));
    let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    assert_eq!(Jwk::parse(&rsa.to_string()), Err(BadKey::Malformed));
    for text in ["", "[]", "null", "{}", "\"EC\"", "{\"kty\":\"EC\"}"] {
        assert_eq!(Jwk::parse(text), Err(BadKey::Malformed), "{text}");
    }
}

#[test]
fn sec_073_a_member_that_comes_twice_is_refused() {
    let (_, jwk) = p256_pair();
    let text = jwk.to_string();
    for again in ["\"kty\":\"EC\"", "\"crv\":\"P-256\"", "\"d\":1,\"d\":1", "\"kid\":\"a\",\"kid\":\"b\""] {
        let twice = format!("{},{again}}}", &text[..text.len() - 1]);
        assert!(Jwk::parse(&twice).is_err(), "{again}");
        assert!(serde_json::from_str::<Jwk>(&twice).is_err(), "{again}");
    }
}

#[test]
fn a_signature_of_the_other_kind_of_key_is_none() {
    let (_, jwk) = p256_pair();
    let mut key = Jwk::parse(&jwk.to_string()).unwrap().into_key();
    key.alg = KeyAlg::EdDSA;
    assert!(!is_signed(&key, "message", &encode(&[0; 64])));
}
