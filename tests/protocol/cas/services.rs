//! What services ask (cas-wire §15, §16).

use serde_json::json;

use super::*;

#[tokio::test]
async fn answers_come_in_lines_xml_or_json() {
    let ground = Ground::new(|_| vec![forum()]).await;
    let line = ground.ask("validate", &[("service", FORUM), ("ticket", &ground.ticket(FORUM).await)]).await;
    assert_eq!((line.status, line.text().as_str()), (200, "yes\nada\n"));
    assert_eq!(line.header("content-type"), Some("text/plain;charset=UTF-8"));
    for path in ["serviceValidate", "proxyValidate"] {
        let xml = ground.ask(path, &[("service", FORUM), ("ticket", &ground.ticket(FORUM).await)]).await;
        let text = xml.text();
        let (changing, told): (Vec<&str>, Vec<&str>) = text
            .lines()
            .map(str::trim)
            .partition(|line| line.contains("authenticationDate") || line.contains("isFromNewLogin"));
        assert_eq!(changing.len(), 2);
        assert_eq!(
            told,
            [
                "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>",
                "<cas:authenticationSuccess>",
                "<cas:user>ada</cas:user>",
                "<cas:attributes>",
                "<cas:longTermAuthenticationRequestTokenUsed>false</cas:longTermAuthenticationRequestTokenUsed>",
                "<cas:credentialType>UsernamePasswordCredential</cas:credentialType>",
                "<cas:authenticationMethod>UsernamePasswordAuthenticationHandler</cas:authenticationMethod>",
                "<cas:successfulAuthenticationHandlers>UsernamePasswordAuthenticationHandler</cas:successfulAuthenticationHandlers>",
                "<cas:nick>ada</cas:nick>",
                "</cas:attributes>",
                "</cas:authenticationSuccess>",
                "</cas:serviceResponse>",
            ]
        );
        assert_eq!(xml.header("content-type"), Some("application/xml;charset=UTF-8"));
        assert_eq!(xml.header("cache-control"), Some("no-store"));
    }
    for format in ["JSON", "json"] {
        let ticket = ground.ticket(FORUM).await;
        let asked = [("service", FORUM), ("ticket", ticket.as_str()), ("format", format)];
        let answer = ground.ask("p3/serviceValidate", &asked).await;
        assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
        let mut told = answer.json();
        let success = &mut told["serviceResponse"]["authenticationSuccess"];
        let all = success["attributes"].as_object_mut().unwrap();
        assert!(all.remove("authenticationDate").unwrap()[0].is_string());
        assert!(all.remove("isFromNewLogin").unwrap()[0].is_boolean());
        assert_eq!(
            told,
            json!({"serviceResponse": {"authenticationSuccess": {"user": "ada", "attributes": {
                "longTermAuthenticationRequestTokenUsed": [false],
                "credentialType": ["UsernamePasswordCredential"],
                "authenticationMethod": ["UsernamePasswordAuthenticationHandler"],
                "successfulAuthenticationHandlers": ["UsernamePasswordAuthenticationHandler"],
                "nick": ["ada"],
            }}}})
        );
        let again = ground.ask("p3/serviceValidate", &asked).await;
        assert_eq!(again.status, 200);
        let failure = &again.json()["serviceResponse"]["authenticationFailure"];
        assert_eq!(failure["code"], "INVALID_TICKET");
        assert!(!failure["description"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn every_failure_is_a_200_with_a_code_and_words() {
    let ground = Ground::new(|_| vec![forum()]).await;
    for path in ["serviceValidate", "proxyValidate", "p3/serviceValidate", "p3/proxyValidate"] {
        let good = ground.ticket(FORUM).await;
        for (asked, expected) in [
            (&[][..], "INVALID_REQUEST"),
            (&[("service", FORUM)], "INVALID_REQUEST"),
            (&[("ticket", "ST-x")], "INVALID_REQUEST"),
            (&[("service", ""), ("ticket", "ST-x")], "INVALID_REQUEST"),
            (&[("service", FORUM), ("ticket", "ST-x"), ("format", "yaml")], "INVALID_TICKET"),
            (&[("service", FORUM), ("ticket", "<b>'\"&")], "INVALID_TICKET"),
            (&[("service", "https://forum.example/other"), ("ticket", good.as_str())], "INVALID_SERVICE"),
            (&[("service", FORUM), ("ticket", good.as_str())], "INVALID_TICKET"),
        ] {
            let answer = ground.ask(path, asked).await;
            let text = answer.text();
            assert_eq!((answer.status, code(&text)), (200, expected), "{path} {asked:?}: {text}");
            assert!(text.starts_with("<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n"));
            let words = text.split_once(&format!("{expected}\">")).unwrap().1.split('<').next().unwrap();
            assert!(!words.trim().is_empty());
            assert!(!text.contains("/in") && !text.contains("<b>"), "{text}");
        }
        let bad =
            ground.server.browser().send(Request::get(&format!("/cas/{path}?service=%zz&ticket=x"))).await;
        assert_eq!((bad.status, code(&bad.text())), (200, "INVALID_REQUEST"));
    }
    for asked in [&[][..], &[("service", FORUM), ("ticket", "ST-x")]] {
        let answer = ground.ask("validate", asked).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "no\n\n"));
    }
}

#[tokio::test]
async fn a_fragment_is_no_part_of_a_service_and_all_else_is() {
    let ground = Ground::new(|_| vec![forum()]).await;
    for (asked, by, is_good) in [
        ("https://forum.example/in#a", "https://forum.example/in", true),
        ("https://forum.example/in", "https://forum.example/in#b", true),
        ("https://forum.example/in", "https://forum.example/in/", false),
        ("https://forum.example/in", "https://forum.example/IN", false),
        ("https://forum.example/in?a=1", "https://forum.example/in", false),
    ] {
        let told = ground.validate(by, &ground.ticket(asked).await).await;
        assert_eq!(told.contains("<cas:user>"), is_good, "{asked} {by}");
    }
}

/// A portal on the site, which may proxy to its own callback.
fn portal(site: &Site) -> Client {
    let (home, callback) = (site.url("/**"), site.url("/pgt"));
    service("portal", |cas| {
        cas.services = vec![home];
        cas.proxy_callbacks = vec![callback];
    })
}

#[tokio::test]
async fn a_proxy_gets_its_ticket_at_its_callback_and_is_named() {
    let ground = Ground::new(|site| vec![forum(), portal(site)]).await;
    ground.site.put("/pgt", Reply::status(200));
    let (home, callback) = (ground.site.url("/"), ground.site.url("/pgt"));
    let ticket = ground.ticket(&home).await;
    let asked = [("service", home.as_str()), ("ticket", &ticket), ("pgtUrl", &callback)];
    let told = ground.ask("serviceValidate", &asked).await.text();
    let seen = ground.site.wait_for("/pgt", 1).await;
    let query = url::Url::parse(&ground.site.url(&seen[0].target)).unwrap();
    let field = |name: &str| query.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
    let (iou, pgt) = (field("pgtIou"), field("pgtId"));
    assert!(told.contains(&format!("<cas:proxyGrantingTicket>{iou}</cas:proxyGrantingTicket>")), "{told}");
    assert_eq!(seen[0].method, "GET");
    let granted = ground.ask("proxy", &[("pgt", &pgt), ("targetService", FORUM)]).await.text();
    let start = "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n    <cas:proxySuccess>";
    assert!(granted.starts_with(start), "{granted}");
    let ticket = granted.split_once("<cas:proxyTicket>").unwrap().1.split('<').next().unwrap();
    assert!(ticket.starts_with("PT-"));
    let told = ground.ask("proxyValidate", &[("service", FORUM), ("ticket", ticket)]).await.text();
    assert!(
        told.contains(&format!("<cas:proxy>{callback}</cas:proxy>")) && told.contains("<cas:user>ada<"),
        "{told}"
    );
    // Where proxies are not taken it dies.
    let granted = ground.ask("proxy", &[("pgt", &pgt), ("targetService", FORUM)]).await.text();
    let ticket = granted.split_once("<cas:proxyTicket>").unwrap().1.split('<').next().unwrap();
    let asked = [("service", FORUM), ("ticket", ticket)];
    assert_eq!(code(&ground.ask("serviceValidate", &asked).await.text()), "INVALID_TICKET_SPEC");
    assert_eq!(code(&ground.ask("proxyValidate", &asked).await.text()), "INVALID_TICKET");
    for (asked, expected) in [
        (&[("pgt", pgt.as_str())][..], "INVALID_REQUEST"),
        (&[("targetService", FORUM)], "INVALID_REQUEST"),
        (&[("pgt", "PGT-x"), ("targetService", FORUM)], "INVALID_TICKET"),
        (&[("pgt", pgt.as_str()), ("targetService", "https://evil.example/")], "UNAUTHORIZED_SERVICE"),
    ] {
        let answer = ground.ask("proxy", asked).await;
        let text = answer.text();
        assert_eq!(answer.status, 200);
        assert!(text.contains("<cas:proxyFailure code=\"") && code(&text).starts_with(expected), "{text}");
    }
    // It ends with the person's session.
    let _ = ground.sent(Request::get("/cas/logout").header("sec-fetch-site", "none")).await;
    let after = ground.ask("proxy", &[("pgt", &pgt), ("targetService", FORUM)]).await.text();
    assert_eq!(code(&after), "INVALID_TICKET");
}

#[tokio::test]
async fn sec_130_a_callback_must_be_registered_and_answer_well() {
    let ground = Ground::new(|site| vec![forum(), portal(site)]).await;
    let (home, callback) = (ground.site.url("/"), ground.site.url("/pgt"));
    let elsewhere = ground.site.url("/elsewhere");
    ground.site.put("/pgt", Reply::status(302).header("location", &elsewhere));
    ground.site.put("/elsewhere", Reply::status(200));
    for (service, pgt_url, expected) in [
        (home.as_str(), callback.as_str(), "INVALID_PROXY_CALLBACK"),
        (home.as_str(), elsewhere.as_str(), "INVALID_PROXY_CALLBACK"),
        (home.as_str(), "http://localhost/pgt", "INVALID_PROXY_CALLBACK"),
        (FORUM, "https://forum.example/pgt", "UNAUTHORIZED_SERVICE_PROXY"),
    ] {
        let ticket = ground.ticket(service).await;
        let asked = [("service", service), ("ticket", &ticket), ("pgtUrl", pgt_url)];
        assert_eq!(code(&ground.ask("serviceValidate", &asked).await.text()), expected, "{pgt_url}");
    }
    assert_eq!(ground.site.seen("/elsewhere").len(), 0, "redirects are not followed");
    let tried = ground.site.seen("/pgt");
    let pgt = tried[0].target.rsplit_once("pgtId=").unwrap().1.split('&').next().unwrap().to_owned();
    let asked = [("pgt", pgt.as_str()), ("targetService", FORUM)];
    assert_eq!(code(&ground.ask("proxy", &asked).await.text()), "INVALID_TICKET", "it is worth nothing");
}

#[tokio::test]
async fn no_ticket_is_in_the_log() {
    let ground = Ground::with(Setup::default().set("log.level", "debug"), |_| vec![forum()]).await;
    let ticket = ground.ticket(FORUM).await;
    let _ = ground.validate(FORUM, &ticket).await;
    let _ = ground.ask("proxy", &[("pgt", "PGT-secret-of-somebody"), ("targetService", FORUM)]).await;
    let log = ground.server.log();
    assert!(log.contains("/cas/p3/serviceValidate"), "{log}");
    assert!(
        !log.contains(&ticket) && !log.contains("PGT-secret") && !log.contains("forum.example/in"),
        "{log}"
    );
}
