//! The messages of `testdata/messages.json`, which the web app's script is tested against too: both programs
//! build the same bytes, and this is the file that says which.

use qr::approval::{Bound, ClaimProof, DeviceProof, EnrolmentProof, RotationProof, Said, decision_message};
use serde_json::Value;

fn built(kind: &str, given: &Value) -> String {
    let t = |name: &str| given[name].as_str().unwrap_or_else(|| panic!("{name} in the vectors"));
    match kind {
        "claim" => ClaimProof {
            issuer: t("issuer"),
            channel: t("channel"),
            device: t("device"),
            challenge: t("challenge"),
        }
        .message(),
        "approval" => {
            let client = given["client"].as_str().map(|id| id.parse().unwrap());
            let decision = serde_json::from_value(given["decision"].clone()).unwrap();
            decision_message(
                &Bound {
                    issuer: t("issuer"),
                    channel: t("channel"),
                    nonce: t("nonce"),
                    facts: &qr::facts::hash(t("facts")),
                    client: client.as_ref(),
                    account: &t("account").parse().unwrap(),
                    device: &t("device").parse().unwrap(),
                },
                &Said {
                    decision,
                    uv: given["uv"].as_bool().unwrap(),
                    code: given["code"].as_str().map(|code| qr::CheckCode::parse(code).unwrap()),
                    time: given["time"].as_i64().unwrap(),
                    signature: "",
                },
            )
        }
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
        "rotation" => RotationProof {
            issuer: t("issuer"),
            device: &t("device").parse().unwrap(),
            nonce: t("nonce"),
            key: t("key"),
        }
        .message(),
        other => panic!("unknown kind {other}"),
    }
    .unwrap()
}

#[test]
fn sec_030_the_messages_are_those_of_the_shared_vectors() {
    let vectors: Value = serde_json::from_str(include_str!("../testdata/messages.json")).unwrap();
    let messages = vectors["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 8);
    for vector in messages {
        let kind = vector["kind"].as_str().unwrap();
        assert_eq!(built(kind, &vector["given"]), vector["text"].as_str().unwrap(), "{kind}");
    }
}

#[test]
fn the_passkeys_challenge_is_that_of_the_shared_vectors() {
    use base64::Engine as _;
    let vectors: Value = serde_json::from_str(include_str!("../testdata/messages.json")).unwrap();
    let vector = &vectors["passkey_challenge"];
    let facts = qr::facts::hash(vector["facts"].as_str().unwrap());
    let challenge = qr::facts::passkey_challenge(&facts, vector["nonce"].as_str().unwrap());
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge);
    assert_eq!(text, vector["challenge"].as_str().unwrap());
}
