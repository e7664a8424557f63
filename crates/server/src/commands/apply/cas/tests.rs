//! Tests of what becomes of definitions.

use super::services::{Claims, own_claims, take};
use super::*;

fn taken(text: &str) -> Vec<Taken> {
    let claims = Claims {
        own: own_claims(&["employeeNumber=seat".to_owned()]).unwrap(),
        defined: BTreeSet::from(["department".to_owned(), "seat".to_owned(), "motto".to_owned()]),
        of_owners: BTreeSet::from(["motto".to_owned()]),
    };
    let read = import::services(text).unwrap();
    take(read.into_iter().map(|one| ("x.json".to_owned(), one)).collect(), &claims)
}

fn fields(taken: &Taken) -> Vec<&str> {
    taken.lost.iter().map(|lost| lost.field.as_str()).collect()
}

#[test]
fn a_service_becomes_a_registration() {
    let all = taken(
        r#"{"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "^https://wiki\\.example\\.org/.*",
            "name": "Das Wiki für Übersetzer", "id": 7, "evaluationOrder": -3, "logo": "images/logo.png",
            "logoutType": "FRONT_CHANNEL", "logoutUrl": "https://elsewhere.example.org/out",
            "attributeReleasePolicy": {"@class": "org.apereo.cas.services.ReturnMappedAttributeReleasePolicy",
              "allowedAttributes": {"@class": "java.util.TreeMap", "mail": "e-mail", "department": "dep",
                "employeeNumber": "number", "eduPersonEntitlement": "urn:x", "cn": "user"}},
            "multifactorPolicy": {"@class": "org.apereo.cas.services.DefaultRegisteredServiceMultifactorPolicy",
              "multifactorAuthenticationProviders": ["java.util.LinkedHashSet", ["mfa-duo"]]}}"#,
    );
    let members = all[0].members.as_ref().unwrap();
    assert_eq!(all[0].id.as_deref(), Some("cas-das-wiki-fuer-uebersetzer"));
    let cas = &members["latchbolt_cas"];
    assert_eq!(cas["services"], json!(["https://wiki.example.org/**"]));
    assert_eq!(cas["attributes"], json!({"e-mail": "email", "dep": "department", "number": "seat"}));
    assert_eq!(
        (&cas["single_logout"], &cas["required_acr"]),
        (&json!("front"), &json!("urn:latchbolt:acr:qr"))
    );
    assert!(
        cas.get("logout_url").is_none() && members.get("logo_uri").is_none() && cas.get("order").is_none()
    );
    let lost = fields(&all[0]);
    for field in [
        "evaluationOrder",
        "logo_uri",
        "latchbolt_cas.logout_url",
        "multifactorPolicy",
        "attributeReleasePolicy.eduPersonEntitlement",
        "attributeReleasePolicy.cn",
    ] {
        assert!(lost.contains(&field), "{field} {lost:?}");
    }
    assert!(all[0].is_enabled && members["latchbolt_enabled"] == true);
}

#[test]
fn people_are_known_by_what_is_theirs_alone() {
    for (attribute, claim) in [
        ("uid", None),
        ("mail", Some("email")),
        ("department", Some("department")),
        ("employeeNumber", Some("seat")),
        ("cn", None),
        ("motto", None),
        ("eduPersonPrincipalName", None),
    ] {
        let all = taken(&format!(
            r#"{{"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "https://a\\.example\\.org/", "name": "A", "id": 1,
                "usernameAttributeProvider": {{"@class": "org.apereo.cas.services.PrincipalAttributeRegisteredServiceUsernameProvider",
                  "usernameAttribute": "{attribute}"}}}}"#
        ));
        let members = all[0].members.as_ref().unwrap();
        assert_eq!(members["latchbolt_cas"].get("user_claim").and_then(Value::as_str), claim, "{attribute}");
        let is_safe = claim.is_some() || attribute == "uid";
        assert_eq!((all[0].is_enabled, all[0].lost.is_empty()), (is_safe, is_safe), "{attribute}");
    }
}

