use super::*;
use crate::Kind;

fn params(text: &str) -> Params {
    Params::parse(text.as_bytes()).unwrap()
}

fn asked(body: &str, query: &str, header: Option<&str>) -> Result<TicketAsked, BadRequest> {
    TicketAsked::read(Request { body: &params(body), query: &params(query) }, header)
}

#[test]
fn sec_069_credentials_stand_in_the_body_alone() {
    for (body, query) in [
        ("", "username=ada&password=Mellon"),
        ("username=ada", "password=Mellon"),
        ("password=Mellon", "username=ada"),
        ("username=ada&password=", "password=Mellon"),
        ("username=%20&password=x", ""),
        ("", ""),
    ] {
        assert_eq!(asked(body, query, None), Err(BadRequest::NoCredentials), "{body} ? {query}");
    }
    // As the sample app sends it: twice, and the body counts.
    let both = asked(
        "username=ada&password=Mellon",
        "username=eve&password=other&token=true&QR_AUTHENTICATION_DEVICE_ID=P1",
        None,
    );
    let both = both.unwrap();
    assert_eq!((both.credentials.username.as_str(), both.credentials.password.expose()), ("ada", "Mellon"));
    assert_eq!(both.device.unwrap().as_str(), "p1");
    assert!(!format!("{:?}", both.credentials).contains("Mellon"));
}

#[test]
fn a_token_is_for_one_device() {
    let who = "username=a&password=b";
    for (extra, query, header, device) in [
        ("&token=true&QR_AUTHENTICATION_DEVICE_ID=P", "", None, Ok(Some("p"))),
        ("&QR_AUTHENTICATION_DEVICE_ID=P", "token=YES", None, Ok(Some("p"))),
        ("&QR_AUTHENTICATION_DEVICE_ID=P", "", Some("1"), Ok(Some("p"))),
        ("&token=maybe&QR_AUTHENTICATION_DEVICE_ID=P", "", None, Ok(None)),
        ("&token=false", "token=true", None, Ok(None)),
        ("&QR_AUTHENTICATION_DEVICE_ID=P", "", None, Ok(None)),
        ("&token=true", "", None, Err(BadRequest::NoDevice)),
        (
            "&token=true&QR_AUTHENTICATION_DEVICE_ID=",
            "QR_AUTHENTICATION_DEVICE_ID=P",
            None,
            Err(BadRequest::NoDevice),
        ),
        (
            "&token=true&QR_AUTHENTICATION_DEVICE_ID=P&QR_AUTHENTICATION_DEVICE_ID=Q",
            "",
            None,
            Err(BadRequest::NoDevice),
        ),
        ("&token=true&QR_AUTHENTICATION_DEVICE_ID=my phone", "", None, Err(BadRequest::NoDevice)),
    ] {
        let read = asked(&format!("{who}{extra}"), query, header).map(|asked| asked.device);
        assert_eq!(read, device.map(|name| name.and_then(DeviceName::parse)), "{extra} ? {query}");
    }
    // What would be a claim in CAS (W-6) is nothing here.
    let plain = asked(&format!("{who}&sub=admin&jti=TGT-1"), "iss=evil", None).unwrap();
    assert_eq!(plain, asked(who, "", None).unwrap());
}

#[test]
fn a_service_is_read_from_either_side() {
    let read = |body: &str, query: &str| {
        ServiceTicketAsked::read(Request { body: &params(body), query: &params(query) })
    };
    assert_eq!(
        read("service=https://a.example/", "service=https://b.example/").unwrap().service.host(),
        "a.example"
    );
    assert_eq!(read("", "TARGET=https://b.example/").unwrap().service.host(), "b.example");
    assert_eq!(read("", ""), Err(BadRequest::NoService));
    assert_eq!(read("service=x", ""), Err(BadRequest::BadService(BadService::Scheme)));
    assert_eq!(read("service=https://a.example/&renew=true", ""), Err(BadRequest::NoCredentials));
    let renewed = read("service=https://a.example/&username=a&password=b", "renew=true").unwrap();
    assert_eq!(renewed.renew.unwrap().username, "a");
    let user =
        UserAsked::read(Request { body: &params("username=a&password=b"), query: &params("service=x") });
    assert_eq!(user, Err(BadRequest::BadService(BadService::Scheme)));
}

#[test]
fn only_forms_are_read() {
    for (given, good) in [
        (Some("application/x-www-form-urlencoded"), true),
        (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), true),
        (Some("application/json"), false),
        (Some("text/plain"), false),
        (None, false),
    ] {
        assert_eq!(is_form(given), good, "{given:?}");
    }
}

#[test]
fn a_ticket_is_shown_as_accepted() {
    let ticket = Ticket::new(Kind::Tgt, &[8; 32]);
    let location = format!("https://sso.example.org/cas/v1/tickets/{}", ticket.text());
    for accept in [None, Some("*/*"), Some("text/html,application/xml"), Some("")] {
        let created = Created::new(&ticket, &location, accept);
        assert_eq!(created.content_type, HTML_TYPE);
        let page = created.body.expose();
        assert!(
            page.contains("TGT Created") && page.contains(&format!("action=\"{location}\" method=\"POST\"")),
            "{page}"
        );
    }
    for (accept, content_type) in
        [("application/json", JSON_TYPE), ("text/plain", PLAIN_TYPE), ("image/png", PLAIN_TYPE)]
    {
        let created = Created::new(&ticket, &location, Some(accept));
        assert_eq!((created.content_type, created.body.expose()), (content_type, ticket.text()));
    }
    assert!(!page("https://a/\"><script>").contains("<script>"));
}

#[test]
fn bodies_are_json_where_clients_read_json() {
    let error: serde_json::Value = serde_json::from_str(NOT_AUTHENTICATED).unwrap();
    assert_eq!(error["authentication_exceptions"].as_array().map(Vec::len), Some(1));
    let mut attributes = Attributes::none();
    attributes.add("mail", ["a@example.org"]);
    let user = user_json("ada", &attributes, "password", domain::Timestamp::from_seconds(0));
    let user: serde_json::Value = serde_json::from_str(&user).unwrap();
    assert_eq!(user["authentication"]["principal"]["id"], "ada");
    assert_eq!(user["authentication"]["principal"]["attributes"]["mail"][0], "a@example.org");
    assert_eq!(user["authentication"]["successes"]["password"]["principal"]["id"], "ada");
}
