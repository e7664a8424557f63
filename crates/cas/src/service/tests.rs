use proptest::prelude::*;

use super::*;
use crate::Kind;

fn takes(pattern: &str, service: &str) -> bool {
    let service = ServiceUrl::parse(service).unwrap_or_else(|error| panic!("{service}: {error}"));
    ServicePattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(&service)
}

#[test]
fn an_address_is_kept_byte_for_byte() {
    for good in [
        "https://app.example.org",
        "https://App.Example.org:8443/Cb?a=%2F&b=ü x#top",
        "http://localhost:3000/",
        "http://127.0.0.1/x",
        "https://[::1]:8443/",
        "HTTPS://a_b.example/;jsessionid=1",
        "https://app.example.org?x=1",
        "https://app.example.org#x",
    ] {
        assert_eq!(ServiceUrl::parse(good).unwrap().as_str(), good);
    }
}

#[test]
fn what_readers_disagree_on_is_no_address() {
    for (bad, why) in [
        ("", BadService::Length),
        ("/relative", BadService::Scheme),
        ("//app.example.org/", BadService::Scheme),
        ("javascript:alert(1)", BadService::Scheme),
        ("https:/app.example.org/", BadService::Scheme),
        (" https://app.example.org/", BadService::Scheme),
        ("https://", BadService::Host),
        ("https:///x", BadService::Host),
        ("https://user@app.example.org/", BadService::Host),
        ("https://app.example.org:443@evil.example/", BadService::Host),
        ("https://app.example.org:/", BadService::Host),
        ("https://app.example.org:0443/", BadService::Host),
        ("https://app.example.org:65536/", BadService::Host),
        ("https://app.example.org:+80/", BadService::Host),
        ("https://app%2eexample.org/", BadService::Host),
        ("https://bücher.example/", BadService::Host),
        ("https://0x7f.1/", BadService::Host),
        ("https://[0:0::1]/", BadService::Host),
        ("https://app.example.org\\@evil.example/", BadService::Host),
        ("https://app.example.org/\\evil", BadService::Character),
        ("https://app.example.org/a\r\nSet-Cookie: a=b", BadService::Character),
        ("https://app.example.org/\t", BadService::Character),
        ("https://app.example.org/\u{202e}", BadService::Character),
    ] {
        assert_eq!(ServiceUrl::parse(bad), Err(why), "{bad:?}");
    }
    let long = format!("https://app.example.org/{}", "x".repeat(MAX_LENGTH));
    assert_eq!(ServiceUrl::parse(&long), Err(BadService::Length));
    assert!(ServiceUrl::parse(&long[..MAX_LENGTH]).is_ok());
}

#[test]
fn a_ticket_goes_into_the_query_and_the_rest_stays() {
    let ticket = Ticket::new(Kind::St, &[1; 32]);
    let t = ticket.text();
    for (service, wanted) in [
        ("https://a.example/", format!("https://a.example/?ticket={t}")),
        ("https://a.example", format!("https://a.example?ticket={t}")),
        ("https://a.example/??", format!("https://a.example/??&ticket={t}")),
        ("https://a.example/?", format!("https://a.example/?ticket={t}")),
        ("https://a.example/?x=%20&", format!("https://a.example/?x=%20&ticket={t}")),
        ("https://a.example/?x=1#a?b", format!("https://a.example/?x=1&ticket={t}#a?b")),
        ("https://a.example/#top", format!("https://a.example/?ticket={t}#top")),
        ("https://a.example/ü x", format!("https://a.example/%C3%BC%20x?ticket={t}")),
        ("https://a.example/?q=\"<a>", format!("https://a.example/?q=%22%3Ca%3E&ticket={t}")),
    ] {
        assert_eq!(ServiceUrl::parse(service).unwrap().with_ticket(&ticket), wanted);
    }
}

