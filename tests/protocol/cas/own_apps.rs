//! Owners register, see and remove their own apps made for CAS (cas-wire §20 W-1, W-14; §21 C-8). Without scripts.

use std::time::Duration;

use super::*;

fn setup() -> Setup {
    Setup::default().set("cas_qr.enabled", true).set("limits.factor", 1000)
}

impl Ground {
    /// The page of phones of whoever is signed in, after signing in as Ada where nobody is.
    async fn phones(&self) -> Page {
        let page = self.browser.follow("/account/devices").await;
        match page.find_form("login") {
            Some(_) => self.browser.fill_in(&page, "ada", &self.password).await,
            None => page,
        }
    }

    async fn add(&self, cas_name: &str, name: &str) -> Page {
        let page = self.phones().await;
        let form = page.form("cas-add").with("cas_name", cas_name).with("name", name);
        self.browser.submit(&page, &form).await
    }
}

#[tokio::test]
async fn sec_065_owners_are_offered_such_an_app_only_where_it_may_approve() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let page = ground.phones().await;
    assert_eq!(page.status(), 200, "{}", page.html());
    assert!(!page.has("cas-app") && !page.html().contains("CAS"));
    let csrf = page.csrf().or_else(|| Some(ground.browser.csrf())).unwrap();
    let form = Request::form("/account/devices/cas", &[("csrf", &csrf), ("cas_name", "phone-1")]);
    let answer = ground.browser.send(ground.browser.same_origin(form)).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}

#[tokio::test]
async fn sec_068_an_owner_registers_and_removes_an_app_and_is_told() {
    let ground = Ground::with(setup(), |_| vec![forum()]).await;
    let page = ground.phones().await;
    assert!(page.html().contains("This is weaker than adding your phone"), "{}", page.html());
    let page = ground.add("Ada.Phone-1", "Campus app").await;
    assert!(page.has("done") && page.html().contains("App for CAS, lowest assurance (ada.phone-1)"));
    assert!(page.html().contains("Campus app"));
    let added = ground.server.audit("device.added").await;
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].actor.as_ref().map(ToString::to_string), added[0].account.map(|id| id.to_string()));
    assert!(ground.browser.get("/account/activity").await.html().contains("Campus app"), "they are told");
    // Now it gets a token for the password; and after it was removed it gets none.
    let token = async || {
        let fields = [
            ("username", "ada"),
            ("password", ground.password.as_str()),
            ("token", "true"),
            ("QR_AUTHENTICATION_DEVICE_ID", "ADA.phone-1"),
        ];
        ground.server.browser().send(Request::form("/cas/v1/tickets", &fields)).await.status
    };
    assert_eq!(token().await, 201);
    let page = ground.phones().await;
    let id = page.all("li", "data-device").remove(0);
    let csrf = page.form("cas-add").value("csrf").unwrap().to_owned();
    let remove = Request::form("/account/devices/remove", &[("csrf", &csrf), ("device", &id)]);
    let answer = ground.browser.send(ground.browser.same_origin(remove)).await;
    assert_eq!((answer.status, location(&answer)), (303, "/account/devices?done=removed"));
    assert_eq!(token().await, 401);
    assert!(!ground.phones().await.has("devices"));
}

#[tokio::test]
async fn what_is_wrong_with_an_own_app_is_said_and_what_was_typed_stays() {
    let ground = Ground::with(setup(), |_| vec![forum()]).await;
    let _ = ground.server.user("bob");
    let taken = ground.server.command(&["device", "add", "--user", "bob", "--cas-id", "bobs"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let long = "x".repeat(129);
    for (cas_name, name, status, wrong) in [
        ("two words", "", 400, Some("cas-name")),
        ("", "", 400, Some("cas-name")),
        (&long, "", 400, Some("cas-name")),
        ("<b>", "<i>", 400, Some("cas-name")),
        ("fine", "a\u{202e}b", 400, Some("cas-own-name")),
        ("BOBS", "Mine", 409, Some("cas-name")),
    ] {
        let page = ground.add(cas_name, name).await;
        assert_eq!(page.status(), status, "{cas_name}: {}", page.html());
        assert!(page.alert().is_some(), "{cas_name}");
        for id in ["cas-name", "cas-own-name"] {
            let is_wrong = page.attribute(id, "aria-invalid").is_some();
            assert_eq!(is_wrong, wrong == Some(id), "{cas_name} {id}");
        }
        assert!(page.attribute("cas-app", "open").is_some(), "{cas_name}");
        assert_eq!(page.form("cas-add").value("cas_name"), Some(cas_name), "as it was typed");
        assert!(!page.html().contains("<b>") && !page.html().contains("<i>"));
    }
    for number in 0..5 {
        assert!(ground.add(&format!("phone-{number}"), "").await.has("done"), "{number}");
    }
    let full = ground.add("phone-5", "").await;
    assert_eq!(full.status(), 409);
    assert_eq!(full.all("li", "data-device").len(), 5, "none is dropped for it");
    assert_eq!(ground.server.audit("device.added").await.len(), 6, "Bob's and five");
}

#[tokio::test]
async fn sec_070_an_own_app_wants_a_fresh_proof() {
    let ground = Ground::with(setup(), |_| vec![forum()]).await;
    let eve = ground.server.signed_in("eve", &[], "password", Duration::from_secs(600)).await;
    let page = eve.browser.follow("/account/devices").await;
    assert!(page.has("cas-weak") && page.find_form("cas-add").is_none(), "{}", page.html());
    let form = page.form("cas-prove");
    // The button, and whoever fills in the form that is not there.
    for form in [form.clone(), form.clone().without("step").with("cas_name", "phone-1").with("name", "x")] {
        let answer = eve.browser.submit_once(&page, &form).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(location(&answer).starts_with("/login?journey="), "{}", location(&answer));
    }
    // A form of another site does nothing, however fresh the proof is.
    let page = ground.phones().await;
    let form = page.form("cas-add").with("cas_name", "phone-1");
    let strange = ground.browser.submit_once(&page, &form.with("csrf", "guess")).await;
    assert_eq!(strange.status, 403, "{}", strange.text());
    assert_eq!(ground.server.audit("device.added").await.len(), 0);
}
