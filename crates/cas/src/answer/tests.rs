mod java;

use proptest::prelude::*;

use super::*;
use crate::Kind;

fn validated() -> Validated {
    let mut attributes = Attributes::standard(&SignedIn {
        at: Timestamp::from_seconds(1_738_314_900),
        is_from_new_login: true,
        is_remembered: false,
        credential: PASSWORD_CREDENTIAL,
        method: "password",
    });
    attributes.add("mail", ["user@example.org"]);
    attributes.add("group", ["a", "b"]);
    Validated { user: "casuser".into(), attributes, proxies: Vec::new(), pgt_iou: None }
}

#[test]
fn success_is_told_to_the_letter() {
    assert_eq!(
        validated().xml(),
        "\
<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>
    <cas:authenticationSuccess>
        <cas:user>casuser</cas:user>
        <cas:attributes>
            <cas:authenticationDate>2025-01-31T09:15:00Z</cas:authenticationDate>
            <cas:longTermAuthenticationRequestTokenUsed>false</cas:longTermAuthenticationRequestTokenUsed>
            <cas:isFromNewLogin>true</cas:isFromNewLogin>
            <cas:credentialType>UsernamePasswordCredential</cas:credentialType>
            <cas:authenticationMethod>password</cas:authenticationMethod>
            <cas:successfulAuthenticationHandlers>password</cas:successfulAuthenticationHandlers>
            <cas:mail>user@example.org</cas:mail>
            <cas:group>a</cas:group>
            <cas:group>b</cas:group>
        </cas:attributes>
    </cas:authenticationSuccess>
</cas:serviceResponse>
"
    );
    assert_eq!(
        validated().json(),
        concat!(
            r#"{"serviceResponse":{"authenticationSuccess":{"user":"casuser","attributes":{"#,
            r#""authenticationDate":["2025-01-31T09:15:00Z"],"longTermAuthenticationRequestTokenUsed":[false],"#,
            r#""isFromNewLogin":[true],"credentialType":["UsernamePasswordCredential"],"authenticationMethod":["password"],"#,
            r#""successfulAuthenticationHandlers":["password"],"mail":["user@example.org"],"group":["a","b"]}}}}"#
        )
    );
    assert_eq!(validated().plain(), "yes\ncasuser\n");
}

#[test]
fn proxies_and_the_iou_stand_between_user_and_attributes() {
    let iou = Ticket::new(Kind::PgtIou, &[4; 32]);
    let wanted = format!(
        "\
<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>
    <cas:authenticationSuccess>
        <cas:user>a</cas:user>
        <cas:proxyGrantingTicket>{iou}</cas:proxyGrantingTicket>
        <cas:proxies>
            <cas:proxy>https://last.example/?a=1&amp;b</cas:proxy>
            <cas:proxy>https://first.example/</cas:proxy>
        </cas:proxies>
    </cas:authenticationSuccess>
</cas:serviceResponse>
",
        iou = iou.text()
    );
    let json = format!(
        r#"{{"serviceResponse":{{"authenticationSuccess":{{"user":"a","proxyGrantingTicket":"{}","proxies":["https://last.example/?a=1&b","https://first.example/"]}}}}}}"#,
        iou.text()
    );
    let validated = Validated {
        user: "a".into(),
        attributes: Attributes::none(),
        proxies: vec!["https://last.example/?a=1&b".into(), "https://first.example/".into()],
        pgt_iou: Some(iou),
    };
    assert_eq!(validated.xml(), wanted);
    assert_eq!(validated.json(), json);
}

#[test]
fn failures_are_told_to_the_letter_and_never_without_words() {
    assert_eq!(
        Failure::NotRecognised.xml(),
        "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n    <cas:authenticationFailure code=\"INVALID_TICKET\">Ticket not recognized</cas:authenticationFailure>\n</cas:serviceResponse>\n"
    );
    assert_eq!(
        Failure::NotRecognised.json(),
        r#"{"serviceResponse":{"authenticationFailure":{"code":"INVALID_TICKET","description":"Ticket not recognized"}}}"#
    );
    assert!(Failure::Missing("ticket").xml().contains("The parameter &#39;ticket&#39; is required"));
    assert_eq!(Failure::OtherService.plain(), "no\n\n");
    for failure in [
        Failure::Unreadable,
        Failure::OtherKind,
        Failure::MayNotProxy,
        Failure::Callback,
        Failure::NotFresh,
        Failure::UnknownService,
        Failure::Internal,
    ] {
        assert!(!failure.description().trim().is_empty() && !failure.code().is_empty());
    }
}

#[test]
fn names_are_xml_names_and_the_first_counts() {
    let mut attributes = validated().attributes;
    for (name, taken) in [
        ("isFromNewLogin", false),
        ("is FromNewLogin", true),
        ("", false),
        ("--", false),
        ("1st", true),
        ("urn:oid:2.5.4.42", true),
        ("urn oid_2.5.4.42", false),
        ("名", false),
    ] {
        assert_eq!(attributes.add(name, ["x"]), taken, "{name}");
    }
    assert!(!attributes.add("empty", Vec::<&str>::new()));
    let names: Vec<_> = attributes.iter().map(|(name, _)| name).collect();
    assert_eq!(names[8..], ["is_FromNewLogin", "_1st", "urn_oid_2.5.4.42"]);
}

#[test]
fn an_attribute_cannot_pass_for_an_element_of_the_answer() {
    let mut attributes = Attributes::none();
    for own in OWN_ELEMENTS {
        assert!(!attributes.add(own, ["eve"]), "{own}");
    }
    assert!(!attributes.add("User", ["eve"]) && attributes.add("users", ["a"]));
}

#[test]
fn a_user_name_cannot_add_a_line_or_an_element() {
    let user = "a\nyes\r</cas:user><cas:user>'admin'\u{0}\u{1b}".to_owned();
    let validated = Validated { user, attributes: Attributes::none(), proxies: Vec::new(), pgt_iou: None };
    assert_eq!(validated.plain(), "yes\nayes</cas:user><cas:user>'admin'\n");
    let xml = validated.xml();
    assert!(
        xml.contains(
            "<cas:user>a\nyes&#13;&lt;/cas:user&gt;&lt;cas:user&gt;&#39;admin&#39;\u{fffd}\u{fffd}</cas:user>"
        ),
        "{xml}"
    );
}

proptest! {
    #[test]
    fn no_text_leaves_its_element(text: String, name in "\\PC{0,12}") {
        let mut attributes = Attributes::none();
        let added = attributes.add(&name, [text.as_str()]);
        let validated = Validated { user: text, attributes, proxies: Vec::new(), pgt_iou: None };
        let xml = validated.xml();
        prop_assert_eq!(xml.matches('<').count(), if added { 10 } else { 6 });
        let json: serde_json::Value = serde_json::from_str(&validated.json()).unwrap();
        prop_assert_eq!(json["serviceResponse"]["authenticationSuccess"]["user"].as_str(), Some(validated.user.as_str()));
    }
}
