//! A relying party, written out plainly: requests, code, tokens, and the checks a client must make.
//!
//! Owns: state, nonce, PKCE, `iss`, the signature of ID tokens by `ring` (not by our own `jose`).

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use crate::browser::Browser;
use crate::page::Page;
use crate::wire::{Answer, Request};
use crate::{b64, random, sha256, unb64, unix_now};

/// A registered client.
#[derive(Debug)]
pub struct RelyingParty {
    /// Its own way to the server.
    pub line: Browser,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`; none for public clients.
    pub secret: Option<String>,
    /// Where codes go.
    pub redirect_uri: String,
    /// What it asks for.
    pub scope: String,
}

/// A request under way.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where the browser goes.
    pub url: String,
    /// `state`.
    pub state: String,
    /// `nonce`.
    pub nonce: String,
    /// PKCE verifier.
    pub verifier: String,
}

/// What the token endpoint gave, verified.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Claims of the ID token.
    pub claims: Value,
    /// Header of the ID token.
    pub header: Value,
    /// Access token.
    pub access_token: String,
    /// The whole answer.
    pub all: Value,
}

impl RelyingParty {
    /// A new request.
    #[must_use]
    pub fn start(&self) -> Started {
        self.start_with(&[])
    }

    /// A new request with more (or other) parameters; an empty value leaves one out.
    #[must_use]
    pub fn start_with(&self, more: &[(&str, &str)]) -> Started {
        let started = Started {
            url: String::new(),
            state: b64(&random::<16>()),
            nonce: b64(&random::<16>()),
            verifier: b64(&random::<32>()),
        };
        let challenge = b64(&sha256(started.verifier.as_bytes()));
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &started.state),
            ("nonce", &started.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            match fields.iter_mut().find(|(n, _)| n == name) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
        }
        fields.retain(|(_, value)| !value.is_empty());
        let url = format!("{}/authorize?{}", self.line.issuer(), crate::wire::encode(&fields));
        Started { url, ..started }
    }

    /// The code a browser landed with, after the checks a client must make (RFC 9207, RFC 6749 §10.12).
    ///
    /// # Panics
    /// When a check fails.
    pub fn code(&self, started: &Started, landed: &Page) -> String {
        let base = landed.url.as_str().split(['?', '#']).next().unwrap_or_default().to_owned();
        assert_eq!(
            base,
            self.redirect_uri,
            "landed elsewhere: {} {}\n{}",
            landed.status(),
            landed.url,
            landed.html()
        );
        assert_eq!(landed.query("state").as_deref(), Some(started.state.as_str()), "at {}", landed.url);
        assert_eq!(landed.query("iss").as_deref(), Some(self.line.issuer()), "at {}", landed.url);
        landed.query("code").unwrap_or_else(|| panic!("no code at {}", landed.url))
    }

    /// Sends a code to the token endpoint.
    pub async fn redeem(&self, started: &Started, code: &str) -> Answer {
        self.redeem_with(code, &self.redirect_uri, &started.verifier).await
    }

    /// Sends a code with parts of choice.
    pub async fn redeem_with(&self, code: &str, redirect_uri: &str, verifier: &str) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        if self.secret.is_none() {
            fields.push(("client_id", &self.client_id));
        }
        fields.retain(|(_, value)| !value.is_empty());
        self.line.send(self.authenticated(Request::form("/token", &fields))).await
    }

    /// With HTTP Basic, when it has a secret.
    #[must_use]
    pub fn authenticated(&self, request: Request) -> Request {
        match &self.secret {
            Some(secret) => request.header("authorization", &basic(&self.client_id, secret)),
            None => request,
        }
    }

    /// Code to tokens, with every check.
    ///
    /// # Panics
    /// When anything is not as it must be.
    pub async fn exchange(&self, started: &Started, landed: &Page) -> Tokens {
        let code = self.code(started, landed);
        let answer = self.redeem(started, &code).await;
        assert_eq!(answer.status, 200, "token: {}", answer.text());
        self.check(started, &answer).await
    }

    /// Verifies a token answer (OpenID Connect Core §3.1.3.7).
    ///
    /// # Panics
    /// When a check fails.
    pub async fn check(&self, started: &Started, answer: &Answer) -> Tokens {
        let all = answer.json();
        let (header, claims) = self.verify(all["id_token"].as_str().expect("an ID token")).await;
        assert_eq!(claims["iss"], self.line.issuer());
        let audience = &claims["aud"];
        assert!(audience == self.client_id.as_str() || audience == &serde_json::json!([self.client_id]));
        assert_eq!(claims["nonce"], started.nonce.as_str());
        let now = unix_now();
        assert!(claims["exp"].as_u64().is_some_and(|exp| exp > now), "expired: {claims}");
        assert!(claims["iat"].as_u64().is_some_and(|iat| iat <= now + 5 && iat + 60 > now), "iat: {claims}");
        Tokens {
            header,
            claims,
            access_token: all["access_token"].as_str().expect("an access token").to_owned(),
            all,
        }
    }

    /// Verifies a signed token by the published keys; answers header and claims.
    ///
    /// # Panics
    /// When the signature is wrong.
    pub async fn verify(&self, token: &str) -> (Value, Value) {
        let keys = self.line.send(Request::get("/jwks")).await.json();
        verify_by(&keys, token).unwrap_or_else(|| panic!("no key for {token} in {keys}"))
    }

    /// Asks userinfo with an access token.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let bearer = format!("Bearer {access_token}");
        self.line.send(Request::get("/userinfo").header("authorization", &bearer)).await
    }
}

/// Verifies a signed token by a copy of the published keys; answers header and claims, or nothing when its key is not
/// among them.
///
/// # Panics
/// When the token is malformed or the signature is wrong.
#[must_use]
pub fn verify_by(keys: &Value, token: &str) -> Option<(Value, Value)> {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "no compact JWS: {token}");
    let header: Value = serde_json::from_slice(&unb64(parts[0])).expect("header");
    let claims: Value = serde_json::from_slice(&unb64(parts[1])).expect("claims");
    let key = keys["keys"].as_array()?.iter().find(|key| key["kid"] == header["kid"])?;
    assert_eq!(key["alg"], header["alg"], "the key is for another algorithm");
    let part = |name: &str| unb64(key[name].as_str().unwrap_or_default());
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature = unb64(parts[2]);
    let rsa = || RsaPublicKeyComponents { n: part("n"), e: part("e") };
    let verified = match header["alg"].as_str() {
        Some("ES256") => {
            let point = [&[4], part("x").as_slice(), part("y").as_slice()].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature)
        }
        Some("EdDSA") => UnparsedPublicKey::new(&ED25519, part("x")).verify(signed.as_bytes(), &signature),
        Some("RS256") => rsa().verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature),
        Some("PS256") => rsa().verify(&RSA_PSS_2048_8192_SHA256, signed.as_bytes(), &signature),
        other => panic!("algorithm {other:?}"),
    };
    verified.expect("the signature of the token");
    Some((header, claims))
}

/// The header value of HTTP Basic as RFC 6749 §2.3.1 wants it: both parts form-encoded first.
#[must_use]
pub fn basic(client_id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", part(client_id), part(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(joined))
}
