//! `latchbolt demo`: ready with one line, signed in by password and by the virtual phone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Browser, Page};

/// The demo as a child, and what its first line says.
struct Demo {
    child: Child,
    said: Value,
}

impl Demo {
    async fn start(more: &[&str]) -> Self {
        let mut child = Command::new(testkit::program())
            .args(["demo", "--json", "--port", "0", "--rp-port", "0"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(Duration::from_secs(30), line).await.unwrap().unwrap().unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line:?}"));
        Self { child, said }
    }

    fn word(&self, name: &str) -> String {
        self.said[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.said)).to_owned()
    }

    /// Two halves of one browser: cookies of the shop's port and of the issuer's differ by name.
    fn browsers(&self) -> (Browser, Browser) {
        (Browser::new(self.word("relying_party").trim_end_matches('/')), Browser::new(&self.word("issuer")))
    }

    /// From the shop's button to the sign-in page.
    async fn begin(&self, shop: &Browser, issuer: &Browser) -> Page {
        let away = shop.follow("/sign-in").await;
        let page = issuer.follow(away.url.as_str()).await;
        assert!(page.find_form("login").is_some(), "{} {}", page.url, page.html());
        page
    }

    /// Over the consent page, if there is one, back into the shop.
    async fn finish(&self, shop: &Browser, issuer: &Browser, page: Page) -> Page {
        let page = match page.find_form("consent") {
            Some(form) => issuer.submit(&page, &testkit::press(&page, &form, "consent-allow")).await,
            None => page,
        };
        assert_eq!(page.status(), 0, "not back at the shop: {} {}", page.url, page.html());
        let inside = shop.follow(page.url.as_str()).await;
        assert!(inside.has("signed-in"), "{} {}", inside.url, inside.html());
        inside
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn text(page: &Page, id: &str) -> String {
    page.text_of(|name, value| name == "id" && value == id).unwrap_or_default()
}

#[tokio::test]
async fn the_demo_is_ready_with_its_first_line_and_signs_in_by_password() {
    let demo = Demo::start(&[]).await;
    assert_eq!(demo.said["pid"], demo.child.id());
    let _ = (demo.word("admin_setup"), demo.word("virtual_phone"));
    let (shop, issuer) = demo.browsers();
    let page = demo.begin(&shop, &issuer).await;
    let page = issuer.fill_in(&page, &demo.word("username"), &demo.word("password")).await;
    let inside = demo.finish(&shop, &issuer, page).await;
    assert_eq!(text(&inside, "acr"), "urn:latchbolt:acr:password");
    assert!(text(&inside, "id-token").contains("auth_time"));
    let out = shop.submit(&inside, &sign_out()).await;
    assert!(out.has("sign-in"));
}

fn sign_out() -> testkit::Form {
    testkit::Form { action: "/sign-out".to_owned(), method: "post".to_owned(), fields: Vec::new() }
}

#[tokio::test]
async fn the_virtual_phone_scans_shows_and_approves() {
    let demo = Demo::start(&[]).await;
    let (shop, issuer) = demo.browsers();
    let page = demo.begin(&shop, &issuer).await;
    assert_eq!(page.attribute("virtual-phone", "data-address"), Some(demo.word("virtual_phone")));
    assert!(shop.get("/virtual-phone").await.html().contains("Virtual phone: for the demo only"));

    let post = async |path: &str, body: Value| shop.send(shop.same_origin(Request::json(path, &body))).await;
    let qr = issuer.show_qr(&page).await;
    let scanned = post("/virtual-phone/scan", json!({"link": qr.url})).await;
    assert_eq!(scanned.status, 200, "{}", scanned.text());
    assert!(scanned.text().contains("Demo Shop"), "{}", scanned.text());
    let claim = scanned.word("claim");
    let code = issuer.check_code(&page).await;
    let wrong = if code == "000" { "001" } else { "000" };
    let answer =
        post("/virtual-phone/decide", json!({"claim": claim, "decision": "approve", "check_code": wrong}))
            .await;
    assert_eq!((answer.status, answer.json()["left"].as_u64()), (422, Some(2)), "{}", answer.text());
    let answer =
        post("/virtual-phone/decide", json!({"claim": claim, "decision": "approve", "check_code": code}))
            .await;
    assert_eq!(answer.word("done"), "approved");
    let page = issuer.redeem(&page).await;
    let inside = demo.finish(&shop, &issuer, page).await;
    assert_eq!(text(&inside, "acr"), "urn:latchbolt:acr:qr");
    assert!(text(&inside, "took").contains("ms from approve to redirect"), "{}", text(&inside, "took"));
    // A page elsewhere cannot press its buttons.
    let foreign = Request::json("/virtual-phone/scan", &json!({"link": qr.url}))
        .header("origin", "https://evil.example");
    assert_eq!(shop.send(foreign).await.status, 403);
}

#[tokio::test]
async fn a_kept_demo_finds_its_user_and_phone_again() {
    let folder = std::env::temp_dir().join(format!("latchbolt-demo-{}", std::process::id()));
    let path = folder.to_string_lossy().into_owned();
    let first = Demo::start(&["--data", &path]).await;
    let (name, password) = (first.word("username"), first.word("password"));
    drop(first);
    let again = Demo::start(&["--data", &path]).await;
    assert_eq!(again.word("username"), name);
    let (shop, issuer) = again.browsers();
    let page = again.begin(&shop, &issuer).await;
    let page = issuer.fill_in(&page, &name, &password).await;
    again.finish(&shop, &issuer, page).await;
    drop(again);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn the_demo_has_no_virtual_phone_for_an_issuer_elsewhere() {
    // Shown beside the rule as well (`demo::tests`): here the program itself refuses plain http elsewhere.
    let run = Command::new(testkit::program())
        .args(["demo", "--json", "--port", "0", "--rp-port", "0", "--issuer", "http://login.example.org"])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
}
