//! Section 1.3: the claim, the check code, what the phone shows.

use serde_json::{Value, json};
use testkit::{Browser, Claim, DeviceKey, Kind, Phone, Setup, b64, random};

use crate::given::{Scene, Waiting, refused};

#[tokio::test]
async fn sec_020_a_claim_needs_an_active_enrolled_device() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let channel = &waiting.qr.channel;
    let good = phone.claim_body(channel, &phone.challenge().await);

    for (member, value) in [
        ("signature", json!(null)),
        ("signature", json!("")),
        ("signature", json!(b64(&[0; 64]))),
        ("signature", json!(b64(&random::<64>()))),
        ("challenge", json!(b64(&random::<32>()))),
        ("challenge", json!("")),
        ("device", json!(b64(&random::<16>()))),
        ("device", json!(phone.account)),
    ] {
        let mut body = good.clone();
        body[member] = value;
        refused(&phone.post("/claims", &body).await);
    }
    let mut body = good.clone();
    body.as_object_mut().unwrap().remove("signature");
    refused(&phone.post("/claims", &body).await);
    // A key the registry does not know, under the right device id and under none.
    let stranger = Phone::of(scene.server.browser(), &phone.device, &phone.account, DeviceKey::generate());
    refused(&stranger.try_scan(&waiting.qr.url).await);
    let nobody = Phone::of(scene.server.browser(), "dev_unknown", &phone.account, DeviceKey::generate());
    let challenge = nobody.post("/challenges", &json!({"device": "dev_unknown"})).await;
    assert_eq!(challenge.status, 200, "unknown devices are answered alike: {}", challenge.text());
    refused(&nobody.post("/claims", &nobody.claim_body(channel, &challenge.word("challenge"))).await);
    // A challenge is good once.
    let challenge = phone.challenge().await;
    let other = scene.waiting().await;
    assert!(phone.post("/claims", &phone.claim_body(&other.qr.channel, &challenge)).await.status < 300);
    refused(&phone.post("/claims", &phone.claim_body(channel, &challenge)).await);
    // A suspended phone, then a revoked one.
    for verb in ["suspend", "revoke"] {
        let _ = scene.server.command(&["device", verb, &phone.device, "--json"]).done();
        refused(&phone.post("/claims", &phone.claim_body(channel, &phone_challenge(&phone).await)).await);
    }
    assert_eq!(waiting.state().await, "waiting");
}

async fn phone_challenge(phone: &Phone) -> String {
    let answer = phone.post("/challenges", &json!({"device": phone.device})).await;
    answer.json()["challenge"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn sec_021_of_two_racing_phones_one_claims() {
    let scene = Scene::with(Setup::default().set("limits.off", true)).await;
    let one = scene.phone(Kind::App).await;
    let same_user = scene.phone(Kind::App).await;
    let other_user = scene.phone_of("grace").await;
    for round in 0..100 {
        let waiting = scene.waiting().await;
        let rival = if round % 2 == 0 { &same_user } else { &other_user };
        let (first, second) = tokio::join!(one.try_scan(&waiting.qr.url), rival.try_scan(&waiting.qr.url));
        let won = [&first, &second].map(|answer| answer.status < 300);
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{} and {}", first.text(), second.text());
        let (winner, loser, claim, lost) =
            if won[0] { (&one, rival, &first, &second) } else { (rival, &one, &second, &first) };
        refused(lost);
        assert!(!lost.text().contains("facts") && !lost.text().contains("shop"), "{}", lost.text());
        let claim = Claim::read(claim, &waiting.qr.channel);
        let code = waiting.browser.check_code(&waiting.page).await;
        if round % 10 == 0 {
            refused(&loser.decide(&claim, "approve", Some(&code)).await);
            refused(&loser.decide(&claim, "deny", None).await);
            assert_eq!(waiting.state().await, "claimed");
            winner.approve(&claim, &code).await;
        }
    }
}

#[tokio::test]
async fn sec_022_only_the_claiming_device_decides() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let same_user = scene.phone(Kind::App).await;
    let other_user = scene.phone_of("grace").await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    for intruder in [&same_user, &other_user] {
        for verb in ["approve", "deny", "report"] {
            let typed = (verb == "approve").then_some(code.as_str());
            refused(&intruder.decide(&claim, verb, typed).await);
            // Also when it signs in the name of the claiming device.
            let mut draft = phone.draft(&claim, verb, typed);
            let signature = intruder.key.sign(&draft.message());
            draft.body["signature"] = json!(signature);
            let path = format!("/claims/{}/decision", claim.claim);
            refused(&intruder.post(&path, &draft.body).await);
        }
    }
    assert_eq!(waiting.state().await, "claimed");
    phone.approve(&claim, &code).await;
}

#[tokio::test]
async fn sec_023_without_the_code_there_is_no_approval() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    assert!(claim.code_needed);
    refused(&phone.decide(&claim, "approve", None).await);
    let mut draft = phone.draft(&claim, "approve", None);
    draft.body["check_code"] = json!("-");
    refused(&phone.send(&claim, &draft).await);
    // Signed with the right code but sent with none, and the reverse.
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    draft.body.as_object_mut().unwrap().remove("check_code");
    refused(&phone.send(&claim, &draft).await);
    assert_ne!(waiting.state().await, "approved");
}

