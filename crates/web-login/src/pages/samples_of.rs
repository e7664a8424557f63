//! Pages as people may meet them, with the texts that break pages: long, empty, hostile.
//!
//! Owns: the samples of this door, for previews and for the tests that look at every page in every language.

use app::Fact;
use serde_json::json;

use super::*;

const JOURNEY: &str = "jrn_aaaaaaaaaaaaaaaaaaaaaaaaaa";
const HOSTILE: &str = "\"><script>alert(1)</script>'&\u{202E}gnp";

/// The worst that a scope or a client's id can hold.
const OWN: &str = "'><script>alert(1)</script>&amp;";

fn shop() -> Shown {
    Shown {
        client_id: "shop".parse().ok(),
        client_name: "Corner Shop".to_owned(),
        host: "shop.example".to_owned(),
        is_verified: true,
        policy_uri: Some("https://shop.example/privacy".to_owned()),
        tos_uri: Some("https://shop.example/terms".to_owned()),
        ..Shown::default()
    }
}

fn hostile_shown() -> Shown {
    Shown {
        client_id: "evil".parse().ok(),
        client_name: HOSTILE.repeat(9),
        host: HOSTILE.to_owned(),
        logo_uri: Some("javascript:alert(1)".to_owned()),
        policy_uri: Some("data:text/html,1".to_owned()),
        tos_uri: Some(HOSTILE.to_owned()),
        ..Shown::default()
    }
}

const ALL: Ways = Ways { password: true, passkey: true, phone: true, cas_phone: false, cas_name: false };

/// With apps made for CAS.
const CAS: Ways = Ways { cas_phone: true, ..ALL };

fn hostile(login: Login) -> Login {
    let login = login.with(None, HOSTILE.to_owned(), Some(HOSTILE.to_owned()));
    Login { is_cas: true, line: Some(domain::text::shown(HOSTILE, 200)), ..login }
}

fn login_of(page: Page, shown: &Shown, offers: Ways, is_confirming: bool) -> Login {
    let asker = Asker::of(shown, &page);
    let lead = asker.lead(&page, is_confirming);
    Login::new(page, asker, lead, JOURNEY.to_owned(), offers)
}

pub fn login(page: &dyn Fn() -> Page) -> Vec<(&'static str, Login)> {
    let plain = |shown: &Shown, offers| login_of(page(), shown, offers, false);
    let failed = page().t.login.failed.clone();
    let hint = page().t.login.too_many.clone();
    vec![
        ("all", plain(&shop(), ALL)),
        ("own", plain(&Shown { host: "id.example".to_owned(), is_verified: true, ..Shown::default() }, ALL)),
        ("failed", plain(&shop(), ALL).with(None, "ada".to_owned(), Some(failed.clone()))),
        ("slow-down", plain(&shop(), ALL).with(None, "ada".to_owned(), Some(hint))),
        ("confirm", login_of(page(), &shop(), ALL, true).with(Some("ada".to_owned()), String::new(), None)),
        (
            "passkey-only",
            plain(
                &shop(),
                Ways { password: false, passkey: true, phone: false, cas_phone: false, cas_name: false },
            ),
        ),
        (
            "password-only",
            plain(
                &shop(),
                Ways { password: true, passkey: false, phone: false, cas_phone: false, cas_name: false },
            ),
        ),
        (
            "nothing",
            plain(
                &shop(),
                Ways { password: false, passkey: false, phone: false, cas_phone: false, cas_name: false },
            ),
        ),
        ("hostile", hostile(plain(&hostile_shown(), CAS))),
        (
            "cas",
            Login {
                is_cas: true,
                is_declined: true,
                line: Some("The club's own forum".to_owned()),
                ..plain(&shop(), CAS)
            },
        ),
        ("cas-named", Login { is_app_next: true, ..plain(&shop(), Ways { cas_name: true, ..CAS }) }),
    ]
}

fn item(name: &str, is_optional: bool, told: &serde_json::Value) -> ConsentItem {
    let facts = told.as_object().into_iter().flatten().map(|(claim, value)| Fact {
        claim: claim.clone(),
        value: Some(value.clone()).filter(|value| !value.is_null()),
        is_essential: claim == "birthdate",
        labels: std::collections::BTreeMap::new(),
    });
    ConsentItem {
        name: name.to_owned(),
        scope: if name.starts_with("claim ") { "profile".to_owned() } else { name.to_owned() },
        is_optional,
        is_already: name == "openid",
        is_declined: name == "phone",
        facts: facts.collect(),
    }
}

