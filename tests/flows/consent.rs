//! What a person agrees to, seen from outside: the page with the values, what is left out, and taking it back.

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Form, RelyingParty};

use crate::given::Scene;

fn asking(scene: &Scene) -> RelyingParty {
    scene.server.client_with(
        "asks",
        &json!({
            "latchbolt_skip_consent": false,
            "scope": "openid profile email offline_access orders:read",
            "grant_types": ["authorization_code", "refresh_token"],
            "latchbolt_optional_scopes": ["email"],
            "logo_uri": "https://asks.example/logo.png",
            "policy_uri": "https://asks.example/privacy",
            "tos_uri": "https://asks.example/terms",
        }),
    )
}

const ALL: &[(&str, &str)] = &[("scope", "openid profile email offline_access orders:read")];

/// With only these boxes ticked.
fn ticked(form: Form, boxes: &[&str]) -> Form {
    let mut form = form.without("scope");
    form.fields.extend(boxes.iter().map(|name| ("scope".to_owned(), (*name).to_owned())));
    form
}

async fn refreshed(scene: &Scene, party: &RelyingParty, token: &str) -> (u16, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = party.authenticated(Request::form("/token", &form));
    let answer = scene.server.browser().send(request).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn sec_108_a_person_leaves_out_what_may_be_left_out() {
    let scene = Scene::new().await;
    let party = asking(&scene);
    let browser = scene.server.browser();
    let started = party.start_with(ALL);
    let page = browser.follow(&started.url).await;
    for shown in ["/logo/asks", "https://asks.example/privacy", "https://asks.example/terms"] {
        assert!(page.html().contains(shown), "{shown} is not on the sign-in page");
    }
    let page = browser.fill_in(&page, "ada", &scene.password).await;
    let html = page.html();
    for shown in ["<code>orders:read</code>", "while you are not here"] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert!(html.contains("<dd><span>ada</span></dd>"), "the very value: {html}");
    let form = page.form("consent");
    let boxes: Vec<_> =
        form.fields.iter().filter(|(name, _)| name == "scope").map(|(_, value)| value).collect();
    assert_eq!(boxes, ["email", "offline_access"]);

    // What was not asked for, or somebody else's form, is refused and nothing is granted.
    let allow = testkit::press(&page, &form, "consent-allow");
    let added = browser.submit(&page, &ticked(allow.clone(), &["email", "phone"])).await;
    assert!(added.status() >= 400 && added.query("code").is_none(), "{}", added.status());
    let forged = browser.submit(&page, &allow.clone().with("csrf", "x")).await;
    assert!(forged.status() >= 400 && forged.query("code").is_none(), "{}", forged.status());

    let landed = browser.submit(&page, &ticked(allow, &["offline_access"])).await;
    let tokens = party.exchange(&started, &landed).await;
    assert_eq!(tokens.all["scope"], "openid profile offline_access orders:read");
    let told = party.userinfo(&tokens.access_token).await.json();
    assert!(told.get("email").is_none() && told["preferred_username"] == "ada", "{told}");
    // It is remembered as it was answered.
    let silent = [ALL, &[("prompt", "none")]].concat();
    let again = party.start_with(&silent);
    let again = party.exchange(&again, &browser.follow(&again.url).await).await;
    assert_eq!(again.all["scope"], tokens.all["scope"]);
    // Asked for by name, the page comes again, with the box as it was left.
    let asked = [ALL, &[("prompt", "consent")]].concat();
    let page = browser.follow(&party.start_with(&asked).url).await;
    assert_eq!(page.form("consent").value("scope"), Some("offline_access"));
}

#[tokio::test]
async fn sec_124_access_is_taken_back_on_the_start_page() {
    let scene = Scene::new().await;
    let party = asking(&scene);
    let browser = scene.server.browser();
    let started = party.start_with(ALL);
    let page = browser.sign_in(&started.url, "ada", &scene.password).await;
    let form = testkit::press(&page, &page.form("consent"), "consent-allow");
    let tokens = party.exchange(&started, &browser.submit(&page, &form).await).await;
    let (status, fresh) = refreshed(&scene, &party, tokens.all["refresh_token"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{fresh}");

    let home = browser.follow("/").await;
    assert!(home.html().contains("The asks"), "{}", home.html());
    let form = home.form("take-back-1");
    let forged = browser.submit(&home, &form.clone().with("csrf", "x")).await;
    assert!(forged.status() >= 400, "{}", forged.status());
    let after = browser.submit(&home, &form).await;
    assert_eq!((after.status(), after.find_form("take-back-1").is_none()), (200, true));
    assert_eq!(scene.server.audit("consent.revoked").await.len(), 1);

    let (status, refused) = refreshed(&scene, &party, fresh["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    let access = fresh["access_token"].as_str().unwrap();
    assert_eq!(party.userinfo(access).await.status, 401);
    let again = party.start_with(ALL);
    assert!(browser.follow(&again.url).await.find_form("consent").is_some());
}

#[tokio::test]
async fn a_logo_that_cannot_be_had_is_no_torn_picture() {
    let scene = Scene::new().await;
    let _ = asking(&scene);
    let browser = scene.server.browser();
    for id in ["asks", "nobody"] {
        let answer = browser.send(Request::get(&format!("/logo/{id}"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("image/gif")), "{id}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
}
