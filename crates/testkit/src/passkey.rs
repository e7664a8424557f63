//! A passkey in software: a WebAuthn authenticator with resident keys and user verification.
//!
//! Owns: attestations (`none`, and `packed` by a maker) and assertions by ES256, the bytes of WebAuthn Level 3 §6.1 and
//! §6.5 by hand.
//! For tests only: it asks nobody.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::maker::Maker;
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
        let passkey = Self::new(options);
        let credential = passkey.attest(options, origin, &passkey.cose_key(), None);
        (passkey, credential)
    }

    /// The same with a statement of its maker (`packed`, WebAuthn Level 3 §8.2).
    ///
    /// # Panics
    /// When the options are incomplete.
    #[must_use]
    pub fn create_vouched(options: &Value, origin: &str, maker: &Maker) -> (Self, Value) {
        let passkey = Self::new(options);
        let credential = passkey.attest(options, origin, &passkey.cose_key(), Some(maker));
        (passkey, credential)
    }

    /// A credential with a public key of any sort (a `COSE_Key`), whatever the options ask for.
    ///
    /// # Panics
    /// When the options are incomplete.
    #[must_use]
    pub fn create_with_key(options: &Value, origin: &str, cose_key: &[u8]) -> Value {
        Self::new(options).attest(options, origin, cose_key, None)
    }

    /// The credential of this passkey once more, for other options.
    ///
    /// # Panics
    /// When the options are incomplete.
    #[must_use]
    pub fn register_again(&self, options: &Value, origin: &str) -> Value {
        self.attest(options, origin, &self.cose_key(), None)
    }

    fn new(options: &Value) -> Self {
        let options = inner(options);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .expect("a key")
            .as_ref()
            .to_vec();
        Self {
            pkcs8,
            id: random(),
            user_handle: text(&options["user"]["id"]),
            rp_id: text(&options["rp"]["id"]),
            counter: std::sync::atomic::AtomicU32::new(0),
            verifies_user: true,
            transport: "internal",
        }
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

    /// `COSE_Key` (RFC 9053 §7.1): kty EC2, alg ES256, crv P-256, x, y.
    fn cose_key(&self) -> Vec<u8> {
        let key = self.key();
        let point = key.public_key().as_ref();
        let mut out = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        out.extend_from_slice(&point[1..33]);
        out.extend_from_slice(&[0x22, 0x58, 0x20]);
        out.extend_from_slice(&point[33..65]);
        out
    }

    fn attest(&self, options: &Value, origin: &str, cose_key: &[u8], maker: Option<&Maker>) -> Value {
        let challenge = text(&inner(options)["challenge"]);
        let client_data = client_data("webauthn.create", &challenge, origin);
        let mut data = self.head(ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&(u16::try_from(self.id.len()).unwrap_or_default()).to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(cose_key);
        let mut object = vec![0xa3, 0x63];
        match maker {
            None => object.extend_from_slice(b"fmt\x64none\x67attStmt\xa0"),
            Some(maker) => {
                let mut signed = data.clone();
                signed.extend_from_slice(&sha256(client_data.as_bytes()));
                object.extend_from_slice(b"fmt\x66packed\x67attStmt\xa3\x63alg\x26\x63sig");
                byte_string(&mut object, &maker.sign(&signed));
                object.extend_from_slice(b"\x63x5c\x81");
                byte_string(&mut object, maker.certificate());
            }
        }
        object.extend_from_slice(b"\x68authData");
        byte_string(&mut object, &data);
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

/// A byte string of CBOR (RFC 8949 §3.1).
fn byte_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("short");
    out.push(0x59);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
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
