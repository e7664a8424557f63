//! The pages of this door, each with its samples.

mod samples_of;

use app::ConsentItem;
use app::journeys::Shown;
use domain::{Client, ClientId, Consent as Agreed};
use signin::Offers;
use web::page::Page;
use web::texts;

use crate::facts::{self, Line};
use crate::home::query_of;

web::pages! {
    /// Sign-in: password on the left, QR on the right.
    Login {
        /// Who asks.
        asker: Asker,
        /// The sentence under the heading: before, the name, after.
        lead: (String, String, String),
        /// What the relying party says for itself.
        line: Option<String>,
        /// It speaks CAS: scripts made for that find their names.
        is_cas: bool,
        /// The journey's id.
        journey: String,
        /// What is offered.
        offers: Ways,
        /// The panel for apps made for CAS is open.
        is_app_next: bool,
        /// What such an app approved was somebody else's, it was said here.
        is_declined: bool,
        /// The user name that is to be confirmed; none: anybody may sign in.
        confirm: Option<String>,
        /// The user name that was typed.
        username: String,
        /// What went wrong.
        alert: Option<String>,
        /// The countdown's sentence before and after the number.
        seconds_before: String,
        /// See `seconds_before`.
        seconds_after: String,
    } "pages/login.html" samples_of::login;
    /// Consent.
    Consent {
        /// Who asks.
        asker: Asker,
        /// The sentence under the heading: before, the name, after.
        lead: (String, String, String),
        /// The journey's id.
        journey: String,
        /// Who is signed in.
        name: String,
        /// What will be known.
        required: Vec<ItemLine>,
        /// What may be left out.
        optional: Vec<ItemLine>,
    } "pages/consent.html" samples_of::consent;
    /// The start page.
    Home {
        /// Who is signed in.
        name: Option<String>,
        /// Apps that have access.
        apps: Vec<AppLine>,
        /// The query of the next page of them.
        more: Option<String>,
    } "pages/home.html" samples_of::home;
    /// Signed in, with nowhere else to go.
    Done {
        /// Who.
        name: String,
        /// How, in words.
        method: Option<String>,
    } "pages/done.html" samples_of::done;
    /// Adding a passkey.
    PasskeyNew {
        /// A name for it.
        label: String,
        /// Its owner has a role: the console is next.
        is_admin: bool,
    } "pages/passkey-new.html" samples_of::passkey_new;
}

/// Who asks, as pages show it. Texts of relying parties are cut and cleaned once more (SEC-026).
#[derive(Debug, Clone)]
pub struct Asker {
    /// Its name; the provider's for a journey of our own.
    pub name: String,
    /// The host the browser goes back to.
    pub host: String,
    /// A relying party asks.
    pub is_client: bool,
    /// An administrator vouches for it.
    pub is_verified: bool,
    /// Its logo, served by us.
    pub logo: Option<String>,
    /// Shown where there is no logo.
    pub letter: String,
    /// Privacy policy.
    pub policy: Option<String>,
    /// Terms of service.
    pub terms: Option<String>,
}

impl Asker {
    /// From what the journey shows.
    #[must_use]
    pub fn of(shown: &Shown, page: &Page) -> Self {
        let is_client = shown.client_id.is_some();
        let name =
            if is_client { domain::text::shown(&shown.client_name, 80) } else { page.provider().to_owned() };
        let https = |uri: &Option<String>| {
            uri.clone().filter(|uri| url::Url::parse(uri).is_ok_and(|url| url.scheme() == "https"))
        };
        Self {
            letter: letter(&name),
            name,
            host: domain::text::shown(&shown.host, 100),
            is_client,
            is_verified: shown.is_verified,
            logo: shown.client_id.as_ref().filter(|_| https(&shown.logo_uri).is_some()).map(logo),
            policy: https(&shown.policy_uri),
            terms: https(&shown.tos_uri),
        }
    }

    /// "to continue to Shop", in three parts.
    #[must_use]
    pub fn lead(&self, page: &Page, is_confirming: bool) -> (String, String, String) {
        let t = &page.t.login;
        if is_confirming && self.is_client {
            return self.around(&t.confirm_lead, "client");
        }
        if self.is_client {
            self.around(&t.for_client, "client")
        } else {
            self.around(&t.for_nobody, "provider")
        }
    }

    /// "Shop wants to know who you are", in three parts.
    #[must_use]
    pub fn consent_lead(&self, page: &Page) -> (String, String, String) {
        self.around(&page.t.consent.lead, "client")
    }

