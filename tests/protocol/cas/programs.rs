//! Tickets for programs that have a person's password (cas-wire §12).

use super::*;

async fn ground() -> Ground {
    let setup = Setup::default().set("cas_rest.enabled", true).set("log.level", "debug");
    Ground::with(setup, |_| vec![forum()]).await
}

impl Ground {
    /// A program: no cookies.
    async fn call(&self, request: Request) -> Answer {
        self.server.browser().send(request).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.call(Request::form(&format!("/cas/v1/{path}"), fields)).await
    }

    fn good(&self) -> [(&str, &str); 2] {
        [("username", "ada"), ("password", &self.password)]
    }
}

#[tokio::test]
async fn a_program_goes_the_whole_way() {
    let ground = ground().await;
    let made =
        ground.call(Request::form("/cas/v1/tickets", &ground.good()).header("accept", "text/plain")).await;
    let tgt = made.text();
    assert_eq!(made.status, 201, "{tgt}");
    assert!(tgt.starts_with("TGT-"));
    let own = format!("{}/cas/v1/tickets/{tgt}", ground.server.issuer);
    assert_eq!(location(&made), own);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert!(made.header("set-cookie").is_none());
    let path = format!("tickets/{tgt}");
    let status = ground.call(Request::get(&format!("/cas/v1/{path}"))).await;
    assert_eq!((status.status, status.text()), (200, tgt.clone()));
    let made = ground.post(&path, &[("service", FORUM)]).await;
    let ticket = made.text();
    assert_eq!((made.status, made.header("content-type")), (200, Some("text/plain;charset=UTF-8")));
    assert!(ticket.starts_with("ST-"));
    assert!(ground.validate(FORUM, &ticket).await.contains("<cas:user>ada<"));
    assert_eq!(code(&ground.validate(FORUM, &ticket).await), "INVALID_TICKET");
    // The service in the query, as SAML 1.1 callers name it.
    let made = ground.post(&format!("{path}?TARGET=https%3A%2F%2Fforum.example%2Fin"), &[]).await;
    assert!(ground.validate(FORUM, &made.text()).await.contains("<cas:user>ada<"));
    for _ in 0..2 {
        assert_eq!(ground.call(Request::new("DELETE", &format!("/cas/v1/{path}"))).await.status, 200);
    }
    let status = ground.call(Request::get(&format!("/cas/v1/{path}"))).await;
    assert_eq!((status.status, status.text().as_str()), (404, "Ticket could not be found"));
    assert_eq!(ground.post(&path, &[("service", FORUM)]).await.status, 404);
    let log = ground.server.log();
    assert!(!log.contains(&tgt) && !log.contains(&ticket) && !log.contains(&ground.password), "{log}");
}

#[tokio::test]
async fn a_new_ticket_is_a_page_for_those_who_read_pages() {
    let ground = ground().await;
    for accept in [None, Some("*/*"), Some("text/html,application/xhtml+xml")] {
        let request = Request::form("/cas/v1/tickets", &ground.good());
        let request = accept.map_or(request.clone(), |accept| request.header("accept", accept));
        let made = ground.call(request).await;
        assert_eq!((made.status, made.header("content-type")), (201, Some("text/html;charset=UTF-8")));
        let to = location(&made).to_owned();
        assert!(made.text().contains("TGT Created") && made.text().contains(&format!("action=\"{to}\"")));
    }
    let json = Request::form("/cas/v1/tickets", &ground.good()).header("accept", "application/json");
    assert!(ground.call(json).await.text().starts_with("TGT-"));
    // What is not a token is a ticket.
    let fields = [&ground.good()[..], &[("token", "maybe")]].concat();
    assert!(ground.post("tickets", &fields).await.text().contains("TGT-"));
}

#[tokio::test]
async fn sec_069_credentials_are_taken_from_the_body_alone() {
    let ground = ground().await;
    let query = encode(&ground.good());
    for path in ["tickets", "users"] {
        let answer = ground.post(&format!("{path}?{query}"), &[]).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().starts_with("No credentials are provided"));
        for fields in [&[][..], &[("username", "ada")], &[("username", "ada"), ("password", "  ")]] {
            assert_eq!(ground.post(path, fields).await.status, 400);
        }
        // The body counts where both have them.
        assert!(
            [200, 201].contains(
                &ground.post(&format!("{path}?username=eve&password=x"), &ground.good()).await.status
            )
        );
        let json = serde_json::json!({"username": "ada", "password": ground.password});
        assert_eq!(ground.call(Request::json(&format!("/cas/v1/{path}"), &json)).await.status, 415);
        let get = ground.call(Request::get(&format!("/cas/v1/{path}"))).await;
        assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    }
    let log = ground.server.log();
    assert!(
        !log.contains("long+secret") && !log.contains("long%20secret") && !log.contains("username"),
        "{log}"
    );
}

