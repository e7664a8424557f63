//! Requests that need the person: begun, kept, ended.

use app::journeys::{JourneySlot, KeptJourney};
use app::{Ending, Landing};
use store::SignedIn;

use super::*;

impl World {
    /// Begins a journey and takes up what was kept.
    async fn begun(&self, changes: &[(&str, &str)]) -> KeptJourney {
        let Outcome::SignIn { url, .. } = self.ask(changes).await else {
            panic!("no journey for {changes:?}")
        };
        let id = url.strip_prefix("https://id.example/login?journey=").unwrap();
        self.app.slots::<JourneySlot>().get(id).await.unwrap().unwrap().0
    }

    fn who(&self, proofs: &[(Method, Timestamp)]) -> SignedIn {
        let proof =
            |(method, at): &(Method, Timestamp)| Proof { method: *method, at: *at, known_browser: false };
        let proofs = proofs.iter().map(proof).collect();
        let session = BrowserSession { proofs, ..self.session.clone() };
        SignedIn { session, account: self.account.clone() }
    }

    async fn finish(&self, kept: &KeptJourney, who: &SignedIn) -> Params {
        let Landing::SeeOther(location) = self.provider.finish(&kept.purpose, who).await.unwrap() else {
            panic!("no redirect")
        };
        answer(&location)
    }
}

fn asking() -> Client {
    Client { skips_consent: false, ..shop() }
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_with_a_browser_secret() {
    let mut world = world(&[asking()]).await;
    world.visitor.session = None;
    let Outcome::SignIn { browser, .. } = world.ask(&[]).await else { panic!("no journey") };
    let secret = browser.expect("a secret for a new browser");
    let kept =
        world.begun(&[("acr_values", "phr x"), ("login_hint", "ada\u{202E}"), ("ui_locales", "de en")]).await;
    assert_eq!(kept.shown.host, "shop.example");
    assert_eq!(kept.shown.scopes, ["openid", "email"]);
    assert_eq!((kept.shown.login_hint.as_deref(), kept.shown.ui_locales.len()), (Some("ada"), 2));
    assert_eq!(kept.journey.need.wanted_acr, [domain::Acr::Passkey]);
    world.visitor.browser = Some(Secret::parse(&secret.text()).unwrap());
    let Outcome::SignIn { browser: None, .. } = world.ask(&[]).await else { panic!("kept its secret") };
    assert_eq!(world.begun(&[]).await.browser, secret.hash());
    assert_eq!(world.error(&[("prompt", "none")]).await, "login_required");
}

#[tokio::test]
async fn sec_221_what_is_kept_of_a_request_is_bounded_and_large_ones_count_for_more() {
    let mut world = world(&[asking()]).await;
    world.visitor.session = None;
    let long = "x".repeat(8 * 1024);
    assert_eq!(world.error(&[("state", &long), ("nonce", &long)]).await, "invalid_request");
    // A state of 8 kB alone goes on, unchanged (SEC-137).
    let kept = world.begun(&[("state", &long)]).await;
    assert!(kept.purpose.payload.contains(&long) && kept.purpose.payload.len() < 10 * 1024);
    let mut begun = 0;
    while begun < 600 && world.provider.authorize(params(&[("state", &long)]), &world.visitor).await.is_ok() {
        begun += 1;
    }
    assert!((50..200).contains(&begun), "{begun}");
}

#[tokio::test]
async fn sec_040_phishing_resistant_clients_are_offered_passkeys_alone() {
    let world = world(&[Client { requires_phishing_resistant: true, ..shop() }]).await;
    let kept = world.begun(&[]).await;
    assert!(kept.journey.need.phishing_resistant);
    let methods = kept.journey.methods;
    assert_eq!((methods.password, methods.passkey, methods.phone), (false, true, false));
    let by_phone = world.finish(&kept, &world.who(&[(Method::Phone, world.app.now())])).await;
    assert_eq!(by_phone.get("error"), Some("unmet_authentication_requirements"));
    let by_passkey = world.finish(&kept, &world.who(&[(Method::Passkey, world.app.now())])).await;
    assert!(by_passkey.get("code").is_some());
}

#[tokio::test]
async fn prompt_login_does_not_loop_and_is_not_skipped() {
    let world = world(&[shop()]).await;
    let kept = world.begun(&[("prompt", "login")]).await;
    let stale = world.finish(&kept, &world.who(&[(Method::Password, START)])).await;
    assert_eq!(stale.get("error"), Some("login_required"));
    let again = [(Method::Password, START), (Method::Password, world.app.now())];
    let fresh = world.finish(&kept, &world.who(&again)).await;
    assert!(fresh.get("code").is_some());
    assert_eq!(fresh.get("state"), Some("st"));
}

#[tokio::test]
async fn consent_is_asked_once_remembered_and_grows() {
    let world = world(&[asking()]).await;
    let who = world.who(&[(Method::Password, START)]);
    let mut kept = world.begun(&[]).await;
    let asked = world.provider.consent(&kept.purpose, &who).await.unwrap().unwrap();
    let already = |asked: &app::ConsentAsked| {
        let known = asked.items.iter().filter(|item| item.is_already);
        known.map(|item| item.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((asked.names().join(" "), already(&asked)), ("openid email".to_owned(), String::new()));
    let unasked = world.finish(&kept, &who).await;
    assert_eq!(unasked.get("error"), Some("consent_required"), "SEC-108: not skipped");
    kept.purpose = world.provider.consent_given(&kept.purpose, &who, &asked.names(), HERE).await.unwrap();
    assert!(world.finish(&kept, &who).await.get("code").is_some());
    assert!(world.events().await.contains(&AuditEvent::ConsentGiven));
    // From now on at once, also without a page.
    world.code(&[]).await;
    world.code(&[("prompt", "none")]).await;
    let more = world.begun(&[("scope", "openid phone")]).await;
    let asked = world.provider.consent(&more.purpose, &who).await.unwrap().unwrap();
    assert_eq!((asked.names().join(" "), already(&asked)), ("openid phone".to_owned(), "openid".to_owned()));
    world.provider.consent_given(&more.purpose, &who, &asked.names(), HERE).await.unwrap();
    world.code(&[("scope", "openid phone email")]).await;
    assert!(world.begun(&[("prompt", "consent")]).await.journey.need.consent);
}

#[tokio::test]
async fn a_person_who_declines_is_told_of_with_state_and_iss() {
    let world = world(&[asking()]).await;
    let kept = world.begun(&[]).await;
    let Landing::SeeOther(location) = world.provider.declined(&kept.purpose).await.unwrap() else {
        panic!("no redirect")
    };
    let answer = answer(&location);
    assert_eq!(answer.get("error"), Some("access_denied"));
    assert_eq!((answer.get("state"), answer.get("iss")), (Some("st"), Some("https://id.example")));
}

#[tokio::test]
async fn sec_039_an_essential_class_is_reached_or_said_not_to_be() {
    let world = world(&[shop()]).await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["phr"]}}}"#;
    let asked = [("claims", claims)];
    let kept = world.begun(&asked).await;
    assert_eq!(kept.journey.need.acr, Some(domain::Acr::Passkey));
    assert_eq!(world.error(&[asked[0], ("prompt", "none")]).await, "unmet_authentication_requirements");
    let now = world.app.now();
    let unmet = world.finish(&kept, &world.who(&[(Method::Phone, now)])).await;
    assert_eq!(unmet.get("error"), Some("unmet_authentication_requirements"));
    let met = world.finish(&kept, &world.who(&[(Method::Phone, START), (Method::Passkey, now)])).await;
    assert!(met.get("code").is_some());
}