    fn around(&self, sentence: &str, place: &str) -> (String, String, String) {
        let (before, after) = texts::around(sentence, place);
        (before.to_owned(), self.name.clone(), after.to_owned())
    }
}

/// What is offered.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    /// User name and password.
    pub password: bool,
    /// A passkey.
    pub passkey: bool,
    /// A phone.
    pub phone: bool,
    /// An app made for CAS.
    pub cas_phone: bool,
    /// Its user enters their name first.
    pub cas_name: bool,
}

impl From<Offers> for Ways {
    fn from(offers: Offers) -> Self {
        let Offers { password, passkey, phone, cas_phone, cas_name, .. } = offers;
        Self { password, passkey, phone, cas_phone, cas_name }
    }
}

impl Login {
    /// The page before anything was tried.
    #[must_use]
    pub fn new(
        page: Page,
        asker: Asker,
        lead: (String, String, String),
        journey: String,
        offers: Ways,
    ) -> Self {
        let (before, after) = texts::around(&page.t.qr.seconds, "seconds");
        let (seconds_before, seconds_after) = (before.to_owned(), after.to_owned());
        Self {
            page,
            asker,
            lead,
            line: None,
            is_cas: false,
            journey,
            offers,
            is_app_next: false,
            is_declined: false,
            confirm: None,
            username: String::new(),
            alert: None,
            seconds_before,
            seconds_after,
        }
    }

    /// With what is kept from the try before.
    #[must_use]
    pub fn with(mut self, confirm: Option<String>, username: String, alert: Option<String>) -> Self {
        self.confirm = confirm;
        self.username = username;
        self.alert = alert;
        self
    }
}

/// Where browsers get a client's logo.
fn logo(client: &ClientId) -> String {
    format!("/logo/{}", query_of(client.as_str()))
}

/// Stands in for a logo.
fn letter(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).unwrap_or('·').to_uppercase().collect()
}

impl Consent {
    /// The page that asks for these items.
    #[must_use]
    pub fn new(page: Page, asker: Asker, journey: String, name: String, items: Vec<ItemLine>) -> Self {
        let lead = asker.consent_lead(&page);
        let (optional, required) = items.into_iter().partition(|item| item.is_optional);
        Self { page, asker, lead, journey, name, required, optional }
    }
}

/// One thing to agree to.
#[derive(Debug, Clone)]
pub struct ItemLine {
    /// What the form sends back.
    pub name: String,
    /// What it means, in words.
    pub sentence: String,
    /// A relying party's own word for it.
    pub code: Option<String>,
    /// It may be left out.
    pub is_optional: bool,
    /// It is ticked until the person says otherwise.
    pub is_chosen: bool,
    /// It was agreed to before.
    pub is_already: bool,
    /// It is one claim, which `sentence` names.
    pub is_single: bool,
    /// It is about something that we keep, so that there should be facts.
    pub has_facts: bool,
    /// What will be told.
    pub facts: Vec<Line>,
}

impl ItemLine {
    /// An item in words.
    #[must_use]
    pub fn of(item: &ConsentItem, page: &Page) -> Self {
        let is_single = item.scope != item.name;
        let (sentence, code) = match &item.facts[..] {
            [fact] if is_single => (facts::label(&fact.claim, &page.t), None),
            _ => in_words(&item.scope, page),
        };
        Self {
            name: item.name.clone(),
            sentence,
            code,
            is_optional: item.is_optional,
            is_chosen: !item.is_declined,
            is_already: item.is_already,
            is_single,
            has_facts: matches!(item.scope.as_str(), "profile" | "email" | "phone" | "address"),
            facts: item.facts.iter().map(|fact| Line::of(fact, page.lang, &page.t)).collect(),
        }
    }
}

/// Where a scope stands among those of an app: facts first, lasting access last.
fn rank(scope: &str) -> usize {
    const FIRST: [&str; 4] = ["profile", "email", "phone", "address"];
    let rank = FIRST.iter().position(|known| *known == scope);
    rank.unwrap_or(FIRST.len() + usize::from(scope == "offline_access"))
}

/// A scope in words; one that is the relying party's own is named.
fn in_words(scope: &str, page: &Page) -> (String, Option<String>) {
    let t = &page.t.consent;
    let sentence = match scope {
        "openid" => &t.openid,
        "profile" => &t.profile,
        "email" => &t.email,
        "phone" => &t.phone,
        "address" => &t.address,
        "offline_access" => &t.offline_access,
        "groups" => &t.groups,
        own => {
            return (t.other.clone(), Some(domain::text::shown(own, 60)));
        }
    };
    (sentence.clone(), None)
}

