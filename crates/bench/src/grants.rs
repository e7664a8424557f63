//! What relying parties do with tokens, without any browser: refreshing, asking for themselves, introspecting.
//!
//! Owns: the requests and the DPoP proofs. Not here: the registrations (`town`), signing in (`visit`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use testkit::wire::{Answer, Connection, Request};

/// A key that access and refresh tokens are bound to (RFC 9449).
pub(crate) struct ProofKey {
    key: EcdsaKeyPair,
    random: SystemRandom,
    jwk: Value,
    /// The newest nonce of the server.
    nonce: Option<String>,
}

impl ProofKey {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        Self { key, random, jwk, nonce: None }
    }

    fn proof(&self, htu: &str) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk});
        let jti = URL_SAFE_NO_PAD.encode(testkit::random::<12>());
        let mut claims = json!({"jti": jti, "htm": "POST", "htu": htu, "iat": testkit::unix_now()});
        if let Some(nonce) = &self.nonce {
            claims["nonce"] = nonce.as_str().into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&self.random, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// One party at the token endpoint.
pub(crate) struct Teller {
    /// The header value of HTTP Basic.
    pub(crate) basic: String,
    pub(crate) issuer: String,
    pub(crate) refresh: String,
    pub(crate) key: Option<ProofKey>,
}

impl Teller {
    /// Sends a form to the token endpoint, with a proof where there is a key; once more with the server's nonce.
    pub(crate) async fn token(&mut self, line: &mut Connection, fields: &[(&str, &str)]) -> Answer {
        let request = Request::form("/token", fields).header("authorization", &self.basic);
        let Some(key) = &mut self.key else { return line.send(&request).await.expect("an answer") };
        let htu = format!("{}/token", self.issuer);
        let mut tried = 0;
        loop {
            let answer =
                line.send(&request.clone().header("dpop", &key.proof(&htu))).await.expect("an answer");
            if let Some(nonce) = answer.header("dpop-nonce") {
                key.nonce = Some(nonce.to_owned());
            }
            tried += 1;
            if answer.status == 200 || tried == 2 {
                return answer;
            }
        }
    }

    /// The next refresh token in place of this one.
    pub(crate) async fn refresh(&mut self, line: &mut Connection) {
        let spent = self.refresh.clone();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", spent.as_str())];
        let answer = self.token(line, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let next = answer.json()["refresh_token"].as_str().expect("a refresh token").to_owned();
        assert_ne!(next, spent);
        self.refresh = next;
    }
}
