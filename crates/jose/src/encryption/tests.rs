use super::*;

#[test]
fn what_is_encrypted_for_a_key_it_opens() {
    for alg in KeyEncryptionAlg::ALL {
        let key = DecryptionKey::generate(*alg).unwrap();
        let again = DecryptionKey::from_private_jwk(&key.to_private_jwk()).unwrap();
        assert_eq!((again.kid(), again.alg()), (key.kid(), *alg));
        let public = EncryptionKey::from_public_jwk(&key.public_jwk(), *alg, Some(key.kid().to_owned())).unwrap();
        for enc in ContentEncryption::ALL {
            let token = encrypt(&public, *enc, b"a secret", Some("JWT")).unwrap();
            let said = header(&token).unwrap();
            assert_eq!((said.alg, said.enc, said.kid.as_deref()), (*alg, *enc, Some(key.kid())));
            assert_eq!(said.cty.as_deref(), Some("JWT"));
            assert_eq!(again.decrypt(&token).unwrap(), b"a secret");
            assert!(!again.decrypt(&token[..token.len() - 2]).is_ok());
        }
    }
}