#[tokio::test]
async fn sec_023_an_administrator_may_switch_the_code_off_for_a_client() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let plain = scene.server.client_with("plain", &json!({"latchbolt_skip_check_code": true}));
    let waiting = Waiting::start(scene.server.browser(), &plain).await;
    let claim = phone.scan(&waiting.qr.url).await;
    assert!(!claim.code_needed);
    assert_eq!(phone.decide(&claim, "approve", None).await.status, 204);
    plain.code(&waiting.started, &waiting.redeem().await);
}

/// Whether a member of this JSON is this text, or this number.
fn says(json: &Value, text: &str) -> bool {
    match json {
        Value::Object(members) => members.values().any(|member| says(member, text)),
        Value::Array(items) => items.iter().any(|item| says(item, text)),
        Value::String(own) => own == text,
        Value::Number(own) => own.to_string() == text,
        Value::Null | Value::Bool(_) => false,
    }
}

#[tokio::test]
async fn sec_024_three_wrong_codes_deny_the_channel() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let answer = phone.try_scan(&waiting.qr.url).await;
    let claim = Claim::read(&answer, &waiting.qr.channel);
    let code = waiting.browser.check_code(&waiting.page).await;
    // The side that types it cannot read it.
    assert!(!says(&answer.json(), &code), "{}", answer.text());
    let mut tries = 0;
    for guess in (0..1000).map(|n| format!("{n:03}")).filter(|guess| *guess != code).take(5) {
        let answer = phone.decide(&claim, "approve", Some(&guess)).await;
        refused(&answer);
        // As a value, not as three digits: an id may hold those by chance.
        assert!(!says(&answer.json(), &code), "{}", answer.text());
        tries += u32::from(answer.status == 422);
    }
    assert!(tries <= 3, "{tries} tries");
    assert_eq!(waiting.state().await, "denied");
    refused(&phone.decide(&claim, "approve", Some(&code)).await);
}

#[tokio::test]
async fn sec_024_wrong_codes_count_across_channels() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let mut guessed = 0;
    let mut limited = false;
    for _ in 0..12 {
        let waiting = scene.waiting().await;
        let answer = phone.try_scan(&waiting.qr.url).await;
        if answer.status == 429 {
            limited = true;
            break;
        }
        let claim = Claim::read(&answer, &waiting.qr.channel);
        let code = waiting.browser.check_code(&waiting.page).await;
        for guess in ["000", "001", "002", "003"].iter().filter(|guess| **guess != code).take(3) {
            let answer = phone.decide(&claim, "approve", Some(guess)).await;
            refused(&answer);
            limited |= answer.status == 429;
            guessed += u32::from(answer.status != 429);
        }
        if limited {
            assert!(phone.decide(&claim, "approve", Some(&code)).await.status >= 400);
            break;
        }
    }
    assert!(limited && guessed <= 15, "{guessed} guesses, limited: {limited}");
    // Another person is not affected.
    let grace = scene.phone_of("grace").await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&grace).await;
    grace.approve(&claim, &code).await;
}