#[test]
fn a_service_is_compared_apart_from_the_fragment() {
    let service = ServiceUrl::parse("https://a.example/x?y=1#z").unwrap();
    for same in ["https://a.example/x?y=1", "https://a.example/x?y=1#other"] {
        assert!(service.is_named_by(same));
    }
    for other in [
        "https://a.example/x?y=1&z",
        "https://a.example/X?y=1",
        "https://A.example/x?y=1",
        "https://a.example/x/?y=1",
        "",
    ] {
        assert!(!service.is_named_by(other), "{other}");
    }
}

#[test]
fn without_a_star_a_pattern_is_exact() {
    let pattern = "https://app.example.org/cb?x=1";
    assert!(takes(pattern, pattern));
    assert!(takes(pattern, "https://APP.example.org:443/cb?x=1#top"));
    for other in [
        "https://app.example.org/cb",
        "https://app.example.org/cb?x=1&y",
        "https://app.example.org/Cb?x=1",
        "https://app.example.org/cb/?x=1",
        "http://app.example.org/cb?x=1",
        "https://app.example.org:444/cb?x=1",
        "https://app.example.org.evil.example/cb?x=1",
    ] {
        assert!(!takes(pattern, other), "{other}");
    }
    assert!(takes("https://app.example.org", "https://app.example.org/"));
    // A dot is a dot, and what is encoded is taken as registered.
    assert!(!takes("https://app.example.org/a.b", "https://app.example.org/axb"));
    assert!(takes("https://app.example.org/a%2Fb", "https://app.example.org/a%2Fb"));
}

#[test]
fn stars_stand_for_what_they_say() {
    let one = "https://app.example.org/*/cb";
    for (service, taken) in [
        ("/x/cb", true),
        ("//cb", true),
        ("/x/y/cb", false),
        ("/x?/cb", false),
        ("/x/cb?", false),
        ("/xcb", false),
    ] {
        assert_eq!(takes(one, &format!("https://app.example.org{service}")), taken, "{service}");
    }
    let any = "https://app.example.org/shop/**";
    for (service, taken) in [
        ("/shop/", true),
        ("/shop/a/b?c=d/e", true),
        ("/shop/#/route", true),
        ("/shop", false),
        ("/shopping/", false),
        ("/", false),
    ] {
        assert_eq!(takes(any, &format!("https://app.example.org{service}")), taken, "{service}");
    }
    assert!(takes("https://app.example.org/**", "https://app.example.org"));
    assert!(takes("https://app.example.org/**", "https://app.example.org?x=1"));
    assert!(takes("https://app.example.org/cb?x=*", "https://app.example.org/cb?x=..&y=%2f"));
    assert!(!takes("https://app.example.org/cb?x=*", "https://app.example.org/cb?x=a/b"));
}

#[test]
fn a_pattern_takes_no_path_that_can_be_read_as_another() {
    for hidden in [
        "/shop/../admin",
        "/shop/./x",
        "/shop/%2e%2e/admin",
        "/shop/.%2E/admin",
        "/shop/..;a=b/admin",
        "/shop/a%2fb",
        "/shop/a%5Cb",
        "/shop/%252e%252e/x",
        "/shop/..",
        "/shop/%00",
    ] {
        assert!(
            !takes("https://app.example.org/shop/**", &format!("https://app.example.org{hidden}")),
            "{hidden}"
        );
    }
    assert!(takes("https://app.example.org/shop/**", "https://app.example.org/shop/...?next=../x"));
}

#[test]
fn patterns_are_refused_by_name() {
    for (bad, why) in [
        ("https://*.example.org/", BadPattern::StarInHost),
        ("https://app.example.org**", BadPattern::StarInHost),
        ("https://app.example.org:*/", BadPattern::StarInHost),
        ("http*://app.example.org/", BadPattern::StarInHost),
        ("*", BadPattern::StarInHost),
        ("https://app.example.org/***", BadPattern::Stars),
        ("https://app.example.org/#x", BadPattern::Fragment),
        ("https://app.example.org/../*", BadPattern::Path),
        ("https://app.example.org/%2F*", BadPattern::Path),
        ("https://app.example.org/\\*", BadPattern::Address(BadService::Character)),
        ("ftp://app.example.org/", BadPattern::Address(BadService::Scheme)),
        ("https://me@app.example.org/", BadPattern::Address(BadService::Host)),
    ] {
        assert_eq!(ServicePattern::parse(bad).unwrap_err(), why, "{bad}");
    }
    let many = format!("https://app.example.org/{}", "*/".repeat(17));
    assert_eq!(ServicePattern::parse(&many).unwrap_err(), BadPattern::Stars);
}

