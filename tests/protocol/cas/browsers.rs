//! `/cas/login` (cas-wire §13).

use super::*;

#[tokio::test]
async fn a_person_signs_in_and_goes_back_with_a_ticket_that_is_good_once() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let page = ground.browser.follow(&login(&[("service", FORUM)])).await;
    assert_eq!(page.url.path(), "/login", "one page for all");
    assert!(page.html().contains("The forum"));
    let landed = ground.browser.fill_in(&page, "ada", &ground.password).await;
    assert!(landed.url.as_str().starts_with("https://forum.example/in?ticket=ST-"), "{}", landed.url);
    let ticket = landed.query("ticket").unwrap();
    let first = ground.validate(FORUM, &ticket).await;
    let date = first.split_once("<cas:authenticationDate>").unwrap().1.split('<').next().unwrap().to_owned();
    assert_eq!(
        first,
        format!(
            "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>
    <cas:authenticationSuccess>
        <cas:user>ada</cas:user>
        <cas:attributes>
            <cas:authenticationDate>{date}</cas:authenticationDate>
            <cas:longTermAuthenticationRequestTokenUsed>false</cas:longTermAuthenticationRequestTokenUsed>
            <cas:isFromNewLogin>true</cas:isFromNewLogin>
            <cas:credentialType>UsernamePasswordCredential</cas:credentialType>
            <cas:authenticationMethod>UsernamePasswordAuthenticationHandler</cas:authenticationMethod>
            <cas:successfulAuthenticationHandlers>UsernamePasswordAuthenticationHandler</cas:successfulAuthenticationHandlers>
            <cas:nick>ada</cas:nick>
        </cas:attributes>
    </cas:authenticationSuccess>
</cas:serviceResponse>
"
        )
    );
    assert!(date.ends_with('Z') && date.len() >= 20, "{date}");
    assert_eq!(code(&ground.validate(FORUM, &ticket).await), "INVALID_TICKET");
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_asked() {
    let ground = Ground::new(|_| vec![forum(), service("wiki", |_| {})]).await;
    let _ = ground.ticket(FORUM).await;
    // Also written without encoding, as callers do.
    for target in [
        "/cas/login?service=https://wiki.example/a",
        "/cas/login?service=https%3A%2F%2Fwiki.example%2Fa",
        "/cas/login?x=1&service=https://wiki.example/a&service=https://evil.example/",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ground.sent(Request::new(method, target)).await;
            assert_eq!(answer.status, 303, "{target}");
            assert!(location(&answer).starts_with("https://wiki.example/a?ticket=ST-"), "{target}");
            for (name, value) in [("cache-control", "no-store"), ("pragma", "no-cache"), ("expires", "0")] {
                assert_eq!(answer.header(name), Some(value));
            }
        }
    }
    let ticket = ground.ticket("https://wiki.example/a").await;
    let told = ground.validate("https://wiki.example/a", &ticket).await;
    assert!(told.contains("<cas:isFromNewLogin>false</cas:isFromNewLogin>") && !told.contains("nick"));
}

#[tokio::test]
async fn an_unregistered_service_gets_a_page_and_never_a_browser() {
    let ground = Ground::new(|_| vec![forum(), Client { is_enabled: false, ..service("off", |_| {}) }]).await;
    for _ in 0..2 {
        for url in [
            "https://evil.example/",
            "https://forum.example.evil.example/in",
            "http://forum.example/in",
            "https://off.example/",
            "//evil.example",
            "javascript:alert(1)",
            "https://forum.example@evil.example/",
            "https://evil.example\\@forum.example/",
            "\"><script>alert(1)</script>",
        ] {
            for more in ["gateway", "renew", "none"] {
                let answer = ground.sent(Request::get(&login(&[("service", url), (more, "true")]))).await;
                assert_eq!((answer.status, location(&answer)), (403, ""), "{url}");
                let html = answer.text();
                assert!(html.contains("<h2>Application Not Authorized to Use CAS</h2>"));
                assert!(!html.contains("evil.example") && !html.contains("alert(1)"), "nothing is reflected");
            }
        }
        let _ = ground.ticket(FORUM).await;
    }
}

#[tokio::test]
async fn renew_asks_again_and_says_so() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let of_session = {
        let _ = ground.ticket(FORUM).await;
        ground.ticket(FORUM).await
    };
    let asked = [("service", FORUM), ("ticket", of_session.as_str()), ("renew", "true")];
    assert_eq!(code(&ground.ask("serviceValidate", &asked).await.text()), "INVALID_TICKET");
    for value in ["true", ""] {
        let page =
            ground.browser.follow(&login(&[("service", FORUM), ("renew", value), ("gateway", "true")])).await;
        let landed = ground.browser.fill_in(&page, "ada", &ground.password).await;
        let ticket = landed.query("ticket").unwrap();
        let asked = [("service", FORUM), ("ticket", ticket.as_str()), ("renew", "true")];
        let told = ground.ask("serviceValidate", &asked).await.text();
        assert!(told.contains("<cas:user>ada</cas:user>"), "{told}");
    }
}

#[tokio::test]
async fn a_gateway_asks_nobody() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let asked = login(&[("service", "https://forum.example/in?a=1#x"), ("gateway", "true")]);
    assert_eq!(location(&ground.sent(Request::get(&asked)).await), "https://forum.example/in?a=1#x");
    let _ = ground.ticket(FORUM).await;
    let to = ground.sent(Request::get(&asked)).await;
    assert!(location(&to).starts_with("https://forum.example/in?a=1&ticket=ST-"));
    assert!(location(&to).ends_with("#x"));
}

