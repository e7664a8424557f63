//! Signing out, and telling services (cas-wire §14, §17).

use std::time::Duration;

use serde_json::json;

use super::*;

/// A service on the site, told by our server.
fn told(site: &Site) -> Client {
    let home = site.url("/app/**");
    service("told", |cas| {
        cas.services = vec![home];
        cas.single_logout = SingleLogout::Back;
    })
}

/// A service told by the browser, at an address of its own.
fn front() -> Client {
    service("front", |cas| {
        cas.single_logout = SingleLogout::Front;
        cas.logout_url = Some("https://front.example/slo?x=1".to_owned());
    })
}

impl Ground {
    /// A ticket that the service validated.
    async fn used(&self, service: &str) -> String {
        let ticket = self.ticket(service).await;
        assert!(self.validate(service, &ticket).await.contains("<cas:user>ada<"));
        ticket
    }

    async fn is_signed_in(&self) -> bool {
        self.browser.get("/cas/login").await.has("signed-in")
    }

    /// Comes to sign out from a page, as far as the browser says.
    async fn leave(&self, query: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let request = Request::get(&format!("/cas/logout?{}", encode(query)));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        self.sent(request).await
    }
}

const TYPED: (&str, &str) = ("sec-fetch-site", "none");

#[tokio::test]
async fn sec_134_strangers_sign_nobody_out_without_a_question() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let _ = ground.ticket(FORUM).await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site"), ("referer", "https://evil.example/")],
        &[("sec-fetch-site", "same-site"), ("referer", "https://evil.example/?https://forum.example/")],
        &[("referer", "http://forum.example/")],
        &[("referer", "https://forum.example.evil.example/")],
        // What somebody wrote into a page of a service loads it as a picture.
        &[
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-dest", "image"),
            ("referer", "https://forum.example/"),
        ],
    ] {
        let answer = ground.leave(&[("service", FORUM)], headers).await;
        assert_eq!((answer.status, location(&answer)), (200, ""), "{headers:?}");
        assert!(answer.text().contains("id=\"logout-confirm\""), "{headers:?}");
    }
    // Nor by POST: what is sent by others comes back by GET.
    let posted = Request::form("/cas/logout", &[("service", FORUM)]).header("origin", "https://evil.example");
    let answer = ground.sent(posted).await;
    assert_eq!(
        (answer.status, location(&answer)),
        (303, "/cas/logout?service=https%3A%2F%2Fforum.example%2Fin")
    );
    let forged = [("service", FORUM), ("csrf", "made-up")];
    assert_eq!(ground.sent(Request::form("/cas/logout", &forged)).await.status, 403);
    assert!(ground.is_signed_in().await);
    // The person says yes, and goes on.
    let page = ground.browser.get(&format!("/cas/logout?{}", encode(&[("service", FORUM)]))).await;
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://forum.example"), "{policy}");
    let answer = ground.browser.submit_once(&page, &page.form("logout")).await;
    assert_eq!((answer.status, location(&answer)), (303, FORUM));
    assert_eq!(ground.browser.cookie("__Host-lb_session"), None);
    assert!(!ground.is_signed_in().await);
}

#[tokio::test]
async fn a_services_page_and_the_person_sign_out_at_once() {
    let ground = Ground::new(|_| vec![forum()]).await;
    for (query, headers, to) in [
        (&[("service", FORUM)][..], &[("referer", "https://forum.example/")][..], FORUM),
        (&[("service", "https://evil.example/")], &[TYPED], ""),
        (&[], &[("sec-fetch-site", "same-origin")], ""),
        (&[("url", FORUM)], &[TYPED], ""),
    ] {
        let _ = ground.ticket(FORUM).await;
        let answer = ground.leave(query, headers).await;
        assert_eq!(location(&answer), to, "{query:?}");
        let text = answer.text();
        assert_eq!(text.contains("id=\"logged-out\""), to.is_empty());
        assert_eq!(text.contains("href=\"https://forum.example/in\""), query == [("url", FORUM)]);
        assert!(!text.contains("evil.example"));
        for name in ["__Host-lb_session", "__Host-lb_state"] {
            assert!(
                answer.all("set-cookie").any(|line| line.starts_with(name) && line.contains("Max-Age=0"))
            );
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!ground.is_signed_in().await);
    }
    // Who is signed out already is sent on as well.
    assert_eq!(location(&ground.leave(&[("service", FORUM)], &[]).await), FORUM);
}