#[test]
fn many_stars_and_long_addresses_take_no_long_time() {
    let pattern = format!("https://app.example.org/{}z", "*a".repeat(15));
    let service = format!("https://app.example.org/{}", "a".repeat(2000));
    for _ in 0..20 {
        assert!(!takes(&pattern, &service));
    }
}

#[test]
fn both_survive_json() {
    let pattern: ServicePattern = serde_json::from_str(r#""https://a.example/**""#).unwrap();
    assert_eq!(serde_json::to_string(&pattern).unwrap(), r#""https://a.example/**""#);
    assert!(serde_json::from_str::<ServiceUrl>(r#""ftp://a.example/""#).is_err());
}

fn odd() -> impl Strategy<Value = String> {
    // Pieces that address tricks are made of, around the registered host.
    let piece = prop_oneof![
        Just("app.example.org".to_owned()),
        Just("evil.example".to_owned()),
        Just("@".to_owned()),
        Just("\\".to_owned()),
        Just("/".to_owned()),
        Just("//".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just(":".to_owned()),
        Just(":443".to_owned()),
        Just(".".to_owned()),
        Just("%2e".to_owned()),
        Just("%00".to_owned()),
        Just("\t".to_owned()),
        Just("；".to_owned()),
        Just("。".to_owned()),
        Just("..".to_owned()),
        Just("xn--".to_owned()),
        "[a-z0-9]{1,4}".prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("https://{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_pattern_ever_takes_an_address_that_a_browser_reads_with_another_host(text in odd()) {
        let Ok(service) = ServiceUrl::parse(&text) else { return Ok(()) };
        let read = Url::parse(&text).unwrap();
        for pattern in ["https://app.example.org/**", "https://app.example.org/*", "https://app.example.org"] {
            let pattern = ServicePattern::parse(pattern).unwrap();
            if pattern.matches(&service) {
                prop_assert_eq!(read.host_str(), Some("app.example.org"));
                prop_assert_eq!(read.port_or_known_default(), Some(443));
                prop_assert_eq!(read.scheme(), "https");
                let sent = Url::parse(&service.with_ticket(&Ticket::new(Kind::St, &[9; 32]))).unwrap();
                prop_assert_eq!(sent.origin(), read.origin());
                prop_assert_eq!(sent.path(), read.path());
            }
        }
    }

    #[test]
    fn a_path_that_a_pattern_takes_stays_under_its_literal_start(rest in "[a-z./;%2eF5c]{0,20}") {
        let Ok(service) = ServiceUrl::parse(&format!("https://app.example.org/shop/{rest}")) else { return Ok(()) };
        if ServicePattern::parse("https://app.example.org/shop/**").unwrap().matches(&service) {
            let read = Url::parse(service.as_str()).unwrap();
            prop_assert!(read.path().starts_with("/shop/"), "{}", read.path());
        }
    }

    #[test]
    fn the_ticket_is_always_a_parameter_of_its_own(rest in "[/?#][a-z/?&=ü {}|^]{0,20}") {
        let service = ServiceUrl::parse(&format!("https://app.example.org{rest}")).unwrap();
        let ticket = Ticket::new(Kind::St, &[5; 32]);
        let sent = service.with_ticket(&ticket);
        prop_assert!(sent.is_ascii() && !sent.contains(' '));
        let read = Url::parse(&sent).unwrap();
        let found: Vec<_> = read.query_pairs().filter(|(name, _)| name == "ticket").collect();
        prop_assert_eq!(found.last().map(|(_, value)| value.clone().into_owned()), Some(ticket.text().to_owned()));
    }
}
