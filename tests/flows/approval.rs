//! Section 1.4, first half: the approval itself.

use serde_json::json;
use testkit::{Claim, DeviceKey, Kind, Phone, Setup, b64, random, unix_now};

use crate::given::{Scene, elsewhere, refused, went_nowhere};

#[tokio::test]
async fn sec_030_every_field_of_an_approval_is_signed() {
    // Wrong signatures are counted: here more of them are let through.
    let scene = Scene::with(Setup::default().set("limits.factor", 100)).await;
    let phone = scene.phone(Kind::App).await;
    let other_code = |code: &str| if code == "123" { "321".to_owned() } else { "123".to_owned() };
    let fields = [
        "label", "issuer", "channel", "nonce", "facts", "client", "account", "device", "decision", "uv",
        "code", "time",
    ];
    for field in fields {
        let waiting = scene.waiting().await;
        let (claim, code) = waiting.claimed_by(&phone).await;
        let good = phone.draft(&claim, "approve", Some(&code));
        let mut bent = good.clone();
        let message = match field {
            "label" => good.message().replacen("latchbolt-approval-v1", "latchbolt-approval-v2", 1),
            "time" => {
                bent.sign_other(field, &(unix_now() + 1).to_string());
                bent.message()
            }
            _ => {
                let value = match field {
                    "issuer" => "http://localhost:1".to_owned(),
                    "channel" | "nonce" => b64(&random::<16>()),
                    "facts" => b64(&random::<32>()),
                    "client" => "bank".to_owned(),
                    "account" | "device" => format!("{}x", phone.device),
                    "decision" => "deny".to_owned(),
                    "uv" => "false".to_owned(),
                    _ => other_code(&code),
                };
                bent.sign_other(field, &value);
                bent.message()
            }
        };
        let mut body = good.body.clone();
        body["signature"] = json!(phone.key.sign(&message));
        let answer = phone.post(&format!("/claims/{}/decision", claim.claim), &body).await;
        refused(&answer);
        assert_eq!(waiting.state().await, "claimed", "{field}: {}", answer.text());
        went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
        phone.approve(&claim, &code).await;
    }
}

#[tokio::test]
async fn sec_031_an_approval_needs_user_verification() {
    let scene = Scene::new().await;
    // Kind app: the signed word.
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    draft.sign_other("uv", "false");
    draft.body["uv"] = json!(false);
    refused(&phone.send(&claim, &draft).await);
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    draft.body.as_object_mut().unwrap().remove("uv");
    refused(&phone.send(&claim, &draft).await);
    assert_ne!(waiting.state().await, "approved");

    // Kind web: the passkey's own flag, and its presence.
    let mut phone = scene.phone(Kind::Web).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    draft.body.as_object_mut().unwrap().remove("assertion");
    refused(&phone.send(&claim, &draft).await);
    phone.passkey.as_mut().unwrap().verifies_user = false;
    refused(&phone.decide(&claim, "approve", Some(&code)).await);
    assert_ne!(waiting.state().await, "approved");
}

#[tokio::test]
async fn sec_031_a_foreign_passkey_verifies_nobody() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let other = scene.phone(Kind::Web).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let options = claim.webauthn.clone().unwrap();
    let origin = phone.line.origin();
    // Another phone's passkey; the right one at another site; the right one for another challenge.
    let foreign = other.passkey.as_ref().unwrap().assert(&options, &origin);
    let elsewhere = phone.passkey.as_ref().unwrap().assert(&options, "https://evil.example");
    let mut stale = options.clone();
    let place = if stale.get("publicKey").is_some() { &mut stale["publicKey"] } else { &mut stale };
    place["challenge"] = json!(b64(&random::<32>()));
    let stale = phone.passkey.as_ref().unwrap().assert(&stale, &origin);
    for assertion in [foreign, elsewhere, stale, json!({}), json!(null)] {
        let mut draft = phone.draft(&claim, "approve", Some(&code));
        draft.body["assertion"] = assertion;
        refused(&phone.send(&claim, &draft).await);
        assert_ne!(waiting.state().await, "approved");
    }
}