#[tokio::test]
async fn services_are_told_of_each_of_their_tickets() {
    let ground = Ground::new(|site| vec![told(site), forum()]).await;
    ground.site.put("/app/a", Reply::status(200));
    ground.site.put("/app/b", Reply::status(404));
    let tickets =
        [ground.used(&ground.site.url("/app/a#x")).await, ground.used(&ground.site.url("/app/b")).await];
    let _ = ground.used(FORUM).await;
    let _ = ground.leave(&[], &[TYPED]).await;
    for (path, ticket) in [("/app/a", &tickets[0]), ("/app/b", &tickets[1])] {
        let seen = ground.site.wait_for(path, 1).await;
        assert_eq!(seen[0].method, "POST");
        let form = seen[0].form();
        let [(name, xml)] = form.as_slice() else { panic!("{form:?}") };
        assert_eq!(name, "logoutRequest");
        let start = "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"LR-";
        assert!(xml.starts_with(start), "{xml}");
        assert!(xml.ends_with(&format!(
            ">ada</saml:NameID><samlp:SessionIndex>{ticket}</samlp:SessionIndex></samlp:LogoutRequest>"
        )));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((ground.site.seen("/app/a").len(), ground.site.seen("/app/b").len()), (1, 1));
}

#[tokio::test]
async fn whichever_door_a_person_leaves_by_everybody_is_told() {
    let ground = Ground::new(|site| vec![told(site), front()]).await;
    ground.site.put("/app/a", Reply::status(200));
    ground.site.put("/rp", Reply::status(200));
    let shop = ground.server.client_with("shop", &json!({"backchannel_logout_uri": ground.site.url("/rp")}));
    let framed = json!({"frontchannel_logout_uri": "https://cafe.example/out"});
    let cafe = ground.server.client_with(
        "cafe",
        &framed
            .as_object()
            .map(|all| {
                let mut all = all.clone();
                all.insert("redirect_uris".to_owned(), json!(["https://cafe.example/callback"]));
                serde_json::Value::Object(all)
            })
            .unwrap(),
    );
    for (round, door) in [(1, "/cas/logout"), (2, "/logout")] {
        let _ = ground.used(&ground.site.url("/app/a")).await;
        let _ = ground.used("https://front.example/home").await;
        for client in [&shop, &cafe] {
            let started = client.start();
            let landed = ground.browser.follow(&started.url).await;
            let _ = client.exchange(&started, &landed).await;
        }
        let page = ground.browser.get(door).await;
        let page = ground.browser.submit(&page, &page.form("logout")).await;
        assert!(page.has("signing-out"), "{door}: {}", page.html());
        let html = page.html();
        assert!(
            html.contains("src=\"https://front.example/slo?x=1&#38;logoutRequest=")
                || html.contains("src=\"https://front.example/slo?x=1&amp;logoutRequest="),
            "{html}"
        );
        assert!(html.contains("src=\"https://cafe.example/out"), "{html}");
        let policy = page.answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("https://front.example") && policy.contains("https://cafe.example"),
            "{policy}"
        );
        let _ = ground.site.wait_for("/app/a", round).await;
        let _ = ground.site.wait_for("/rp", round).await;
    }
}

#[tokio::test]
async fn a_session_ended_by_an_administrator_is_told_of_too() {
    let ground = Ground::new(|site| vec![told(site)]).await;
    ground.site.put("/app/a", Reply::status(200));
    let ticket = ground.used(&ground.site.url("/app/a")).await;
    let _ = ground.server.command(&["user", "disable", "ada", "--json"]).done();
    let seen = ground.site.wait_for("/app/a", 1).await;
    assert!(seen[0].form()[0].1.contains(&ticket));
    assert!(!ground.is_signed_in().await);
}
