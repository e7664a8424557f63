//! Signatures by `ring` alone: a client's own, and the provider's verified.
//!
//! Owns: a client's keys, JWS as text, and verification by the published set. Nothing of our own `jose`, so that a
//! mistake of it shows. Not here: what claims must say (`check`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RsaKeyPair,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use ring::{digest, pkcs8};
use serde_json::{Value, json};
use testkit::{b64, random, unb64};

/// An RSA key of a client of these tests (PKCS#8): `ring` makes none, and it protects nothing.
const RSA: &str = "\
    MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDcEZUavsMI+rqESPET+mLZBCqG88EWza0AnyhDjZjxVLUseLoj\
    98I9Gl5pcrl/CL70HjFY/EukxZ4orLphuLjAiJSsE9JrjavQv9da+TR/QnuQiSymkPWfTlU+NfZc4JjuppWdI5IhZHbNpIWddTvb\
    wYE/C/swu/LXgQbv8vSvOHmB3ih2X4rNzqJF1g58L8zVJhC2/RyHxEA60f4U0uCdwqqvuUK15qyWM04YmbcJoUPfXBoQSh8I2Vj1\
    4SehexneOPpPFtWv5ch2EhQ6+PIkoVkbvWKJNmU241pDLwUDOFNCVR1p6wKoGaL/oH92I77Vo+m35DYXm70wSW15bGMNAgMBAAEC\
    ggEAIkBxUNWWhQgDLjItJYMfze+mT9VR/QLblaBv852vC4a34RlUPWNjPb/kKGzk/qblk5i8bQFto5JndKS3qJyH0t2fKC44nqlQ\
    799f/SaS22jFUyBqjO08cYRPY6yh8OA7JU/Tsv61kJFypTyhWDnGLISwYVfzy2jBWfXY1tFdcITjX8ELoL/U7AOV/4iyPSmDZ4u8\
    nAekU6xP4moxTvyWX1kODkpu/1IdchmJEdcAvhWpUZa7O30VN7UPBw8tfDQbBRLmajYX7Z0/YAyQL0QMppHNO75880K8KVIP8pLt\
    KZngXMWOKxvV7rYiGfF0XTqbci1uqi83RPzDojqq03R9iQKBgQD+48LR8EDBTiREAj0+o4lkrN1o//PZhbHSIqw2a366+Fcghg+T\
    hG3Rz1XL4l9Ii3GgJ4mbT3fIcvGaY9yH66GK9NSoqxoGlPlsROgoHzT6dXFJlvwR7HSyU7hkzK8hi5ZkdAN3sEBwqlUmjhrnN2LE\
    1+7XgVvnzeOyk+3b8T+BSQKBgQDdBv2um8SOvKiHjxD3GiqzMnnhPOSsXY4NYC54d+ITlxddh+XMSY54Jq5yXBLGjr2BUNVuA5RC\
    xsNUFDy3KrhRP8REQsdasRuufD6HFt804z9MuUjmGuxKgxbZXOdCR0ZttRRKvJin7Nzd3qZ7wt+nW14gBRsm6UmY4cg7kFyXpQKB\
    gBgTDx2hIZygctBxnbNC4wE9SpRWSIPtGsSMPdPOB2RFfIU35FS8l1rPyHy/XtyNPygvU9H1iYzHPoakk/nKibGEOmnL72Nbwss1\
    HvBbMjfNy+t1dU2EFemZ+rqakpgKhSPryUAOx6dcjzpbBbN9Cbkp5Ac60qFsUutVCYxSlvrxAoGBALFlgwY5jzDgyoLCmOM65Tqe\
    MKROs1qEXBbwM1wNHC6M/fvbrtyfzPEyWqD+tTMYLZE0x5hc1wohbXR2KaT5bKYJgAUpc8eejpEktyrFeLCCE7QIojHNOgkz3Yrn\
    vdS8UBKNW5QAeqWMvlh08zox1kAEXS9l6bz5UFCcJpFn9GjhAoGBAKsfbrAbmtE1rJjhtCnz/C4HMrBHdYkA1HhdxRJA0ld8s+Vn\
    5VWfnj+J7U7qtg5jl8y3mpiIt3waeF4Vph2m0fYtTbotHTHp1AK7OwyxYWuh6nz/H8PBlJcYV5UJPhefwOCcUsmz3vz9JlC56e5g\
    WZ+ff1KVmrq5NN+XKA1b2S/l";