#[test]
fn a_number_that_two_have_is_said() {
    let all = taken(
        r#"[{"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "https://a\\.example\\.org/", "name": "A", "id": 5},
            {"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "https://b\\.example\\.org/", "name": "B", "id": 5}]"#,
    );
    assert!(all[0].lost.is_empty() && fields(&all[1]) == ["id"], "{:?}", all[1].lost);
    assert!(all.iter().all(|one| one.members.is_ok()));
}

#[test]
fn ids_are_stable_and_nobodys_twice() {
    let one = |name: &str, id: i64| {
        json!({"@class": "org.apereo.cas.services.RegexRegisteredService", "name": name, "id": id,
            "serviceId": format!("https://s{id}.example.org/")})
    };
    let forth = json!([one("Wiki", 2), one("wiki!", 1), one("日本", 9), one("Wiki", 3)]).to_string();
    let back = json!([one("Wiki", 3), one("日本", 9), one("wiki!", 1), one("Wiki", 2)]).to_string();
    let ids = |text: &str| -> Vec<Option<String>> { taken(text).into_iter().map(|one| one.id).collect() };
    let named = |id: &str| Some(id.to_owned());
    assert_eq!(ids(&forth), [named("cas-wiki"), named("cas-wiki-2"), named("cas-wiki-3"), named("cas-9")]);
    assert_eq!(ids(&forth), ids(&back));
}

#[test]
fn what_kept_somebody_out_leaves_the_service_disabled() {
    let all = taken(
        r#"{"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "https://pay.example.org/",
            "name": "Pay", "id": 1, "accessStrategy": {
              "@class": "org.apereo.cas.services.DefaultRegisteredServiceAccessStrategy",
              "requiredAttributes": {"@class": "java.util.HashMap", "memberOf": ["java.util.HashSet", ["staff"]]}}}"#,
    );
    assert!(!all[0].is_enabled && all[0].lost.iter().any(|lost| lost.is_restriction));
    assert_eq!(all[0].members.as_ref().unwrap()["latchbolt_enabled"], false);
}

#[test]
fn what_cannot_be_is_said() {
    let all = taken(
        r#"[{"@class": "org.apereo.cas.support.saml.services.SamlRegisteredService", "serviceId": "urn:x", "name": "S", "id": 1},
            {"@class": "org.apereo.cas.services.CasRegisteredService", "serviceId": "^https?://(a|b)+x.*[", "name": "R", "id": 2},
            {"@class": "org.apereo.cas.services.OidcRegisteredService", "clientId": "a", "serviceId": "https://a.example/.*", "name": "O", "id": 3}]"#,
    );
    assert!(all.iter().all(|one| one.members.is_err()), "no one of them");
    assert!(all[0].members.as_ref().unwrap_err().contains("SamlRegisteredService"));
}

#[test]
fn clients_of_openid_connect_keep_their_ids() {
    let mut all = taken(
        r#"{"@class": "org.apereo.cas.services.OidcRegisteredService", "clientId": "shop", "name": "Shop", "id": 4,
            "clientSecret": "0123456789abcdef0123456789abcdef", "serviceId": "https://shop.example.org/cb",
            "supportedGrantTypes": ["java.util.HashSet", ["authorization_code", "refresh_token", "password"]],
            "supportedResponseTypes": ["java.util.HashSet", ["code"]],
            "scopes": ["java.util.HashSet", ["openid", "email"]]}"#,
    );
    let shop = all.remove(0);
    let members = shop.members.as_ref().unwrap();
    assert_eq!(shop.id.as_deref(), Some("shop"));
    assert_eq!(members["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(
        (&members["scope"], &members["redirect_uris"]),
        (&json!("openid email"), &json!(["https://shop.example.org/cb"]))
    );
    assert!(shop.secret.is_some() && !format!("{members:?}").contains("0123456789abcdef"));
    assert!(fields(&shop).contains(&"supportedGrantTypes"));
}

#[test]
fn phones_of_people_who_are_yet_to_come_are_no_conflict() {
    let users = json!({"rows": [{"label": "Ada", "fate": "create", "outcome": null}]});
    let row = |label: &str| json!({"label": label, "fate": "conflict", "field": "username", "reason": "is nobody's name"});
    let phones = awaiting(json!({"rows": [row("p1: ada"), row("p2: eve")]}), Some(&users));
    assert_eq!(
        (&phones["rows"][0]["fate"], &phones["rows"][1]["fate"]),
        (&json!("create"), &json!("conflict"))
    );
}