#[tokio::test]
async fn whatever_is_wrong_with_credentials_is_one_answer() {
    let ground = ground().await;
    let _ = ground.server.user("bob");
    let _ = ground.server.command(&["user", "disable", "bob", "--json"]).done();
    for path in ["tickets", "users"] {
        for (name, password) in [("ada", "wrong"), ("nobody", "wrong"), ("bob", "bob keeps a long secret 7")]
        {
            let answer = ground.post(path, &[("username", name), ("password", password)]).await;
            assert_eq!(answer.status, 401, "{name}");
            assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
            assert_eq!(
                answer.text(),
                r#"{"authentication_exceptions":["FailedLoginException: Invalid credentials."]}"#
            );
        }
    }
}

#[tokio::test]
async fn sec_069_guesses_here_count_at_the_sign_in_page() {
    let ground = ground().await;
    let mut is_limited = false;
    for _ in 0..40 {
        let answer = ground.post("tickets", &[("username", "ada"), ("password", "wrong")]).await;
        if answer.status == 423 {
            assert!(answer.header("retry-after").is_some());
            is_limited = true;
            break;
        }
        assert_eq!(answer.status, 401);
    }
    assert!(is_limited, "guesses are limited");
    let page = ground.browser.follow(&login(&[])).await;
    let again = ground.browser.fill_in(&page, "ada", "wrong too").await;
    assert_eq!(again.status(), 429, "{}", again.html());
}

#[tokio::test]
async fn bad_tickets_and_services_are_said() {
    let ground = ground().await;
    let made =
        ground.call(Request::form("/cas/v1/tickets", &ground.good()).header("accept", "text/plain")).await;
    let path = format!("tickets/{}", made.text());
    for (path, fields, status) in [
        ("tickets/TGT-x", &[("service", FORUM)][..], 404),
        ("tickets/x", &[("service", FORUM)], 404),
        (path.as_str(), &[], 400),
        (path.as_str(), &[("service", "javascript:alert(1)")], 400),
        (path.as_str(), &[("service", "https://evil.example/")], 403),
        (path.as_str(), &[("service", FORUM), ("renew", "true")], 400),
        (
            path.as_str(),
            &[("service", FORUM), ("renew", "true"), ("username", "ada"), ("password", "x")],
            401,
        ),
    ] {
        let answer = ground.post(path, fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert!(!answer.text().contains("TGT-"), "no ticket is repeated");
    }
    let fresh = [&ground.good()[..], &[("service", FORUM), ("renew", "true")]].concat();
    let ticket = ground.post(&path, &fresh).await.text();
    let asked = [("service", FORUM), ("ticket", ticket.as_str()), ("renew", "true")];
    assert!(ground.ask("serviceValidate", &asked).await.text().contains("<cas:user>ada<"));
    // Somebody else's password makes nobody's session fresh.
    let bobs = ground.server.user("bob");
    let others = [("service", FORUM), ("renew", "true"), ("username", "bob"), ("password", bobs.as_str())];
    assert_eq!(ground.post(&path, &others).await.status, 401);
    let status = ground.call(Request::new("DELETE", "/cas/v1/tickets/TGT-unknown")).await;
    assert_eq!(status.status, 200);
    // A browser's cookie is no ticket, nor the other way round.
    let _ = ground.ticket(FORUM).await;
    let cookie = ground.browser.cookie("__Host-lb_session").unwrap();
    assert_eq!(ground.post(&format!("tickets/{cookie}"), &[("service", FORUM)]).await.status, 404);
}

#[tokio::test]
async fn credentials_can_be_looked_at_without_a_session() {
    let ground = ground().await;
    let fields = [&ground.good()[..], &[("service", FORUM)]].concat();
    let told = ground.post("users", &fields).await.json();
    let principal = &told["authentication"]["principal"];
    assert_eq!(
        (&principal["id"], &principal["attributes"]["nick"]),
        (&"ada".into(), &serde_json::json!(["ada"]))
    );
    let evil = [&ground.good()[..], &[("service", "https://evil.example/")]].concat();
    assert_eq!(ground.post("users", &evil).await.status, 400);
    assert!(ground.server.audit("session.started").await.is_empty());
}

#[tokio::test]
async fn an_apps_token_needs_one_device_and_apps_to_be_on() {
    let ground = ground().await;
    let device = "QR_AUTHENTICATION_DEVICE_ID";
    let fields = [&ground.good()[..], &[("token", "true"), (device, "Phone")]].concat();
    assert_eq!(ground.post("tickets", &fields).await.status, 404, "apps are off");
    let setup = Setup::default().set("cas_qr.enabled", true);
    let ground = Ground::with(setup, |_| vec![forum()]).await;
    for more in [
        &[("token", "true")][..],
        &[("token", "true"), (device, "a"), (device, "b")],
        &[("token", "true"), (device, "a b")],
    ] {
        let fields = [&ground.good()[..], more].concat();
        assert_eq!(ground.post("tickets", &fields).await.status, 400, "{more:?}");
    }
    // A device that nobody enrolled, also where it is named in the query.
    let fields = [&ground.good()[..], &[("token", "true")]].concat();
    let answer = ground.post(&format!("tickets?{device}=Phone"), &fields).await;
    assert_eq!(answer.status, 401);
    assert_eq!(ground.post("tickets", &ground.good()).await.status, 404, "sessions are off");
}
