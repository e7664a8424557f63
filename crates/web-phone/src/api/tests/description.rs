//! The description says what is read and answered, and is shown from here alone.

use utoipa::OpenApi as _;

use super::*;

/// Members of a schema of the description, and which of them must be there.
fn described(name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let document: Value = serde_json::from_str(&docs::Described::openapi().to_json().unwrap()).unwrap();
    let schema = &document["components"]["schemas"][name];
    let members = schema["properties"].as_object().map(|all| all.keys().cloned().collect());
    let required = schema["required"]
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    (members.unwrap_or_default(), required.unwrap_or_default())
}

fn members(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn check_described<T: Serialize + DeserializeOwned>(name: &str, whole: &T) {
    let whole = serde_json::to_value(whole).unwrap();
    let (all, required) = described(name);
    assert_eq!(all, members(&whole), "{name}");
    for member in &all {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(member);
        let is_needed = serde_json::from_value::<T>(part).is_err();
        assert_eq!(required.contains(member), is_needed, "{name}.{member}");
    }
}

#[test]
fn the_description_says_what_is_read_and_answered() {
    use qr::wire;
    let text = || "x".to_owned();
    let account = || wire::AccountShown { id: text(), username: text(), name: text() };
    let jwk: qr::Jwk = serde_json::from_value(DeviceKey::generate().jwk()).unwrap();
    check_described("AccountShown", &account());
    check_described("ChallengeRequest", &wire::ChallengeRequest { device: text() });
    check_described("ChallengeAnswer", &wire::ChallengeAnswer { challenge: text(), expires_in: 1 });
    check_described(
        "ClaimRequest",
        &wire::ClaimRequest { device: text(), channel: text(), challenge: text(), signature: text() },
    );
    check_described(
        "ClaimAnswer",
        &wire::ClaimAnswer {
            claim: text(),
            nonce: text(),
            facts: text(),
            expires_in: 1,
            webauthn: Some(json!({})),
            code_needed: true,
        },
    );
    check_described(
        "DecisionRequest",
        &wire::DecisionRequest {
            device: text(),
            decision: qr::Decision::Approve,
            check_code: qr::CheckCode::parse("123"),
            uv: true,
            time: 1,
            signature: text(),
            assertion: Some(json!({})),
        },
    );
    check_described(
        "EnrolmentRequest",
        &wire::EnrolmentRequest {
            username: Some(text()),
            password: Some(wire::Hidden(text())),
            token: Some(wire::Hidden(text())),
            code: Some(wire::Hidden(text())),
            moving: Some(wire::Hidden(text())),
        },
    );
    check_described(
        "EnrolmentBegun",
        &wire::EnrolmentBegun {
            enrolment: text(),
            nonce: text(),
            issuer: text(),
            account: account(),
            webauthn: Some(json!({})),
            existing: Some(json!({})),
            expires_in: 1,
        },
    );
    check_described(
        "EnrolmentCompletion",
        &wire::EnrolmentCompletion {
            kind: domain::DeviceKind::App,
            key: jwk,
            name: text(),
            platform: text(),
            agree: true,
            verifies_user: true,
            signature: text(),
            credential: Some(json!({})),
            assertion: Some(json!({})),
            model: Some(text()),
            attestation: Some(attestation()),
        },
    );
    check_described("KeyAttestation", &attestation());
    check_described(
        "EnrolmentDone",
        &wire::EnrolmentDone {
            device: text(),
            state: DeviceState::Active,
            account: account(),
            issuer: text(),
        },
    );
    check_described(
        "DeviceShown",
        &wire::DeviceShown {
            device: text(),
            state: DeviceState::Active,
            kind: domain::DeviceKind::Web,
            name: text(),
            account: account(),
            reverify: true,
        },
    );
    let session =
        wire::SessionShown { id: text(), browser: text(), address: text(), started_at: 1, last_used_at: 1 };
    check_described("SessionShown", &session);
    check_described("SessionsShown", &wire::SessionsShown { sessions: vec![session] });
    check_described("RevokeRequest", &wire::RevokeRequest { end_sessions: true });
}

fn attestation() -> qr::wire::KeyAttestation {
    qr::wire::KeyAttestation { format: "x".into(), x5c: vec!["x".into()], signature: "x".into() }
}

#[test]
fn the_description_says_what_a_phone_does_with_its_registration() {
    use qr::wire;
    let text = || "x".to_owned();
    let hidden = || wire::Hidden(text());
    let proof = || wire::UserProof { nonce: text(), uv: true, assertion: Some(json!({})) };
    let jwk: qr::Jwk = serde_json::from_value(DeviceKey::generate().jwk()).unwrap();
    let purpose = qr::approval::Purpose::Move;
    check_described("VerificationRequest", &wire::VerificationRequest { purpose, subject: text() });
    let answer = wire::VerificationAnswer { nonce: text(), webauthn: Some(json!({})), expires_in: 1 };
    check_described("VerificationAnswer", &answer);
    check_described("UserProof", &proof());
    check_described("RotateRequest", &wire::RotateRequest { key: jwk, signature: text(), proof: proof() });
    check_described("ReverifyRequest", &wire::ReverifyRequest { proof: proof() });
    check_described("RenameRequest", &wire::RenameRequest { name: text() });
    let other = wire::OtherPhone {
        device: text(),
        name: text(),
        platform: text(),
        state: DeviceState::Active,
        last_used_at: Some(1),
    };
    check_described("OtherPhone", &other);
    check_described("OtherPhones", &wire::OtherPhones { phones: vec![other] });
    check_described("LostRequest", &wire::LostRequest { reason: text(), note: Some(text()) });
    check_described("FoundRequest", &wire::FoundRequest { proof: proof() });
    check_described("MoveOffer", &wire::MoveOffer { platform: text(), model: Some(text()) });
    check_described(
        "MoveOpened",
        &wire::MoveOpened { secret: hidden(), url: text(), svg: text(), expires_in: 1 },
    );
    check_described("MoveQuestion", &wire::MoveQuestion { secret: hidden() });
    let number = qr::CheckCode::parse("123");
    check_described("MoveStood", &wire::MoveStood { state: text(), number, username: Some(text()) });
    check_described("MoveClaim", &wire::MoveClaim { offer: text() });
    check_described(
        "MoveClaimed",
        &wire::MoveClaimed { platform: text(), model: Some(text()), same_network: true, expires_in: 1 },
    );
    check_described(
        "MoveApproval",
        &wire::MoveApproval { offer: text(), number: number.unwrap(), proof: proof() },
    );
    let notice = wire::NoticeTold { id: text(), at: 1, is_new: true, notice: json!({}) };
    check_described("NoticeTold", &notice);
    check_described("NoticesTold", &wire::NoticesTold { notices: vec![notice] });
}

#[actix_web::test]
async fn the_description_covers_every_route_and_is_shown_from_here_alone() {
    let document: Value = serde_json::from_str(&docs::Described::openapi().to_json().unwrap()).unwrap();
    let paths: BTreeSet<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 22);
    let here = here().await;
    for path in paths {
        let answer = here.send(TestRequest::post().uri(path)).await;
        assert_eq!(answer.status, 415, "{path} is there and wants JSON");
    }
    let page = here.send(TestRequest::get().uri("/api/docs/")).await;
    let html = String::from_utf8(page.body).unwrap();
    assert!(page.status == 200 && html.contains("swagger-ui") && !html.contains("https://"), "{html}");
    for file in html.split('"').filter(|word| word.ends_with(".js") || word.ends_with(".css")) {
        let packed =
            TestRequest::get().uri(&format!("/api/docs/{file}")).insert_header(("accept-encoding", "gzip"));
        let plain = here.send(TestRequest::get().uri(&format!("/api/docs/{file}"))).await;
        assert!(here.send(packed).await.status == 200 && plain.status == 200, "{file}");
        assert!(
            std::str::from_utf8(&plain.body).is_ok_and(|text| !text.is_empty()),
            "{file} is text unless asked"
        );
    }
    assert_eq!(here.send(TestRequest::get().uri("/api/docs/../../etc/passwd")).await.status, 404);
}