#[tokio::test]
async fn sec_031_a_key_enrolled_without_user_verification_cannot_claim_it() {
    let scene = Scene::new().await;
    let line = scene.server.browser();
    let begun = line
        .send(testkit::wire::Request::json(
            "/api/phone/v1/enrolments",
            &json!({"username": "ada", "password": scene.password}),
        ))
        .await;
    let begun = begun.json();
    let key = DeviceKey::generate();
    let word = |name: &str| begun[name].as_str().unwrap().to_owned();
    let message = testkit::canonical(
        "latchbolt-enrolment-v1",
        &[
            ("issuer", &word("issuer")),
            ("enrolment", &word("enrolment")),
            ("nonce", &word("nonce")),
            ("key", &key.thumbprint()),
            ("name", "Test phone"),
            ("platform", "Testkit 1"),
            ("agree", "true"),
        ],
    );
    let body = json!({"kind": "app", "key": key.jwk(), "name": "Test phone", "platform": "Testkit 1",
        "agree": true, "verifies_user": false, "signature": key.sign(&message)});
    let path = format!("/api/phone/v1/enrolments/{}", word("enrolment"));
    let done = line.send(testkit::wire::Request::json(&path, &body)).await;
    if done.status != 201 {
        // Not even enrolled: stricter is allowed.
        return refused(&done);
    }
    let account = done.json()["account"]["id"].as_str().unwrap().to_owned();
    let phone = Phone::of(line, &done.word("device"), &account, key);
    let waiting = scene.waiting().await;
    let answer = phone.try_scan(&waiting.qr.url).await;
    if answer.status < 300 {
        let claim = Claim::read(&answer, &waiting.qr.channel);
        let code = waiting.browser.check_code(&waiting.page).await;
        refused(&phone.decide(&claim, "approve", Some(&code)).await);
    }
    assert_ne!(waiting.state().await, "approved");
}

#[tokio::test]
async fn sec_032_an_approval_works_once_on_one_channel_at_one_issuer() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let draft = phone.draft(&claim, "approve", Some(&code));
    assert_eq!(phone.send(&claim, &draft).await.status, 204);
    // Again.
    refused(&phone.send(&claim, &draft).await);
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    refused(&phone.send(&claim, &draft).await);
    // To another channel.
    let other = scene.waiting().await;
    let (other_claim, _) = other.claimed_by(&phone).await;
    refused(&phone.send(&other_claim, &draft).await);
    assert_ne!(other.state().await, "approved");
    // To another issuer that knows the very same device key.
    let foreign = elsewhere().await;
    let jwk = foreign.server.file("jwk.json", &phone.key.jwk().to_string()).to_string_lossy().into_owned();
    let added = foreign
        .server
        .command(&["device", "add", "--user", "ada", "--public-key", &jwk, "--name", "Same key", "--json"])
        .done()
        .json();
    let device = added["id"].as_str().or_else(|| added["device"].as_str()).unwrap();
    let there = foreign.waiting().await;
    let same_key = Phone::of(foreign.server.browser(), device, &phone.account, DeviceKey::generate());
    let challenge = same_key.challenge().await;
    let message = testkit::canonical(
        "latchbolt-claim-v1",
        &[
            ("issuer", &scene.server.issuer),
            ("channel", &there.qr.channel),
            ("device", device),
            ("challenge", &challenge),
        ],
    );
    let body = json!({"device": device, "channel": there.qr.channel, "challenge": challenge,
        "signature": phone.key.sign(&message)});
    refused(&same_key.post("/claims", &body).await);
}

#[tokio::test]
async fn sec_033_a_denial_is_no_approval_and_the_reverse() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    for (signed, sent) in
        [("deny", "approve"), ("report", "approve"), ("approve", "deny"), ("deny", "report")]
    {
        let waiting = scene.waiting().await;
        let (claim, code) = waiting.claimed_by(&phone).await;
        let mut draft = phone.draft(&claim, signed, (signed == "approve").then_some(code.as_str()));
        draft.body["decision"] = json!(sent);
        if sent == "approve" {
            draft.body["check_code"] = json!(code);
            draft.body["uv"] = json!(true);
        }
        refused(&phone.send(&claim, &draft).await);
        assert_eq!(waiting.state().await, "claimed", "{signed} as {sent}");
    }
}

#[tokio::test]
async fn sec_034_who_signs_in_follows_from_the_device() {
    let scene = Scene::new().await;
    let grace = scene.phone_of("grace").await;
    let phone = scene.phone(Kind::App).await;
    let started = scene.shop.start_with(&[("login_hint", "grace"), ("scope", "openid profile")]);
    let waiting = crate::given::Waiting::start_at(scene.server.browser(), started).await;
    let challenge = phone.challenge().await;
    let mut body = phone.claim_body(&waiting.qr.channel, &challenge);
    let foreign = |body: &mut serde_json::Value| {
        for member in ["user", "user_id", "account", "sub", "username", "email", "phone_number"] {
            body[member] = json!(grace.account);
        }
    };
    foreign(&mut body);
    let answer = phone.post("/claims", &body).await;
    let claim = if answer.status < 300 {
        Claim::read(&answer, &waiting.qr.channel)
    } else {
        refused(&answer);
        phone.scan(&waiting.qr.url).await
    };
    let code = waiting.browser.check_code(&waiting.page).await;
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    foreign(&mut draft.body);
    let answer = phone.send(&claim, &draft).await;
    if answer.status != 204 {
        refused(&answer);
        phone.approve(&claim, &code).await;
    }
    let tokens = scene.shop.exchange(&waiting.started, &waiting.redeem().await).await;
    let userinfo = scene.shop.userinfo(&tokens.access_token).await.json();
    assert_eq!(userinfo["preferred_username"], "ada", "{userinfo}");
    assert_ne!(tokens.claims["sub"], grace.account.as_str());
}

