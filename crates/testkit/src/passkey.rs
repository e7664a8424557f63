//! A passkey in software: a WebAuthn authenticator with resident keys and user verification.
//!
//! Owns: attestation `none` and assertions by ES256, the bytes of WebAuthn Level 3 §6.1 and §6.5 by hand.
//! For tests only: it asks nobody.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::{b64, random, sha256, unb64};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// One passkey.
#[derive(Debug)]
pub struct SoftPasskey {
    pkcs8: Vec<u8>,
    id: [u8; 32],
    rp_id: String,
    user_handle: String,
    counter: std::sync::atomic::AtomicU32,
    /// Whether it says that it verified its user.
    pub verifies_user: bool,
    /// How it says it was reached: `internal`, `hybrid`.
    pub transport: &'static str,
}

impl SoftPasskey {
    /// Makes a passkey for the options of a registration (`publicKey`, with or without that member) and
    /// the credential that answers them.
    ///
    /// # Panics
    /// When the options are incomplete.
    #[must_use]
    pub fn create(options: &Value, origin: &str) -> (Self, Value) {
        let options = inner(options);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .expect("a key")
            .as_ref()
            .to_vec();
        let rp_id = text(&options["rp"]["id"]);
        let passkey = Self {
            pkcs8,
            id: random(),
            user_handle: text(&options["user"]["id"]),
            rp_id,
            counter: std::sync::atomic::AtomicU32::new(0),
            verifies_user: true,
            transport: "internal",
        };
        let credential = passkey.attest(&text(&options["challenge"]), origin);
        (passkey, credential)
    }

    fn key(&self) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pkcs8, &SystemRandom::new())
            .expect("own key")
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let verified = if self.verifies_user { USER_VERIFIED } else { 0 };
        let counter = self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let mut out = sha256(self.rp_id.as_bytes()).to_vec();
        out.push(flags | USER_PRESENT | verified);
        out.extend_from_slice(&counter.to_be_bytes());
        out
    }

    fn attest(&self, challenge: &str, origin: &str) -> Value {
        let mut data = self.head(ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&(u16::try_from(self.id.len()).unwrap_or_default()).to_be_bytes());
        data.extend_from_slice(&self.id);
        let key = self.key();
        let point = key.public_key().as_ref();
        // COSE_Key (RFC 9053 §7.1): kty EC2, alg ES256, crv P-256, x, y.
        data.extend_from_slice(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend_from_slice(&point[1..33]);
        data.extend_from_slice(&[0x22, 0x58, 0x20]);
        data.extend_from_slice(&point[33..65]);
        let mut object = vec![0xa3, 0x63];
        object.extend_from_slice(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).expect("short"));
        object.extend_from_slice(&data);
        let client_data = client_data("webauthn.create", challenge, origin);
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client_data.as_bytes()),
                "attestationObject": b64(&object),
                "transports": [self.transport],
            },
        })
    }

    /// The assertion that answers the options of a sign-in.
    ///
    /// # Panics
    /// When the options are incomplete.
    #[must_use]
    pub fn assert(&self, options: &Value, origin: &str) -> Value {
        let options = inner(options);
        let data = self.head(0);
        let client_data = client_data("webauthn.get", &text(&options["challenge"]), origin);
        let mut signed = data.clone();
        signed.extend_from_slice(&sha256(client_data.as_bytes()));
        let signature = self.key().sign(&SystemRandom::new(), &signed).expect("a signature");
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "authenticatorAttachment": if self.transport == "hybrid" { "cross-platform" } else { "platform" },
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client_data.as_bytes()),
                "authenticatorData": b64(&data),
                "signature": b64(signature.as_ref()),
                "userHandle": self.user_handle,
            },
        })
    }

    /// The id of the credential.
    #[must_use]
    pub fn id(&self) -> String {
        b64(&self.id)
    }
}

fn inner(options: &Value) -> &Value {
    options.get("publicKey").unwrap_or(options)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("incomplete options: {value}")).to_owned()
}

fn client_data(kind: &str, challenge: &str, origin: &str) -> String {
    // A challenge that is no base64url would not come back equal: say so here.
    let _ = unb64(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
}
