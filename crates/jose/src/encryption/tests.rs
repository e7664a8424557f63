use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::JweContentEncryption as _;
use josekit::jwe::enc::A128GCM;
use josekit::jwk::alg::ecx::EcxCurve;
use serde_json::json;

use super::*;

fn made(alg: KeyEncryptionAlg) -> (DecryptionKey, EncryptionKey) {
    let key = DecryptionKey::generate(alg).unwrap();
    let public = EncryptionKey::from_public_jwk(&key.public_jwk(), alg, Some(key.kid().to_owned()));
    (key, public.unwrap())
}

#[test]
fn what_is_encrypted_for_a_key_it_opens() {
    for alg in KeyEncryptionAlg::ALL {
        let (key, public) = made(*alg);
        let again = DecryptionKey::from_private_jwk(&key.to_private_jwk()).unwrap();
        assert_eq!((again.kid(), again.alg()), (key.kid(), *alg));
        for enc in ContentEncryption::ALL {
            for payload in [&b""[..], b"a secret", &[7; 4000]] {
                let token = encrypt(&public, *enc, payload, Some("JWT")).unwrap();
                let said = header(&token).unwrap();
                assert_eq!((said.alg, said.enc, said.kid.as_deref()), (*alg, *enc, Some(key.kid())));
                assert_eq!(said.cty.as_deref(), Some("JWT"));
                assert_eq!(again.decrypt(&token).unwrap(), payload);
                assert_eq!(DecryptionKey::generate(*alg).unwrap().decrypt(&token), Err(JweError::WrongKey));
            }
        }
        let jwk = key.public_jwk();
        assert_eq!(
            (&jwk["kid"], &jwk["alg"], &jwk["use"]),
            (&json!(key.kid()), &json!(alg.as_str()), &json!("enc"))
        );
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(jwk.get(private).is_none(), "{private}");
        }
    }
}

#[test]
fn others_keys_on_other_curves_are_encrypted_with() {
    let keys = [
        ECDH_ES.generate_ec_key_pair(EcCurve::P384).unwrap().to_jwk_key_pair(),
        ECDH_ES.generate_ec_key_pair(EcCurve::P521).unwrap().to_jwk_key_pair(),
        ECDH_ES.generate_ecx_key_pair(EcxCurve::X25519).unwrap().to_jwk_key_pair(),
    ];
    for pair in keys {
        let jwk = serde_json::to_value(pair.as_ref()).unwrap();
        let key = EncryptionKey::from_public_jwk(&jwk, KeyEncryptionAlg::EcdhEs, None).unwrap();
        let token = encrypt(&key, ContentEncryption::A256CbcHs512, b"x", None).unwrap();
        let theirs = ECDH_ES.decrypter_from_jwk(&pair).unwrap();
        assert_eq!(josekit::jwe::deserialize_compact(&token, &theirs).unwrap().0, b"x");
    }
}

/// The parts of a token, decoded, so that they can be changed.
fn parts(token: &str) -> [Vec<u8>; 5] {
    let decoded: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    decoded.try_into().unwrap()
}