#[tokio::test]
async fn sec_035_a_cookie_or_token_without_the_device_key_is_nothing() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    // The owner's own signed-in browser with an access token in hand.
    let browser = scene.server.browser();
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    let token = scene.shop.exchange(&started, &landed).await.access_token;
    let bearer = format!("Bearer {token}");
    let waiting = scene.waiting().await;
    let challenge = phone.challenge().await;
    let forged = json!({"device": phone.device, "channel": waiting.qr.channel, "challenge": challenge,
        "signature": b64(&random::<64>())});
    let unsigned = json!({"device": phone.device, "channel": waiting.qr.channel, "challenge": challenge});
    for body in [forged, unsigned] {
        let request =
            testkit::wire::Request::json("/api/phone/v1/claims", &body).header("authorization", &bearer);
        refused(&browser.send(browser.same_origin(request)).await);
    }
    let (claim, code) = waiting.claimed_by(&phone).await;
    let path = format!("/api/phone/v1/claims/{}/decision", claim.claim);
    let draft = phone.draft(&claim, "approve", Some(&code));
    let request = testkit::wire::Request::json(&path, &draft.body).header("authorization", &bearer);
    refused(&browser.send(browser.same_origin(request)).await);
    assert_eq!(waiting.state().await, "claimed");
}

#[tokio::test]
async fn sec_036_user_and_device_must_be_active_at_redeem() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    for command in [
        vec!["user", "disable", "ada"],
        vec!["device", "suspend", &phone.device],
        vec!["device", "revoke", &phone.device],
    ] {
        let waiting = scene.waiting().await;
        waiting.approved_by(&phone).await;
        let _ = scene.server.command(&command).done();
        went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
        assert!(!scene.is_signed_in(&waiting.browser).await, "{command:?}");
        let _ = scene.server.command(&["user", "enable", "ada"]);
        let _ = scene.server.command(&["device", "restore", &phone.device]);
    }
    // And at approval.
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let _ = scene.server.command(&["user", "disable", "ada"]).done();
    refused(&phone.decide(&claim, "approve", Some(&code)).await);
}

#[tokio::test]
async fn sec_037_a_denial_before_redeem_wins() {
    let scene = Scene::with(testkit::Setup::default().set("limits.off", true)).await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let claim = waiting.approved_by(&phone).await;
    assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    assert!(!scene.is_signed_in(&waiting.browser).await);

    // Races: whatever comes first, never a session after an acknowledged denial.
    let (mut denied, mut redeemed) = (0, 0);
    for round in 0..150_u64 {
        let waiting = scene.waiting().await;
        let claim = waiting.approved_by(&phone).await;
        let deny = async {
            tokio::time::sleep(std::time::Duration::from_micros(round % 7 * 300)).await;
            phone.decide(&claim, "deny", None).await
        };
        let redeem = async {
            tokio::time::sleep(std::time::Duration::from_micros(round % 5 * 300)).await;
            waiting.browser.redeem_once(&waiting.page).await
        };
        let (deny, redeem) = tokio::join!(deny, redeem);
        let went_in = redeem.header("location").is_some_and(|to| to.contains("code="));
        if deny.status == 204 {
            denied += 1;
            assert!(!went_in, "round {round}: a session after an acknowledged denial");
            went_nowhere(&redeem);
        } else {
            refused(&deny);
            redeemed += u32::from(went_in);
            assert!(
                went_in,
                "round {round}: neither denied nor signed in: {} {}",
                deny.text(),
                redeem.text()
            );
        }
    }
    assert_eq!(denied + redeemed, 150);
}

#[tokio::test]
async fn sec_038_an_empty_step_is_no_passed_step() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let decision = format!("/claims/{}/decision", claim.claim);
    let whole = {
        let draft = phone.draft(&claim, "approve", Some(&code));
        let mut body = draft.body.clone();
        body["signature"] = json!(phone.key.sign(&draft.message()));
        body
    };
    for path in ["/enrolments", "/challenges", "/claims", &decision, "/enrolments/unknown"] {
        for body in [json!({}), json!([]), json!(null), json!(""), json!(7)] {
            refused(&phone.post(path, &body).await);
        }
        let empty = testkit::wire::Request::new("POST", &format!("/api/phone/v1{path}"));
        refused(&phone.line.send(empty.header("content-type", "application/json")).await);
    }
    for member in ["device", "decision", "check_code", "uv", "time", "signature", "assertion"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(member);
        refused(&phone.post(&decision, &body).await);
        body[member] = json!("");
        refused(&phone.post(&decision, &body).await);
    }
    assert_ne!(waiting.state().await, "approved");
    // The browser's side.
    for path in ["/login/phone", "/login/password", "/login/passkey", "/consent"] {
        let request = testkit::wire::Request::form(path, &[]);
        went_nowhere(&waiting.browser.send(waiting.browser.same_origin(request)).await);
    }
}
