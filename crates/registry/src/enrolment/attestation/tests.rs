use ::ring::rand::SystemRandom;
use ::ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use qr::approval::KeyStatement;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// A maker: a root, and a certificate below it that signs statements.
struct Maker {
    root: String,
    x5c: Vec<String>,
    key: KeyPair,
}

fn maker(change: impl FnOnce(&mut CertificateParams)) -> Maker {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::from_params(&params, &root_key);
    let mut leaf = CertificateParams::new(vec!["keys.maker.example".to_owned()]).unwrap();
    leaf.not_after = rcgen::date_time_ymd(2040, 1, 1);
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    Maker { root: root.pem(), x5c: vec![STANDARD.encode(leaf.der())], key }
}

impl Maker {
    fn sign(&self, message: &str) -> KeyAttestation {
        let der = self.key.serialize_der();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random).unwrap();
        let signature = pair.sign(&random, message.as_bytes()).unwrap();
        KeyAttestation {
            format: FORMAT.to_owned(),
            x5c: self.x5c.clone(),
            signature: URL_SAFE_NO_PAD.encode(signature.as_ref()),
        }
    }
}

fn message(nonce: &str, key: &str) -> String {
    KeyStatement { issuer: "https://id.example", enrolment: "e", nonce, key }.message().unwrap()
}

#[test]
fn sec_076_a_maker_vouches_for_this_key_and_this_enrolment_alone() {
    let maker = maker(|_| {});
    let good = maker.sign(&message("n", "k"));
    let roots = [maker.root.clone()];
    let vouched = vouched_for(&good, &message("n", "k"), &roots, NOW).unwrap();
    assert!(vouched.starts_with("latchbolt-x5c-v1, root SHA-256 ") && vouched.len() <= 120, "{vouched}");
    assert_eq!(vouched_for(&good, &message("another nonce", "k"), &roots, NOW), None);
    assert_eq!(vouched_for(&good, &message("n", "another key"), &roots, NOW), None);
}

#[test]
fn sec_076_other_chains_and_forms_vouch_for_nothing() {
    let maker_of = |change: fn(&mut CertificateParams)| maker(change);
    let ours = maker_of(|_| {});
    let text = message("n", "k");
    let good = ours.sign(&text);
    let roots = [ours.root.clone()];
    let none = |given: &KeyAttestation, roots: &[String], why: &str| {
        assert_eq!(vouched_for(given, &text, roots, NOW), None, "{why}");
    };
    none(&good, &[], "no roots");
    none(&maker_of(|_| {}).sign(&text), &roots, "another maker's root");
    none(&KeyAttestation { format: "none".to_owned(), ..good.clone() }, &roots, "the form none");
    none(&KeyAttestation { x5c: Vec::new(), ..good.clone() }, &roots, "no certificate");
    none(&KeyAttestation { x5c: vec!["!".to_owned()], ..good.clone() }, &roots, "no base64");
    none(&KeyAttestation { x5c: vec![good.x5c[0].clone(); 9], ..good.clone() }, &roots, "a long chain");
    none(&KeyAttestation { signature: "AAAA".to_owned(), ..good.clone() }, &roots, "another signature");
    let early = Timestamp::from_seconds(0);
    assert_eq!(vouched_for(&good, &text, &roots, early), None, "not valid yet");
    let late = Timestamp::from_seconds(4_000_000_000);
    assert_eq!(vouched_for(&good, &text, &roots, late), None, "expired");
    let expired = maker_of(|leaf| leaf.not_after = rcgen::date_time_ymd(2020, 1, 1));
    none(&expired.sign(&text), std::slice::from_ref(&expired.root), "an expired certificate");
    let server = maker_of(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    none(&server.sign(&text), std::slice::from_ref(&server.root), "a certificate for web servers");
    let authority = maker_of(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    none(&authority.sign(&text), std::slice::from_ref(&authority.root), "an authority signs no statements");
    // A certificate that vouches for itself is no root of ours.
    let mut alone = CertificateParams::new(Vec::new()).unwrap();
    alone.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let own = alone.self_signed(&ours.key).unwrap();
    none(&KeyAttestation { x5c: vec![STANDARD.encode(own.der())], ..good }, &roots, "self-made");
}