pub fn consent(page: &dyn Fn() -> Page) -> Vec<(&'static str, Consent)> {
    let of = |shown: &Shown, name: &str, items: &[ConsentItem]| {
        let page = page();
        let asker = Asker::of(shown, &page);
        let items = items.iter().map(|item| ItemLine::of(item, &page)).collect();
        Consent::new(page, asker, JOURNEY.to_owned(), domain::text::shown(name, 80), items)
    };
    let nothing = || json!({});
    let email = json!({ "email": "ada@example.com", "email_verified": true });
    let address =
        json!({ "address": { "formatted": "12 St James's Square\nLondon SW1Y 4LE", "country": "GB" } });
    let profile = json!({ "name": "Ada Lovelace", "birthdate": "1815-12-10", "updated_at": 1_795_325_000,
        "website": "https://example.com/people/ada-lovelace/notes-on-the-analytical-engine/translator" });
    let much = [
        item("openid", false, &nothing()),
        item("profile", false, &profile),
        item("email", false, &email),
        item("claim zoneinfo", false, &json!({ "zoneinfo": null })),
        item("orders:read", false, &nothing()),
        item("address", true, &address),
        item("phone", true, &nothing()),
        item("offline_access", true, &nothing()),
    ];
    let hostile = json!({ "name": HOSTILE, "nickname": HOSTILE.repeat(20), "birthdate": [HOSTILE] });
    let evil = [item("profile", false, &hostile), item(OWN, true, &nothing())];
    let usual = [
        item("openid", false, &nothing()),
        item("profile", false, &json!({ "name": "Ada Lovelace", "preferred_username": "ada" })),
        item("email", false, &email),
    ];
    vec![
        ("usual", of(&shop(), "Ada Lovelace", &usual)),
        ("much", of(&Shown { is_verified: false, ..shop() }, "Ada Lovelace", &much)),
        ("hostile", of(&hostile_shown(), HOSTILE, &evil)),
    ]
}

fn app(page: &Page, id: &str, name: &str, scopes: &[&str], is_verified: bool) -> AppLine {
    let name = domain::text::shown(name, 80);
    AppLine {
        client: id.to_owned(),
        logo: is_verified.then(|| format!("/logo/{id}")),
        letter: letter(&name),
        is_verified,
        since: texts::fill(&page.t.home.since, &[("date", "2026-11-22")]),
        scopes: scopes.iter().map(|scope| in_words(scope, page)).collect(),
        name,
    }
}

pub fn home(page: &dyn Fn() -> Page) -> Vec<(&'static str, Home)> {
    let somebody = || Some("Ada Lovelace".to_owned());
    let apps = vec![
        app(&page(), "shop", "Corner Shop", &["profile", "email", "offline_access"], true),
        app(&page(), "club", "The Club of those with a very long and winding Name", &["orders:read"], false),
        app(&page(), "plain", "Plain", &[], true),
    ];
    let evil = vec![app(&page(), OWN, HOSTILE, &[OWN], false)];
    vec![
        ("nobody", Home { page: page(), name: None, apps: Vec::new(), more: None }),
        ("somebody", Home { page: page(), name: somebody(), apps: Vec::new(), more: None }),
        ("apps", Home { page: page(), name: somebody(), apps, more: Some("plain".to_owned()) }),
        ("hostile", Home { page: page(), name: somebody(), apps: evil, more: None }),
    ]
}

pub fn done(page: &dyn Fn() -> Page) -> Vec<(&'static str, Done)> {
    let method = page().t.done.method_phone.clone();
    vec![
        ("phone", Done { page: page(), name: "Ada Lovelace".to_owned(), method: Some(method) }),
        ("hostile", Done { page: page(), name: domain::text::shown(HOSTILE, 80), method: None }),
    ]
}

pub fn passkey_new(page: &dyn Fn() -> Page) -> Vec<(&'static str, PasskeyNew)> {
    let sample = |is_admin| PasskeyNew { page: page(), label: "Firefox on Linux".to_owned(), is_admin };
    vec![("ask", sample(false)), ("admin", sample(true))]
}
