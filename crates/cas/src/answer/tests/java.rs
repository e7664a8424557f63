//! The answers as the Java client reads them (§23): XML by local names wherever they stand, JSON with no member more.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::{ProxyRefused, proxy};

/// What its reader hears of a document: local names as elements open and close, and text.
#[derive(Debug, PartialEq)]
enum Heard {
    Open(String),
    Text(String),
    Close(String),
}

/// Reads a document as its parser does; a panic is an exception there. A DOCTYPE is forbidden, a prefix must be
/// declared, an element closed by its own name, and no reference may be left that is not one of XML's own.
fn heard(xml: &str) -> Vec<Heard> {
    let mut events = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = xml;
    while let Some((text, tail)) = rest.split_once('<') {
        if !text.is_empty() {
            assert!(!open.is_empty() || text.trim().is_empty(), "text outside: {text}");
            events.push(Heard::Text(unescaped(text)));
        }
        let (tag, tail) = tail.split_once('>').expect("a tag ends");
        rest = tail;
        assert!(!tag.starts_with(['!', '?']), "{tag}");
        let (is_end, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let local = name.strip_prefix("cas:").expect("the declared prefix").to_owned();
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        assert!(local.starts_with(is_letter), "{local}");
        assert!(local.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)), "{local}");
        if is_end {
            assert_eq!(open.pop().as_ref(), Some(&local));
            events.push(Heard::Close(local));
        } else {
            let declares = attributes == "xmlns:cas='http://www.yale.edu/tp/cas'";
            assert_eq!(open.is_empty(), declares, "declared at the root: {tag}");
            open.push(local.clone());
            events.push(Heard::Open(local));
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{xml}");
    events
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, tail) = part.split_once(';').expect("a reference ends");
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            "#13" => '\r',
            other => panic!("unknown reference {other}"),
        });
        out.push_str(tail);
    }
    out
}

/// `getTextForElements`: the texts of all elements of a name, wherever they stand.
fn texts(xml: &str, element: &str) -> Vec<String> {
    let (mut found, mut text, mut is_inside) = (Vec::new(), String::new(), false);
    for event in heard(xml) {
        match event {
            Heard::Open(name) => is_inside |= name == element,
            Heard::Text(part) if is_inside => text.push_str(&part),
            Heard::Text(_) => {}
            Heard::Close(name) if name == element => {
                is_inside = false;
                found.push(std::mem::take(&mut text));
            }
            Heard::Close(_) => {}
        }
    }
    found
}

/// `getTextForElement`: the same, joined.
fn text(xml: &str, element: &str) -> String {
    texts(xml, element).concat()
}

/// `extractCustomAttributes`: every element below `attributes`.
fn attributes(xml: &str) -> BTreeMap<String, Vec<String>> {
    let (mut found, mut current, mut is_inside): (BTreeMap<String, Vec<String>>, _, _) =
        (BTreeMap::new(), String::new(), false);
    for event in heard(xml) {
        match event {
            Heard::Open(name) if name == "attributes" => is_inside = true,
            Heard::Close(name) if name == "attributes" => is_inside = false,
            Heard::Open(_) => current.clear(),
            Heard::Text(part) => current.push_str(&part),
            Heard::Close(name) if is_inside => found.entry(name).or_default().push(current.clone()),
            Heard::Close(_) => {}
        }
    }
    found
}

/// Its classes for JSON: a member that is not among theirs is an exception.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    service_response: Response,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Response {
    authentication_success: Option<Success>,
    authentication_failure: Option<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Success {
    user: String,
    proxy_granting_ticket: Option<String>,
    proxies: Option<Vec<String>>,
    attributes: Option<BTreeMap<String, Vec<serde_json::Value>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    code: String,
    description: String,
}

fn document(json: &str) -> Response {
    serde_json::from_str::<Document>(json).expect("its members alone").service_response
}

const FAILURES: [Failure; 10] = [
    Failure::Missing("ticket"),
    Failure::Unreadable,
    Failure::OtherKind,
    Failure::MayNotProxy,
    Failure::Callback,
    Failure::NotRecognised,
    Failure::NotFresh,
    Failure::OtherService,
    Failure::UnknownService,
    Failure::Internal,
];