/// A client's signing key.
pub(crate) enum Key {
    Es256(String, Box<EcdsaKeyPair>),
    Rs256(String, Box<RsaKeyPair>),
}

impl Key {
    /// A new P-256 key with a `kid` of its own.
    pub(crate) fn es256() -> Self {
        let made: pkcs8::Document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &SystemRandom::new());
        Self::Es256(b64(&random::<8>()), Box::new(pair.unwrap()))
    }

    /// The RSA key under a new `kid`.
    pub(crate) fn rs256() -> Self {
        let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(RSA).unwrap()).unwrap();
        Self::Rs256(b64(&random::<8>()), Box::new(pair))
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Es256(..) => "ES256",
            Self::Rs256(..) => "RS256",
        }
    }

    fn kid(&self) -> &str {
        match self {
            Self::Es256(kid, _) | Self::Rs256(kid, _) => kid,
        }
    }

    /// Its public half as a JWK.
    pub(crate) fn public_jwk(&self) -> Value {
        let mut jwk = match self {
            Self::Es256(_, pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..65])})
            }
            Self::Rs256(_, pair) => {
                let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": b64(&public.n), "e": b64(&public.e)})
            }
        };
        jwk["use"] = "sig".into();
        jwk["kid"] = self.kid().into();
        jwk["alg"] = self.alg().into();
        jwk
    }

    /// The set with this key alone.
    pub(crate) fn set(&self) -> Value {
        json!({"keys": [self.public_jwk()]})
    }

    /// A compact JWS.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.alg(), "kid": self.kid()});
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = match self {
            Self::Es256(_, pair) => {
                pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
            }
            Self::Rs256(_, pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{signed}.{}", b64(&signature))
    }
}

fn part(json: &Value) -> String {
    b64(json.to_string().as_bytes())
}

/// A JWS with `alg` `none`.
pub(crate) fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
}

/// Header and claims of a compact JWS, not verified.
#[track_caller]
pub(crate) fn read(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "no compact JWS: {token}");
    let json = |part: &str| serde_json::from_slice(&unb64(part)).expect("JSON");
    (json(parts[0]), json(parts[1]))
}

/// Verifies a token by the published key that its `kid` names, of which there is exactly one that fits.
#[track_caller]
pub(crate) fn verify(token: &str, set: &Value) -> (Value, Value) {
    let (header, claims) = read(token);
    let (kid, alg) = (header["kid"].as_str().expect("a kid"), header["alg"].as_str().expect("an alg"));
    let kind = match alg {
        "ES256" => "EC",
        "RS256" | "PS256" => "RSA",
        "EdDSA" => "OKP",
        other => panic!("algorithm {other}"),
    };
    let fits = |key: &&Value| {
        key["kid"] == kid
            && key["kty"] == kind
            && key.get("alg").is_none_or(|named| named == alg)
            && key.get("use").is_none_or(|used| used == "sig")
    };
    let keys: Vec<&Value> = set["keys"].as_array().expect("keys").iter().filter(fits).collect();
    assert_eq!(keys.len(), 1, "keys that fit {header}: {set}");
    let member = |name: &str| unb64(keys[0][name].as_str().unwrap_or_default());
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let signature = unb64(signature);
    let verified = match alg {
        "ES256" => {
            let point = [&[4], member("x").as_slice(), member("y").as_slice()].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature)
        }
        "EdDSA" => UnparsedPublicKey::new(&ED25519, member("x")).verify(signed.as_bytes(), &signature),
        _ => {
            let how = if alg == "RS256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PSS_2048_8192_SHA256 };
            RsaPublicKeyComponents { n: member("n"), e: member("e") }.verify(
                how,
                signed.as_bytes(),
                &signature,
            )
        }
    };
    verified.expect("the signature of the token");
    (header, claims)
}

/// Left half of the hash that goes with an algorithm (OpenID Connect Core §3.1.3.6), base64url.
pub(crate) fn half_hash(alg: &str, text: &str) -> String {
    let how = if alg == "EdDSA" { &digest::SHA512 } else { &digest::SHA256 };
    let hash = digest::digest(how, text.as_bytes());
    b64(&hash.as_ref()[..hash.as_ref().len() / 2])
}
