//! Mail: what people are told, what the links do, and passwords chosen anew.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Browser, Kind, Mailbox, Manner, Page, Phone, RelyingParty, Server, Setup, SoftPasskey};

use crate::audit::past;

const ADA: &str = "ada@mail.example";

struct Ground {
    server: Server,
    mailbox: Mailbox,
    password: String,
    shop: RelyingParty,
}

fn setup(mailbox: &Mailbox) -> Setup {
    Setup::default()
        .set("mail.enabled", true)
        .set("mail.host", "localhost")
        .set("mail.port", i64::from(mailbox.port()))
        .set("mail.tls", "none")
        .set("mail.from", "Sign-in <sign-in@id.example>")
        .set("mail.timeout_seconds", 1)
}

/// A person whose address is confirmed.
fn person(server: &Server, name: &str, claims: &str) -> String {
    let password = format!("{name} keeps a long secret 7");
    let file = server.file(&format!("{name}-claims.json"), claims);
    let file = file.to_string_lossy().into_owned();
    let email = format!("{name}@mail.example");
    let args = ["user", "create", name, "--email", &email, "--claims", &file, "--password-stdin", "--json"];
    let _ = server.command_with(&args, &format!("{password}\n")).done();
    password
}

impl Ground {
    async fn new() -> Self {
        Self::over(Mailbox::start()).await
    }

    async fn over(mailbox: Mailbox) -> Self {
        let server = setup(&mailbox).start().await;
        let password = person(&server, "ada", r#"{"email_verified": true}"#);
        let shop = server.client("shop");
        Self { server, mailbox, password, shop }
    }

    async fn sign_in(&self, browser: &Browser) -> Page {
        browser.sign_in(&self.shop.start().url, "ada", &self.password).await
    }
}

/// What the script of a link's page does: posts the token.
async fn open(browser: &Browser, link: &str) -> Page {
    let (address, token) = link.split_once('#').unwrap();
    let page = browser.get(address).await;
    assert_eq!(page.status(), 200);
    assert!(token.len() < 32 || !page.html().contains(token));
    browser.submit(&page, &page.form("link-open").with("token", token)).await
}

async fn act(browser: &Browser, page: &Page) -> Page {
    browser.submit(page, &page.form("link-act")).await
}

fn stage(page: &Page) -> String {
    page.attribute("link", "data-stage").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_043_a_new_browser_is_told_of_and_its_session_ends_with_one_click() {
    let ground = Ground::new().await;
    let browser = ground.server.browser();
    let started = ground.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &ground.password).await;
    let tokens = ground.shop.exchange(&started, &landed).await;
    let letter = ground.mailbox.newest(ADA, "New sign-in");
    assert_eq!(letter.header("Message-ID").unwrap().split('@').nth(1), Some("id.example>"));
    assert!(letter.link().starts_with(&format!("{}/account/notice#", ground.server.issuer)));
    assert!(letter.text().contains("127.0.0.1"), "{}", letter.text());

    // The same browser again is no news.
    let page = browser.get("/logout").await;
    assert!(browser.submit(&page, &page.form("logout")).await.has("logged-out"));
    let started = ground.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &ground.password).await;
    let again = ground.shop.exchange(&started, &landed).await;
    assert_ne!(again.claims["sid"], tokens.claims["sid"]);

