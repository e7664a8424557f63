//! An authenticator in software: discoverable credentials, ES256, user verification by a switch.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub struct Authenticator {
    pair: EcdsaKeyPair,
    pub id: Vec<u8>,
    handle: Vec<u8>,
    pub origin: String,
    pub rp_id: String,
    pub counter: u32,
    pub verifies_user: bool,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Authenticator {
    pub fn new(origin: &str, handle: &[u8]) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        let id = Sha256::digest(pair.public_key().as_ref()).to_vec();
        let rp_id = origin.split("//").nth(1).unwrap().split(':').next().unwrap().to_owned();
        Self {
            pair,
            id,
            handle: handle.to_vec(),
            origin: origin.to_owned(),
            rp_id,
            counter: 0,
            verifies_user: true,
        }
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(flags | 0x01 | if self.verifies_user { 0x04 } else { 0 });
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        json!({
            "type": kind,
            "challenge": options["publicKey"]["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
        .into_bytes()
    }

    /// `navigator.credentials.create`
    pub fn create(&self, options: &Value) -> Value {
        let mut data = self.data(0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE_Key {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let point = self.pair.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        // {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x59");
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "response": {
                "attestationObject": encode(&object),
                "clientDataJSON": encode(&self.client_data("webauthn.create", options)),
            },
            "extensions": {},
        })
    }

    /// `navigator.credentials.get`
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let data = self.data(0);
        let client = self.client_data("webauthn.get", options);
        let mut message = data.clone();
        message.extend(Sha256::digest(&client));
        let signature = self.pair.sign(&SystemRandom::new(), &message).unwrap();
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "response": {
                "authenticatorData": encode(&data),
                "clientDataJSON": encode(&client),
                "signature": encode(signature.as_ref()),
                "userHandle": encode(&self.handle),
            },
            "extensions": {},
        })
    }
}
