//! Whatever comes in: no panic, and nothing accepted that a change broke.

use proptest::prelude::*;

use super::*;

/// Parameters of any name and value, many of them with names and words that mean something.
fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![prop::sample::select(KNOWN.to_vec()).prop_map(str::to_owned), "[a-z_]{0,12}"];
    let words = [
        "code",
        "id_token",
        "token",
        "code id_token",
        "openid",
        "none",
        "login",
        "form_post",
        "query",
        "S256",
        "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"phr\"]}}}",
        "shop",
        "https://shop.example/cb",
        CHALLENGE,
        "0",
        "-1",
        "https://evil.test/",
        "urn:ietf:params:oauth:request_uri:x",
        "{}",
        "[[[[",
    ];
    let value = prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), ".{0,40}"];
    prop::collection::vec((name, value), 0..10)
}

/// A redirect URI that somebody would try: a registered one, changed in one place.
fn mutated() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("@evil.test"),
        Just("/.."),
        Just("#"),
        Just("?x=1"),
        Just(" "),
        Just("\\"),
        Just("%2e"),
        Just("."),
        Just(":443"),
        Just("\u{200b}"),
        Just("/"),
        Just("https://"),
        Just("\u{0}"),
        Just("evil.test"),
        Just("A"),
    ];
    (prop::sample::select(client().redirect_uris), odd, any::<prop::sample::Index>(), 0..3_u8).prop_map(
        |(uri, odd, at, how)| {
            let at = at.index(uri.len() + 1);
            match how {
                0 => format!("{}{odd}{}", &uri[..at], &uri[at..]),
                1 => format!("{}{}", &uri[..at], uri.get(at + 1..).unwrap_or_default()),
                _ => format!("{}{odd}{}", &uri[..at], uri.get(at + 1..).unwrap_or_default()),
            }
        },
    )
}

proptest! {
    #[test]
    fn sec_107_any_request_is_taken_shown_or_sent_back_to_a_registered_address(
        fields in any_fields(), keeps in any::<bool>()
    ) {
        let client = client();
        let mut all: Vec<(String, String)> = fields;
        if keeps {
            let good = GOOD.iter().filter(|(name, _)| !all.iter().any(|(other, _)| other == name));
            let good: Vec<_> = good.map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            all.extend(good);
        }
        let params: Params = all.into_iter().collect();
        let _ = Asked::new(params.clone()).carrier();
        let repeated = params.has_repeated_but("resource");
        let Ok(bound) = Asked::new(params).for_client(&client) else { return Ok(()) };
        prop_assert!(client.redirect_uris.iter().any(|known| known == bound.back.uri()));
        match bound.checked(NOW) {
            Err(back) => {
                prop_assert!(back.error.is_well_formed());
                let _ = back.answer(ISSUER);
            }
            Ok(checked) => {
                prop_assert!(!repeated);
                prop_assert!(checked.request.scopes.first().is_some_and(|first| first == "openid"));
                prop_assert_eq!(checked.request.response, domain::ResponseType::Code);
                prop_assert!(checked.request.challenge.is_some(), "this client must use PKCE");
            }
        }
    }

    #[test]
    fn sec_107_a_query_is_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(params) = Params::parse(&text) {
            prop_assert_eq!(Params::parse(params.to_query().as_bytes()), Ok(params));
        }
    }

    #[test]
    fn sec_100_a_changed_redirect_uri_is_never_gone_to(uri in mutated()) {
        let client = client();
        let is_registered = client.redirect_uris.contains(&uri);
        let params: Params = [("client_id", "shop"), ("redirect_uri", uri.as_str())].into_iter().collect();
        prop_assert_eq!(Asked::new(params).for_client(&client).is_ok(), is_registered);
    }

    #[test]
    fn sec_100_a_native_app_goes_to_its_own_loopback_path_alone(
        host in prop::sample::select(vec!["127.0.0.1", "[::1]", "localhost", "127.0.0.2", "evil.test"]),
        port in prop_oneof![Just(String::new()), "[0-9]{1,6}".prop_map(|digits| format!(":{digits}"))],
        rest in prop_oneof![Just("/cb".to_owned()), "[/?#@:a-c]{0,6}"],
    ) {
        let native = Client {
            is_native: true,
            redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
            ..client()
        };
        let uri = format!("http://{host}{port}{rest}");
        if ReturnAddress::for_client(&native, &uri, None, ResponseMode::Query).is_ok() {
            let url = url::Url::parse(&uri).unwrap();
            prop_assert_eq!((url.host_str(), url.path()), (Some("127.0.0.1"), "/cb"));
            prop_assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
        }
    }

    #[test]
    fn sec_137_state_comes_back_as_it_was(state in "\\PC{1,300}", mode in prop::sample::select(ResponseMode::ALL.to_vec())) {
        let back = check(&[("state", &state), ("response_mode", mode.as_str())]).unwrap().back;
        let fields = match back.with(&Given::default(), ISSUER) {
            Answer::Form { fields, .. } => fields,
            Answer::SeeOther(location) => {
                let start = location.find(if mode == ResponseMode::Query { '?' } else { '#' }).unwrap();
                let text = location[start + 1..].trim_end_matches('#');
                url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
            }
        };
        prop_assert_eq!(&fields[0], &("state".to_owned(), state));
    }

    #[test]
    fn claims_are_read_or_refused(text in prop_oneof![
        "\\PC{0,60}".boxed(),
        r#"\{"(id_token|userinfo|x)":(null|\{"(acr|sub|name|x)":(null|1|\{"(essential|value|values)":(true|"phr"|\["phr","x"\]|null)\})\})\}"#.boxed(),
    ]) {
        if let Ok(asked) = RequestedClaims::read(&[("claims", text.as_str())].into_iter().collect()) {
            prop_assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(&text).unwrap().is_object());
            prop_assert!(asked.id_token.iter().chain(&asked.userinfo).all(|claim| crate::claims::scope_of(claim).is_some()));
        }
    }

    #[test]
    fn claims_of_any_depth_end_soon(depth in 1..4_000_usize) {
        let text = format!("{}1{}", "{\"id_token\":".repeat(depth), "}".repeat(depth));
        let read = RequestedClaims::read(&[("claims", text.as_str())].into_iter().collect());
        prop_assert!(depth <= 16 || read.is_err(), "too deep");
    }
}