    // Another browser is, and whoever reads the mail ends that session, elsewhere and without signing in.
    let other = ground.server.browser();
    let _ = ground.sign_in(&other).await;
    let letters = ground.mailbox.wait_for(ADA, 2);
    assert_eq!(letters.len(), 2);
    let reader = ground.server.browser();
    let page = open(&reader, &letters[1].link()).await;
    assert_eq!((page.status(), stage(&page).as_str()), (200, "ask"));
    let silent = format!("{}&prompt=none", ground.shop.start().url);
    assert!(other.is_signed_in(&silent).await, "opening a link does nothing");
    assert_eq!(stage(&act(&reader, &page).await), "done");
    assert!(!other.is_signed_in(&silent).await);
    assert!(browser.is_signed_in(&silent).await);
    let twice = act(&reader, &page).await;
    assert_eq!((twice.status(), stage(&twice).as_str()), (410, "gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_at_its_own_page_for_our_own_forms_only() {
    let ground = Ground::new().await;
    let _ = ground.sign_in(&ground.server.browser()).await;
    let letter = ground.mailbox.newest(ADA, "New sign-in");
    let browser = ground.server.browser();
    for path in ["/login/reset", "/account/email/verify"] {
        let elsewhere = format!("{}{path}#{}", ground.server.issuer, letter.token());
        assert_eq!(stage(&open(&browser, &elsewhere).await), "gone");
    }
    let mut wrong = letter.token();
    let last = if wrong.ends_with('A') { 'B' } else { 'A' };
    wrong.pop();
    wrong.push(last);
    for token in [wrong.as_str(), "", "x", &letter.token()[1..]] {
        let link = format!("{}/account/notice#{token}", ground.server.issuer);
        assert_eq!(stage(&open(&browser, &link).await), "gone", "{token}");
    }
    let request =
        testkit::wire::Request::form("/account/notice", &[("token", &letter.token()), ("act", "1")]);
    let answer = browser.send(request.header("origin", "https://evil.example")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(stage(&open(&browser, &letter.link()).await), "ask");
}

async fn forgot(browser: &Browser, name: &str) -> Page {
    let page = browser.get("/login/forgot").await;
    browser.submit(&page, &page.form("forgot-form").with("name", name)).await
}

/// Without what differs between any two answers.
fn plain(page: &Page) -> String {
    let html = page.html();
    let mut parts = html.split("nonce=\"");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_165_whoever_asks_for_a_password_learns_nothing() {
    let ground = Ground::new().await;
    let _ = person(&ground.server, "eve", r#"{"email_verified": false}"#);
    let browser = ground.server.browser();
    let known = forgot(&browser, "ada").await;
    assert_eq!(known.attribute("forgot", "data-stage").as_deref(), Some("sent"));
    for name in ["nobody", "eve", "nobody@mail.example", "ada@mail.example", "", "a b", "\u{202E}eve"] {
        let other = forgot(&browser, name).await;
        assert_eq!((other.status(), plain(&other)), (known.status(), plain(&known)), "{name}");
    }
    // By name and by address: one mail each, to the confirmed address alone.
    let letters = ground.mailbox.wait_for(ADA, 2);
    assert!(letters.iter().all(|letter| letter.header("Subject").unwrap().contains("Choose a new password")));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(ground.mailbox.letters().len(), 2);
    // A newer link takes the place of the one before, in whatever order they arrive.
    let mut stages = Vec::new();
    for letter in &letters {
        stages.push(stage(&open(&browser, &letter.link()).await));
    }
    stages.sort();
    assert_eq!(stages, ["ask", "gone"]);
    // Too often is too often for every name.
    let mut statuses = Vec::new();
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            statuses.push(forgot(&browser, name).await.status());
        }
        assert_eq!(statuses.last(), Some(&429), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_167_a_link_sets_one_password_once_and_ends_all_sessions() {
    let ground = Ground::new().await;
    let _ = person(&ground.server, "bob", r#"{"email_verified": true}"#);
    let signed_in = ground.server.browser();
    let _ = ground.sign_in(&signed_in).await;
    let silent = format!("{}&prompt=none", ground.shop.start().url);

    let browser = ground.server.browser();
    // Whatever the request says of its host: links are the issuer's.
    let evil = ground
        .server
        .browser()
        .with_header("x-forwarded-host", "evil.example")
        .with_header("forwarded", "host=evil.example");
    assert_eq!(forgot(&evil, "ada").await.status(), 200);
    assert_eq!(forgot(&browser, "bob").await.status(), 200);
    let letter = ground.mailbox.newest(ADA, "Choose a new password");
    assert!(letter.link().starts_with(&format!("{}/login/reset#", ground.server.issuer)));
    assert!(!letter.raw.contains("evil.example"));
    let bobs = ground.mailbox.newest("bob@mail.example", "Choose a new password");
    assert_ne!(letter.token(), bobs.token());
    // Nothing in the database can be used.
    let kept = ground.server.database_bytes();
    let token = letter.token();
    assert!(!kept.windows(token.len()).any(|some| some == token.as_bytes()));

    let page = open(&browser, &letter.link()).await;
    assert_eq!(stage(&page), "ask");
    let weak = browser.submit(&page, &page.form("link-act").with("password", "password1")).await;
    assert_eq!((weak.status(), stage(&weak).as_str()), (422, "ask"));
    assert!(weak.alert().is_some());
    let new = "quite another long secret 42";
    let forms: Vec<_> = (0..4).map(|_| page.form("link-act").with("password", new)).collect();
    let all = [
        browser.submit(&page, &forms[0]),
        browser.submit(&page, &forms[1]),
        browser.submit(&page, &forms[2]),
        browser.submit(&page, &forms[3]),
    ];
    let mut stages = Vec::new();
    for one in Box::pin(futures(all)).await {
        stages.push((one.status(), stage(&one)));
    }
    stages.sort();
    let gone = || (410, "gone".to_owned());
    assert_eq!(stages, [(200, "done".to_owned()), gone(), gone(), gone()]);

    assert!(!signed_in.is_signed_in(&silent).await, "all sessions end");
    assert!(!browser.is_signed_in(&silent).await, "nobody is signed in by a reset");
    let old = ground.server.browser().sign_in(&ground.shop.start().url, "ada", &ground.password).await;
    assert!(old.query("code").is_none() && old.alert().is_some());
    let landed = ground.server.browser().sign_in(&ground.shop.start().url, "ada", new).await;
    assert!(landed.query("code").is_some(), "{}", landed.html());
    let _ = ground.mailbox.newest(ADA, "Your password was changed");
    assert_eq!(
        ground
            .server
            .audit("password.reset")
            .await
            .iter()
            .filter(|entry| entry.detail.as_deref() == Some("done"))
            .count(),
        1
    );
}

async fn futures<F: std::future::Future<Output = Page>>(all: [F; 4]) -> [Page; 4] {
    let [a, b, c, d] = all;
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    [a, b, c, d]
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_the_pages_say_what_to_do_instead() {
    let server = Server::start().await;
    let password = server.user("ada");
    let shop = server.client("shop");
    let browser = server.browser();
    let page = browser.follow(&shop.start().url).await;
    assert!(!page.has("forgot-link"));
    let landed = browser.fill_in(&page, "ada", &password).await;
    assert!(landed.query("code").is_some());
    let page = browser.get("/login/forgot").await;
    assert_eq!(page.attribute("forgot", "data-stage").as_deref(), Some("off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_gets_its_mails_when_it_is_back() {
    let mailbox = Mailbox::start();
    mailbox.behave(Manner::Later);
    let ground = Ground::over(mailbox).await;
    let _ = ground.sign_in(&ground.server.browser()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(ground.mailbox.letters(), []);
    assert!(ground.server.log().contains("A mail was not sent"));
    ground.mailbox.behave(Manner::Takes);
    let letter = ground.mailbox.newest(ADA, "New sign-in");
    assert!(letter.header("Auto-Submitted").is_some());
    // Refused for good: given up, without the address in the log or the audit trail.
    ground.mailbox.behave(Manner::Never);
    let _ = ground.sign_in(&ground.server.browser()).await;
    let mut failed = Vec::new();
    for _ in 0..100 {
        failed = ground.server.audit("notice.failed").await;
        if !failed.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let detail = failed[0].detail.clone().unwrap();
    assert!(detail.starts_with("new_sign_in: refused: it answered 550") && !detail.contains('@'), "{detail}");
    assert!(!ground.server.log().contains(ADA));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_sent_and_not_noted_comes_again_with_the_same_number() {
    let mailbox = Mailbox::start();
    mailbox.behave(Manner::TakesSilently);
    let mut ground = Ground::over(mailbox).await;
    let _ = ground.sign_in(&ground.server.browser()).await;
    let first = ground.mailbox.wait_for(ADA, 1).remove(0);
    ground.server.kill();
    ground.mailbox.behave(Manner::Takes);
    ground.server.run_again().await;
    let again = ground.mailbox.wait_for(ADA, 2).remove(1);
    assert_eq!(first.header("Message-ID"), again.header("Message-ID"));
    assert_eq!(first.link(), again.link());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(ground.mailbox.letters().len(), 2, "once it is noted, no more");
}

/// The owner changes the address: nothing changes until the link is used, and the one before is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_by_its_owner_and_confirmed_by_its_link_once() {
    const NEW: &str = "new@mail.example";
    let ground = Ground::new().await;
    let owner = ground.server.browser();
    let _ = ground.sign_in(&owner).await;
    let page = owner.get("/account/settings").await;
    let bad = owner.submit(&page, &page.form("change-email").with("email", "ada@host")).await;
    assert_eq!((bad.status(), bad.alert().is_some()), (400, true));
    let sent = owner.submit(&page, &page.form("change-email").with("email", NEW)).await;
    assert!(sent.has("email-waiting") && sent.html().contains(ADA), "{}", sent.html());
    let letter = ground.mailbox.newest(NEW, "Confirm");
    assert!(letter.link().starts_with(&format!("{}/account/email/verify#", ground.server.issuer)));

    let reader = ground.server.browser();
    let page = open(&reader, &letter.link()).await;
    assert_eq!(stage(&page), "ask");
    assert!(owner.get("/account/settings").await.has("email-waiting"), "opening it does nothing");
    assert_eq!(stage(&act(&reader, &page).await), "done");
    assert_eq!(stage(&act(&reader, &page).await), "gone");
    let page = owner.get("/account/settings").await;
    assert!(page.html().contains(NEW) && !page.has("email-waiting"));
    // Both addresses hear of it; the link in these locks the account down, by its owner.
    let warned = ground.mailbox.newest(ADA, "address");
    let page = open(&reader, &warned.link()).await;
    assert_eq!(stage(&act(&reader, &page).await), "done");
    let silent = format!("{}&prompt=none", ground.shop.start().url);
    assert!(!owner.is_signed_in(&silent).await);
    let again = ground.server.browser().sign_in(&ground.shop.start().url, "ada", &ground.password).await;
    assert!(again.query("code").is_none() && again.alert().is_some());
    let locked = ground.server.audit("account.locked_down").await;
    assert_eq!(locked.len(), 1);
    assert_eq!(locked[0].detail.as_deref(), Some("by a link in a mail"));
}

/// A phone that was added is told of, and whoever reads the mail stops it: once, within a day, without signing in.
#[tokio::test(flavor = "multi_thread")]
async fn sec_078_a_mail_about_a_new_phone_stops_it_with_one_click() {
    let ground = Ground::new().await;
    let server = &ground.server;
    let phone = server.phone("ada", &ground.password, Kind::App).await;
    let letter = ground.mailbox.newest(ADA, "A phone was added");
    assert!(letter.link().starts_with(&format!("{}/account/notice#", server.issuer)), "{}", letter.link());
    let state = async |phone: &Phone| phone.signed("/devices/self", Some(&json!({}))).await.word("state");
    let reader = server.browser();
    // Asking for the address does nothing, with the token in a query neither, nor does opening the page.
    for address in ["/account/notice".to_owned(), format!("/account/notice?token={}&act=1", letter.token())] {
        assert_eq!(reader.get(&address).await.status(), 200);
    }
    let page = open(&reader, &letter.link()).await;
    assert_eq!((page.status(), stage(&page).as_str()), (200, "ask"));
    assert_eq!(state(&phone).await, "active");
    // A form of another site does nothing either.
    let fields = [("token", letter.token()), ("act", "1".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let foreign = Request::form("/account/notice", &fields).header("origin", "https://evil.example");
    assert_eq!(reader.send(foreign).await.status, 403);
    assert_eq!(state(&phone).await, "active");
    assert_eq!(stage(&act(&reader, &page).await), "done");
    assert_eq!(state(&phone).await, "suspended");
    assert!(reader.cookie("__Host-lb_session").is_none(), "nobody is signed in by it");
    let twice = act(&reader, &page).await;
    assert_eq!((twice.status(), stage(&twice).as_str()), (410, "gone"));
    assert_eq!(stage(&open(&reader, &letter.link()).await), "gone");
    let _ = ground.mailbox.newest(ADA, "A phone was stopped");
    assert_eq!(server.audit("device.suspended").await.len(), 1);

    // One that was let lie for a day does nothing.
    let second = server.phone("ada", &ground.password, Kind::App).await;
    let letters = ground.mailbox.letters();
    let added = |letter: &&testkit::Letter| {
        letter.header("Subject").is_some_and(|own| own.contains("A phone was added"))
    };
    let mut links: Vec<testkit::Letter> = letters.iter().filter(added).cloned().collect();
    while links.len() < 2 {
        let count = ground.mailbox.letters().len();
        let all = ground.mailbox.wait_for(ADA, count + 1);
        links = all.iter().filter(added).cloned().collect();
    }
    assert_eq!(stage(&open(&reader, &links[1].link()).await), "ask");
    past(server, "UPDATE notices SET created_at = created_at - 86400000 WHERE kind = 'device_added'").await;
    assert_eq!(stage(&open(&reader, &links[1].link()).await), "gone");
    assert_eq!(state(&second).await, "active");
}

/// A passkey that was added is told by mail, on the phones and on the account page; its link locks the account.
#[tokio::test(flavor = "multi_thread")]
async fn sec_078_a_new_passkey_is_told_on_every_channel() {
    let ground = Ground::new().await;
    let server = &ground.server;
    let browser = server.browser();
    let _ = ground.sign_in(&browser).await;
    let page = browser.follow("/login/passkey/new").await;
    let csrf = page.csrf().unwrap();
    let post = async |path: &str, body: &Value| {
        let request = browser.same_origin(Request::json(path, body)).header("x-csrf-token", &csrf);
        browser.send(request).await
    };
    let phone = server.phone("ada", &ground.password, Kind::App).await;
    let options = post("/login/passkey/new/options", &json!({})).await;
    assert_eq!(options.status, 200, "{}", options.text());
    let (_, credential) = SoftPasskey::create(&options.json(), &browser.origin());
    let done = post("/login/passkey/new", &json!({"credential": credential, "name": "Blue key"})).await;
    assert_eq!(done.status, 201, "{}", done.text());

    let letter = ground.mailbox.newest(ADA, "A passkey was added");
    assert!(letter.text().contains("Blue key"), "{}", letter.text());
    let told = phone.signed("/devices/self/notices", Some(&json!({}))).await.json();
    let kinds: Vec<&str> =
        told["notices"].as_array().unwrap().iter().filter_map(|n| n["notice"]["kind"].as_str()).collect();
    assert!(kinds.contains(&"passkey_added"), "{told}");
    assert!(browser.get("/account/security").await.html().contains("Blue key"));
    // Whoever it was not ends everything with the link.
    let reader = server.browser();
    let page = open(&reader, &letter.link()).await;
    assert_eq!(stage(&page), "ask");
    assert_eq!(stage(&act(&reader, &page).await), "done");
    assert!(!browser.is_signed_in(&format!("{}&prompt=none", ground.shop.start().url)).await);
    assert_eq!(phone.signed("/devices/self", Some(&json!({}))).await.word("state"), "suspended");
}

/// Whoever tries tokens is stopped, and whoever has a right one elsewhere is not.
#[tokio::test(flavor = "multi_thread")]
async fn sec_086_wrong_tokens_of_links_are_throttled() {
    let ground = Ground::new().await;
    let browser = ground.server.browser();
    let mut statuses = Vec::new();
    for path in ["/account/notice", "/account/email/verify", "/login/reset"] {
        for number in 0..11 {
            let link = format!("{}{path}#{:064}", ground.server.issuer, number);
            statuses.push(open(&browser, &link).await.status());
        }
    }
    assert!(statuses[..30].iter().all(|status| *status == 410), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
}

/// A mail reader gives nobody a password who has none, and an administrator sees how mails stand, without words or links.
#[tokio::test(flavor = "multi_thread")]
async fn sec_167_no_link_gives_a_password_to_who_has_none() {
    let ground = Ground::new().await;
    let claims = ground.server.file("claims.json", r#"{"email_verified": true}"#);
    let claims = claims.to_string_lossy().into_owned();
    let args = ["user", "create", "carol", "--email", "carol@mail.example", "--claims", &claims, "--json"];
    let _ = ground.server.command(&args).done();
    let browser = ground.server.browser();
    assert_eq!(forgot(&browser, "carol").await.status(), 200);
    assert_eq!(forgot(&browser, "ada").await.status(), 200);
    let letter = ground.mailbox.newest(ADA, "Choose a new password");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(ground.mailbox.letters().iter().all(|one| !one.raw.contains("carol@mail.example")));

    let admin = ground.server.administrator("root", &["superadmin"]).await;
    let outbox = admin.ask("GET", "/notices", None).await;
    assert_eq!(outbox.status, 200, "{}", outbox.text());
    assert!(!outbox.text().contains(&letter.token()));
    let helpless = ground.server.administrator("desk", &["helpdesk"]).await;
    assert_eq!(helpless.ask("GET", "/notices", None).await.status, 403);
}