#[tokio::test]
async fn sec_025_the_phone_shows_who_asks_for_what_from_where() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    let before = testkit::unix_now();
    let started = scene.shop.start_with(&[("scope", "openid profile email")]);
    let waiting = Waiting::start_at(scene.server.browser().with_agent(agent), started).await;
    let facts = phone.scan(&waiting.qr.url).await.facts();

    assert_eq!(facts["client"]["id"], "shop");
    assert_eq!(facts["client"]["name"], "The shop");
    assert_eq!(facts["client"]["host"], "shop.example");
    let provider = facts["provider"].as_str().unwrap();
    assert!(scene.server.issuer.contains(provider) && provider.starts_with("localhost"), "{provider}");
    assert!(facts["browser"]["browser"].as_str().unwrap().contains("Chrome"), "{facts}");
    assert!(facts["browser"]["system"].as_str().unwrap().contains("Windows"), "{facts}");
    assert_eq!(facts["browser"]["known"], false);
    let at = facts["started_at"].as_u64().unwrap();
    assert!((before..=testkit::unix_now()).contains(&at), "{at}");
    let mut scopes: Vec<&str> =
        facts["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["email", "openid", "profile"]);
    // Unknown is said, not left out.
    for member in ["network", "city", "country"] {
        assert!(facts["place"].as_object().unwrap().contains_key(member), "{facts}");
    }
    assert!(facts["place"]["country"].is_null() && facts["place"]["city"].is_null());

    let silent = Waiting::start_at(scene.server.browser().with_agent(""), scene.shop.start()).await;
    let facts = phone.scan(&silent.qr.url).await.facts();
    for member in ["label", "browser", "system", "known"] {
        assert!(facts["browser"].as_object().unwrap().contains_key(member), "{facts}");
    }
}

#[tokio::test]
async fn sec_026_texts_of_relying_parties_are_inert() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let names = [
        "<img src=x onerror=alert(1)>".to_owned(),
        "Sh\u{202e}knab".to_owned(),
        "x".repeat(10_000),
        "Shop\nSigned in as admin".to_owned(),
        "<b>Latchbolt</b>".to_owned(),
    ];
    for (at, name) in names.iter().enumerate() {
        let id = format!("odd{at}");
        let metadata = json!({"client_name": name, "redirect_uris": [format!("https://{id}.example/callback")],
                              "latchbolt_skip_consent": true, "latchbolt_verified": false});
        let file = scene.server.file(&format!("{id}.json"), &metadata.to_string());
        let path = file.to_string_lossy().into_owned();
        let made = scene.server.command(&["client", "create", "--file", &path, "--client-id", &id, "--json"]);
        if made.code != 0 {
            continue;
        }
        let party = testkit::RelyingParty {
            line: scene.server.browser(),
            client_id: id.clone(),
            secret: made.json()["client_secret"].as_str().map(str::to_owned),
            redirect_uri: format!("https://{id}.example/callback"),
            scope: "openid".to_owned(),
        };
        let waiting = Waiting::start(scene.server.browser(), &party).await;
        let html = waiting.page.html();
        assert!(!html.contains("<img src=x") && !html.contains("<b>Latchbolt</b>"), "{html}");
        assert!(!html.contains('\u{202e}') && html.len() < 60_000);
        let facts = phone.scan(&waiting.qr.url).await.facts();
        let shown = facts["client"]["name"].as_str().unwrap();
        assert!(shown.chars().count() <= 80 && !shown.contains(['\n', '\u{202e}']), "{shown}");
        assert_eq!(facts["client"]["verified"], false);
    }
}

#[tokio::test]
async fn sec_027_the_phone_is_told_how_near_the_browser_is() {
    let mut names = toml::Table::new();
    names.insert("203.0.113.0/24".to_owned(), "Office".into());
    let setup = Setup::default()
        .set("networks.trusted_proxies", vec![toml::Value::from("127.0.0.1")])
        .set("networks.names", names);
    let scene = Scene::with(setup).await;
    let phone_at = |address: &str| scene.server.browser().with_header("x-forwarded-for", address);
    let phone = Phone::enrol(phone_at("203.0.113.7"), "ada", &scene.password, Kind::App).await;
    for (address, hint) in
        [("203.0.113.7", "same_address"), ("203.0.113.99", "same_network"), ("198.51.100.1", "unknown")]
    {
        let browser = scene.server.browser().with_header("x-forwarded-for", address);
        let waiting = Waiting::start_at(browser, scene.shop.start()).await;
        let facts = phone.scan(&waiting.qr.url).await.facts();
        let told = facts["proximity"].as_str().unwrap();
        // Without a map of countries other networks are unknown, and said to be.
        assert_eq!(told, hint, "{address}: {facts}");
        assert_eq!(facts["place"]["network"] == "Office", address.starts_with("203."), "{address}: {facts}");
    }
    // A policy of the client: not the same country, no approval.
    let strict = scene.server.client_with("strict", &json!({"latchbolt_same_country_only": true}));
    let browser = scene.server.browser().with_header("x-forwarded-for", "198.51.100.1");
    let waiting = Waiting::start(browser, &strict).await;
    let answer = phone.try_scan(&waiting.qr.url).await;
    if answer.status < 300 {
        let claim = Claim::read(&answer, &waiting.qr.channel);
        let code = waiting.browser.check_code(&waiting.page).await;
        refused(&phone.decide(&claim, "approve", Some(&code)).await);
    }
    assert_ne!(waiting.state().await, "approved");
    let browser = scene.server.browser().with_header("x-forwarded-for", "203.0.113.7");
    let waiting = Waiting::start(browser, &strict).await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    phone.approve(&claim, &code).await;
}