#[tokio::test]
async fn sec_109_a_journey_of_a_deleted_client_ends_nowhere() {
    let world = world(&[asking()]).await;
    let kept = world.begun(&[]).await;
    let mut work = world.app.store().begin().await.unwrap();
    work.delete_client(&shop().id, world.app.now()).await.unwrap();
    work.commit().await.unwrap();
    world.app.tell(Change::Client(shop().id)).await;
    let who = world.who(&[(Method::Password, START)]);
    assert!(world.provider.finish(&kept.purpose, &who).await.is_err());
    assert!(world.provider.declined(&kept.purpose).await.is_err());
}

#[tokio::test]
async fn sec_108_109_what_a_client_lost_meanwhile_is_not_granted() {
    let world = world(&[asking()]).await;
    let kept = world.begun(&[("scope", "openid profile email"), ("prompt", "login")]).await;
    world.clock.advance(Duration::from_secs(1));
    let who = world.who(&[(Method::Password, world.app.now())]);
    let scopes: Vec<_> = ["openid", "profile", "email"].map(str::to_owned).to_vec();
    let purpose = world.provider.consent_given(&kept.purpose, &who, &scopes, HERE).await.unwrap();
    world.update(&Client { scopes: scopes[..2].to_vec(), ..asking() }).await;
    let told = world.finish(&KeptJourney { purpose, ..kept }, &who).await;
    let tokens = world.redeem(told.get("code").unwrap(), &[]).await.unwrap();
    assert_eq!(tokens["scope"], "openid profile");
}

#[tokio::test]
async fn id_token_hints_name_the_person_even_when_expired() {
    let world = world(&[shop()]).await;
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let hint = tokens["id_token"].as_str().unwrap();
    world.clock.advance(Duration::from_secs(3_000));
    world.code(&[("id_token_hint", hint), ("prompt", "none")]).await;
    // Somebody else is signed in now.
    let other = Account {
        id: world.app.entropy().id(),
        username: "bob".parse().unwrap(),
        webauthn_handle: [2; 16],
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        ..world.account.clone()
    };
    let secret = world.app.entropy().secret();
    let session = BrowserSession {
        id: world.app.entropy().id(),
        account: other.id,
        secret_hash: secret.hash(),
        last_used_at: world.app.now(),
        ..world.session.clone()
    };
    let mut work = world.app.store().begin().await.unwrap();
    work.add_account(&other).await.unwrap();
    work.add_session(&session, None).await.unwrap();
    work.commit().await.unwrap();
    let visitor = Visitor { session: Some(secret), ..world.visitor.clone() };
    let world = World { visitor, ..world };
    assert_eq!(world.error(&[("id_token_hint", hint), ("prompt", "none")]).await, "login_required");
    let kept = world.begun(&[("id_token_hint", hint)]).await;
    assert_eq!(kept.journey.need.account, Some(world.account.id));
    let wrong = SignedIn { session, account: other };
    assert_eq!(world.finish(&kept, &wrong).await.get("error"), Some("login_required"));
}
