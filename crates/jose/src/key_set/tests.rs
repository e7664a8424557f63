use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::SigningKey;

const TYPES: Types = Types { allowed: &["JWT"], may_lack: true };

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn key(alg: SigningAlg) -> SigningKey {
    SigningKey::generate(alg).unwrap()
}

/// The public key with other members beside it.
fn dressed(key: &SigningKey, members: &Value) -> Value {
    let mut jwk = key.public_jwk();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    jwk
}

fn token(key: &SigningKey, header: &Value) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode("{}"));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign_bytes(message.as_bytes()).unwrap()))
}

fn verify(set: &KeySet, token: &str) -> Result<Vec<u8>, JwsError> {
    set.verify(&Unverified::parse(token).unwrap(), SigningAlg::ALL, TYPES)
}

#[test]
fn the_key_of_the_header_verifies_whatever_its_owner_calls_it() {
    for alg in SigningAlg::ALL {
        let (one, other) = (key(*alg), key(*alg));
        let keys = set(&[
            dressed(&other, &json!({"kid": "other", "alg": alg.as_str()})),
            dressed(&one, &json!({"kid": "one", "use": "sig"})),
        ]);
        let header = json!({"alg": alg.as_str(), "kid": "one"});
        assert_eq!(verify(&keys, &token(&one, &header)).unwrap(), b"{}");
        assert_eq!(verify(&keys, &token(&other, &header)), Err(JwsError::WrongSignature));
        assert!(verify(&keys, &token(&one, &json!({"alg": alg.as_str()}))).is_ok(), "each is tried");
        let unknown = json!({"alg": alg.as_str(), "kid": "new"});
        assert_eq!(verify(&keys, &token(&one, &unknown)), Err(JwsError::WrongKey), "to be fetched again");
    }
}

#[test]
fn a_key_without_a_name_may_be_the_one_meant() {
    let (one, other) = (key(SigningAlg::ES256), key(SigningAlg::ES256));
    let keys = set(&[dressed(&one, &json!({}))]);
    let header = json!({"alg": "ES256", "kid": "any"});
    assert!(verify(&keys, &token(&one, &header)).is_ok());
    assert_eq!(verify(&keys, &token(&other, &header)), Err(JwsError::WrongKey));
}

#[test]
fn sec_118_only_what_is_allowed_and_what_the_key_is_for() {
    let rsa = key(SigningAlg::RS256);
    let by_rs256 = token(&rsa, &json!({"alg": "RS256"}));
    let parsed = Unverified::parse(&by_rs256).unwrap();
    let keys = set(&[dressed(&rsa, &json!({}))]);
    assert!(keys.verify(&parsed, &[SigningAlg::RS256], TYPES).is_ok());
    assert_eq!(
        keys.verify(&parsed, &[SigningAlg::PS256, SigningAlg::ES256], TYPES),
        Err(JwsError::WrongAlgorithm)
    );
    for other in [
        json!({"alg": "PS256"}),
        json!({"use": "enc"}),
        json!({"use": 1}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": "verify"}),
        json!({"alg": "RSA-OAEP-256"}),
    ] {
        assert_eq!(verify(&set(&[dressed(&rsa, &other)]), &by_rs256), Err(JwsError::WrongKey), "{other}");
    }
    assert!(verify(&set(&[dressed(&rsa, &json!({"key_ops": ["verify"]}))]), &by_rs256).is_ok());
    for alg in ["none", "HS256", "ES384", ""] {
        assert_eq!(
            verify(&keys, &token(&rsa, &json!({ "alg": alg }))),
            Err(JwsError::WrongAlgorithm),
            "{alg}"
        );
    }
    assert_eq!(
        verify(&keys, &token(&rsa, &json!({"alg": "RS256", "typ": "at+jwt"}))),
        Err(JwsError::WrongType)
    );
}

#[test]
fn a_set_with_private_or_symmetric_keys_is_refused() {
    let ec = key(SigningAlg::ES256);
    for secret in [
        json!({"d": "AA"}),
        json!({"kty": "oct", "k": "AA"}),
        json!({"kty": "oct"}),
        json!({"k": "AA"}),
        json!({"oth": []}),
        json!({"qi": null}),
    ] {
        let text = json!({ "keys": [ec.public_jwk(), dressed(&ec, &secret)] }).to_string();
        assert_eq!(KeySet::parse(text.as_bytes()).map(|_| ()), Err(KeyError::Secret), "{secret}");
    }
    let whole: Value = serde_json::from_slice(&ec.to_private_jwk()).unwrap();
    assert!(KeySet::parse(json!({ "keys": [whole] }).to_string().as_bytes()).is_err());
}

#[test]
fn keys_that_are_not_in_use_here_are_left_out() {
    let good = key(SigningAlg::ES256);
    let keys = set(&[
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xc5; 128])}),
        json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xc5; 2048])}),
        json!({"kty": "RSA", "e": URL_SAFE_NO_PAD.encode([0xc5; 256]), "n": URL_SAFE_NO_PAD.encode([0xc5; 256])}),
        json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0; 256])}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
        json!({}),
        good.public_jwk(),
    ]);
    assert_eq!(keys.verifying.len(), 1);
    assert!(keys.encrypting.is_empty());
    assert!(set(&[]).is_empty());
}

#[test]
fn a_set_of_any_other_form_is_refused() {
    for bad in [
        json!([]),
        json!({}),
        json!({"keys": {}}),
        json!({"keys": [1]}),
        json!({"keys": [{"kty": "EC", "kid": 1}]}),
        json!({"keys": vec![json!({}); MAX_KEYS + 1]}),
        json!({"keys": [], "padding": "x".repeat(MAX_SET_BYTES)}),
    ] {
        assert!(KeySet::parse(bad.to_string().as_bytes()).is_err());
    }
    for bad in [&b""[..], b"\xff", br#"{"keys":[],"keys":[]}"#, br#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#] {
        assert!(KeySet::parse(bad).is_err());
    }
}

#[test]
fn the_best_fitting_key_encrypts() {
    let key = |members: Value| {
        let mut jwk = crate::DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap().public_jwk();
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    };
    let vague = key(json!({"kid": "vague"}));
    let by_use = key(json!({"kid": "use", "use": "enc"}));
    let by_alg = key(json!({"kid": "alg", "use": "enc", "alg": "ECDH-ES"}));
    let signing = key(json!({"kid": "sig", "use": "sig"}));
    let wrapping = key(json!({"kid": "kw", "use": "enc", "alg": "ECDH-ES+A128KW"}));
    let chosen = |keys: &[Value]| {
        let keys = set(keys);
        keys.encryption_key(KeyEncryptionAlg::EcdhEs).and_then(|key| key.kid().map(str::to_owned))
    };
    assert_eq!(chosen(&[vague.clone(), by_use.clone(), by_alg]).as_deref(), Some("alg"));
    assert_eq!(chosen(&[signing.clone(), vague.clone(), by_use]).as_deref(), Some("use"));
    assert_eq!(chosen(&[signing.clone(), wrapping.clone(), vague.clone()]).as_deref(), Some("vague"));
    assert_eq!(chosen(&[signing, wrapping]), None);
    assert!(set(&[vague]).encryption_key(KeyEncryptionAlg::RsaOaep256).is_none());
}
