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
        },
    );
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
        },
    );
    let session =
        wire::SessionShown { id: text(), browser: text(), address: text(), started_at: 1, last_used_at: 1 };
    check_described("SessionShown", &session);
    check_described("SessionsShown", &wire::SessionsShown { sessions: vec![session] });
    check_described("RevokeRequest", &wire::RevokeRequest { end_sessions: true });
}

#[actix_web::test]
async fn the_description_covers_every_route_and_is_shown_from_here_alone() {
    let document: Value = serde_json::from_str(&docs::Described::openapi().to_json().unwrap()).unwrap();
    let paths: BTreeSet<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 9);
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
