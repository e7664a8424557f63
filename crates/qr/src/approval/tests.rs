use domain::KeyAlg;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct Phone(Ed25519KeyPair);

impl Phone {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }
    fn key(&self) -> DeviceKey {
        DeviceKey {
            alg: KeyAlg::EdDSA,
            public: self.0.public_key().as_ref().to_vec(),
            thumbprint: String::new(),
        }
    }
    fn sign(&self, bound: &Bound<'_>, said: &Said<'_>) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(decision_message(bound, said).unwrap().as_bytes()))
    }
}

struct Known {
    client: ClientId,
    account: AccountId,
    device: DeviceId,
}

fn known() -> Known {
    Known {
        client: "shop".parse().unwrap(),
        account: AccountId::from_random([1; 16]),
        device: DeviceId::from_random([2; 16]),
    }
}

fn bound(known: &Known) -> Bound<'_> {
    Bound {
        issuer: "https://id.example",
        channel: "AAAAAAAAAAAAAAAAAAAAAA",
        nonce: "BBBBBBBBBBBBBBBBBBBBBB",
        facts: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        client: Some(&known.client),
        account: &known.account,
        device: &known.device,
    }
}

fn said(signature: &str) -> Said<'_> {
    Said {
        decision: Decision::Approve,
        uv: true,
        code: CheckCode::parse("407"),
        time: NOW.seconds(),
        signature,
    }
}

#[test]
fn the_messages_are_these_very_bytes() {
    let known = known();
    assert_eq!(
        decision_message(&bound(&known), &said("")).unwrap(),
        "latchbolt-approval-v1\n\
         issuer=https://id.example\n\
         channel=AAAAAAAAAAAAAAAAAAAAAA\n\
         nonce=BBBBBBBBBBBBBBBBBBBBBB\n\
         facts=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\n\
         client=shop\n\
         account=acc_aeaqcaibaeaqcaibaeaqcaibae\n\
         device=dev_aibaeaqcaibaeaqcaibaeaqcai\n\
         decision=approve\n\
         uv=true\n\
         code=407\n\
         time=1800000000\n"
    );
    let bare = Said { decision: Decision::Deny, uv: false, code: None, ..said("") };
    let text = decision_message(&Bound { client: None, ..bound(&known) }, &bare).unwrap();
    assert!(text.contains("\nclient=-\n") && text.contains("\ndecision=deny\nuv=false\ncode=-\n"));
    assert_eq!(
        ClaimProof { issuer: "i", channel: "c", device: "d", challenge: "x" }.message().unwrap(),
        "latchbolt-claim-v1\nissuer=i\nchannel=c\ndevice=d\nchallenge=x\n"
    );
    assert_eq!(
        EnrolmentProof { issuer: "i", enrolment: "e", nonce: "n", key: "k", name: "My phone", platform: "p" }
            .message()
            .unwrap(),
        "latchbolt-enrolment-v1\nissuer=i\nenrolment=e\nnonce=n\nkey=k\nname=My phone\nplatform=p\nagree=true\n"
    );
    let proof =
        DeviceProof { issuer: "i", device: "d", challenge: "x", method: "POST", path: "/p", body: b"" };
    assert_eq!(
        proof.message().unwrap(),
        "latchbolt-device-v1\nissuer=i\ndevice=d\nchallenge=x\nmethod=POST\npath=/p\nbody=-\n"
    );
    let with_body = DeviceProof { body: b"{}", ..proof };
    assert!(with_body.message().unwrap().ends_with("body=RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o\n"));
}

#[test]
fn a_signed_decision_is_verified() {
    let (phone, known) = (Phone::new(7), known());
    let signature = phone.sign(&bound(&known), &said(""));
    let approval = verify(&bound(&known), &said(&signature), &phone.key(), NOW).unwrap();
    assert_eq!(approval.decision(), Decision::Approve);
}

/// SEC-030: one case per field: the field alone is another one, the signature the old one.
#[test]
fn sec_030_every_field_is_bound_by_the_signature() {
    let (phone, known) = (Phone::new(7), known());
    let signature = phone.sign(&bound(&known), &said(""));
    let (right, says) = (bound(&known), said(&signature));
    let other_client: ClientId = "shopp".parse().unwrap();
    let other_account = AccountId::from_random([9; 16]);
    let other_device = DeviceId::from_random([9; 16]);
    let bounds = [
        ("issuer", Bound { issuer: "https://id.example.evil.test", ..right }),
        ("channel", Bound { channel: "AAAAAAAAAAAAAAAAAAAAAB", ..right }),
        ("nonce", Bound { nonce: "BBBBBBBBBBBBBBBBBBBBBA", ..right }),
        ("facts", Bound { facts: "57DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", ..right }),
        ("client", Bound { client: Some(&other_client), ..right }),
        ("no client", Bound { client: None, ..right }),
        ("account", Bound { account: &other_account, ..right }),
        ("device", Bound { device: &other_device, ..right }),
    ];
    for (field, bound) in bounds {
        assert_eq!(verify(&bound, &says, &phone.key(), NOW), Err(Refused::BadSignature), "{field}");
    }
    let said = [
        ("decision: deny", Said { decision: Decision::Deny, ..says }),
        ("decision: report", Said { decision: Decision::Report, ..says }),
        ("uv", Said { uv: false, ..says }),
        ("code", Said { code: CheckCode::parse("408"), ..says }),
        ("no code", Said { code: None, ..says }),
        ("time", Said { time: says.time + 1, ..says }),
    ];
    for (field, said) in said {
        assert_eq!(verify(&right, &said, &phone.key(), NOW), Err(Refused::BadSignature), "{field}");
    }
    assert_eq!(verify(&right, &says, &Phone::new(8).key(), NOW), Err(Refused::BadSignature), "key");
}