#[test]
fn a_success_is_a_user_with_attributes_and_tickets() {
    let iou = Ticket::new(Kind::PgtIou, &[4; 32]);
    let proxies = vec!["https://last.example/?a=1&b".to_owned(), "https://first.example/".to_owned()];
    let told = Validated { proxies: proxies.clone(), pgt_iou: Some(iou.clone()), ..validated() };
    let xml = told.xml();
    assert_eq!(text(&xml, "authenticationFailure"), "");
    assert_eq!(text(&xml, "user"), "casuser");
    assert_eq!(texts(&xml, "proxyGrantingTicket"), [iou.text()]);
    assert!(iou.text().starts_with("PGTIOU-"));
    assert_eq!(texts(&xml, "proxy"), proxies);
    let read = attributes(&xml);
    assert_eq!(read["group"], ["a", "b"]);
    assert_eq!(read["isFromNewLogin"], ["true"]);
    assert_eq!(read.len(), told.attributes.iter().count());

    let response = document(&told.json());
    assert!(response.authentication_failure.is_none());
    let success = response.authentication_success.unwrap();
    assert_eq!(success.user, "casuser");
    assert_eq!(success.proxy_granting_ticket.as_deref(), Some(iou.text()));
    assert_eq!(success.proxies, Some(proxies));
    // It makes no person of one without them.
    assert_eq!(success.attributes.unwrap().len(), read.len());
}

#[test]
fn a_failure_has_words_and_nobody() {
    for failure in FAILURES {
        let xml = failure.xml().replace(&format!(" code=\"{}\"", failure.code()), "");
        assert_eq!(text(&xml, "authenticationFailure"), failure.description());
        assert!(!failure.description().trim().is_empty());
        assert_eq!(text(&xml, "user"), "");
        let response = document(&failure.json());
        assert!(response.authentication_success.is_none());
        let refused = response.authentication_failure.unwrap();
        assert_eq!((refused.code.as_str(), refused.description), (failure.code(), failure.description()));
    }
}

#[test]
fn a_proxy_ticket_and_its_refusal_are_told_apart() {
    let ticket = Ticket::new(Kind::Pt, &[3; 32]);
    let xml = proxy::granted(&ticket);
    assert_eq!(
        (text(&xml, "proxyTicket").as_str(), text(&xml, "proxyFailure")),
        (ticket.text(), String::new())
    );
    for refused in [
        ProxyRefused::Missing("pgt"),
        ProxyRefused::Unreadable,
        ProxyRefused::NotRecognised,
        ProxyRefused::UnknownService,
        ProxyRefused::MayNotProxy,
        ProxyRefused::Internal,
    ] {
        let xml = refused.xml().replace(&format!(" code=\"{}\"", refused.code()), "");
        assert!(!text(&xml, "proxyFailure").trim().is_empty());
        assert_eq!(text(&xml, "proxyTicket"), "");
    }
}

proptest! {
    /// Whatever people are called and services call their attributes, the user is the user, and nothing else is read.
    #[test]
    fn no_attribute_changes_who_it_is(
        user in "\\PC{1,20}",
        named in proptest::collection::vec(("\\PC{0,12}|user|attributes|proxyGrantingTicket|authenticationFailure", "\\PC{0,20}"), 0..5),
    ) {
        let mut told = validated();
        let standard = told.attributes.iter().count();
        let mut added = 0;
        for (name, value) in &named {
            added += usize::from(told.attributes.add(name, [value.as_str()]));
        }
        told.user = user;
        let xml = told.xml();
        prop_assert_eq!(text(&xml, "user"), told.user.as_str());
        prop_assert_eq!(text(&xml, "authenticationFailure"), "");
        prop_assert_eq!(texts(&xml, "proxyGrantingTicket").len(), 0);
        prop_assert_eq!(attributes(&xml).len(), standard + added);
        let success = document(&told.json()).authentication_success.unwrap();
        prop_assert_eq!(success.user, told.user);
    }
}