#[tokio::test]
async fn sec_028_addresses_come_from_trusted_proxies_alone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    for lie in ["203.0.113.7", "a", "203.0.113.7, 198.51.100.1", "' OR 1=1", "127.0.0.1:80", "::1", ""] {
        let browser = Browser::new(&scene.server.issuer)
            .from_address([127, 9, 0, 1])
            .with_header("x-forwarded-for", lie);
        let waiting = Waiting::start_at(browser, scene.shop.start()).await;
        let claim = phone.scan(&waiting.qr.url).await;
        assert_ne!(claim.facts()["proximity"], "same_address", "{lie}");
        assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    }
    let addresses: Vec<Option<String>> =
        scene.server.audit("channel.claimed").await.into_iter().map(|entry| entry.other_address).collect();
    assert_eq!(addresses.len(), 7);
    assert!(addresses.iter().all(|address| address.as_deref() == Some("127.9.0.1")), "{addresses:?}");
}

#[tokio::test]
async fn sec_029_declining_is_easy_and_told_at_once() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let mut times = Vec::new();
    for verb in ["deny", "report"] {
        let waiting = scene.waiting_in(scene.server.browser().from_address([127, 8, 0, 1])).await;
        let mut events = waiting.browser.watch(&waiting.page).await;
        let claim = phone.scan(&waiting.qr.url).await;
        events.until("claimed").await.unwrap();
        // No code, no passkey, no user verification.
        let draft = phone.draft(&claim, verb, None);
        assert!(draft.body.get("assertion").is_none() && draft.body["uv"] == false);
        let asked = std::time::Instant::now();
        assert_eq!(phone.send(&claim, &draft).await.status, 204);
        assert_eq!(events.until("denied").await.unwrap().state, "denied");
        times.push(asked.elapsed());
        went_out(&scene, &waiting).await;
    }
    // A busy machine may hold one of them up.
    assert!(times.iter().any(|time| *time < std::time::Duration::from_secs(1)), "{times:?}");
    for event in ["channel.denied", "channel.reported"] {
        let trail = scene.server.audit(event).await;
        assert_eq!(trail.len(), 1, "{event}");
        assert_eq!(trail[0].address.as_deref(), Some("127.0.0.1"));
        assert_eq!(trail[0].other_address.as_deref(), Some("127.8.0.1"));
        assert_eq!(trail[0].device.as_ref().map(ToString::to_string), Some(phone.device.clone()));
    }
}

async fn went_out(scene: &Scene, waiting: &Waiting) {
    crate::given::went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    assert!(!scene.is_signed_in(&waiting.browser).await);
}

#[tokio::test]
async fn sec_029_a_report_slows_the_source_down() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let source = || scene.server.browser().from_address([127, 7, 0, 1]);
    let mut starts = 0;
    for _ in 0..20 {
        let browser = source();
        let page = browser.follow(&scene.shop.start().url).await;
        let answer = browser.ask_qr(&page).await;
        if answer.status == 429 {
            break;
        }
        starts += 1;
        let qr = testkit::QrShown::read(&answer);
        let claim = phone.scan(&qr.url).await;
        assert_eq!(phone.decide(&claim, "report", None).await.status, 204);
    }
    assert!(starts < 20, "twenty reported starts and still more");
    // Other sources go on.
    let waiting = scene.waiting().await;
    phone.scan(&waiting.qr.url).await;
}
