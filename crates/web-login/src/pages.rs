//! The pages of this door, each with its samples.

use app::journeys::Shown;
use signin::Offers;
use web::page::Page;
use web::texts;

web::pages! {
    /// Sign-in: password on the left, QR on the right.
    Login {
        /// Who asks.
        asker: Asker,
        /// The sentence under the heading: before, the name, after.
        lead: (String, String, String),
        /// The journey's id.
        journey: String,
        /// What is offered.
        offers: Ways,
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
        scopes: Vec<ScopeLine>,
    } "pages/consent.html" samples_of::consent;
    /// The start page.
    Home {
        /// Who is signed in.
        name: Option<String>,
    } "pages/home.html" samples_of::home;
    /// Signed in, with nowhere else to go.
    Done {
        /// Who.
        name: String,
        /// How, in words.
        method: Option<String>,
    } "pages/done.html" samples_of::done;
    /// "Sign out?"
    Logout {
        /// Who is signed in.
        name: String,
    } "pages/logout.html" samples_of::logout;
    /// Signed out.
    LoggedOut {} "pages/logged-out.html" samples_of::logged_out;
    /// Adding a passkey.
    PasskeyNew {
        /// A name for it.
        label: String,
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
    /// Logo: https only.
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
            letter: name.chars().find(|c| c.is_alphanumeric()).unwrap_or('·').to_uppercase().collect(),
            name,
            host: domain::text::shown(&shown.host, 100),
            is_client,
            is_verified: shown.is_verified,
            logo: https(&shown.logo_uri),
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
}

impl From<Offers> for Ways {
    fn from(offers: Offers) -> Self {
        Self { password: offers.password, passkey: offers.passkey, phone: offers.phone }
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
            journey,
            offers,
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

/// One thing that a relying party will learn.
#[derive(Debug, Clone)]
pub struct ScopeLine {
    /// The scope.
    pub name: String,
    /// What it means, in words.
    pub sentence: String,
    /// It was agreed to before.
    pub is_already: bool,
}

impl ScopeLine {
    /// A scope in words; one that we do not know is named.
    #[must_use]
    pub fn of(scope: &str, is_already: bool, page: &Page) -> Self {
        let t = &page.t.consent;
        let sentence = match scope {
            "openid" => t.openid.clone(),
            "profile" => t.profile.clone(),
            "email" => t.email.clone(),
            "phone" => t.phone.clone(),
            "address" => t.address.clone(),
            "offline_access" => t.offline_access.clone(),
            other => texts::fill(&t.other, &[("scope", &domain::text::shown(other, 60))]),
        };
        Self { name: domain::text::shown(scope, 60), sentence, is_already }
    }
}

mod samples_of {
    //! Pages as people may meet them, with the texts that break pages: long, empty, hostile.

    use super::*;

    const JOURNEY: &str = "jrn_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    const HOSTILE: &str = "\"><script>alert(1)</script>'&\u{202E}gnp";

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

    fn hostile() -> Shown {
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

    const ALL: Ways = Ways { password: true, passkey: true, phone: true };

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
            (
                "own",
                plain(&Shown { host: "id.example".to_owned(), is_verified: true, ..Shown::default() }, ALL),
            ),
            ("failed", plain(&shop(), ALL).with(None, "ada".to_owned(), Some(failed.clone()))),
            ("slow-down", plain(&shop(), ALL).with(None, "ada".to_owned(), Some(hint))),
            (
                "confirm",
                login_of(page(), &shop(), ALL, true).with(Some("ada".to_owned()), String::new(), None),
            ),
            ("passkey-only", plain(&shop(), Ways { password: false, passkey: true, phone: false })),
            ("password-only", plain(&shop(), Ways { password: true, passkey: false, phone: false })),
            ("nothing", plain(&shop(), Ways { password: false, passkey: false, phone: false })),
            ("hostile", plain(&hostile(), ALL).with(None, HOSTILE.to_owned(), Some(HOSTILE.to_owned()))),
        ]
    }

    pub fn consent(page: &dyn Fn() -> Page) -> Vec<(&'static str, Consent)> {
        let of = |shown: &Shown, name: &str, scopes: &[&str]| {
            let page = page();
            let asker = Asker::of(shown, &page);
            let lead = asker.consent_lead(&page);
            let scopes = scopes.iter().map(|scope| ScopeLine::of(scope, *scope == "openid", &page)).collect();
            Consent {
                page,
                asker,
                lead,
                journey: JOURNEY.to_owned(),
                name: domain::text::shown(name, 80),
                scopes,
            }
        };
        vec![
            ("usual", of(&shop(), "Ada Lovelace", &["openid", "profile", "email"])),
            (
                "much",
                of(
                    &Shown { is_verified: false, ..shop() },
                    "Ada Lovelace",
                    &["openid", "profile", "email", "phone", "address", "offline_access", "orders:read"],
                ),
            ),
            ("hostile", of(&hostile(), HOSTILE, &["openid", HOSTILE])),
        ]
    }

    pub fn home(page: &dyn Fn() -> Page) -> Vec<(&'static str, Home)> {
        vec![
            ("nobody", Home { page: page(), name: None }),
            ("somebody", Home { page: page(), name: Some("Ada Lovelace".to_owned()) }),
        ]
    }

    pub fn done(page: &dyn Fn() -> Page) -> Vec<(&'static str, Done)> {
        let method = page().t.done.method_phone.clone();
        vec![
            ("phone", Done { page: page(), name: "Ada Lovelace".to_owned(), method: Some(method) }),
            ("hostile", Done { page: page(), name: domain::text::shown(HOSTILE, 80), method: None }),
        ]
    }

    pub fn logout(page: &dyn Fn() -> Page) -> Vec<(&'static str, Logout)> {
        vec![("ask", Logout { page: page(), name: "Ada Lovelace".to_owned() })]
    }

    pub fn logged_out(page: &dyn Fn() -> Page) -> Vec<(&'static str, LoggedOut)> {
        vec![("done", LoggedOut { page: page() })]
    }

    pub fn passkey_new(page: &dyn Fn() -> Page) -> Vec<(&'static str, PasskeyNew)> {
        vec![("ask", PasskeyNew { page: page(), label: "Firefox on Linux".to_owned() })]
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
        for hook in ["<form id=\"logout\"", "id=\"logout-confirm\""] {
            assert!(of("logout-ask").contains(hook), "{hook}");
        }
    }

    #[test]
    fn sec_026_unverified_relying_parties_are_marked() {
        let all = super::samples(&|| Web::sample_page("en").unwrap()).unwrap();
        for (name, html) in all {
            assert_eq!(
                html.contains("id=\"unverified\""),
                name.ends_with("-much") || (name.ends_with("hostile") && !name.starts_with("done")),
                "{name}"
            );
        }
    }
}
