//! Section 1.5, second half: what is shown, and to whom.

use serde_json::json;
use testkit::Kind;
use testkit::wire::Request;

use crate::given::{Scene, Waiting, refused};

#[tokio::test]
async fn sec_058_before_redeem_the_browser_learns_nothing_about_the_person() {
    let scene = Scene::new().await;
    let claims =
        json!({"name": "Ada Lovelace", "given_name": "Ada", "picture": "https://pictures.example/ada.png"});
    let file = scene.server.file("claims.json", &claims.to_string()).to_string_lossy().into_owned();
    let password = "a long secret of the countess";
    let args = [
        "user",
        "create",
        "countess",
        "--email",
        "countess@mail.example",
        "--claims",
        &file,
        "--password-stdin",
        "--json",
    ];
    let _ = scene.server.command_with(&args, &format!("{password}\n")).done();
    let phone = scene.server.phone("countess", password, Kind::App).await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    let claimed = phone.try_scan(&waiting.qr.url).await;
    events.until("claimed").await.unwrap();
    let claim = testkit::Claim::read(&claimed, &waiting.qr.channel);
    let mut seen = String::new();
    let code = waiting.browser.ask_code(&waiting.page).await;
    seen.push_str(&code.text());
    seen.push_str(&waiting.browser.poll(&waiting.page).await.text());
    seen.push_str(&waiting.browser.get(waiting.page.url.as_str()).await.html());
    let digits =
        code.json()["check_code"].as_str().or(code.json()["code"].as_str()).unwrap_or_default().to_owned();
    phone.approve(&claim, &digits).await;
    events.until("approved").await.unwrap();
    seen.push_str(&waiting.browser.poll(&waiting.page).await.text());
    seen.push_str(&waiting.browser.get(waiting.page.url.as_str()).await.html());
    seen.push_str(&events.seen);
    for word in ["countess", "Lovelace", "pictures.example", &phone.account, &phone.device] {
        assert!(!seen.contains(word), "{word} is told before redeem");
    }
    // The phone learns nothing about other people either.
    assert!(!claimed.text().contains("\"ada\"") && !claimed.text().contains("grace"));
    let landed = waiting.redeem().await;
    scene.shop.code(&waiting.started, &landed);
}

#[tokio::test]
async fn sec_059_the_qr_holds_an_address_with_the_id_in_its_fragment() {
    let scene = Scene::new().await;
    let started = scene.shop.start_with(&[("login_hint", "ada"), ("state", "a-state-of-the-client")]);
    let waiting = Waiting::start_at(scene.server.browser(), started).await;
    let url = url::Url::parse(&waiting.qr.url).unwrap();
    assert!(waiting.qr.url.len() <= 300);
    assert_eq!(url.origin().ascii_serialization(), scene.server.issuer);
    assert_eq!((url.path(), url.query()), ("/s", None));
    let fragment = url.fragment().unwrap();
    assert!(fragment.starts_with('1') && fragment.len() == 23, "{fragment}");
    assert_eq!(testkit::unb64(&fragment[1..]).len(), 16);
    for secret in waiting.browser.cookies().values() {
        assert!(!waiting.qr.url.contains(secret.as_str()));
    }
    // The drawing says the same: dark on white with a quiet zone, read back from its modules.
    assert_eq!(drawn(&waiting.qr.svg), waiting.qr.url);
}

/// Reads the code in an SVG made of rectangles of whole modules along one path.
fn drawn(svg: &str) -> String {
    let picture = testkit::picture_of_svg(svg);
    phone_client::read_qr(&picture).expect("a code in the drawing")
}

#[tokio::test]
async fn sec_060_opening_the_link_changes_nothing() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let stranger = scene.server.browser();
    for at in 0..100 {
        let method = if at % 3 == 0 { "HEAD" } else { "GET" };
        let target = if at % 2 == 0 { "/s".to_owned() } else { format!("/s?1{}", waiting.qr.channel) };
        let answer = stranger.send(Request::new(method, &target).header("purpose", "prefetch")).await;
        assert!(answer.status < 500);
    }
    let page = stranger.get("/s").await;
    assert_eq!(page.status(), 200);
    assert!(page.html().to_lowercase().contains("phone"), "the page says how to scan safely");
    assert_eq!(waiting.state().await, "waiting");
    let (claim, code) = waiting.claimed_by(&phone).await;
    phone.approve(&claim, &code).await;
}

#[tokio::test]
async fn sec_061_the_reference_phone_never_approves_from_a_link_alone() {
    let scene = Scene::new().await;
    let waiting = scene.waiting().await;
    let state = scene.server.folder().join("phone.json").to_string_lossy().into_owned();
    let phone = |args: &[&str], input: &str| {
        let mut all = vec!["phone", "--state", &state];
        all.extend_from_slice(args);
        scene.server.command_with(&all, input)
    };
    let enrol =
        ["enrol", "--issuer", &scene.server.issuer, "--user", "ada", "--password-stdin", "--agree", "--json"];
    let _ = phone(&enrol, &format!("{}\n", scene.password)).done();
    let scanned = phone(&["scan", "--url", &waiting.qr.url, "--json"], "").done();
    assert!(scanned.out.contains("The shop") && scanned.out.contains("shop.example"), "{scanned:?}");
    // The link made no approval, and there is no way to approve without the code.
    assert_eq!(waiting.state().await, "claimed");
    assert_ne!(phone(&["approve"], "").code, 0);
    assert_ne!(phone(&["approve", "--check-code", ""], "").code, 0);
    assert_eq!(waiting.state().await, "claimed");
    let code = waiting.browser.check_code(&waiting.page).await;
    let _ = phone(&["approve", "--check-code", &code, "--json"], "").done();
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}

#[tokio::test]
async fn sec_062_the_picture_is_nobodys_but_the_browsers() {
    let scene = Scene::new().await;
    let waiting = scene.waiting().await;
    let answer = waiting.browser.ask_qr(&waiting.page).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("access-control-allow-origin").is_none());
    // From another browser: refused, by every method.
    let stranger = scene.server.browser();
    refused(&stranger.send(waiting.browser.script_request(&waiting.page, "/login/qr")).await);
    let journey = testkit::Browser::journey(&waiting.page);
    refused(&stranger.send(Request::get(&format!("/login/qr?journey={journey}"))).await);
    refused(&waiting.browser.send(Request::get(&format!("/login/qr?journey={journey}"))).await);
    // Markup in every parameter of the request that opened the page is not in the picture, nor live on the page.
    let markup = "\"><script>alert(1)</script><svg onload=alert(1)>";
    for name in
        ["state", "nonce", "login_hint", "ui_locales", "acr_values", "display", "claims_locales", "scope"]
    {
        let value = if name == "scope" { format!("openid {markup}") } else { markup.to_owned() };
        let started = scene.shop.start_with(&[(name, &value)]);
        let page = waiting.browser.follow(&started.url).await;
        if page.status() != 200 {
            continue;
        }
        assert!(!page.html().contains("<script>alert") && !page.html().contains("<svg onload"), "{name}");
        let shown = waiting.browser.ask_qr(&page).await;
        assert!(!shown.text().contains("alert"), "{name}");
    }
    let csp = waiting.page.answer.header("content-security-policy").unwrap_or_default();
    assert!(csp.contains("script-src") && !csp.contains("'unsafe-inline'"), "{csp}");
}