#[test]
fn sec_030_label_and_version_are_bound() {
    let (phone, known) = (Phone::new(7), known());
    let text = decision_message(&bound(&known), &said("")).unwrap();
    for other in ["latchbolt-approval-v2", "latchbolt-claim-v1", "latchbolt-approval-v1 "] {
        let text = text.replace("latchbolt-approval-v1", other);
        let signature = URL_SAFE_NO_PAD.encode(phone.0.sign(text.as_bytes()));
        assert_eq!(verify(&bound(&known), &said(&signature), &phone.key(), NOW), Err(Refused::BadSignature));
    }
}

#[test]
fn sec_033_a_decision_never_acts_as_another() {
    let (phone, known) = (Phone::new(7), known());
    for signed in Decision::ALL {
        let signature = phone.sign(&bound(&known), &Said { decision: *signed, ..said("") });
        for sent in Decision::ALL {
            let said = Said { decision: *sent, ..said(&signature) };
            assert_eq!(verify(&bound(&known), &said, &phone.key(), NOW).is_ok(), signed == sent);
        }
    }
}

#[test]
fn sec_038_empty_and_misshapen_signatures_never_pass() {
    let (phone, known) = (Phone::new(7), known());
    let good = phone.sign(&bound(&known), &said(""));
    let standard = good.replace('-', "+").replace('_', "/") + "==";
    for bad in ["", "-", "A", &"A".repeat(86), &"A".repeat(100_000), &good[..85], &standard] {
        assert_eq!(verify(&bound(&known), &said(bad), &phone.key(), NOW), Err(Refused::BadSignature));
    }
}

#[test]
fn the_signed_time_is_near_ours() {
    let (phone, known) = (Phone::new(7), known());
    for (offset, fits) in
        [(0, true), (300, true), (-300, true), (301, false), (-301, false), (i64::MIN / 2, false)]
    {
        let time = NOW.seconds() + offset;
        let signature = phone.sign(&bound(&known), &Said { time, ..said("") });
        let verified = verify(&bound(&known), &Said { time, ..said(&signature) }, &phone.key(), NOW);
        assert_eq!(verified.is_ok(), fits, "{offset}");
    }
}

#[test]
fn no_value_can_pass_for_two_fields() {
    let known = known();
    for bad in ["a\nuv=true", "a\r", "a\u{0}", "a\u{85}"] {
        assert_eq!(decision_message(&Bound { nonce: bad, ..bound(&known) }, &said("")), Err(Malformed));
        assert_eq!(
            ClaimProof { issuer: "i", channel: bad, device: "d", challenge: "x" }.message(),
            Err(Malformed)
        );
        let proof =
            EnrolmentProof { issuer: "i", enrolment: "e", nonce: "n", key: "k", name: bad, platform: "p" };
        assert_eq!(proof.message(), Err(Malformed));
    }
}

/// The vectors that the phone's programs (Rust and JavaScript) are tested with are ours too.
#[test]
fn phones_and_server_build_the_same_messages() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../phone-client/testdata/messages.json")).unwrap();
    let mut compared = 0;
    for vector in vectors["messages"].as_array().unwrap() {
        let given = &vector["given"];
        let t = |name: &str| given[name].as_str().unwrap_or_default();
        let built = match vector["kind"].as_str().unwrap() {
            "claim" => ClaimProof {
                issuer: t("issuer"),
                channel: t("channel"),
                device: t("device"),
                challenge: t("challenge"),
            }
            .message(),
            "enrolment" => EnrolmentProof {
                issuer: t("issuer"),
                enrolment: t("enrolment"),
                nonce: t("nonce"),
                key: t("key"),
                name: t("name"),
                platform: t("platform"),
            }
            .message(),
            "device" => DeviceProof {
                issuer: t("issuer"),
                device: t("device"),
                challenge: t("challenge"),
                method: t("method"),
                path: t("path"),
                body: t("body").as_bytes(),
            }
            .message(),
            "approval" => {
                let client: Option<ClientId> = given["client"].as_str().map(|id| id.parse().unwrap());
                let bound = Bound {
                    issuer: t("issuer"),
                    channel: t("channel"),
                    nonce: t("nonce"),
                    facts: &crate::facts::hash(t("facts")),
                    client: client.as_ref(),
                    account: &t("account").parse().unwrap(),
                    device: &t("device").parse().unwrap(),
                };
                let said = Said {
                    decision: serde_json::from_value(given["decision"].clone()).unwrap(),
                    uv: given["uv"].as_bool().unwrap(),
                    code: given["code"].as_str().and_then(CheckCode::parse),
                    time: given["time"].as_i64().unwrap(),
                    signature: "",
                };
                decision_message(&bound, &said)
            }
            "rotation" => RotationProof {
                issuer: t("issuer"),
                device: &t("device").parse().unwrap(),
                nonce: t("nonce"),
                key: t("key"),
            }
            .message(),
            other => panic!("unknown kind {other}"),
        };
        assert_eq!(built.unwrap(), vector["text"].as_str().unwrap());
        compared += 1;
    }
    assert!(compared >= 8);
}
