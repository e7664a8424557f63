//! What anybody may send: nothing of it is a panic, and no good token stays good when a character of it changes
//! (SEC-118, SEC-220).

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ContentEncryption, KeyEncryptionAlg, SigningAlg};
use jose::dpop::Proof;
use jose::{DecryptionKey, KeySet, SigningKey, Types, Unverified};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Keys of every kind, and a set with their public parts: RSA keys take a while, so they are made once.
struct Keys {
    signing: Vec<SigningKey>,
    opening: Vec<DecryptionKey>,
    set: KeySet,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let signing: Vec<_> = SigningAlg::ALL.iter().map(|alg| SigningKey::generate(*alg).unwrap()).collect();
    let opening: Vec<_> =
        KeyEncryptionAlg::ALL.iter().map(|alg| DecryptionKey::generate(*alg).unwrap()).collect();
    let public: Vec<Value> = signing
        .iter()
        .map(SigningKey::public_jwk)
        .chain(opening.iter().map(DecryptionKey::public_jwk))
        .collect();
    let set = KeySet::parse(json!({ "keys": public }).to_string().as_bytes()).unwrap();
    Keys { signing, opening, set }
});

fn compact(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign_bytes(message.as_bytes()).unwrap()))
}

/// Everything that reads tokens, at once.
fn is_accepted(text: &str) -> bool {
    let by_our_own = KEYS.signing.iter().any(|key| key.verify(text, "JWT").is_ok());
    let by_others = Unverified::parse(text).is_ok_and(|token| {
        KEYS.set.verify(&token, SigningAlg::ALL, Types::CLIENT_ASSERTION).is_ok()
            || KEYS.set.verify(&token, SigningAlg::ALL, Types::REQUEST_OBJECT).is_ok()
            || jose::verify_hs256(&token, SECRET, Types::CLIENT_ASSERTION).is_ok()
            || token.unsigned().is_some()
    });
    let opened = KEYS.opening.iter().any(|key| key.decrypt(text).is_ok());
    by_our_own || by_others || opened || Proof::parse(text).is_ok()
}

/// One good token of each kind: ours, a client assertion, a proof, and encrypted ones.
static GOOD: LazyLock<Vec<String>> = LazyLock::new(|| {
    let claims =
        json!({"iss": "shop", "sub": "shop", "aud": "https://idp.example", "jti": "1", "exp": 2_000_000_000});
    let mut good = Vec::new();
    for key in &KEYS.signing {
        let (alg, kid) = (key.alg().as_str(), key.kid());
        good.push(key.sign("JWT", claims.to_string().as_bytes()).unwrap());
        good.push(compact(
            key,
            &json!({"alg": alg, "kid": kid, "typ": "client-authentication+jwt"}),
            &claims,
        ));
        good.push(compact(key, &json!({"alg": alg, "typ": "dpop+jwt", "jwk": key.public_jwk()}), &claims));
    }
    for alg in KeyEncryptionAlg::ALL {
        for enc in ContentEncryption::ALL {
            let key = KEYS.set.encryption_key(*alg).unwrap();
            good.push(jose::encrypt(key, *enc, claims.to_string().as_bytes(), Some("JWT")).unwrap());
        }
    }
    good
});

#[test]
fn the_good_ones_are_accepted() {
    assert!(GOOD.iter().all(|token| is_accepted(token)));
}

/// Characters of tokens, and some that are none.
fn character() -> impl Strategy<Value = char> {
    let usual = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é";
    select(usual.chars().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sec_118_no_good_token_survives_a_changed_character(
        which in 0..1000_usize, at in any::<prop::sample::Index>(), new in character(),
    ) {
        let good = &GOOD[which % GOOD.len()];
        let mut changed: Vec<char> = good.chars().collect();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != new);
        changed[at] = new;
        prop_assert!(!is_accepted(&changed.iter().collect::<String>()), "{} at {} to {:?}", good, at, new);
    }

    #[test]
    fn sec_118_no_good_token_survives_a_cut_or_an_addition(
        which in 0..1000_usize, at in any::<prop::sample::Index>(), new in character(),
    ) {
        let good = &GOOD[which % GOOD.len()];
        let at = at.index(good.len());
        prop_assert!(!is_accepted(&format!("{}{}", &good[..at], &good[at + 1..])), "{} without {}", good, at);
        prop_assert!(!is_accepted(&format!("{}{new}{}", &good[..at], &good[at..])), "{} plus {:?} at {}", good, new, at);
        prop_assert!(!is_accepted(&good[..at]), "{} up to {}", good, at);
    }

    #[test]
    fn sec_220_any_text_is_read_without_a_panic(text in any::<String>(), dots in 0..6_usize) {
        prop_assert!(!is_accepted(&text));
        let dotted = format!("{}{text}", ".".repeat(dots));
        prop_assert!(!is_accepted(&dotted));
    }

    #[test]
    fn sec_220_any_parts_are_read_without_a_panic(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..7),
        alg in select(vec!["ES256", "RS256", "PS256", "EdDSA", "HS256", "none", "ECDH-ES", "RSA-OAEP-256"]),
        enc in select(vec!["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"]),
        typ in select(vec!["JWT", "dpop+jwt", "at+jwt"]),
        member in select(vec!["jwk", "epk", "apu", "kid", "x"]),
        value in any_json(),
    ) {
        let mut header = json!({"alg": alg, "enc": enc, "typ": typ});
        header[member] = value;
        let rest: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), rest.join("."));
        // `alg: none` without a signature is read as unsigned, which callers have to ask for.
        prop_assume!(!(alg == "none" && rest.len() == 2 && rest[1].is_empty()));
        prop_assert!(!is_accepted(&text), "{}", text);
    }

    #[test]
    fn sec_220_any_key_is_read_without_a_panic(
        kty in select(vec!["EC", "RSA", "OKP", "oct", "AKP"]),
        crv in select(vec!["P-256", "P-384", "P-521", "Ed25519", "X25519", "Ed448"]),
        alg in select(vec!["ES256", "RS256", "PS256", "EdDSA", "ECDH-ES", "RSA-OAEP-256", ""]),
        x in prop::collection::vec(any::<u8>(), 0..80), y in prop::collection::vec(any::<u8>(), 0..80),
        n in prop::collection::vec(any::<u8>(), 0..1100), e in prop::collection::vec(any::<u8>(), 0..8),
        name in select(vec!["x", "y", "n", "e", "alg", "use", "kid", "key_ops", "crv"]),
        value in any_json(),
    ) {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = json!({
            "kty": kty, "crv": crv, "x": text(&x), "y": text(&y), "n": text(&n), "e": text(&e), "d": text(&x),
        });
        if !alg.is_empty() {
            jwk["alg"] = json!(alg);
        }
        let _ = SigningKey::from_private_jwk(jwk.to_string().as_bytes());
        let _ = DecryptionKey::from_private_jwk(jwk.to_string().as_bytes());
        jwk.as_object_mut().unwrap().remove("d");
        for _ in 0..2 {
            let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes());
            if let Ok(set) = set {
                for alg in KeyEncryptionAlg::ALL {
                    if let Some(key) = set.encryption_key(*alg) {
                        let _ = jose::encrypt(key, ContentEncryption::A128Gcm, b"x", None);
                    }
                }
                let token = Unverified::parse(&GOOD[0]).unwrap();
                prop_assert!(set.verify(&token, SigningAlg::ALL, Types::CLIENT_ASSERTION).is_err());
            }
            jwk[name] = value.clone();
        }
    }
}

/// JSON of some depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("kty|crv|x|y|n|e|alg|.{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