/// An app that has access.
#[derive(Debug, Clone)]
pub struct AppLine {
    /// Its id.
    pub client: String,
    /// Its name.
    pub name: String,
    /// Its logo, served by us.
    pub logo: Option<String>,
    /// Shown where there is no logo.
    pub letter: String,
    /// An administrator vouches for it.
    pub is_verified: bool,
    /// Since when, in words.
    pub since: String,
    /// What it may learn: in words, and its own word.
    pub scopes: Vec<(String, Option<String>)>,
}

impl AppLine {
    /// A consent in words.
    #[must_use]
    pub fn of(consent: &Agreed, client: &Client, page: &Page) -> Self {
        let name = domain::text::shown(&client.name, 80);
        let in_words = |item: &String| match item.split_once(' ') {
            Some((_, claim)) => (facts::label(claim, &page.t), None),
            None => in_words(item, page),
        };
        let day = facts::day(consent.given_at.seconds());
        // In the order of the consent page.
        let mut scopes: Vec<&String> = consent.scopes.iter().filter(|scope| *scope != "openid").collect();
        scopes.sort_by_key(|scope| rank(scope));
        Self {
            client: client.id.as_str().to_owned(),
            logo: client.logo_uri.as_ref().map(|_| logo(&client.id)),
            letter: letter(&name),
            is_verified: client.is_verified,
            since: texts::fill(&page.t.home.since, &[("date", &day)]),
            scopes: scopes.into_iter().map(in_words).collect(),
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use web::{Web, markup};

    fn each(check: impl Fn(&str, &str)) {
        for lang in ["en", "de"] {
            for (name, html) in super::samples(&|| Web::sample_page(lang).unwrap()).unwrap() {
                check(&format!("{name} ({lang})"), &html);
            }
        }
    }

    #[test]
    fn every_page_renders_in_every_language_and_keeps_the_rules_of_markup() {
        each(|name, html| assert_eq!(markup::faults(html), Vec::<String>::new(), "{name}"));
    }

    #[test]
    fn sec_145_texts_from_outside_are_inert() {
        each(|name, html| {
            assert!(!html.contains("<script>"), "{name}");
            assert!(!html.contains("javascript:") && !html.contains("data:text"), "{name}");
            if !name.starts_with("login-hostile") {
                assert!(!html.contains('\u{202E}'), "{name}");
            }
        });
    }

    #[test]
    fn the_hooks_of_the_contract_are_there() {
        let all = super::samples(&|| Web::sample_page("en").unwrap()).unwrap();
        let of = |name: &str| all.iter().find(|(other, _)| other == name).unwrap().1.clone();
        let login = of("login-all");
        for hook in [
            "<form id=\"login\"",
            "name=\"username\"",
            "name=\"password\"",
            "id=\"login-submit\"",
            "<section id=\"qr\"",
            "data-state=\"waiting\"",
            "id=\"qr-refresh\"",
            "id=\"passkey\"",
            "name=\"csrf\" value=\"sample\"",
        ] {
            assert!(login.contains(hook), "{hook}");
        }
        assert!(of("login-failed").contains("role=\"alert\""));
        assert!(
            !of("login-passkey-only").contains("id=\"qr\"")
                && !of("login-passkey-only").contains("id=\"login\"")
        );
        for hook in ["<form id=\"consent\"", "id=\"consent-allow\"", "id=\"consent-deny\""] {
            assert!(of("consent-usual").contains(hook), "{hook}");
        }
        let much = of("consent-much");
        for hook in [
            "name=\"scope\" value=\"address\" checked>",
            "name=\"scope\" value=\"phone\">",
            "name=\"scope\" value=\"offline_access\" checked>",
        ] {
            assert!(much.contains(hook), "{hook}");
        }
        assert!(!much.contains("name=\"scope\" value=\"profile\""));
        assert!(of("home-apps").contains("action=\"/consent/withdraw\""));
    }

    #[test]
    fn sec_026_unverified_relying_parties_are_marked() {
        let all = super::samples(&|| Web::sample_page("en").unwrap()).unwrap();
        for (name, html) in all {
            assert_eq!(
                html.contains("id=\"unverified\""),
                name.ends_with("-much")
                    || (name.ends_with("hostile")
                        && (name.starts_with("login") || name.starts_with("consent"))),
                "{name}"
            );
        }
    }
}