#[tokio::test]
async fn a_ticket_travels_by_form_or_header_where_that_is_asked_for() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let hostile = "https://forum.example/in?a=%22%3E'&b=<i>";
    // From the sign-in page as well as from the session.
    for _ in 0..2 {
        let page = ground.login(&[("service", hostile), ("method", "POST")]).await;
        let form = page.form("response");
        assert_eq!((page.status(), form.action.as_str()), (200, hostile));
        assert!(!page.html().contains("<i>"));
        let ticket = form.value("ticket").unwrap();
        assert!(ground.validate(hostile, ticket).await.contains("<cas:user>ada<"));
        let policy = page.answer.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action https://forum.example"), "{policy}");
    }
    let answer = ground.sent(Request::get(&login(&[("service", FORUM), ("method", "HEADER")]))).await;
    assert_eq!((answer.status, answer.header("service")), (200, Some(FORUM)));
    assert!(ground.validate(FORUM, answer.header("ticket").unwrap()).await.contains("<cas:user>ada<"));
}

#[tokio::test]
async fn signing_in_without_a_service_ends_on_a_page() {
    let ground = Ground::new(|_| Vec::new()).await;
    let page = ground.login(&[]).await;
    assert_eq!(page.url.path(), "/cas/login");
    assert!(page.html().contains("<div><h2>Log In Successful</h2></div>") && page.html().contains("ada"));
    assert_eq!(page.answer.header("expires"), Some("0"));
    let again = ground.browser.get("/cas/login?service=").await;
    assert!(again.has("signed-in"));
    let german = ground.browser.get("/cas/login?locale=de").await;
    assert!(german.html().contains("Anmeldung erfolgreich"));
}

/// What a form of the sign-in page would send to `/cas/login`.
async fn execution(ground: &Ground) -> String {
    let page = ground.browser.follow(&login(&[("service", FORUM)])).await;
    format!("{}.{}", Browser::journey(&page), page.form("login").value("csrf").unwrap())
}

impl Ground {
    async fn send_form(&self, fields: &[(&str, &str)]) -> Answer {
        let request = Request::form(&login(&[("service", FORUM)]), fields);
        self.sent(self.browser.same_origin(request)).await
    }
}

#[tokio::test]
async fn credentials_may_be_posted_with_the_key_of_our_page() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let key = execution(&ground).await;
    let with = |password: &'static str| {
        let key = key.clone();
        async move {
            let fields = [
                ("username", "ada"),
                ("password", password),
                ("execution", &key),
                ("_eventId", "submit"),
                ("geolocation", ""),
            ];
            fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
        }
    };
    let wrong = with("wrong").await;
    let wrong: Vec<(&str, &str)> =
        wrong.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = ground.send_form(&wrong).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("id=\"login-error\"") && answer.text().contains("value=\"ada\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let right = [
        ("username", "ada"),
        ("password", ground.password.as_str()),
        ("execution", key.as_str()),
        ("_eventId", "submit"),
    ];
    let answer = ground.send_form(&right).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(location(&answer).starts_with("https://forum.example/in?ticket=ST-"));
    assert!(ground.browser.cookie("__Host-lb_session").is_some());
}

#[tokio::test]
async fn what_is_posted_without_the_key_or_with_an_old_one_gets_the_page_anew() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let key = execution(&ground).await;
    let (journey, _) = key.split_once('.').unwrap();
    let other = format!("{journey}.{}", "A".repeat(43));
    for execution in ["", "e1s1", "a.b", other.as_str()] {
        for (event, more) in [("submit", "password"), ("validate", "token")] {
            let fields = [
                ("username", "ada"),
                (more, ground.password.as_str()),
                ("deviceId", "x"),
                ("execution", execution),
                ("_eventId", event),
            ];
            let answer = ground.send_form(&fields).await;
            assert_eq!(answer.status, 303, "{execution}");
            assert!(
                location(&answer).starts_with(&format!("{}/login?journey=", ground.server.issuer)),
                "{}",
                location(&answer)
            );
        }
    }
    // Apps made for CAS are off: their form does nothing.
    let fields = [("token", "x"), ("deviceId", "y"), ("execution", &key), ("_eventId", "validate")];
    assert_eq!(ground.send_form(&fields).await.status, 303);
    assert!(ground.browser.cookie("__Host-lb_session").is_none());
}

#[tokio::test]
async fn sec_144_another_site_posts_no_credentials_with_our_cookies() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let key = execution(&ground).await;
    let fields = [
        ("username", "ada"),
        ("password", ground.password.as_str()),
        ("execution", key.as_str()),
        ("_eventId", "submit"),
    ];
    let request = Request::form("/cas/login", &fields)
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(ground.sent(request).await.status, 403);
    // A key of one browser is none in another.
    let other = ground.server.browser();
    let _ = other.follow(&login(&[("service", FORUM)])).await;
    let answer = other.send(other.same_origin(Request::form(&login(&[("service", FORUM)]), &fields))).await;
    assert_eq!(answer.status, 303);
    assert!(other.cookie("__Host-lb_session").is_none());
}

#[tokio::test]
async fn other_methods_and_bodies_are_refused() {
    let ground = Ground::new(|_| vec![forum()]).await;
    for (method, path, allow) in [
        ("PUT", "/cas/login", "GET, HEAD, POST"),
        ("DELETE", "/cas/logout", "GET, HEAD, POST"),
        ("POST", "/cas/serviceValidate", "GET, HEAD"),
        ("POST", "/cas/proxy", "GET, HEAD"),
    ] {
        let answer = ground.sent(Request::new(method, path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    for path in ["/cas/login", "/cas/logout"] {
        let request = Request::json(path, &serde_json::json!({"username": "ada"}));
        assert_eq!(ground.sent(request).await.status, 415, "{path}");
    }
}
