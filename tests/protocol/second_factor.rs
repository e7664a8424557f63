//! The step after the password, and the way back of those who lost everything: from outside, without scripts.

use serde_json::{Value, json};
use testkit::{Administrator, Browser, Page, RelyingParty, Server, Setup, Tokens};
use tokio::time::{Duration, sleep};

use crate::alike::{headers, plain};

struct Ground {
    server: Server,
    admin: Administrator,
    shop: RelyingParty,
    password: String,
}

impl Ground {
    async fn new() -> Self {
        let server = Setup::one_node().set("limits.factor", 1000).start().await;
        let admin = server.administrator("root", &["superadmin"]).await;
        let shop = server.client("shop");
        let password = server.user("ada");
        Self { server, admin, shop, password }
    }

    async fn policy(&self, name: &str, some: Value) {
        let path = format!("/policies/{name}");
        let version = self.ask("GET", &path, None, 200).await["version"].to_string();
        let request =
            self.admin.request("PATCH", &path, Some(&some)).header("if-match", &format!("\"{version}\""));
        let answer = self.admin.browser.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Value {
        let answer = self.admin.ask(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn user_id(&self, name: &str) -> String {
        let found = self.ask("GET", &format!("/users?q={name}"), None, 200).await;
        found["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Sets an app up on the way through a sign-in that demands one; answers its key.
    async fn with_app(&self, browser: &Browser) -> (String, Tokens) {
        let started = self.shop.start();
        let page = browser.sign_in(&started.url, "ada", &self.password).await;
        assert_eq!(page.attribute("second-factor-page", "data-stage").as_deref(), Some("setup"));
        let key = page.text_of(|name, value| name == "id" && value == "totp-secret").unwrap();
        assert_eq!(page.html().matches("<svg xmlns").count(), 1, "a picture for the app");
        let landed = enter(browser, &page, &totp(&key)).await;
        (key, self.shop.exchange(&started, &landed).await)
    }
}

/// Types a code and goes where that leads.
async fn enter(browser: &Browser, page: &Page, code: &str) -> Page {
    let form = page.form("second-factor").with("code", code);
    browser.submit(page, &form).await
}

/// What an app with this key shows now (RFC 6238).
fn totp(key: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    totp_at(key, now / 30)
}

fn totp_at(key: &str, step: u64) -> String {
    let mut secret = Vec::new();
    let (mut held, mut bits) = (0u32, 0);
    for letter in key.bytes().filter(|letter| *letter != b' ') {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter).unwrap();
        held = (held << 5) | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            secret.push(u8::try_from((held >> bits) & 0xff).unwrap());
        }
    }
    assert_eq!(secret.len(), 20);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let mac = ring::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// A code that was not used: the next step's counts already.
async fn fresh_code(key: &str, used: &str) -> String {
    loop {
        let code = totp(key);
        if code != used {
            return code;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_set_up_and_asked_for_without_scripts() {
    let ground = Ground::new().await;
    ground.policy("passwords", json!({"second_factor": "required"})).await;
    let (key, tokens) = ground.with_app(&ground.server.browser()).await;
    let claims = &tokens.claims;
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], "urn:latchbolt:acr:password", "a code adds no class");

    let browser = ground.server.browser();
    let started = ground.shop.start();
    let page = browser.sign_in(&started.url, "ada", &ground.password).await;
    assert_eq!(page.attribute("second-factor-page", "data-stage").as_deref(), Some("code"));
    assert!(page.has("second-factor-submit") && page.has("other-way"));
    assert!(!page.html().contains(key.replace(' ', "").as_str()) && !page.html().contains(&key));
    // Nobody is signed in yet.
    assert!(browser.cookie("__Host-lb_session").is_none());
    let wrong = enter(&browser, &page, "000000").await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.alert().is_some());
    // Reloading shows the step again; the other ways are one link away.
    let again = browser.follow(&format!("/login?journey={}", page.query("journey").unwrap())).await;
    assert!(again.find_form("second-factor").is_some());
    let other = browser.follow(&format!("/login?journey={}&other=1", page.query("journey").unwrap())).await;
    assert!(other.find_form("login").is_some());
    let used = totp(&key);
    let code = fresh_code(&key, &used).await;
    let landed = enter(&browser, &again, &code).await;
    assert_eq!(ground.shop.exchange(&started, &landed).await.claims["amr"], json!(["pwd", "otp", "mfa"]));

    // Its owner is asked again wherever the password is, and a code counts once.
    let browser = ground.server.browser();
    let page = browser.sign_in(&ground.shop.start().url, "ada", &ground.password).await;
    assert_eq!(enter(&browser, &page, &code).await.status(), 401, "replayed");
}

/// What an administrator sees and mends: no secret, no code, no hash.
#[tokio::test(flavor = "multi_thread")]
async fn sec_183_factors_are_shown_without_secrets_and_taken_away() {
    let ground = Ground::new().await;
    ground.policy("passwords", json!({"second_factor": "required"})).await;
    let (key, _) = ground.with_app(&ground.server.browser()).await;
    let id = ground.user_id("ada").await;
    let path = format!("/users/{id}/second-factor");
    let shown = ground.ask("GET", &path, None, 200).await;
    assert!(
        shown["totp"]["since"].is_string() && shown["demanded"] == true && shown["password"]["set"] == true
    );
    let text = shown.to_string();
    assert!(!text.contains(&key.replace(' ', "")) && !text.contains("argon2") && !text.contains("sealed"));
    assert_eq!(
        ground.ask("GET", &format!("/users/{id}/recovery-codes"), None, 200).await,
        json!({"left": 0})
    );
    let passkeys = ground.ask("GET", &format!("/users/{id}/passkeys"), None, 200).await;
    assert_eq!(passkeys["total"], 0);
    ground.ask("DELETE", &path, None, 204).await;
    ground.ask("DELETE", &path, None, 404).await;
    assert_eq!(ground.ask("GET", &path, None, 200).await["totp"], Value::Null);
    ground.ask("POST", &format!("/users/{id}/unlock"), None, 204).await;
    for path in ["/users/acc_aaaqeayeaudaocajbifqydiob4/second-factor", "/users/nonsense/passkeys"] {
        ground.ask("GET", path, None, 404).await;
    }
    ground.ask("DELETE", &format!("/users/{id}/passkeys/crd_aaaqeayeaudaocajbifqydiob4"), None, 404).await;
    // The next sign-in sets an app up anew.
    let again = ground.server.browser().sign_in(&ground.shop.start().url, "ada", &ground.password).await;
    assert_eq!(again.attribute("second-factor-page", "data-stage").as_deref(), Some("setup"));
}

/// The helpdesk opens the way back; it waits, is told of, and leads to a passkey and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn sec_086_a_recovery_waits_and_its_link_is_no_sign_in() {
    let ground = Ground::new().await;
    let id = ground.user_id("ada").await;
    for reason in ["", "x", "a\u{202E}b c"] {
        ground.ask("POST", "/recoveries", Some(&json!({"user": id, "reason": reason})), 400).await;
    }
    let body = json!({"user": "ADA", "reason": "Lost the phone; identity card checked"});
    let opened = ground.ask("POST", "/recoveries", Some(&body), 201).await;
    assert_eq!((&opened["state"], &opened["user"]["id"]), (&json!("waiting"), &json!(id)));
    ground.ask("POST", "/recoveries", Some(&body), 409).await;
    let one = format!("/recoveries/{}", opened["id"].as_str().unwrap());
    ground.ask("POST", &format!("{one}/complete"), None, 409).await;
    let listed = ground.ask("GET", &format!("/recoveries?state=open&user={id}"), None, 200).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let cancelled = ground.ask("POST", &format!("{one}/cancel"), None, 200).await;
    assert_eq!(cancelled["state"], "cancelled");
    ground.ask("POST", &format!("{one}/cancel"), None, 409).await;

    // Without a wait it takes two people.
    ground.policy("recovery", json!({"waiting_hours": 0})).await;
    let opened = ground.ask("POST", "/recoveries", Some(&body), 201).await;
    let one = format!("/recoveries/{}", opened["id"].as_str().unwrap());
    ground.ask("POST", &format!("{one}/complete"), None, 409).await;
    let second = ground.server.administrator("desk", &["helpdesk"]).await;
    let completed = second.ask("POST", &format!("{one}/complete"), None).await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    let completed = completed.json();
    let (address, token) = completed["url"].as_str().unwrap().split_once("#r1").unwrap();
    assert!(!ground.ask("GET", &one, None, 200).await.to_string().contains(token));

    let browser = ground.server.browser();
    let page = browser.get(address).await;
    let submit = async |token: &str, password: &str| {
        let form = page.form("recover").with("token", token).with("password", password);
        browser.submit(&page, &form).await
    };
    assert_eq!(submit(&"A".repeat(43), &ground.password).await.status(), 410);
    let wrong = submit(token, "not the password").await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.form("recover").value("token"), Some(token), "and it may be tried again");
    let landed = browser.submit(&wrong, &wrong.form("recover").with("password", &ground.password)).await;
    assert_eq!((landed.url.path(), landed.status()), ("/login/passkey/new", 200));
    assert!(landed.find_form("passkey-new").is_some());
    let shop = browser.follow(&ground.shop.start().url).await;
    assert!(shop.find_form("login").is_some(), "no relying party gets anything for it");
    let second = ground.server.browser();
    let page = second.get(address).await;
    let form = page.form("recover").with("token", token).with("password", &ground.password);
    assert_eq!(second.submit(&page, &form).await.status(), 410, "once");
    for event in ["recovery.opened", "recovery.cancelled", "recovery.completed", "recovery.used"] {
        assert!(!ground.server.audit(event).await.is_empty(), "{event}");
    }
}

/// An operator's passwords are checked too, with a sentence that says what to mend.
#[tokio::test(flavor = "multi_thread")]
async fn sec_162_common_passwords_are_refused_with_the_reason_and_without_a_network() {
    let server = Server::start().await;
    let args = ["user", "create", "grace", "--password-stdin"];
    for (password, says) in [
        ("password1\n", "common"),
        ("Qwertyuiop\n", "common"),
        ("grace-2024\n", "your name"),
        ("seven77\n", "at least 8"),
    ] {
        let run = server.command_with(&args, password);
        assert_eq!(run.code, 1, "{password}");
        assert!(run.err.contains(says), "{password}: {}", run.err);
    }
    assert_eq!(server.command_with(&args, "grace keeps a secret\n").code, 0);
}

/// Who has an authenticator app is told to whoever has the password, and to nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn sec_165_a_wrong_password_tells_nothing_about_other_factors() {
    let ground = Ground::new().await;
    ground.policy("passwords", json!({"second_factor": "required"})).await;
    let _ = ground.with_app(&ground.server.browser()).await;
    let _ = ground.server.user("bob");
    let shape =
        |page: &Page, name: &str| (page.status(), headers(&page.answer), plain(&page.html(), &[name]));
    let mut shapes = Vec::new();
    for name in ["nobody", "ada", "bob"] {
        let browser = ground.server.browser();
        let page = browser.sign_in(&ground.shop.start().url, name, "a wrong one, and long").await;
        assert!(page.find_form("second-factor").is_none() && page.alert().is_some(), "{name}");
        shapes.push(shape(&page, name));
    }
    assert!(shapes.iter().all(|one| *one == shapes[0]), "{shapes:?}");
}
