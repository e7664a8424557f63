//! What reaches far wants a passkey that was shown a moment ago.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Setup, SoftPasskey, api_request};

use crate::admin_api::{code, routes};

/// Older than `strength::FRESH`, younger than what opens the console.
const STALE: Duration = Duration::from_secs(6 * 60);

fn wants_proof(answer: &Answer) -> bool {
    let is_said = code(answer) == (403, "step_up_needed".to_owned());
    if is_said {
        assert_eq!(answer.json()["max_age"], 300, "{}", answer.text());
    }
    is_said
}

/// What a page of ours asks by script, beside the API.
async fn script(who: &Administrator, path: &str, body: &Value) -> Answer {
    let request = Request::json(path, body).header("x-csrf-token", &who.browser.csrf());
    who.browser.send(who.browser.same_origin(request)).await
}

#[tokio::test]
async fn sec_182_far_reaching_deeds_want_a_fresh_passkey() {
    let server = Setup::default().set("limits.factor", 1000).start().await;
    let stale = server.signed_in("stale", &["superadmin"], "passkey", STALE).await;
    let key = server.api_key(&["keys.write", "policy.write"], Duration::from_secs(3600)).await;
    let mut found = 0;
    for route in routes(&server).await.iter().filter(|route| route.method != "GET") {
        let body = (route.method != "DELETE").then(|| json!({}));
        let answer = stale.ask(&route.method, &route.path(), body.as_ref()).await;
        assert_eq!(wants_proof(&answer), route.wants_fresh, "{route:?}: {} {}", answer.status, answer.text());
        found += usize::from(route.wants_fresh);
    }
    assert!(found > 10, "only {found} routes want it");
    // What acts without a session is not asked; nor is anybody who just showed a passkey.
    let request = api_request("POST", "/keys/rotate", Some(&json!({})));
    let answer = server.browser().send(request.header("authorization", &format!("Bearer {key}"))).await;
    assert!(!wants_proof(&answer), "{}", answer.text());
    let fresh = server.signed_in_again(&stale, Duration::from_secs(200)).await;
    assert!(!wants_proof(&fresh.ask("POST", "/keys/rotate", Some(&json!({}))).await));
}

#[tokio::test]
async fn sec_182_roles_are_given_by_no_other_way_either() {
    let server = Setup::default().start().await;
    let fresh = server.administrator("root", &["superadmin"]).await;
    let stale = server.signed_in_again(&fresh, STALE).await;
    let somebody = server.administrator("somebody", &[]).await;
    let group = |name: &str, roles: &[&str]| json!({"name": name, "roles": roles});
    let plain = stale.ask("POST", "/groups", Some(&group("plain", &[]))).await;
    assert_eq!(plain.status, 201, "{}", plain.text());
    assert!(wants_proof(&stale.ask("POST", "/groups", Some(&group("desk", &["helpdesk"]))).await));
    let made = fresh.ask("POST", "/groups", Some(&group("desk", &["helpdesk"]))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let members = json!({"add": [somebody.account]});
    let join = |id: String| format!("/groups/{id}/members");
    assert!(wants_proof(&stale.ask("POST", &join(made.word("id")), Some(&members)).await));
    let joined = stale.ask("POST", &join(plain.word("id")), Some(&members)).await;
    assert!(joined.status < 300, "{}", joined.text());
    for more in [json!({"roles": ["auditor"]}), json!({"groups": [made.word("id")]})] {
        let mut person = json!({"username": "newcomer"});
        person.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = stale.ask("POST", "/users", Some(&person)).await;
        assert!(wants_proof(&answer), "{} {}", answer.status, answer.text());
    }
    // Looking at what would be done is no deed; doing it is.
    let bulk = json!({"action": "add_to_group", "ids": [somebody.account], "group": made.word("id")});
    let planned = stale.ask("POST", "/bulk", Some(&bulk)).await;
    assert!(planned.status < 300, "{}", planned.text());
    let start = format!("/jobs/{}/start", planned.word("id"));
    assert!(wants_proof(&stale.ask("POST", &start, Some(&json!({}))).await));
    let started = fresh.ask("POST", &start, Some(&json!({}))).await;
    assert!(started.status < 300, "{}", started.text());
}

#[tokio::test]
async fn sec_182_the_console_takes_the_passkey_in_place() {
    let server = Setup::default().start().await;
    let fresh = server.administrator("root", &["superadmin"]).await;
    let options = script(&fresh, "/login/passkey/new/options", &json!({})).await;
    assert_eq!(options.status, 200, "{}", options.text());
    let (passkey, credential) = SoftPasskey::create(&options.json(), &fresh.browser.origin());
    let added = script(&fresh, "/login/passkey/new", &json!({"credential": credential})).await;
    assert!(added.status < 300, "{}", added.text());
    let other = server.administrator("other", &["superadmin"]).await;
    let options = script(&other, "/login/passkey/new/options", &json!({})).await;
    let (foreign, credential) = SoftPasskey::create(&options.json(), &other.browser.origin());
    assert!(script(&other, "/login/passkey/new", &json!({"credential": credential})).await.status < 300);

    let stale = server.signed_in_again(&fresh, STALE).await;
    let deed = async || stale.ask("PATCH", "/policies/recovery", Some(&json!({"waiting_hours": 30}))).await;
    assert!(wants_proof(&deed().await));
    for (passkey, is_enough) in [(&foreign, false), (&passkey, true)] {
        let begun = script(&stale, "/admin/proof", &json!({})).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        let journey = begun.word("journey");
        let options = script(&stale, "/login/passkey/options", &json!({"journey": journey})).await;
        let credential = passkey.assert(&options.json(), &stale.browser.origin());
        let shown =
            script(&stale, "/login/passkey", &json!({"journey": journey, "credential": credential})).await;
        assert_eq!(shown.status < 300, is_enough, "{}", shown.text());
        assert_eq!(wants_proof(&deed().await), !is_enough);
    }
    let cross = Request::json("/admin/proof", &json!({})).header("origin", "https://evil.example");
    assert_eq!(stale.browser.send(cross).await.status, 403);
    let nobody = server.browser();
    let request = nobody.same_origin(Request::json("/admin/proof", &json!({})));
    assert!(nobody.send(request).await.status >= 400);
}
