//! What a person agrees to, item by item, and what becomes of the rest.

use app::Ending;
use app::journeys::Purpose;
use store::SignedIn;

use super::*;

/// A shop that asks, and that can do without the e-mail address.
fn asking() -> Client {
    let mut shop = Client { skips_consent: false, ..shop() };
    shop.metadata.grant_types.push(domain::GrantType::RefreshToken);
    shop.metadata.optional_scopes = vec!["email".to_owned()];
    shop
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl World {
    fn ada(&self) -> SignedIn {
        SignedIn { session: self.session.clone(), account: self.account.clone() }
    }

    async fn kept(&self, changes: &[(&str, &str)]) -> Purpose {
        let Outcome::SignIn { url, .. } = self.ask(changes).await else { panic!("nothing is asked") };
        let id = url.strip_prefix("https://id.example/login?journey=").unwrap();
        let slots = self.app.slots::<app::journeys::JourneySlot>();
        slots.get(id).await.unwrap().unwrap().0.purpose
    }

    async fn agree(&self, purpose: &Purpose, chosen: &[&str]) -> Result<Purpose, app::Refusal> {
        self.provider.consent_given(purpose, &self.ada(), &texts(chosen), HERE).await
    }

    /// The scope of what is issued in the end.
    async fn issued(&self, purpose: &Purpose) -> Result<String, String> {
        let landing = self.provider.finish(purpose, &self.ada()).await.unwrap();
        let app::Landing::SeeOther(location) = landing else { panic!("no redirect") };
        let answer = answer(&location);
        match answer.get("code") {
            Some(code) => Ok(self.redeem(code, &[]).await.unwrap()["scope"].as_str().unwrap().to_owned()),
            None => Err(answer.get("error").unwrap().to_owned()),
        }
    }
}

const ALL: (&str, &str) = ("scope", "openid profile email phone offline_access");

#[tokio::test]
async fn the_page_shows_the_very_values_and_what_may_be_left_out() {
    let world = world(&[asking()]).await;
    let claims = r#"{"userinfo":{"phone_number":{"essential":true}},"id_token":{"nickname":null}}"#;
    let purpose = world.kept(&[("scope", "openid email"), ("claims", claims)]).await;
    let asked = world.provider.consent(&purpose, &world.ada()).await.unwrap().unwrap();
    let of = |name: &str| asked.items.iter().find(|item| item.name == name).unwrap();
    let told = |name: &str| {
        let facts = of(name).facts.iter().map(|fact| (fact.claim.clone(), fact.value.clone()));
        facts.collect::<Vec<_>>()
    };
    assert_eq!(asked.items.len(), 4);
    assert_eq!(told("openid"), []);
    let expected = [
        ("email".to_owned(), Some(json!("ada@example.org"))),
        ("email_verified".to_owned(), Some(json!(true))),
    ];
    assert_eq!(told("email"), expected);
    assert_eq!(told("claim phone_number"), [("phone_number".to_owned(), Some(json!("+49 1")))]);
    assert_eq!(told("claim nickname"), [("nickname".to_owned(), None)]);
    let optional = asked.items.iter().filter(|item| item.is_optional).map(|item| item.name.as_str());
    let mut optional: Vec<_> = optional.collect();
    optional.sort_unstable();
    assert_eq!(optional, ["claim nickname", "email"]);
    assert_eq!(of("claim phone_number").scope, "phone");
    assert!(of("claim phone_number").facts[0].is_essential);
}

#[tokio::test]
async fn sec_108_what_was_left_out_is_not_granted_and_not_asked_for_again() {
    let world = world(&[asking()]).await;
    let purpose = world.kept(&[ALL]).await;
    assert_eq!(world.issued(&purpose).await, Err("consent_required".to_owned()));
    let agreed = world.agree(&purpose, &["offline_access"]).await.unwrap();
    assert_eq!(world.issued(&agreed).await.unwrap(), "openid profile phone offline_access");
    // The same again is answered at once, and just so.
    let code = world.code(&[ALL]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    assert_eq!(tokens["scope"], "openid profile phone offline_access");
    // Somebody who asks wants another answer.
    let purpose = world.kept(&[ALL, ("prompt", "consent")]).await;
    let asked = world.provider.consent(&purpose, &world.ada()).await.unwrap().unwrap();
    let declined: Vec<_> =
        asked.items.iter().filter(|item| item.is_declined).map(|item| &item.name).collect();
    assert_eq!(declined, ["email"]);
    let agreed = world.agree(&purpose, &["email"]).await.unwrap();
    assert_eq!(world.issued(&agreed).await.unwrap(), "openid profile email phone");
    // The last word counts, both ways.
    let tokens = world.redeem(&world.code(&[ALL]).await, &[]).await.unwrap();
    assert_eq!(tokens["scope"], "openid profile email phone");
    assert!(tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn sec_108_nothing_is_agreed_to_that_was_not_asked_for() {
    let world = world(&[asking()]).await;
    let purpose = world.kept(&[("scope", "openid email")]).await;
    for foreign in ["profile", "offline_access", "claim name", "", "openid email"] {
        let refused = world.agree(&purpose, &["email", foreign]).await;
        assert!(matches!(refused, Err(app::Refusal::Invalid { field: "scope", .. })), "{foreign}");
    }
    let agreed = world.agree(&purpose, &["email", "openid"]).await.unwrap();
    assert_eq!(world.issued(&agreed).await.unwrap(), "openid email");
}

#[tokio::test]
async fn sec_108_each_time_the_person_has_to_agree_where_nothing_is_remembered() {
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..asking() };
    let world = world(&[public]).await;
    let purpose = world.kept(&[("scope", "openid email")]).await;
    world.agree(&purpose, &["email"]).await.unwrap();
    // The request that was kept before the answer does not know of it.
    let landing = world.provider.finish(&purpose, &world.ada()).await.unwrap();
    let app::Landing::SeeOther(location) = landing else { panic!("no redirect") };
    assert_eq!(answer(&location).get("error"), Some("consent_required"));
    world.kept(&[("scope", "openid email")]).await;
}

#[tokio::test]
async fn sec_124_a_consent_that_is_taken_back_ends_what_came_of_it() {
    let world = world(&[asking()]).await;
    let purpose = world.kept(&[ALL]).await;
    let agreed = world.agree(&purpose, &["offline_access"]).await.unwrap();
    let landing = world.provider.finish(&agreed, &world.ada()).await.unwrap();
    let app::Landing::SeeOther(location) = landing else { panic!("no redirect") };
    let code = answer(&location).get("code").unwrap().to_owned();
    let tokens = world.redeem(&code, &[]).await.unwrap();
    let mut work = world.app.store().begin().await.unwrap();
    assert!(work.delete_consent(&world.account.id, &asking().id, world.app.now()).await.unwrap());
    work.commit().await.unwrap();
    world.app.tell(Change::Account(world.account.id)).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let params: Params = [("grant_type", "refresh_token"), ("refresh_token", refresh)].into_iter().collect();
    assert_eq!(refusal(world.token(&params, None).await), ErrorCode::InvalidGrant);
    assert!(world.userinfo(tokens["access_token"].as_str().unwrap()).await.is_none());
    // Also of a code that was issued before and came after: nobody would find that family to end it.
    let purpose = world.kept(&[ALL]).await;
    let agreed = world.agree(&purpose, &["offline_access"]).await.unwrap();
    let landing = world.provider.finish(&agreed, &world.ada()).await.unwrap();
    let app::Landing::SeeOther(location) = landing else { panic!("no redirect") };
    let late = answer(&location).get("code").unwrap().to_owned();
    let mut work = world.app.store().begin().await.unwrap();
    assert!(work.delete_consent(&world.account.id, &asking().id, world.app.now()).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(world.refused(&late, &[]).await, ErrorCode::InvalidGrant);
    world.app.tell(Change::Account(world.account.id)).await;
    // And the person is asked again, for all of it.
    let purpose = world.kept(&[ALL]).await;
    let asked = world.provider.consent(&purpose, &world.ada()).await.unwrap().unwrap();
    assert!(asked.items.iter().all(|item| !item.is_already && !item.is_declined));
}