fn joined(parts: &[Vec<u8>; 5]) -> String {
    parts.clone().map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[test]
fn sec_118_a_short_tag_or_a_vector_of_another_length_is_refused() {
    let (key, public) = made(KeyEncryptionAlg::EcdhEs);
    for enc in ContentEncryption::ALL {
        let token = parts(&encrypt(&public, *enc, b"a secret", None).unwrap());
        assert!(key.decrypt(&joined(&token)).is_ok());
        for length in 0..token[4].len() {
            let mut short = token.clone();
            short[4].truncate(length);
            assert!(key.decrypt(&joined(&short)).is_err(), "{enc:?}: tag of {length}");
        }
        let mut long = token.clone();
        long[4].push(0);
        assert_eq!(key.decrypt(&joined(&long)), Err(JweError::Failed));
        for length in [0, 1, 8, 11, 12, 13, 15, 16, 17, 32].into_iter().filter(|n| *n != token[2].len()) {
            let mut other = token.clone();
            other[2].resize(length, 0);
            assert_eq!(key.decrypt(&joined(&other)), Err(JweError::Failed), "{enc:?}: vector of {length}");
        }
    }
}

#[test]
fn every_part_is_bound_to_the_others() {
    for alg in KeyEncryptionAlg::ALL {
        let (key, public) = made(*alg);
        for enc in ContentEncryption::ALL {
            let token = parts(&encrypt(&public, *enc, b"a secret", None).unwrap());
            for part in 1..5 {
                for at in 0..token[part].len() {
                    let mut bent = token.clone();
                    bent[part][at] ^= 1;
                    assert_eq!(key.decrypt(&joined(&bent)), Err(JweError::Failed), "{enc:?} {part} {at}");
                }
            }
            // The header is authenticated as it is written, white space too.
            let mut spaced = token.clone();
            spaced[0].push(b' ');
            assert_eq!(key.decrypt(&joined(&spaced)), Err(JweError::Failed));
            let mut emptied = token.clone();
            emptied[1] = if *alg == KeyEncryptionAlg::EcdhEs { vec![1] } else { Vec::new() };
            assert_eq!(key.decrypt(&joined(&emptied)), Err(JweError::Malformed));
        }
    }
}

#[test]
fn sec_118_headers_that_are_never_accepted() {
    let (key, public) = made(KeyEncryptionAlg::EcdhEs);
    let token = parts(&encrypt(&public, ContentEncryption::A128Gcm, b"x", None).unwrap());
    let with = |header: String| {
        let mut other = token.clone();
        other[0] = header.into_bytes();
        key.decrypt(&joined(&other))
    };
    let good: Map<String, Value> = serde_json::from_slice(&token[0]).unwrap();
    let changed = |name: &str, value: Value| {
        let mut header = good.clone();
        header.insert(name.to_owned(), value);
        Value::Object(header).to_string()
    };
    for member in REFUSED_MEMBERS {
        assert_eq!(with(changed(member, json!("DEF"))), Err(JweError::RefusedMember), "{member}");
    }
    for alg in ["RSA1_5", "RSA-OAEP", "dir", "PBES2-HS256+A128KW", "ECDH-ES+A128KW", "none", ""] {
        assert_eq!(with(changed("alg", json!(alg))), Err(JweError::Unsupported), "{alg}");
    }
    for enc in ["A192CBC-HS384", "none", ""] {
        assert_eq!(with(changed("enc", json!(enc))), Err(JweError::Unsupported), "{enc}");
    }
    for name in ["alg", "enc", "kid", "cty"] {
        assert_eq!(with(changed(name, json!(1))), Err(JweError::Malformed), "{name}");
    }
    assert_eq!(with(changed("kid", json!("another"))), Err(JweError::WrongKey));
    assert_eq!(
        with(changed("alg", json!("RSA-OAEP-256"))),
        Err(JweError::Malformed),
        "without a wrapped key"
    );
    let twice = Value::Object(good.clone()).to_string().replacen('{', r#"{"enc":"A128GCM","#, 1);
    assert_eq!(with(twice), Err(JweError::Malformed));
    // Points that are on no curve, or on another one.
    for epk in [
        json!(null),
        json!({}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([0; 32]), "y": URL_SAFE_NO_PAD.encode([0; 32])}),
        json!({"kty": "EC", "crv": "P-384", "x": good["epk"]["x"], "y": good["epk"]["y"]}),
        json!({"kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([0; 32])}),
        json!({"kty": "EC", "crv": "P-256", "x": good["epk"]["x"]}),
        json!({"kty": "EC", "crv": "P-256", "x": "", "y": ""}),
    ] {
        assert_eq!(with(changed("epk", epk.clone())), Err(JweError::Failed), "{epk}");
    }
}

#[test]
fn what_was_compressed_is_not_inflated() {
    let key = DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap();
    let jwk = Jwk::from_map(public_members(&key.public_jwk()).unwrap()).unwrap();
    let encrypter = ECDH_ES.encrypter_from_jwk(&jwk).unwrap();
    let mut header = JweHeader::new();
    header.set_content_encryption("A128GCM");
    header.set_compression("DEF");
    let token = josekit::jwe::serialize_compact(&[b'x'; 1 << 20], &header, &encrypter).unwrap();
    assert_eq!(key.decrypt(&token), Err(JweError::RefusedMember));
}

#[test]
fn a_private_jwk_whose_parts_do_not_fit_is_refused() {
    for alg in KeyEncryptionAlg::ALL {
        let (one, other) = (DecryptionKey::generate(*alg).unwrap(), DecryptionKey::generate(*alg).unwrap());
        let mut jwk: Value = serde_json::from_slice(&one.to_private_jwk()).unwrap();
        for name in ["x", "y", "n"] {
            if jwk.get(name).is_some() {
                jwk[name] = other.public_jwk()[name].clone();
            }
        }
        assert!(DecryptionKey::from_private_jwk(jwk.to_string().as_bytes()).is_err(), "{alg:?}");
        assert!(DecryptionKey::from_private_jwk(one.public_jwk().to_string().as_bytes()).is_err());
    }
    let signing = crate::SigningKey::generate(domain::SigningAlg::RS256).unwrap();
    assert!(DecryptionKey::from_private_jwk(&signing.to_private_jwk()).is_err());
    let opening = DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap();
    assert!(crate::SigningKey::from_private_jwk(&opening.to_private_jwk()).is_err());
    assert!(DecryptionKey::from_private_jwk(b"{}").is_err());
}

#[test]
fn anything_else_is_malformed() {
    let (key, public) = made(KeyEncryptionAlg::RsaOaep256);
    let token = encrypt(&public, ContentEncryption::A128Gcm, b"x", None).unwrap();
    for bad in ["", ".", "....", "a.b.c", &format!("{token}.x"), &format!("{token}="), "é....", "e30...."] {
        assert!(key.decrypt(bad).is_err(), "{bad}");
        assert!(header(bad).is_err(), "{bad}");
    }
    assert_eq!(key.decrypt(&"a".repeat(MAX_TOKEN_BYTES + 1)), Err(JweError::TooLong));
    assert!(is_encrypted(&token) && !is_encrypted("a.b.c"));
}

#[test]
fn the_ecdh_es_key_agreement_is_the_one_of_rfc_7518_appendix_c() {
    // Appendix C derives this key for `alg: ECDH-ES`, `enc: A128GCM`, `apu: Alice`, `apv: Bob`: content encrypted
    // with it directly must open.
    let bob = json!({
        "kty": "EC", "crv": "P-256", "alg": "ECDH-ES",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
    });
    let key = DecryptionKey::from_private_jwk(bob.to_string().as_bytes()).unwrap();
    let header = json!({
        "alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });
    let derived = URL_SAFE_NO_PAD.decode("VqqN6vgjbSBcIijNcacQGg").unwrap();
    let aad = URL_SAFE_NO_PAD.encode(header.to_string());
    let iv = [3; 12];
    let (text, tag) = A128GCM.encrypt(&derived, Some(&iv), b"hello", aad.as_bytes()).unwrap();
    let token = format!(
        "{aad}..{}.{}.{}",
        URL_SAFE_NO_PAD.encode(iv),
        URL_SAFE_NO_PAD.encode(text),
        URL_SAFE_NO_PAD.encode(tag.unwrap())
    );
    assert_eq!(key.decrypt(&token).unwrap(), b"hello");
}
